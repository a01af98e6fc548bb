"""Reading sources for a fit: tables of every kind and shape, beside what SQLite itself gives."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlclust.errors import HostTableError, NullIdError, StatementInterrupted
from sqlclust.sources import Source
from sqlclust.sqlite.layout import quoted
from sqlclust.store.embeddings.collecting import PointsBuilder
from tests.sources.looking import HOSTS, found, host, made, unsynced, vectors
from tests.store.sources.reading_of import pairs, reader_of, table

BATCHES = 300
"""Rows of which there are several batches."""
KINDS = [
    (path.stem, source)
    for path in sorted(HOSTS.glob("*.sql"))
    for source in found(host(path.stem))
    if source.vector_column is not None and source.stored == "rows"
]


def expected(con: apsw.Connection, source: Source, where: str = "1") -> list[tuple[Any, Any, Any]]:
    """(id, vector, text) of the rows of a table with a vector, as one SELECT gives them."""
    keys = ", ".join(map(quoted, source.id_columns))
    key = keys if len(source.id_columns) == 1 else f"json_array({keys})"
    part = "1" if source.only is None else f"{quoted(source.only[0])} IS ? COLLATE BINARY"
    bindings = () if source.only is None else (source.only[1],)
    text = "NULL" if source.content_column is None else f"{quoted(source.content_column)}"
    sql = (
        f"SELECT {key}, {quoted(source.vector_column or '')}, {text} FROM {quoted(source.table_name or '')} NOT INDEXED"
    )
    rows = con.execute(f"{sql} WHERE {part} AND ({where})", bindings).fetchall()
    return [(id, vector, text) for id, vector, text in rows if vector not in (None, b"", "")]


@pytest.mark.parametrize(("name", "source"), KINDS, ids=[f"{name}-{source.name}" for name, source in KINDS])
def test_what_programs_keep(name: str, source: Source) -> None:
    con = host(name)
    rows = expected(con, source)
    reader = reader_of(con, source)
    assert pairs(reader) == [(id, vector) for id, vector, _ in rows]
    assert reader.ids() == [id for id, *_ in rows]
    assert reader.count() == (None if name == "chroma" else source.n_rows)  # chroma has no index of collections
    some: set[Any] = {id for id, *_ in rows[1::3]}
    assert pairs(reader, some) == [(id, vector) for id, vector, _ in rows[1::3]]
    assert reader.texts(some) == {id: text for id, _, text in rows[1::3]}


def test_the_vectors_become_points() -> None:
    """Which is what batches are for."""
    for name, source in KINDS:
        builder = PointsBuilder(format=source.format)
        for ids, values in reader_of(host(name), source).batches():
            builder.add_many(ids, values)
        points = builder.finish()
        assert source.dimension in (None, points.vectors.shape[1])


# --- tables of any shape ---

VECTORS = st.one_of(st.none(), st.binary(max_size=9), st.text(max_size=3))
PARTS = [
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=4),
]
SHAPES: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "types": st.lists(st.sampled_from(["", "INTEGER", "TEXT", "BLOB", "REAL", "NUMERIC"]), min_size=1, max_size=3),
        "is_key": st.booleans(),
        "without_rowid": st.booleans(),
        "collation": st.sampled_from(["BINARY", "NOCASE", "RTRIM"]),
        "has_part": st.booleans(),
        "filtered": st.booleans(),
    }
)


@given(st.data())
def test_any_table(data: st.DataObject) -> None:
    shape: dict[str, Any] = data.draw(SHAPES)
    keys = [f"k {i}" for i in range(len(shape["types"]))]
    columns = [f"{quoted(k)} {kind} COLLATE {shape['collation']}" for k, kind in zip(keys, shape["types"], strict=True)]
    columns += ["v", "body", "part COLLATE NOCASE", "n"]
    key_columns = ", ".join(map(quoted, ["part", *keys] if shape["has_part"] else keys))
    is_key = shape["is_key"] or shape["without_rowid"]
    end = " WITHOUT ROWID" if shape["without_rowid"] else ""
    con = made(f"CREATE TABLE t ({', '.join(columns)}{f', PRIMARY KEY ({key_columns})' if is_key else ''}){end}")
    single = st.one_of(*PARTS, st.binary(max_size=3)) if len(keys) == 1 else st.one_of(*PARTS)
    row = st.tuples(*[single] * len(keys), VECTORS, VECTORS, st.sampled_from(["a", "A", b"a", 1]), st.integers(0, 3))
    rows = data.draw(st.lists(row, max_size=12))
    for values in rows:
        with suppress(apsw.MismatchError):  # a rowid is a number
            con.execute(f"INSERT OR IGNORE INTO t VALUES ({', '.join('?' * (len(keys) + 4))})", values)
    only = ("part", data.draw(st.sampled_from(["a", b"a", 1]))) if shape["has_part"] else None
    source = table(*keys, content_column="body", only=only)
    where = "n % 2 = :odd" if shape["filtered"] else None
    reader = reader_of(con, source, where, {"odd": 1} if where else None)
    wanted = expected(con, source, "n % 2 = 1" if where else "1")
    assert [(type(i), i, v) for i, v in pairs(reader)] == [(type(i), i, v) for i, v, _ in wanted]
    ids: list[Any] = [i for i, *_ in wanted]
    assert reader.ids() == ids
    some: set[Any] = set(ids[::2])
    assert pairs(reader, some) == [(i, v) for i, v, _ in wanted if i in some]
    if len(set(ids)) == len(ids):
        texts = {i: None if isinstance(text, bytes) else text for i, _, text in wanted if i in some}
        assert reader.texts(some) == texts
    for i in ("no such", 10**10, b"no"):
        assert reader.texts([i]) == {i: None}


@pytest.mark.parametrize("end", ["", " WITHOUT ROWID"])
@pytest.mark.parametrize("key", ["INTEGER", "TEXT"])
def test_several_batches(key: str, end: str) -> None:
    """All rows, once, in the order of the table; also where few of many are wanted."""
    con = made(f"CREATE TABLE t (id {key} PRIMARY KEY, v BLOB, body TEXT){end}")
    values = vectors(BATCHES)
    con.executemany(
        "INSERT INTO t VALUES (?, ?, ?)", [(i * 7 % BATCHES, values[i], f"text {i}") for i in range(BATCHES)]
    )
    reader = reader_of(con, table(content_column="body"))
    rows = con.execute("SELECT id, v, body FROM t").fetchall()
    assert pairs(reader) == [row[:2] for row in rows]
    assert len([*reader.batches()]) > 1
    for step in (1, 2, 50, 290):
        some: set[Any] = {row[0] for row in rows[::step]}
        assert pairs(reader, some) == [row[:2] for row in rows[::step]]
        assert reader.texts(some) == {row[0]: row[2] for row in rows[::step]}
    assert pairs(reader, set()) == []
    assert reader.texts([]) == {}
    assert reader.count() == BATCHES


def test_a_part_is_in_the_order_of_the_table_though_an_index_finds_it() -> None:
    con = made("CREATE TABLE t (part, id TEXT, v BLOB, PRIMARY KEY (part, id))")
    con.executemany("INSERT INTO t VALUES (?, ?, ?)", [(i % 3, f"{99 - i}", vectors(1)[0]) for i in range(99)])
    reader = reader_of(con, table(only=("part", 1)))
    assert [id for id, _ in pairs(reader)] == [f"{99 - i}" for i in range(1, 99, 3)]
    assert reader.count() == 33
    traced: list[str] = []
    con.trace_v2(apsw.SQLITE_TRACE_STMT, lambda event: traced.append(event["sql"]))
    pairs(reader)
    con.trace_v2(0)
    [sql] = [sql for sql in traced if "INDEXED BY" in sql]
    plan = " ".join(str(row[3]) for row in con.execute(f"EXPLAIN QUERY PLAN {sql}", {"sqlclust_part": 1}))
    assert "SEARCH main.t USING INTEGER PRIMARY KEY" in plan
    assert "SCAN" not in plan


@pytest.mark.parametrize(
    ("definition", "only", "plan"),
    [
        ("id INTEGER PRIMARY KEY, part", None, "USING INTEGER PRIMARY KEY (rowid=?)"),
        ("id TEXT PRIMARY KEY, part", None, "(id=?)"),
        ("id UNIQUE, part", None, "(id=?)"),
        ("id TEXT COLLATE NOCASE PRIMARY KEY, part", None, None),
        ("id TEXT COLLATE NOCASE UNIQUE, part, UNIQUE (id COLLATE BINARY)", None, "(id=?)"),
        ("id, part, PRIMARY KEY (part, id)", ("part", 1), "(part=? AND id=?)"),
        ("id TEXT, part INTEGER, PRIMARY KEY (id, part)", ("part", 1), "(id=? AND part=?)"),
        ("id TEXT COLLATE NOCASE, part, PRIMARY KEY (part, id)", ("part", 1), None),
        ("id TEXT, part, PRIMARY KEY (part, id)", None, None),
    ],
)
def test_texts_are_looked_up_where_an_index_serves(
    definition: str, only: tuple[str, Any] | None, plan: str | None
) -> None:
    """Else the ids are read in one pass, and not once for each text."""
    con = made(f"CREATE TABLE t (v, body, {definition})")
    con.executemany("INSERT INTO t (id, part, v, body) VALUES (?, 1, x'01', ?)", [(i, f"text {i}") for i in range(50)])
    reader = reader_of(con, table(content_column="body", only=only))
    some: set[Any] = {id for id, _ in pairs(reader)[::10]}
    traced: list[str] = []
    con.trace_v2(apsw.SQLITE_TRACE_STMT, lambda event: traced.append(event["sql"]))
    found = reader.texts(some)
    con.trace_v2(0)
    assert found == {id: f"text {id}" for id in some}
    looked_up = [sql for sql in traced if "= ? COLLATE BINARY" in sql]
    plans = {
        " ".join(str(row[3]) for row in con.execute(f"EXPLAIN QUERY PLAN {sql}", [1] * sql.count("?")))
        for sql in looked_up
    }
    assert (len(looked_up), len(plans)) == ((len(some), 1) if plan else (0, 0))
    assert all(str(plan) in one and "SEARCH" in one for one in plans)


# --- ids ---


@pytest.mark.parametrize("keys", [("id",), ("part", "id")])
def test_a_row_without_an_id_is_named(keys: tuple[str, ...]) -> None:
    con = made("CREATE TABLE t (part, id, v)")
    con.executemany("INSERT INTO t VALUES (1, ?, ?)", [(0, b"1"), (1, b""), (None, b""), (2, b"1")])
    reader = reader_of(con, table(*keys))
    assert len(pairs(reader)) == 2  # a row without a vector is as if it were not there
    con.executemany("INSERT INTO t VALUES (1, ?, ?)", [(i, b"1") for i in range(200)] + [(None, b"1")])
    for read in (reader.ids, lambda: pairs(reader)):
        with pytest.raises(NullIdError) as caught:
            read()
        assert caught.value.row == 203


def test_blobs_are_keys_alone_and_no_parts() -> None:
    con = made("CREATE TABLE t (part, id, v)")
    con.executemany("INSERT INTO t VALUES (?, ?, ?)", [(1, 2, b"1"), (b"", 2, None), (b"\0", 3, b"1"), (b"", 4, b"1")])
    assert [id for id, _ in pairs(reader_of(con, table("part")))] == [1, b"\0", b""]
    reader = reader_of(con, table("part", "id"))
    for read in (reader.ids, lambda: pairs(reader)):
        with pytest.raises(HostTableError, match=r"row 2 of 't': a part of its key \(part, id\) is a BLOB"):
            read()


# --- values ---


def test_what_is_no_vector_or_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    con = made("CREATE TABLE t (id PRIMARY KEY, v)")
    rows: list[tuple[Any, Any]] = [
        ("a", None),
        ("b", b""),
        ("c", ""),
        ("d", 0),
        ("e", 1.5),
        ("f", "[1]"),
        ("g", b"1234"),
    ]
    con.executemany("INSERT INTO t VALUES (?, ?)", rows)
    assert pairs(reader_of(con, table())) == rows[3:]
    con.execute("INSERT INTO t VALUES ('long', zeroblob(?))", ((1 << 24) + 1,))
    with pytest.raises(HostTableError, match="row 'long' of 't': its vector has more than 16,777,216 bytes") as caught:
        pairs(reader_of(con, table()))
    assert (caught.value.table, caught.value.column) == ("t", "v")
    with pytest.raises(HostTableError, match="row 'long'"):
        pairs(reader_of(con, table()), {"long"})
    assert reader_of(con, table()).ids()[-1] == "long"


def test_a_long_vector_is_not_read(tmp_path: Path) -> None:
    """Nor is it for its length."""
    con = apsw.Connection(str(tmp_path / "a.db"))
    con.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, zeroblob(100000000))")
    apsw.release_memory(1 << 30)
    before = apsw.status(apsw.SQLITE_STATUS_MEMORY_USED, True)[0]
    with pytest.raises(HostTableError):
        pairs(reader_of(con, table()))
    assert apsw.status(apsw.SQLITE_STATUS_MEMORY_USED)[1] - before < 20_000_000
    con.close()


# --- one moment, and its end ---


def test_all_batches_are_of_one_moment(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    con, other = unsynced(path), unsynced(path)
    con.pragma("journal_mode", "wal")
    con.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
    for only in (None, {*range(BATCHES)}):
        with other:
            other.execute("DELETE FROM t")
            other.executemany("INSERT INTO t VALUES (?, ?)", [(i, b"1") for i in range(BATCHES)])
        batches = reader_of(con, table()).batches(only=only)
        seen = len(next(batches)[0])
        other.execute("UPDATE t SET v = x'3232'; DELETE FROM t WHERE id % 2")
        for ids, values in batches:
            assert {*values} == {b"1"}
            seen += len(ids)
        assert seen == BATCHES
        assert con.txn_state() == apsw.SQLITE_TXN_NONE
    batches = reader_of(con, table()).batches()
    next(batches)
    assert con.txn_state() == apsw.SQLITE_TXN_READ
    batches.close()
    assert con.txn_state() == apsw.SQLITE_TXN_NONE
    con.close()
    other.close()


def test_interrupts() -> None:
    con = made("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
    con.executemany("INSERT INTO t VALUES (?, ?)", [(i, b"1") for i in range(BATCHES)])
    reader = reader_of(con, table())
    con.set_progress_handler(lambda: True, 100)
    for read in (reader.ids, lambda: pairs(reader), lambda: pairs(reader, {1})):
        with pytest.raises(StatementInterrupted):
            read()
    con.set_progress_handler(None)
    assert len(pairs(reader)) == BATCHES


@pytest.mark.parametrize(
    ("changed", "table_name", "column"),
    [
        ({"table_name": "none"}, "none", None),
        ({"table_name": "seen"}, "seen", None),
        ({"id_columns": ("id", "more")}, "t", "more"),
        ({"id_columns": ("g",)}, "t", "g"),
        ({"vector_column": "G"}, "t", "g"),
        ({"content_column": "text"}, "t", "text"),
        ({"only": ("g", 1)}, "t", "g"),
        ({"stored": "vec0"}, "t", None),
    ],
)
def test_what_cannot_be_read_is_named(changed: dict[str, Any], table_name: str, column: str | None) -> None:
    con = made("CREATE TABLE t (id, v, g AS (v))", "CREATE VIEW seen AS SELECT id, v FROM t")
    with pytest.raises(HostTableError) as caught:
        reader_of(con, replace(table(), **changed))
    assert (caught.value.table, caught.value.column) == (table_name, column)


@pytest.mark.parametrize("name", ["qdrant", "chroma", "txtai"])
def test_what_cannot_be_clustered_says_why(name: str) -> None:
    con = host(name)
    for source in found(con):
        if source.vector_column is None:
            with pytest.raises(HostTableError, match=re.escape(source.remark)):
                reader_of(con, source)
    with pytest.raises(HostTableError, match="'s': nothing names its rows"):
        reader_of(con, replace(table(), id_columns=()))
