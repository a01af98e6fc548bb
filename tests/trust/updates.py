"""As `work`, of a fit that is made from a stored one: into a file that has a fit, some of whose embeddings have changed since."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, NamedTuple

import apsw

import sqlclust
from tests.extension import originals
from tests.small import add_embeddings, clustered
from tests.store.left import result_rows

FORM = "update"
_FIRST = """SELECT clust_fit('demo', '{"min_cluster_size": 5, "downsample": 2}')"""
_FIT = """SELECT clust_fit('demo', '{"min_cluster_size": 5, "update": "only"}')"""
_OLD = (
    "SELECT * FROM ClusteringFit WHERE id = 1",
    "SELECT * FROM ClusteringFitNeighbors WHERE clustering_fit_id = 1 ORDER BY part",
    "SELECT * FROM ClusteringResult WHERE id = 1",
    "SELECT * FROM Cluster WHERE clustering_result_id = 1 ORDER BY label",
    "SELECT * FROM EmbeddingCluster WHERE clustering_result_id = 1 ORDER BY embedding_id",
    "SELECT id, embedding_model, vector FROM Embedding ORDER BY id",
)
_NEW = """
SELECT n, n_distinct, corpus_hash, row_ids, row_checks, core_distances, spanning_tree FROM ClusteringFit WHERE id = ?
"""
_OF_NO_FIT = "SELECT * FROM ClusteringFitNeighbors WHERE clustering_fit_id NOT IN (SELECT id FROM ClusteringFit)"


class Expected(NamedTuple):
    """What is in the file whatever happens: a hash of the old fit, its result and the embeddings; and what is in a new fit."""

    old: str
    rows: list[tuple[Any, ...]]
    fit: list[tuple[Any, ...]]


def make(path: Path, journal: str, *, n: int = 40) -> Expected:
    """Make a file with a fit of every second of its embeddings, some of which have other vectors now."""
    con = sqlclust.connect(str(path))
    assert con.pragma("journal_mode", journal) == journal
    sqlclust.initialize(con)
    with con:
        add_embeddings(con, clustered(n))
    con.execute(_FIRST)
    con.execute("UPDATE Embedding SET vector = (SELECT vector FROM Embedding WHERE id = 3) WHERE id IN (1, 9)")
    old = _old(con)
    anew = sqlclust.connect(":memory:")
    with anew.backup("main", con, "main") as backup:
        backup.step()
    con.close()
    result = sqlclust.fit(anew, "demo", min_cluster_size=5, update="never")
    expected = Expected(old, result_rows(anew, result), anew.execute(_NEW, (2,)).fetchall())
    anew.close()
    return expected


def _old(con: apsw.Connection) -> str:
    rows = [con.execute(sql).fetchall() for sql in _OLD]
    return hashlib.sha256(repr(rows).encode()).hexdigest()


@originals()
def write(con: apsw.Connection, form: str) -> int | None:
    """Write a result."""
    assert form == FORM
    result_id: int = con.execute(_FIT).get
    return result_id


def judge(path: Path, expected: Expected) -> int:
    """As `work.judge`: the old fit and its result are as they were, and each new result is whole. Returns how many there are."""
    con = apsw.Connection(str(path))
    con.pragma("synchronous", "OFF")
    try:
        assert con.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert con.execute("PRAGMA foreign_key_check").fetchall() == []
        assert _old(con) == expected.old
        results: list[Any] = con.execute("SELECT id, clustering_fit_id FROM ClusteringResult WHERE id > 1").fetchall()
        for result_id, fit_id in results:
            assert result_rows(con, result_id) == expected.rows
            assert con.execute(_NEW, (fit_id,)).fetchall() == expected.fit
            [(of, changes, publish, exponent)] = con.execute(
                "SELECT updated_from, timings ->> '$.measured.changes.new', timings ->> 'publish', p.exponent "
                "FROM ClusteringFit f JOIN ClusteringFitNeighbors p ON p.clustering_fit_id = f.id WHERE f.id = ?",
                (fit_id,),
            )
            assert (of, changes, exponent) == (1, len(expected.rows) // 2, 0)
            assert publish is not None
        assert con.execute("SELECT count(*) FROM ClusteringFit").get == 1 + bool(results)
        assert con.execute(_OF_NO_FIT).fetchall() == []
        return len(results)
    finally:
        con.close()
