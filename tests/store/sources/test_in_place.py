"""Fits in place: a host's table gives what a copy of its vectors gives, and nothing but rows of ours is written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sqlclust
from sqlclust.errors import (
    DimensionMismatchError,
    FilterError,
    ItemIdTakenError,
    RepeatedIdError,
    SchemaConflictError,
    SourceChangedError,
    SourceConditionError,
    TooFewRowsError,
    UnknownModelError,
    VectorFormatError,
    ViewNameError,
)
from tests.small import clustered

VECTORS = clustered(40)
OPTIONS: dict[str, Any] = {"min_cluster_size": 5, "min_samples": 3}


def host_table(
    con: apsw.Connection, ids: Sequence[Any], vectors: Sequence[Any], *, key: str = "id ANY PRIMARY KEY"
) -> None:
    """A table docs (id, body, v) of another program."""
    con.execute(f"CREATE TABLE docs ({key}, body TEXT, vec)")
    con.executemany(
        "INSERT INTO docs (id, body, vec) VALUES (?, ?, ?)",
        [(id, f"text of {id}", vector) for id, vector in zip(ids, vectors, strict=True)],
    )


def copied(ids: Sequence[Any], vectors: np.ndarray[Any, Any]) -> apsw.Connection:
    """The same vectors as embeddings of our own."""
    con = sqlclust.connect(":memory:")
    sqlclust.initialize(con)
    con.executemany(
        "INSERT INTO Embedding (id, embedding_model, vector) VALUES (?, 'docs', ?)",
        [(id, vector.tobytes()) for id, vector in zip(ids, vectors, strict=True)],
    )
    return con


def rows_of(con: apsw.Connection, result_id: int) -> list[Any]:
    """A result's rows by item, or by id of our own, with their medoids."""
    return con.execute(
        """
        SELECT coalesce(e.item_id, e.id) AS item, ec.label, ec.probability, ec.outlier_score, coalesce(m.item_id, m.id)
        FROM EmbeddingCluster ec JOIN Embedding e ON e.id = ec.embedding_id
        LEFT JOIN Cluster c ON c.clustering_result_id = ec.clustering_result_id AND c.label = ec.label
        LEFT JOIN Embedding m ON m.id = c.medoid_embedding_id
        WHERE ec.clustering_result_id = ? ORDER BY item
        """,
        (result_id,),
    ).fetchall()


def contents(con: apsw.Connection) -> dict[str, Any]:
    """Every table that is not ours, with its text and a hash of its rows."""
    ours = sqlclust.connect(":memory:")
    sqlclust.initialize(ours)
    names = {name for (name,) in ours.execute("SELECT name FROM sqlite_schema")}
    found = con.execute(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE '%VIRTUAL%'"
    ).fetchall()
    return {
        str(name): (sql, hashlib.sha256(repr(con.execute(f'SELECT * FROM "{name}"').fetchall()).encode()).hexdigest())
        for name, sql in found
        if name not in names
    }


# --- the same as a copy ---

KEYS: dict[str, tuple[str, Callable[[int], list[Any]]]] = {
    "INTEGER": ("id INTEGER PRIMARY KEY", lambda n: [3 * i - 20 for i in range(n)]),
    "TEXT": ("id TEXT PRIMARY KEY", lambda n: [f'é "{i}"' for i in range(n)]),
    "BLOB": ("id BLOB PRIMARY KEY", lambda n: [bytes([i, 255 - i]) for i in range(n)]),
    "REAL": ("id REAL PRIMARY KEY", lambda n: [i + 0.25 for i in range(n)]),
    "any": ("id PRIMARY KEY", lambda n: [(i, str(i), bytes([i]), i + 0.5)[i % 4] for i in range(n)]),
}


@pytest.mark.parametrize("kind", KEYS)
def test_the_same_as_a_copy(con: apsw.Connection, kind: str) -> None:
    key, made = KEYS[kind]
    ids = made(len(VECTORS))
    host_table(con, ids, [vector.tobytes() for vector in VECTORS], key=key)
    before = contents(con)
    own = copied(ids, VECTORS)
    result, own_result = sqlclust.fit(con, "docs", **OPTIONS), sqlclust.fit(own, "docs", **OPTIONS)
    assert rows_of(con, result) == rows_of(own, own_result)
    assert contents(con) == before
    for sql in ("SELECT corpus_hash FROM ClusteringFit", "SELECT row_ids FROM ClusteringFit"):
        assert con.execute(sql).fetchall() == own.execute(sql).fetchall()
    assert con.execute("PRAGMA foreign_key_check").fetchall() == []
    assert con.execute("SELECT count(*), count(vector), count(DISTINCT item_id) FROM Embedding").fetchall() == [
        (len(ids), 0, len(ids))
    ]
    view = con.execute("SELECT id, label, probability, outlier_score, medoid_item_id FROM docs_clusters ORDER BY id")
    assert view.fetchall() == rows_of(con, result)


@settings(max_examples=15)
@given(st.data())
def test_the_same_as_a_copy_whatever_is_chosen(data: st.DataObject) -> None:
    n = data.draw(st.integers(12, 40))
    step, least = data.draw(st.integers(1, 3)), data.draw(st.integers(0, 5))
    ids = data.draw(st.lists(st.integers(-99, 99) | st.text("ab'\"é", max_size=4), min_size=n, max_size=n, unique=True))
    con = sqlclust.connect(":memory:")
    host_table(con, ids, [vector.tobytes() for vector in VECTORS[:n]])
    own = copied(ids, VECTORS[:n])
    where, parameters = "rowid > :least", {"least": least}
    options: dict[str, Any] = {"min_cluster_size": 2, "min_samples": 2, "downsample": step}
    result = sqlclust.fit(con, "docs", where=where, parameters=parameters, **options)
    own_result = sqlclust.fit(own, "docs", where=where, parameters=parameters, **options)
    assert rows_of(con, result) == rows_of(own, own_result)


FORMATS: dict[str, Callable[[Any], Any]] = {
    "float64": lambda vector: vector.astype("<f8").tobytes(),
    "float16": lambda vector: vector.astype("<f2").tobytes(),
    "json": lambda vector: json.dumps(vector.tolist()),
}


@pytest.mark.parametrize("format", FORMATS)
def test_other_formats(con: apsw.Connection, format: str) -> None:
    vectors = VECTORS.astype(np.float16).astype(np.float32)
    host_table(con, range(40), [FORMATS[format](vector) for vector in vectors])
    sqlclust.source(con, "docs", format=format)
    result = sqlclust.fit(con, "docs", **OPTIONS)
    own = copied(range(40), vectors)
    assert rows_of(con, result) == rows_of(own, sqlclust.fit(own, "docs", **OPTIONS))
    assert sqlclust.staleness(con, result).is_stale is False
    # and the members are found again
    fit = con.execute("SELECT id FROM ClusteringFit").get
    assert con.execute("SELECT clust_cut(?, '{\"min_cluster_size\": 4}')", (fit,)).get == result + 1


def test_it_goes_on_where_the_stored_fit_is_of_the_same_rows(con: apsw.Connection) -> None:
    host_table(con, range(40), [vector.tobytes() for vector in VECTORS])
    first, second = sqlclust.fit(con, "docs", **OPTIONS), sqlclust.fit(con, "docs", **OPTIONS)
    assert rows_of(con, first) == rows_of(con, second)
    assert con.execute("SELECT count(*) FROM ClusteringFit").get == 1
    assert con.execute("SELECT count(*) FROM Embedding").get == 40


# --- rows that have no vector, or a bad one ---


def test_rows_without_a_vector_are_left_out(con: apsw.Connection) -> None:
    host_table(con, range(43), [*(vector.tobytes() for vector in VECTORS), None, b"", None])
    result = sqlclust.fit(con, "docs", **OPTIONS)
    assert len(rows_of(con, result)) == 40
    assert con.execute("SELECT id, label FROM docs_clusters WHERE id >= 40").fetchall() == [
        (40, None), (41, None), (42, None)
    ]  # fmt: skip


BAD: dict[str, tuple[list[Any], type[Exception], str]] = {
    "dimension": ([b"\0\0\x80?" * 7], DimensionMismatchError, "embedding 40 "),
    "format": ([], VectorFormatError, "sqlclust source DB docs --format float64"),
    "none": ([], TooFewRowsError, "expected at least 2"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_vectors(con: apsw.Connection, kind: str) -> None:
    more, error, words = BAD[kind]
    vectors: list[Any] = [*(vector.tobytes() for vector in VECTORS), *more]
    if kind == "none":
        vectors = [None] * 39 + vectors[-1:]
    host_table(con, range(len(vectors)), vectors)
    if kind == "format":
        sqlclust.source(con, "docs", vector="vec")
        con.executemany(
            "UPDATE docs SET vec = ? WHERE id = ?", [(v.astype("<f8").tobytes(), i) for i, v in enumerate(VECTORS)]
        )
    with pytest.raises(error, match=words):
        sqlclust.fit(con, "docs", **OPTIONS)


def test_a_key_that_repeats(con: apsw.Connection) -> None:
    host_table(con, range(40), [vector.tobytes() for vector in VECTORS])
    con.execute("ALTER TABLE docs ADD COLUMN part INTEGER DEFAULT 1")
    sqlclust.source(con, "parts", table="docs", id="part", vector="vec")
    with pytest.raises(RepeatedIdError, match="embedding 1 came 40 times"):
        sqlclust.fit(con, "parts", **OPTIONS)


# --- nothing is written when it fails, and all at once when it does not ---


def test_a_failed_fit_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "host.db"
    con = sqlclust.connect(path)
    host_table(con, range(40), [vector.tobytes() for vector in VECTORS])
    con.close()
    before = path.read_bytes()
    con = sqlclust.connect(path)
    monkeypatch.setattr("sqlclust.store.results.publishing.check_result", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        sqlclust.fit(con, "docs", **OPTIONS)
    con.close()
    assert path.read_bytes() == before
    monkeypatch.undo()
    con = sqlclust.connect(path)
    assert sqlclust.fit(con, "docs", **OPTIONS) == 1
    assert con.execute("SELECT name, table_name, id_columns, vector_column, content_column FROM EmbeddingSource").get == (
        "docs", "docs", '["id"]', "vec", "body"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("statement", "error", "words"),
    [
        ("CREATE TABLE Run (x)", SchemaConflictError, "--into RESULTS.db"),
        ("CREATE VIEW embedding AS SELECT 1", SchemaConflictError, "--into RESULTS.db"),
        ("CREATE TABLE docs_clusters (x)", ViewNameError, "docs_clusters"),
    ],
)
def test_names_that_are_taken(statement: str, error: type[Exception], words: str) -> None:
    con = sqlclust.connect(":memory:")
    host_table(con, range(40), [vector.tobytes() for vector in VECTORS])
    con.execute(statement)
    before = con.execute("SELECT * FROM sqlite_schema").fetchall()
    with pytest.raises(error, match=words):
        sqlclust.fit(con, "docs", **OPTIONS)
    assert con.execute("SELECT * FROM sqlite_schema").fetchall() == before


def test_an_id_that_is_taken(con: apsw.Connection) -> None:
    host_table(con, range(40), [vector.tobytes() for vector in VECTORS])
    sqlclust.initialize(con)
    con.execute("INSERT INTO Embedding (id, embedding_model, vector) VALUES ('[\"docs\",7]', 'other', x'00000000')")
    with pytest.raises(ItemIdTakenError, match="one of 'other' already"):
        sqlclust.fit(con, "docs", **OPTIONS)
    assert con.execute("SELECT count(*) FROM Embedding").get == 1
    assert con.execute("SELECT count(*) FROM EmbeddingSource").get == 0


def test_a_source_that_changes_meanwhile(con: apsw.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    host_table(con, range(40), [vector.tobytes() for vector in VECTORS])
    sqlclust.source(con, "docs")

    monkeypatch.setattr("sqlclust.store.fit._Corpus.fingerprint", _meanwhile(con, "DELETE FROM EmbeddingSource"))
    with pytest.raises(SourceChangedError, match="was deleted while it was clustered; nothing was written"):
        sqlclust.fit(con, "docs", **OPTIONS)
    assert con.execute("SELECT count(*) FROM ClusteringResult").get == 0


def _meanwhile(con: apsw.Connection, statement: str) -> Callable[..., Any]:
    from sqlclust.store.fit import _Corpus

    original = _Corpus.fingerprint

    def fingerprint(self: Any, control: Any) -> Any:
        return original(self, control)

    def with_statement(self: Any, control: Any) -> Any:
        other = apsw.Connection(con.filename) if con.filename else con
        other.execute(statement)
        return fingerprint(self, control)

    return with_statement


def test_names_of_nothing(con: apsw.Connection) -> None:
    host_table(con, range(40), [vector.tobytes() for vector in VECTORS])
    sqlclust.initialize(con)
    with pytest.raises(UnknownModelError, match="no embeddings of model 'nope'"):
        sqlclust.fit(con, "nope")
    assert con.execute("SELECT count(*) FROM EmbeddingSource").get == 0


# --- conditions ---


def test_a_condition_of_a_source_is_run_by_people_only(con: apsw.Connection) -> None:
    host_table(con, range(40), [vector.tobytes() for vector in VECTORS])
    sqlclust.source(con, "docs", where="id < :most", parameters={"most": 30})
    with pytest.raises(SourceConditionError, match=r"sqlclust fit DB docs"):
        con.execute("SELECT clust_fit('docs')").fetchall()
    assert len(rows_of(con, sqlclust.fit(con, "docs", **OPTIONS))) == 30
    assert len(rows_of(con, sqlclust.fit(con, "docs", where="id >= 5", **OPTIONS))) == 25
    assert len(rows_of(con, sqlclust.fit(con, "docs", where="id >= :least", parameters={"least": 8}, **OPTIONS))) == 22
    with pytest.raises(FilterError, match="has a placeholder :most too"):
        sqlclust.fit(con, "docs", where="id >= :most", parameters={"most": 8}, **OPTIONS)
    with pytest.raises(FilterError, match=r"more than a condition|syntax error"):
        sqlclust.fit(con, "docs", where="1) OR (1", **OPTIONS)
    # what is new is not known unless the condition may run
    found = con.execute("SELECT n_new, n_missing, is_stale FROM clust_staleness(1)").get
    assert found == (None, 0, None)
    assert sqlclust.staleness(con, 1, run_where=True).n_new == 0


# --- the view ---


def test_a_column_of_a_name_of_ours_is_kept_under_another_and_that_is_said(
    con: apsw.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    host_table(con, range(40), [vector.tobytes() for vector in VECTORS])
    con.execute("ALTER TABLE docs ADD COLUMN label TEXT DEFAULT 'theirs'")
    sqlclust.fit(con, "docs", **OPTIONS)
    assert "label is label:1 there" in caplog.text
    assert con.execute('SELECT DISTINCT typeof(label), "label:1" FROM docs_clusters').get == ("integer", "theirs")
    caplog.clear()
    sqlclust.fit(con, "docs", **OPTIONS)
    assert caplog.text == ""


def test_a_view_whose_name_somebody_took_meanwhile(con: apsw.Connection) -> None:
    host_table(con, range(40), [vector.tobytes() for vector in VECTORS])
    sqlclust.source(con, "docs")
    con.execute("CREATE TABLE docs_clusters (x)")
    with pytest.raises(ViewNameError, match="docs_clusters"):
        sqlclust.fit(con, "docs", **OPTIONS)


# --- deleting ---


def test_the_view_goes_with_the_source(con: apsw.Connection) -> None:
    host_table(con, range(40), [vector.tobytes() for vector in VECTORS])
    sqlclust.fit(con, "docs", **OPTIONS)
    before = contents(con)
    assert sqlclust.delete_source(con, "docs", results=True) == 1
    assert con.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'docs_clusters'").get == 0
    assert con.execute("SELECT count(*) FROM Embedding").get == 0
    assert contents(con) == before


def test_rows_of_a_source_go_with_the_last_result(con: apsw.Connection) -> None:
    host_table(con, range(40), [vector.tobytes() for vector in VECTORS])
    first = sqlclust.fit(con, "docs", where="id < 30", **OPTIONS)
    second = sqlclust.fit(con, "docs", where="id >= 10", **OPTIONS)
    counts = []
    for result in (first, second):
        con.execute("DELETE FROM ClusteringResult WHERE id = ?", (result,))
        counts.append(con.execute("SELECT count(*) FROM Embedding").get)
    assert counts == [30, 0]
    assert con.execute("SELECT count(*) FROM EmbeddingSource").get == 1
