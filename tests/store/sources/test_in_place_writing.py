"""Fits in place write nothing but rows of ours, all at once or not at all; and what takes those away."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import apsw
import pytest

import sqlclust
from sqlclust.core.runtime.control import Control
from sqlclust.errors import (
    FilterError,
    HostTableError,
    ItemIdTakenError,
    SchemaConflictError,
    SourceChangedError,
    SourceConditionError,
    SourceInUseError,
    UnknownModelError,
    ViewNameError,
)
from sqlclust.store.making import Corpus
from sqlclust.store.sources import thin_rows
from tests.store.sources.in_place import OPTIONS, VECTORS, host_table, rows_of
from tests.trust.foreign_host import foreign_rows_of

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
    fingerprint = Corpus.fingerprint

    def meanwhile(corpus: Corpus, control: Control) -> Any:
        con.execute("DELETE FROM EmbeddingSource")
        return fingerprint(corpus, control)

    monkeypatch.setattr(Corpus, "fingerprint", meanwhile)
    with pytest.raises(SourceChangedError, match="was deleted while it was clustered; nothing was written"):
        sqlclust.fit(con, "docs", **OPTIONS)
    assert con.execute("SELECT count(*) FROM ClusteringResult").get == 0


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
    assert 'label is "label:1" there' in caplog.text
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
    before = foreign_rows_of(con)
    assert sqlclust.delete_source(con, "docs", results=True) == 1
    assert con.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'docs_clusters'").get == 0
    assert con.execute("SELECT count(*) FROM Embedding").get == 0
    assert foreign_rows_of(con) == before


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


# --- what is said, and what goes on when the host changes ---


def test_rows_that_are_named_by_rowid_are_warned_of_once(
    con: apsw.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    host_table(con, range(40), [vector.tobytes() for vector in VECTORS], key="id INTEGER")
    sqlclust.fit(con, "docs", **OPTIONS)
    assert "docs has no key, so its rows are named by their rowid. VACUUM may renumber them" in caplog.text
    caplog.clear()
    sqlclust.fit(con, "docs", **OPTIONS)
    assert caplog.text == ""


def test_rows_without_a_vector_are_told(con: apsw.Connection, caplog: pytest.LogCaptureFixture) -> None:
    host_table(con, range(43), [*(vector.tobytes() for vector in VECTORS), None, b"", None])
    sqlclust.fit(con, "docs", **OPTIONS)
    assert "docs: 3 of 43 rows have no vector and are left out" in caplog.text


def test_a_format_that_the_vectors_do_not_look_like_is_warned_of(
    con: apsw.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    host_table(con, range(40), [vector.astype("<f8").tobytes() for vector in VECTORS])
    sqlclust.source(con, "docs", format="float64")
    assert caplog.text == ""
    sqlclust.source(con, "other", table="docs", format="float32")
    assert "look like float64, and are read as float32 because that is said" in caplog.text


def test_a_column_of_texts_that_is_gone_stops_nothing(con: apsw.Connection, caplog: pytest.LogCaptureFixture) -> None:
    host_table(con, range(40), [vector.tobytes() for vector in VECTORS])
    first = sqlclust.fit(con, "docs", **OPTIONS)
    con.execute("ALTER TABLE docs RENAME COLUMN body TO words")
    second = sqlclust.fit(con, "docs", **OPTIONS)
    assert rows_of(con, first) == rows_of(con, second)
    assert "sqlclust source DB docs --content COLUMN names another column, --content '' none" in caplog.text
    assert sqlclust.staleness(con, first).is_stale is False
    for content, expected in (("words", "words"), ("", None)):
        sqlclust.source(con, "docs", content=content)
        assert con.execute("SELECT content_column FROM EmbeddingSource").get == expected


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("ALTER TABLE docs RENAME TO papers", {"table": "papers"}),
        ("ALTER TABLE docs RENAME COLUMN vec TO embedding", {"vector": "embedding"}),
        ("ALTER TABLE docs RENAME COLUMN id TO number", {"id": "number"}),
    ],
)
def test_a_source_follows_what_was_renamed(con: apsw.Connection, statement: str, said: dict[str, Any]) -> None:
    host_table(con, range(40), [vector.tobytes() for vector in VECTORS])
    first = sqlclust.fit(con, "docs", **OPTIONS)
    con.execute(statement)
    with pytest.raises(HostTableError):
        sqlclust.fit(con, "docs", **OPTIONS)
    sqlclust.source(con, "docs", **said)
    assert rows_of(con, sqlclust.fit(con, "docs", **OPTIONS)) == rows_of(con, first)
    con.execute("CREATE TABLE others (id INTEGER PRIMARY KEY, vec BLOB)")
    with pytest.raises(SourceInUseError):
        sqlclust.source(con, "docs", table="others", id="id", vector="vec", format="float32")


def test_the_condition_of_a_source_is_kept_with_each_result(con: apsw.Connection) -> None:
    host_table(con, range(40), [vector.tobytes() for vector in VECTORS])
    sqlclust.source(con, "docs", where="id < :most", parameters={"most": 30})
    first = sqlclust.fit(con, "docs", where="id >= 5", **OPTIONS)
    fit = con.execute("SELECT clustering_fit_id FROM ClusteringResult").get
    second = con.execute("SELECT clust_cut(?, '{\"min_cluster_size\": 4}')", (fit,)).get
    for result in (first, second):
        parameters = json.loads(con.execute("SELECT parameters FROM ClusteringResult WHERE id = ?", (result,)).get)
        assert parameters["where"] == "id >= 5"
        assert parameters["source_where"] == "id < :most"
        assert parameters["source_parameters"] == {"most": 30}
    assert sqlclust.staleness(con, first, run_where=True).is_stale is False


@pytest.mark.parametrize("analyzed", [False, True], ids=["", "analyzed"])
def test_rows_that_are_there_are_found_by_index_and_without_it_too(con: apsw.Connection, analyzed: bool) -> None:
    """Somebody may have dropped it, which the doctor says: what is written is the same."""
    host_table(con, range(40), [vector.tobytes() for vector in VECTORS])
    first = sqlclust.fit(con, "docs", **OPTIONS)
    if analyzed:
        con.execute("ANALYZE")
    [step] = [row[3] for row in con.execute(f"EXPLAIN QUERY PLAN {thin_rows._THERE}", ("docs",))]
    assert str(step).endswith("USING COVERING INDEX Embedding_item (embedding_source=?)")
    con.execute("DROP INDEX Embedding_item")
    second = sqlclust.fit(con, "docs", where="id < 30", **OPTIONS)
    assert len(rows_of(con, second)) == 30
    assert len(rows_of(con, first)) == con.execute("SELECT count(*) FROM Embedding").get == 40
    assert {finding.finding for finding in sqlclust.doctor(con).findings} == {"missing-index"}
