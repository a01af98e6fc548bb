"""How many rows are new and gone, told by ids: `staleness`, which reads everything, is the oracle."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.errors import SqlclustError, StatementInterrupted
from sqlclust.store.results.freshness import UNKNOWN, Freshness, freshness
from sqlclust.store.sources import source_vectors
from tests.small import add_embeddings, blob, clustered
from tests.trust.foreign_host import make

VECTOR = blob(*([0.5] * 8))


def by_ids(con: apsw.Connection, model: str | None = None) -> dict[int, Freshness]:
    return freshness(database_of(con), model)


def by_reading(con: apsw.Connection) -> dict[int, Freshness]:
    ids = [id for (id,) in con.execute("SELECT id FROM ClusteringResult")]
    return {id: Freshness(*sqlclust.staleness(con, id)[3:5]) for id in ids}


def copied(content: bytes) -> apsw.Connection:
    con = sqlclust.connect(":memory:")
    con.deserialize("main", content)
    return con


# --- our own embeddings ---


OPTIONS: list[dict[str, Any]] = [
    {}, {"min_cluster_size": 4}, {"downsample": 3}, {"where": "id > 7"}, {"downsample": 2}, {"seed": 3}
]  # fmt: skip


@pytest.fixture(scope="module")
def own() -> bytes:
    """Two models, one with runs, and results of every kind of selection."""
    con = sqlclust.connect(":memory:")
    sqlclust.initialize(con)
    con.execute("INSERT INTO Run (id) VALUES (1), (2)")
    con.executemany(
        "INSERT INTO Invocation (id, run_id, sequence_number) VALUES (?, ?, ?)", [(i, 1 + i % 2, i) for i in range(60)]
    )
    add_embeddings(con, clustered(), invocation_ids=[*range(30), *[None] * 10])
    add_embeddings(con, clustered(seed=8), model="other", ids=[f"o{i}" for i in range(40)])
    for options in OPTIONS:
        sqlclust.fit(con, "demo", **{"min_cluster_size": 5, **options})
    sqlclust.fit(con, "other", min_cluster_size=5)
    con.execute("UPDATE ClusteringResult SET clustering_fit_id = NULL WHERE id = 6")
    return con.serialize("main")


ID = st.one_of(st.integers(-3, 70), st.sampled_from([*(f"o{i}" for i in range(0, 45, 9)), b"x", 2.5]))
MODEL = st.sampled_from(["demo", "other", "third"])
INSERT = "INSERT OR IGNORE INTO Embedding (id, embedding_model, vector, invocation_id) VALUES (?, ?, zeroblob(32), ?)"
CHANGE = st.one_of(
    st.tuples(st.just("DELETE FROM Embedding WHERE id = ?"), st.tuples(ID)),
    st.tuples(st.just(INSERT), st.tuples(ID, MODEL, st.one_of(st.none(), st.integers(0, 59)))),
    st.tuples(st.just("UPDATE OR IGNORE Embedding SET embedding_model = ? WHERE id = ?"), st.tuples(MODEL, ID)),
    st.tuples(st.just("DELETE FROM EmbeddingCluster WHERE embedding_id = ?"), st.tuples(ID)),
    st.tuples(st.just("DELETE FROM ClusteringResult WHERE id = ?"), st.tuples(st.integers(1, 7))),
)


@given(st.lists(CHANGE, max_size=12))
@pytest.mark.slow
def test_it_is_what_reading_everything_finds(own: bytes, changes: list[tuple[str, tuple[object, ...]]]) -> None:
    con = copied(own)
    con.execute("PRAGMA foreign_keys = OFF")  # as in most programs
    for sql, bindings in changes:
        con.execute(sql, bindings)
    found = by_ids(con)
    assert found == by_reading(con)
    for model in ("demo", "other", "third"):
        of_model = {id for (id,) in con.execute("SELECT id FROM ClusteringResult WHERE embedding_model = ?", (model,))}
        assert by_ids(con, model) == {id: found[id] for id in of_model}
    con.close()


def test_no_vector_is_read(own: bytes) -> None:
    """Of what is not downsampled only indexes are read: rows of Embedding have vectors in them."""
    con = copied(own)
    con.execute("DELETE FROM ClusteringResult WHERE parameters ->> 'downsample' > 1")
    seen: set[str] = set()
    con.trace_v2(apsw.SQLITE_TRACE_STMT, lambda event: seen.add(event["sql"]))
    for _ in range(2):
        by_ids(con)
        con.execute("PRAGMA foreign_keys = OFF; DELETE FROM Embedding WHERE id = 9")  # members are looked up one by one
    con.trace_v2(0, None)
    plans = [
        str(row[3])
        for sql in seen
        if "FROM main.Embedding" in sql or "JOIN main.Embedding" in sql
        for row in con.execute(f"EXPLAIN QUERY PLAN {re.sub(r'[?:][a-z0-9_]*', '1', sql)}")
    ]
    reading = [plan for plan in plans if re.match(r"(SCAN|SEARCH) (main\.Embedding|Embedding|e|m)\b", plan)]
    assert len(reading) >= 6
    assert [plan for plan in reading if "COVERING INDEX" not in plan] == []


def test_parameters_that_no_fit_writes(own: bytes) -> None:
    con = copied(own)
    for id, change in ((1, "$.downsample"), (2, "$.where")):
        con.execute("UPDATE ClusteringResult SET parameters = json_set(parameters, ?, -1) WHERE id = ?", (change, id))
    con.execute("INSERT INTO Embedding (id, embedding_model, vector) VALUES (99, 'demo', ?)", (VECTOR,))
    assert by_ids(con)[1] == by_ids(con)[2] == Freshness(None, 0)
    assert by_ids(con)[7] == Freshness(0, 0)


def test_it_can_be_stopped(own: bytes) -> None:
    con = copied(own)
    con.set_progress_handler(lambda: True, 1)
    with pytest.raises(StatementInterrupted):
        by_ids(con)


# --- sources ---


@pytest.fixture(scope="module")
def noted(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A host's table, and results of it: of all rows, of every third, of some by a condition; and one of our own embeddings."""
    con = sqlclust.connect(make(tmp_path_factory.mktemp("note") / "note.db"))
    some: list[dict[str, Any]] = [{}, {"downsample": 3}, {"where": "slug > 'note 2'"}]
    for options in some:
        sqlclust.fit(con, "note", min_cluster_size=5, **options)
    add_embeddings(con, clustered())
    sqlclust.fit(con, "demo", min_cluster_size=5)
    return con.serialize("main")


WHOLE, EVERY_THIRD, FILTERED, OWN = 1, 2, 3, 4


@pytest.fixture
def note(tmp_path: Path, noted: bytes) -> Iterator[apsw.Connection]:
    (tmp_path / "note.db").write_bytes(noted)
    con = sqlclust.connect(tmp_path / "note.db")
    yield con
    con.close()


def test_of_a_source(note: apsw.Connection) -> None:
    assert by_ids(note) == {WHOLE: (0, 0), EVERY_THIRD: (0, 0), FILTERED: (None, 0), OWN: (0, 0)} == by_reading(note)
    note.execute("INSERT INTO note VALUES ('a', '', ?), ('b', '', NULL), ('c', '', x'')", (VECTOR,))
    assert by_ids(note)[WHOLE] == Freshness(1, 0)
    note.execute("DELETE FROM note WHERE slug IN ('note 0', 'note 30', 'note 31')")
    note.execute("UPDATE note SET embedding = NULL WHERE slug = 'note 33'")
    found = by_ids(note)
    assert found == by_reading(note)
    assert (found[WHOLE], found[FILTERED]) == (Freshness(1, 4), Freshness(None, 3))
    assert found[EVERY_THIRD] == Freshness(2, 3)


def test_a_row_of_embedding_that_is_gone_is_a_row_that_is_gone(note: apsw.Connection) -> None:
    note.execute("PRAGMA foreign_keys = OFF; DELETE FROM Embedding WHERE item_id = 'note 5'")
    assert by_ids(note, "note")[WHOLE] == Freshness(1, 1)


def test_a_condition_of_the_source_is_not_run(note: apsw.Connection) -> None:
    called: list[object] = []

    def note_it(*slugs: object) -> bool:
        called.extend(slugs)
        return True

    note.create_scalar_function("called", note_it, 1)
    sqlclust.source(note, "some", table="note", id="slug", vector="embedding", where="called(slug)")
    sqlclust.fit(note, "some", min_cluster_size=5)
    called.clear()
    note.execute("DELETE FROM note WHERE slug = 'note 3'")
    assert by_ids(note, "some") == {5: Freshness(None, 1)}
    assert called == []


def test_a_view_is_not_run(note: apsw.Connection) -> None:
    note.execute("CREATE VIEW seen AS SELECT slug, embedding FROM note")
    sqlclust.source(note, "seen", table="seen", id="slug", vector="embedding")
    sqlclust.fit(note, "seen", min_cluster_size=5)
    assert by_ids(note, "seen") == {5: UNKNOWN}


def test_a_table_with_too_many_rows(note: apsw.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_vectors, "_MOST_KEYS", 39)
    assert {*by_ids(note, "note").values()} == {UNKNOWN}
    monkeypatch.setattr(source_vectors, "_MOST_KEYS", 40)
    assert by_ids(note)[WHOLE] == Freshness(0, 0)


@pytest.mark.parametrize(
    "change",
    [
        "DROP VIEW note_clusters; DROP TABLE note",
        "DROP VIEW note_clusters; ALTER TABLE note RENAME COLUMN embedding TO vector",
        "UPDATE EmbeddingSource SET id_columns = '[\"other\"]'",
        "UPDATE EmbeddingSource SET format = 'none'",
        "UPDATE EmbeddingSource SET storage = 'vec0'",
        "UPDATE EmbeddingSource SET database = 'nowhere/at/all.db'",
        "UPDATE EmbeddingSource SET database = '.'",
    ],
)
def test_a_source_that_cannot_be_read_is_not_known(note: apsw.Connection, change: str) -> None:
    note.execute(f"PRAGMA foreign_keys = OFF; {change}")
    with pytest.raises(SqlclustError):
        sqlclust.staleness(note, WHOLE)
    unknown = dict.fromkeys((WHOLE, EVERY_THIRD, FILTERED), UNKNOWN)
    assert by_ids(note) == {**unknown, OWN: Freshness(0, 0)}  # others are told all the same


# --- a source elsewhere ---


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[tuple[apsw.Connection, apsw.Connection]]:
    """Results of a table in another file, and that file."""
    host = apsw.Connection(str(make(tmp_path / "host.db")))
    con = sqlclust.connect(tmp_path / "results.db")
    sqlclust.initialize(con)
    sqlclust.source(con, "note", database=tmp_path / "host.db")
    sqlclust.fit(con, "note", min_cluster_size=5)
    yield con, host
    con.close()
    host.close()


def test_of_a_source_elsewhere(elsewhere: tuple[apsw.Connection, apsw.Connection]) -> None:
    con, host = elsewhere
    host.execute("DELETE FROM note WHERE slug < 'note 2'; INSERT INTO note VALUES ('new', '', x'0000803f')")
    assert by_ids(con) == {1: Freshness(1, 12)}


@pytest.mark.parametrize("how", ["locked", "gone", "a folder", "no database"])
def test_a_list_does_not_wait_for_a_file(
    elsewhere: tuple[apsw.Connection, apsw.Connection], tmp_path: Path, how: str
) -> None:
    con, host = elsewhere
    makes: dict[str, Callable[[Path], object]] = {
        "gone": lambda _: None, "a folder": Path.mkdir, "no database": lambda path: path.write_text("text" * 100)
    }  # fmt: skip
    if how == "locked":
        host.execute("BEGIN EXCLUSIVE")
    else:
        host.close()
        (tmp_path / "host.db").unlink()
        makes[how](tmp_path / "host.db")
    began = time.monotonic()
    assert by_ids(con) == {1: UNKNOWN}
    assert time.monotonic() - began < 5  # a fit waits ten seconds for whoever writes
