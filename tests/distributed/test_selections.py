"""Fits in shards of some rows: those of a condition, every n-th, those of a view, of vec0, of a table WITHOUT ROWID."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest

import sqlclust
from sqlclust.distributed import publishing
from sqlclust.errors import (
    FilterError,
    HostTableError,
    MembersGoneError,
    MembersReplacedError,
    NotFiniteError,
    NullIdError,
    RepeatedKeyError,
    SourceConditionError,
    SourceNotDividedError,
    SpoolOfAnotherFitError,
    TooFewRowsError,
    VectorsChangedError,
    ZeroVectorError,
)
from tests.distributed.published import ASSIGNED, check_same, fit, rows
from tests.distributed.small_jobs import real_like
from tests.small import add_embeddings

VECTORS = real_like(300, 16)
OPTIONS: dict[str, Any] = {"min_cluster_size": 4, "min_samples": 3}


@pytest.fixture
def con(tmp_path: Path) -> Iterator[apsw.Connection]:
    connection = apsw.Connection(str(tmp_path / "notes.db"))
    holes = Path(__file__).parent.parent / "store" / "sources" / "vec0_holes.sql"
    connection.execute(holes.read_text(encoding="utf-8"))  # what sqlite-vec wrote, rows deleted and others added
    connection.close()
    connection = sqlclust.connect(tmp_path / "notes.db")
    sqlclust.initialize(connection)
    connection.execute("PRAGMA synchronous = OFF")
    with connection:
        runs = [(run, step) for run in range(30) for step in range(8)]
        connection.executemany("INSERT INTO Run (id) VALUES (?)", ((run,) for run in range(30)))
        connection.executemany(
            "INSERT INTO Invocation (id, run_id, sequence_number) VALUES (?, ?, ?)",
            ((number, *each) for number, each in enumerate(runs)),
        )
    ids = [f"note {(row * 263) % 300}" for row in range(300)]  # another order than the rows have
    add_embeddings(connection, VECTORS, ids=ids, invocation_ids=[*range(len(runs)), *[None] * (300 - len(runs))])
    add_embeddings(connection, VECTORS[::-1], model="other", ids=[f"other {row}" for row in range(300)])
    _tables(connection)
    yield connection
    connection.close()


def _tables(connection: apsw.Connection) -> None:
    """The vectors as other programs have them."""
    connection.execute("CREATE TABLE note (k TEXT PRIMARY KEY, n INTEGER, v BLOB)")
    connection.execute("CREATE TABLE bare (k INTEGER PRIMARY KEY, v BLOB) WITHOUT ROWID")
    connection.execute("CREATE TABLE texts (k TEXT PRIMARY KEY, v BLOB) WITHOUT ROWID")
    with connection:
        for row, vector in enumerate(VECTORS[:200]):
            half = vector.astype("<f2").tobytes() if row % 9 else None
            connection.execute("INSERT INTO note VALUES (?, ?, ?)", (f"k{(row * 7) % 200}", row, half))
            connection.execute("INSERT INTO bare VALUES (?, ?)", (500 - 5 * row, vector.tobytes()))
            connection.execute("INSERT INTO texts VALUES (?, ?)", (f"k{row}", vector.tobytes()))
    connection.execute("CREATE VIEW seen AS SELECT n + 1000 AS number, k AS slug, v FROM note WHERE n % 7 > 0")
    connection.execute("CREATE VIEW twice AS SELECT n / 2 AS number, v FROM note")
    connection.execute("CREATE TABLE unnamed AS SELECT nullif(n, 20) AS k, v FROM note")
    connection.execute("CREATE VIEW gaps AS SELECT nullif(n, 5) AS number, v FROM note")


def whole(con: apsw.Connection, model: str, **said: Any) -> int:
    """The fit in memory."""
    return sqlclust.fit(con, model, engine="approximate", update="never", **{**OPTIONS, **said})


SELECTED: list[dict[str, Any]] = [
    {"where": "length(id) = 8"},
    {"where": "id LIKE :pattern", "parameters": {"pattern": "note %3%"}},
    {"downsample": 3},
    {"downsample": 2, "where": "rowid % 5 > 0"},
]


@pytest.mark.parametrize("said", SELECTED)
def test_some_embeddings(con: apsw.Connection, said: dict[str, Any]) -> None:
    sharded = fit(con, **said, **OPTIONS)
    check_same(con, sharded, whole(con, "demo", **said))
    assert 50 < len(rows(con, ASSIGNED, sharded)) < 250
    assert not (Path(con.db_filename("main")).parent / "spool").exists()


FEW: dict[str, Any] = {"min_cluster_size": 2, "min_samples": 1, "allow_single_cluster": True}
SOURCES: dict[str, tuple[dict[str, object], dict[str, Any]]] = {
    "note": ({"table": "note", "id": "k", "vector": "v", "format": "float16"}, {"where": "n > 50"}),
    "every": ({"table": "note", "id": "k", "vector": "v", "format": "float16"}, {"downsample": 2}),
    "bare": ({"table": "bare", "id": "k", "vector": "v"}, {}),
    "some": ({"table": "bare", "id": "k", "vector": "v"}, {"where": "k % 2", "downsample": 2}),
    "seen": ({"table": "seen", "id": "number", "vector": "v", "format": "float16"}, {}),
    "less": ({"table": "seen", "id": "number", "vector": "v", "format": "float16"}, {"where": "slug < 'k5'"}),
    "named": ({"table": "named", "vector": "e"}, {}),
    "floats": ({"table": "many", "vector": "e"}, {"downsample": 2, **FEW}),
    "bytes": ({"table": "many", "vector": "s"}, {"normalize": False, **FEW}),
    "one vector": ({"table": "many", "vector": "s"}, FEW),  # all have one direction
    "bits": ({"table": "many", "vector": "b"}, FEW),
}


@pytest.mark.parametrize("name", SOURCES)
def test_some_rows_of_sources(con: apsw.Connection, name: str) -> None:
    source, said = SOURCES[name]
    con.execute("SELECT clust_source(?, ?)", (name, json.dumps(source)))
    sharded = fit(con, model=name, **{**OPTIONS, **said})
    check_same(con, sharded, whole(con, name, **said))
    assert len(rows(con, ASSIGNED, sharded)) > 5


def test_a_source_with_a_condition_of_its_own(con: apsw.Connection) -> None:
    """It is run by the client alone, where that may."""
    sqlclust.source(
        con, "own", table="note", id="k", vector="v", format="float16", where="n < :n", parameters={"n": 150}
    )
    said: dict[str, Any] = {"where": "n % 3 > :least", "parameters": {"least": 0}}
    sharded = fit(con, model="own", **said, **OPTIONS)
    check_same(con, sharded, whole(con, "own", **said))
    check_same(con, fit(con, model="own", **OPTIONS), whole(con, "own"))
    with pytest.raises(SourceConditionError):
        fit(con, model="own", runs_condition=False)


def test_shards_of_some_rows(con: apsw.Connection) -> None:
    said: dict[str, Any] = {"where": "rowid % 4", "min_cluster_size": 4, "min_samples": 1}
    first = fit(con, shards=3, **said)
    assert rows(con, "SELECT timings ->> '$.measured.shards' FROM ClusteringFit") == [(3,)]
    assert len(rows(con, ASSIGNED, first)) == 225
    assert rows(con, ASSIGNED, fit(con, shards=3, **said)) == rows(con, ASSIGNED, first)


@pytest.mark.parametrize(
    ("source", "error", "match"),
    [
        ({"table": "texts", "id": "k"}, SourceNotDividedError, "its k is 'k0' in a row, and not an integer"),
        ({"table": "seen", "id": "slug"}, SourceNotDividedError, "its slug is 'k[0-9]*' in a row, and not an integer"),
        ({"table": "seen", "id": ["number", "slug"]}, SourceNotDividedError, "its view has several columns"),
        ({"table": "unnamed", "id": "k"}, NullIdError, "the id is NULL"),
        ({"table": "twice", "id": "number"}, RepeatedKeyError, "column number does not name the rows of 'twice'"),
        ({"table": "gaps", "id": "number"}, NullIdError, "the id is NULL"),
    ],
)  # fmt: skip
def test_rows_without_a_number(
    con: apsw.Connection, source: dict[str, object], error: type[Exception], match: str
) -> None:
    con.execute("SELECT clust_source('s', ?)", (json.dumps({**source, "vector": "v", "format": "float16"}),))
    with pytest.raises(error, match=match):
        fit(con, model="s")
    assert rows(con, "SELECT count(*) FROM ClusteringResult") == [(0,)]


@pytest.mark.parametrize(
    ("said", "error", "match"),
    [
        ({"where": "1) OR (1"}, FilterError, "syntax error"),
        ({"where": "none = 1"}, FilterError, "no such column"),
        ({"where": "id = :id"}, FilterError, "no value for :id"),
        ({"where": "id = 'note 3'"}, TooFewRowsError, "1"),
        ({"where": "0"}, TooFewRowsError, "0"),
        ({"model": "many.e", "where": "1"}, FilterError, "cannot be filtered"),
        ({"model": "unknown", "where": "1"}, Exception, "unknown"),
    ],
)
def test_conditions_that_are_none(
    con: apsw.Connection, tmp_path: Path, said: dict[str, Any], error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        fit(con, **said)
    assert not (tmp_path / "spool").exists()


def test_another_condition_in_the_same_folder(con: apsw.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever goes on has to say the same, also where another condition gives as many rows; then nothing is done again."""

    def stop(*arguments: Any, **more: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(publishing, "cut_streamed", stop)
        with pytest.raises(KeyboardInterrupt):
            fit(con, where="rowid % 2 = :odd", parameters={"odd": 0}, shards=2)
    others: list[tuple[dict[str, Any], str]] = [
        ({"where": "rowid % 2 = :odd", "parameters": {"odd": 1}}, r"parameters\.odd is '0' there, and '1' is asked"),
        ({"where": "rowid % 2 = 0"}, "where is 'rowid % 2 = :odd' there, and 'rowid % 2 = 0' is asked for"),
        ({}, "where is 'rowid % 2 = :odd' there, and None is asked for"),
    ]
    for other, differs in others:
        with pytest.raises(SpoolOfAnotherFitError, match=differs):
            fit(con, **other, shards=2)
    assert fit(con, where="rowid % 2 = :odd", parameters={"odd": 0}, shards=2) == 1


@pytest.mark.parametrize("model", ["demo", "named", "note"])
@pytest.mark.parametrize(("value", "error"), [(np.nan, NotFiniteError), (0.0, ZeroVectorError)])
def test_rows_that_are_no_vectors(con: apsw.Connection, model: str, value: float, error: type[Exception]) -> None:
    """They are named by what finds them: a rowid, or of vec0 a chunk and a place in it."""
    vector = np.full(16, value, dtype=np.float32)
    said: dict[str, Any] = {"where": "rowid % 2"} if model == "demo" else {}
    name = "rowid 201"
    if model == "demo":
        con.execute("UPDATE Embedding SET vector = ? WHERE rowid = 201", (vector.tobytes(),))
    elif model == "note":
        con.execute("INSERT INTO note (rowid, k, v) VALUES (201, 'new', ?)", (vector.astype("<f2").tobytes(),))
        con.execute("SELECT clust_source('note', ?)", (json.dumps(SOURCES["note"][0]),))
    else:
        name = put_into_vec0(con, value)
    with pytest.raises(error, match=f"^{name}(:| is)"):
        fit(con, model=model, **said)


def test_a_chunk_of_an_impossible_number(con: apsw.Connection) -> None:
    """SQLite has room for it, and numbers of its places would not."""
    con.execute("UPDATE named_chunks SET chunk_id = 1 << 62 WHERE chunk_id = (SELECT max(chunk_id) FROM named_chunks)")
    with pytest.raises(HostTableError, match=f"chunk {1 << 62} .*: its number is none from 1 to 8,796,093,022,207"):
        fit(con, model="named")


def put_into_vec0(con: apsw.Connection, value: float) -> str:
    """Write a vector where the first of a chunk is that is taken, whatever it was; its name."""
    [[rowid, chunk, blob, taken]] = rows(
        con,
        "SELECT v.rowid, c.chunk_id, v.vectors, c.validity FROM named_vector_chunks00 v "
        "JOIN named_chunks c ON c.chunk_id = v.rowid ORDER BY 1 LIMIT 1",
    )
    bits = np.unpackbits(np.frombuffer(taken, dtype=np.uint8), bitorder="little")
    place, width = int(bits.argmax()), len(blob) // len(bits)
    wrong = np.full(width // 4, value, dtype="<f4").tobytes()
    con.execute(
        "UPDATE named_vector_chunks00 SET vectors = ? WHERE rowid = ?",
        (blob[: place * width] + wrong + blob[(place + 1) * width :], rowid),
    )
    return f"place {place} of chunk {chunk} of named_vector_chunks00"


@pytest.mark.parametrize("when", ["fit_in_shards", "corpus_hash", "with_stable_labels"])
@pytest.mark.parametrize("row", [2, 12, 300])
@pytest.mark.parametrize("change", ["DELETE FROM Embedding", "UPDATE Embedding SET embedding_model = 'third'"])
def test_rows_that_go_meanwhile(
    con: apsw.Connection, monkeypatch: pytest.MonkeyPatch, when: str, row: int, change: str
) -> None:
    original = getattr(publishing, when)

    def changing(*arguments: Any, **more: Any) -> Any:
        con.execute(f"{change} WHERE rowid = {row}")
        con.execute("UPDATE Embedding SET content = 'others may change' WHERE rowid = 13")
        return original(*arguments, **more)

    monkeypatch.setattr(publishing, when, changing)
    gone = MembersGoneError if change.startswith("DELETE") else MembersReplacedError
    with pytest.raises(gone if when == "with_stable_labels" else VectorsChangedError):
        fit(con, where="rowid % 2 = 0")
    assert rows(con, "SELECT count(*) FROM ClusteringResult") == [(0,)]


def test_numbers_that_are_damaged(con: apsw.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are written again, whoever meets it."""
    original = np.lexsort
    damaged: list[Path] = []

    def damaging(*arguments: Any, **more: Any) -> Any:
        if not damaged:  # once the rows are scanned, while they are numbered
            [path] = (tmp_path / "spool").rglob("numbers")
            whole = bytearray(path.read_bytes())
            whole[-100] ^= 1
            path.write_bytes(whole)
            damaged.append(path)
        return original(*arguments, **more)

    monkeypatch.setattr(np, "lexsort", damaging)
    sharded = fit(con, where="rowid % 4", **OPTIONS)
    assert damaged
    monkeypatch.undo()
    check_same(con, sharded, whole(con, "demo", where="rowid % 4"))
