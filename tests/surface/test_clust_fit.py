"""clust_fit: what it publishes, where it may be called, and beside other connections."""

from __future__ import annotations

import threading
from pathlib import Path

import apsw
import pytest

import sqlclust
from sqlclust.errors import (
    DatabaseFileError,
    LockedError,
    MembersGoneError,
    SqlclustError,
    TooFewRowsError,
    TopLevelOnlyError,
    UnknownModelError,
)
from tests.small import add_embeddings, clustered
from tests.surface.one_statement import HDBSCAN, NOTHING, written


def test_clust_fit_publishes(demo: apsw.Connection) -> None:
    assert demo.execute("SELECT clust_fit(?, ?)", ("demo", '{"min_cluster_size": 5}')).get == 1
    assert demo.execute("SELECT clust_fit('demo', '{\"min_cluster_size\": 6}')").get == 2
    assert demo.execute("SELECT clustering_result_id, n_rows, n_clusters, n_noise FROM ClusteringSummary").fetchall() == [
        (1, 40, 3, 4), (2, 40, 3, 4)
    ]  # fmt: skip
    same = f"SELECT count(*) FROM {HDBSCAN} c JOIN ClusterAssignment a ON a.embedding_id = c.id AND a.clustering_result_id = 1 "
    assert demo.execute(same + "WHERE a.label = c.label AND a.probability = c.probability AND a.outlier_score = c.outlier_score "
                        "AND a.medoid_embedding_id IS c.medoid_id AND a.size IS c.cluster_size").get == 40  # fmt: skip
    assert not demo.in_transaction
    assert demo.execute("PRAGMA foreign_key_check").fetchall() == []


def test_clust_fit_more_than_once_in_one_statement(demo: apsw.Connection) -> None:
    add_embeddings(demo, clustered(20, seed=5), model="other", ids=range(100, 120))
    assert demo.execute("SELECT clust_fit(column1) FROM (VALUES ('demo'), ('other'))").fetchall() == [(1,), (2,)]
    assert demo.execute("SELECT embedding_model, n_rows FROM ClusteringSummary").fetchall() == [
        ("demo", 40),
        ("other", 20),
    ]


NOT_AT_TOP_LEVEL = {
    "after BEGIN": "BEGIN; SELECT clust_fit('demo')",
    "in a savepoint": "SAVEPOINT s; SELECT clust_fit('demo')",
    "in an INSERT": "INSERT INTO Run (id) SELECT clust_fit('demo')",
    "in an INSERT of VALUES": "INSERT INTO Run (id) VALUES (clust_fit('demo'))",
    "in an UPDATE": "UPDATE Embedding SET content = clust_fit('demo')",
    "in a CREATE TABLE": "CREATE TABLE made AS SELECT clust_fit('demo')",
    "in a SELECT with FROM": "SELECT clust_fit(embedding_model) FROM Embedding",
    "in a SELECT with a subquery": "SELECT clust_fit((SELECT min(embedding_model) FROM Embedding))",
    "in RETURNING": "INSERT INTO Run (id) VALUES (1) RETURNING clust_fit('demo')",
}


@pytest.mark.parametrize("where", NOT_AT_TOP_LEVEL)
def test_clust_fit_is_for_the_top_level(demo: apsw.Connection, where: str) -> None:
    with pytest.raises(TopLevelOnlyError) as caught:
        demo.execute(NOT_AT_TOP_LEVEL[where]).fetchall()
    assert str(caught.value) == (
        "clust_fit publishes in a transaction of its own and was called inside another one (after BEGIN, or in a statement "
        "that reads or writes a table); COMMIT first, then call it alone: SELECT clust_fit('model'). "
        "Inside a transaction use INSERT … SELECT … FROM clust_hdbscan(…)"
    )
    if demo.in_transaction:
        demo.execute("ROLLBACK")
    assert written(demo) == NOTHING
    assert demo.execute("SELECT (SELECT count(*) FROM Run), count(content) FROM Embedding").get == (0, 0)


def test_fit_while_a_statement_of_the_same_connection_reads(demo: apsw.Connection) -> None:
    rows = demo.execute("SELECT id FROM Embedding")
    next(rows)
    with pytest.raises(TopLevelOnlyError):
        sqlclust.fit(demo, "demo")
    rows.close()
    assert sqlclust.fit(demo, "demo") == 1


FIT_ERRORS = {
    "no such model": ("SELECT clust_fit('nope')", UnknownModelError,
                      "no embeddings of model 'nope'; models in this database: 'demo'"),
    "one row": ("SELECT clust_fit('demo', '{\"downsample\": 40}')", TooFewRowsError,
                "embedding model 'demo' has 1 row after the filter and downsampling, expected at least 2 to cluster"),
    "NULL": ("SELECT clust_fit(NULL)", SqlclustError,
             "clust_fit: embedding_model is NULL, expected TEXT, the name of an embedding model"),
    "a number": ("SELECT clust_fit(3)", SqlclustError,
                 "clust_fit: embedding_model is an INTEGER, expected TEXT, the name of an embedding model"),
    "options NULL": ("SELECT clust_fit('demo', NULL)", SqlclustError,
                     "options: found NULL, expected one JSON object such as '{\"min_cluster_size\": 14}'"),
}  # fmt: skip


@pytest.mark.parametrize("case", FIT_ERRORS)
def test_clust_fit_errors(demo: apsw.Connection, case: str) -> None:
    sql, error, message = FIT_ERRORS[case]
    with pytest.raises(error) as caught:
        demo.execute(sql).fetchall()
    assert str(caught.value) == message
    assert written(demo) == NOTHING


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("lock", ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE", "BEGIN; SELECT count(*) FROM Embedding"])
@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_a_lock_of_another_connection(two: tuple[apsw.Connection, apsw.Connection], lock: str, mode: str) -> None:
    con, other = two
    assert con.pragma("journal_mode", mode) == mode
    other.execute(lock).fetchall()
    if mode == "wal" and "SELECT" in lock:
        assert sqlclust.fit(con, "demo") == 1  # readers are in nobody's way
        return
    with pytest.raises(LockedError, match=r"(publishing|reading the embeddings) was given up and nothing was written"):
        con.execute("SELECT clust_fit('demo')").fetchall()
    other.execute("ROLLBACK")
    assert written(con) == written(other) == NOTHING
    assert not con.in_transaction
    assert con.execute("SELECT clust_fit('demo')").get == 1


@pytest.mark.slow
@pytest.mark.parametrize("lock", ["BEGIN IMMEDIATE", "BEGIN; SELECT count(*) FROM Embedding"], ids=["writer", "reader"])
def test_publishing_waits_its_turn(two: tuple[apsw.Connection, apsw.Connection], lock: str) -> None:
    con, other = two
    other.execute(lock).fetchall()
    timer = threading.Timer(0.6, lambda: other.execute("ROLLBACK"))
    timer.start()
    assert sqlclust.fit(con, "demo") == 1
    timer.join()
    assert written(other) == (1, 1, *written(con)[2:])


def test_others_write_while_a_fit_computes(two: tuple[apsw.Connection, apsw.Connection]) -> None:
    con, other = two
    phases: set[str] = set()

    def progress(phase: str, fraction: float) -> None:
        if phase not in phases and phase not in ("load", "publish"):
            other.execute("INSERT INTO Run (id) VALUES (?)", (phase,))
        phases.add(phase)

    assert sqlclust.fit(con, "demo", progress=progress) == 1
    assert other.execute("SELECT count(*) FROM Run").get == len(phases - {"load", "publish"}) > 0


def test_a_file_that_cannot_be_written(demo_file: Path) -> None:
    con = sqlclust.connect(str(demo_file), readonly=True)
    with pytest.raises(DatabaseFileError) as caught:
        con.execute("SELECT clust_fit('demo')").fetchall()
    assert (
        str(caught.value)
        == f"{demo_file}: cannot write to it: publishing needs a connection that may write, and this one is for reading only"
    )
    assert con.execute(f"SELECT count(*) FROM {HDBSCAN}").get == 40
    assert written(con) == NOTHING
    con.close()


@pytest.mark.parametrize("foreign_keys", [True, False])
def test_embeddings_deleted_meanwhile(two: tuple[apsw.Connection, apsw.Connection], foreign_keys: bool) -> None:
    con, other = two
    con.pragma("foreign_keys", foreign_keys)
    deleted: list[str] = []

    def progress(phase: str, fraction: float) -> None:
        if phase not in ("load", "publish") and not deleted:
            other.execute("DELETE FROM Embedding WHERE id IN (7, 9)")
            deleted.append(phase)

    with pytest.raises(MembersGoneError) as caught:
        sqlclust.fit(con, "demo", progress=progress)
    assert str(caught.value) == (
        "embedding 7 was deleted while the fit ran (2 of its rows are gone); nothing was written. Fit again"
    )
    assert written(con) == NOTHING
    assert sqlclust.fit(con, "demo") == 1
    assert con.execute("SELECT n_rows FROM ClusteringSummary").get == 38


@pytest.mark.parametrize("phase", ["load", "publish"])
def test_an_error_in_the_callback_leaves_nothing(demo: apsw.Connection, phase: str) -> None:
    def progress(current: str, fraction: float) -> None:
        if current == phase:
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        sqlclust.fit(demo, "demo", progress=progress)
    assert written(demo) == NOTHING
    assert not demo.in_transaction
