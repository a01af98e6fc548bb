"""Any other table: which columns hold vectors, in which format, what names a row, how many there are."""

from __future__ import annotations

import hashlib
import json
import random
from typing import Any

import apsw
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sources.looking import brief, found, host, made, vectors, with_vectors
from tests.vectors.written import WRITTEN

N = 60


def normal(dimension: int, dtype: str = "<f4", n: int = N) -> list[bytes]:
    return [row.astype(dtype).tobytes() for row in np.random.default_rng(5).normal(size=(n, dimension))]


def table_of(column: str, values: list[Any], *, key: str = "id INTEGER PRIMARY KEY") -> apsw.Connection:
    con = made(f'CREATE TABLE t ({key}, "{column}")')
    con.executemany(f'INSERT INTO t ("{column}") VALUES (?)', [(value,) for value in values])
    return con


@pytest.mark.parametrize("column", ["embedding", "x"])
@pytest.mark.parametrize("format", ["float32", "float64", "float16", "json"])
def test_formats(format: str, column: str) -> None:
    if format == "json":
        values: list[Any] = [json.dumps(np.frombuffer(blob, "<f4").tolist()) for blob in normal(24)]
    else:
        values = normal(24, {"float32": "<f4", "float64": "<f8", "float16": "<f2"}[format])
    assert brief(table_of(column, values)) == [("t", "table", column, format, 24, N)]


def test_formats_of_small_integers_need_a_name() -> None:
    rng = np.random.default_rng(1)
    values = [rng.normal(0, 40, 384).astype("i1").tobytes() for _ in range(N)]
    assert brief(table_of("vec", values)) == [("t", "table", "vec", "int8", 384, N)]
    assert brief(table_of("x", values)) == []


@pytest.mark.parametrize("declared", ["F32_BLOB(24)", "float[24]", "VECTOR(24)", "FLOAT32(24)"])
def test_a_declared_type_says_the_dimension(declared: str) -> None:
    con = made(f"CREATE TABLE t (id INTEGER PRIMARY KEY, x {declared})")
    con.executemany("INSERT INTO t (x) VALUES (?)", [(blob,) for blob in normal(24)])
    assert brief(con) == [("t", "table", "x", "float32", 24, N)]
    con.execute("UPDATE t SET x = substr(x, 1, 24)")
    [source] = found(con)
    assert (source.format, source.vector_column) == (None, "x")
    assert source.remark.endswith("they do not tell whether they are int8 or uint8")


@pytest.mark.parametrize(
    ("column", "value", "format", "dimension", "remark"),
    [
        ("x VECTOR(3)", np.full(3, 1e200).tobytes(), "float64", 3, "BLOBs of 24 bytes: float64 by its dimension"),
        ("x VECTOR(7)", np.full(6, 0.5, "<f4").tobytes(), "float32", 6, "BLOBs of 24 bytes"),  # what it says cannot be
        ("embedding BLOB", bytes(24), "float32", 6, "BLOBs of 24 bytes, all of them zero"),
    ],
    ids=["its dimension", "its sizes", "nothing"],
)
def test_what_a_format_is_told_by(column: str, value: bytes, format: str, dimension: int, remark: str) -> None:
    con = made(f"CREATE TABLE t (id INTEGER PRIMARY KEY, {column})")
    con.executemany("INSERT INTO t VALUES (?, ?)", enumerate([value] * N))
    [source] = found(con)
    assert (source.format, source.dimension, source.remark) == (format, dimension, f"from 40 rows: {remark}")


NO_VECTORS: dict[str, list[Any]] = {
    "nothing": [],
    "NULL": [None] * N,
    "integers": list(range(N)),
    "text": [f"a sentence of no meaning {i}" for i in range(N)],
    "MD5": [hashlib.md5(bytes([i])).digest() for i in range(N)],
    "SHA-256": [hashlib.sha256(bytes([i])).digest() for i in range(N)],
    "UUIDs": [random.Random(i).randbytes(16) for i in range(N)],
    "pictures": [random.Random(i).randbytes(100 + i) for i in range(N)],
    "hexadecimal": [hashlib.md5(bytes([i])).hexdigest().encode() for i in range(N)],
    "counters": [i.to_bytes(8, "little") for i in range(N)],
    "zeros": [bytes(64)] * N,
    "JSON objects": ['{"a": [0.5, 1.5]}'] * N,
    "JSON lists of ids": [json.dumps([i, i + 1]) for i in range(N)],
    "JSON lists of words": ['["a", "b"]'] * N,
    "one JSON array": ["[0.5, 1.5]"],
    "JSON arrays of one number": ["[0.5]"] * N,
    "vectors and a text": [*vectors(N), "text"],
    "JSON arrays of other lengths": [json.dumps([0.5] * (i + 2)) for i in range(N)],
    "one BLOB": [bytes(16)],
    "too few and short to tell": vectors(2, 4),
}


@pytest.mark.parametrize("name", NO_VECTORS)
def test_what_is_no_vectors(name: str) -> None:
    assert found(table_of("x", NO_VECTORS[name])) == []


@settings(max_examples=30)
@given(st.integers(2, 100), st.integers(0, 2**32), st.sampled_from([16, 20, 32, 64]))
def test_random_bytes_are_no_vectors(n: int, seed: int, width: int) -> None:
    generator = random.Random(seed)
    assert found(table_of("x", [generator.randbytes(width) for _ in range(n)])) == []


@settings(max_examples=30)
@given(
    st.integers(8, 90), st.integers(3, 40), st.integers(0, 2**32), st.sampled_from(["<f4", "<f8"]), st.floats(1e-3, 1e3)
)
def test_numbers_of_any_usual_size_are_vectors(n: int, dimension: int, seed: int, dtype: str, scale: float) -> None:
    rows = (scale * np.random.default_rng(seed).normal(size=(n, dimension))).astype(dtype)
    [source] = found(table_of("x", [row.tobytes() for row in rows]))
    format = {"<f4": "float32", "<f8": "float64"}[dtype]
    assert (source.vector_column, source.format, source.dimension, source.n_rows) == ("x", format, dimension, n)


def test_all_formats_that_there_are() -> None:
    """A column with the name of vectors is listed whatever its format is, told or not."""
    for name, written in WRITTEN.items():
        assert [source.vector_column for source in found(table_of("embedding", [written[1]] * 5))] == ["embedding"], (
            name
        )


def test_a_format_that_is_known_need_not_be_told() -> None:
    """llm writes float32, whatever size the numbers have; in a table of nobody they tell nothing."""
    tiny = np.full(4, 1e-30, "<f4").tobytes()
    con = host("llm")
    con.execute("UPDATE embeddings SET embedding = ?", (tiny,))
    assert [source.format for source in found(con)] == ["float32", "float32", None]
    [source] = found(table_of("embedding", [tiny] * 9))
    assert (source.format, source.vector_column) == (None, "embedding")


def test_each_name_is_there_once() -> None:
    con = host("chroma")
    con.execute("DROP TABLE IF EXISTS collections_index")
    con.execute("PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'UNIQUE (name, database_id)', "
                "'CHECK (1)') WHERE name = 'collections'")  # fmt: skip
    con.execute("UPDATE collections SET name = 'same', database_id = rowid")
    assert [source.name for source in found(con)] == [f"chroma:same{n}" for n in ("", " (2)", " (3)", " (4)")]


def test_columns_and_their_names() -> None:
    con = made("CREATE TABLE notes (id INTEGER PRIMARY KEY, title TEXT, body TEXT, v1 BLOB, v2 BLOB)")
    rows = [
        (i, "title", "body " * 9, one, two) for i, (one, two) in enumerate(zip(vectors(9), vectors(9, 8), strict=True))
    ]
    con.executemany("INSERT INTO notes VALUES (?, ?, ?, ?, ?)", rows)
    assert [(source.name, source.content_column, source.dimension) for source in found(con)] == [
        ("notes.v1", "body", 4), ("notes.v2", "body", 8),
    ]  # fmt: skip
    con.execute("UPDATE notes SET title = NULL, body = 'short'")
    assert found(con)[0].content_column == "body"  # by its name
    con.execute("ALTER TABLE notes RENAME COLUMN body TO code")
    assert found(con)[0].content_column is None
    con.execute("UPDATE notes SET code = 'not so short any more'")
    assert found(con)[0].content_column == "code"
    with_vectors(con, "notes.v1", vectors(9))
    with_vectors(con, "NOTES.V1.v", vectors(9))
    assert [source.name for source in found(con)] == ["notes.v1", "notes.v2", "notes.v1.v", "NOTES.V1.v"]


KEYS = {
    "an INTEGER PRIMARY KEY": ("CREATE TABLE t (n INTEGER PRIMARY KEY, v)", ("n",)),
    "TEXT": ("CREATE TABLE t (n TEXT PRIMARY KEY, v)", ("n",)),
    "a compound key, in its own order": ("CREATE TABLE t (a, n, v, PRIMARY KEY (n, a))", ("n", "a")),
    "WITHOUT ROWID": ("CREATE TABLE t (n PRIMARY KEY, v) WITHOUT ROWID", ("n",)),
    "a unique column that is never NULL": ("CREATE TABLE t (n NOT NULL UNIQUE, v)", ("n",)),
    "a unique column that is computed": ("CREATE TABLE t (n, g NOT NULL UNIQUE AS (n), v)", ("rowid",)),
    "the shortest of several": ("CREATE TABLE t (n NOT NULL UNIQUE, a NOT NULL DEFAULT 1, v, UNIQUE (n, a))", ("n",)),
    "the shortest, written last": (
        "CREATE TABLE t (n NOT NULL, a NOT NULL DEFAULT 1, v, UNIQUE (n, a), UNIQUE (n))",
        ("n",),
    ),
    "a unique column that may be NULL": ("CREATE TABLE t (n UNIQUE, v)", ("rowid",)),
    "none": ("CREATE TABLE t (n, v)", ("rowid",)),
    "a column called rowid": ("CREATE TABLE t (n, rowid TEXT, v)", ("_rowid_",)),
    "no way to name a row": ("CREATE TABLE t (n, rowid TEXT, _rowid_ TEXT, oid TEXT, v)", ()),
}


@pytest.mark.parametrize("name", KEYS)
def test_keys(name: str) -> None:
    statement, keys = KEYS[name]
    con = made(statement, rows=("INSERT INTO t (n, v) VALUES (?, ?)", list(enumerate(vectors(N, 16)))))
    [source] = found(con)
    assert source.id_columns == keys
    assert (source.vector_column is None) == (not keys)
    assert (source.format, source.dimension, source.n_rows) == ("float32", 16, N)
    assert ("VACUUM" in source.remark) == (keys in {("rowid",), ("_rowid_",)})


def test_a_key_is_no_vector() -> None:
    con = made("CREATE TABLE t (v BLOB PRIMARY KEY)", rows=("INSERT INTO t VALUES (?)", [(v,) for v in normal(16)]))
    assert found(con) == []


def test_whole_numbers_in_json() -> None:
    """Few of them are rather ids."""
    assert brief(table_of("x", [json.dumps([i] * 8) for i in range(9)])) == [("t", "table", "x", "json", 8, 9)]
    assert found(table_of("x", [json.dumps([i] * 7) for i in range(9)])) == []


def test_several_lengths() -> None:
    values = [blob for pair in zip(vectors(20, 8), vectors(20, 16), strict=True) for blob in pair]
    con = table_of("embedding", values, key="id INTEGER PRIMARY KEY, model TEXT")
    [source] = found(con)
    assert (source.format, source.dimension, source.n_rows) == ("float32", None, 40)
    assert source.remark == "from 36 rows: BLOBs of 32, 64 bytes; model may say which belong together"
    assert found(table_of("x", values)) == []
    few = [*vectors(N, 8), b"\0\0\0\0"]
    assert found(table_of("embedding", few))[0].dimension == 8
    assert "1 of another length" in found(table_of("embedding", few))[0].remark
    [source] = found(table_of("embedding", ["[0.5]", "[0.5, 1.5]"] * 5))
    assert (source.format, source.dimension) == ("json", None)
    assert source.remark == "from 10 rows: JSON arrays of 1, 2 numbers"
    [source] = found(table_of("embedding", [blob for n in (8, 4, 16, 12) for blob in vectors(5, n)]))
    assert source.remark == "from 20 rows: BLOBs of 16, 32, 64 and other bytes"
    [source] = found(table_of("embedding", [*vectors(9), "text"]))
    assert (source.format, source.dimension) == ("float32", 4)
    assert source.remark == "from 10 rows, 1 of another type: BLOBs of 16 bytes"


@pytest.mark.parametrize(
    ("value", "what"),
    [(b"\x93NUMPY\x01\0", "NumPy files"), (b"\x80\x04\x95", "Python pickles"), (b"\x1f\x8b\x08", "compressed by gzip")],
)
def test_what_is_no_plain_numbers(value: bytes, what: str) -> None:
    [source] = found(table_of("embedding", [value + bytes(29 + i % 2) for i in range(9)]))
    assert source.vector_column is None
    assert source.remark.startswith(f"from 9 rows: not in this file as plain numbers: the BLOBs are {what}")


@pytest.mark.parametrize("dimension", [2, 20, 100, 20_000])
def test_jsonb(dimension: int) -> None:
    con = made("CREATE TABLE t (id INTEGER PRIMARY KEY, embedding)")
    con.executemany(
        "INSERT INTO t (embedding) VALUES (jsonb(?))", [(json.dumps([0.25 + i] * dimension),) for i in range(9)]
    )
    [source] = found(con)
    assert source.vector_column is None
    assert source.remark.startswith("from 9 rows: not in this file as plain numbers: the BLOBs are JSONB")
    con.execute("UPDATE t SET embedding = json(embedding)")
    assert brief(con) == [("t", "table", "embedding", "json", dimension, 9)]


def test_vectors_that_begin_as_jsonb_does() -> None:
    """An array of no bytes, it would be; but they are longer."""
    values = [b"\x0b" + blob[1:] for blob in vectors(9)]
    assert brief(table_of("embedding", values)) == [("t", "table", "embedding", "float32", 4, 9)]


def test_rows_are_counted_only_where_little_says_it() -> None:
    con = made("CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB, k INTEGER)")
    con.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 7000) "
                "INSERT INTO t SELECT i, CAST(zeroblob(1000) || x'0000803f' AS BLOB), i FROM n")  # fmt: skip
    [source] = found(con)
    assert (source.n_rows, source.remark) == (
        None,
        "from 46 rows: BLOBs of 1004 bytes; rows not counted: it would take long",
    )
    for index in ("t (k) WHERE k > 5", "t (abs(k))"):  # neither says how many rows there are
        con.execute(f"CREATE INDEX i ON {index}")
        assert found(con)[0].n_rows is None
        con.execute("DROP INDEX i")
    con.execute("CREATE INDEX i ON t (k)")
    assert found(con)[0].n_rows == 7000


def test_rows_with_gaps_between_their_rowids() -> None:
    con = made("CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB)")
    ids = [-(2**63), -5, 0, 1, *range(100, 160), 10**15, 2**63 - 1]
    con.executemany("INSERT INTO t VALUES (?, ?)", list(zip(ids, vectors(len(ids)), strict=True)))
    assert brief(con) == [("t", "table", "v", "float32", 4, len(ids))]


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le", "UTF-16be"])
def test_encodings(encoding: str) -> None:
    con = made(f"PRAGMA encoding = '{encoding}'", 'CREATE TABLE "ü😀" ("é" TEXT PRIMARY KEY, "ß" TEXT)')
    con.executemany('INSERT INTO "ü😀" VALUES (?, ?)', [(f"é{i}", json.dumps([i + 0.5] * 9)) for i in range(N)])
    [source] = found(con)
    assert tuple(source.row().values())[:9] == ("ü😀", "table", "ü😀", ("é",), "ß", None, "json", 9, N)
