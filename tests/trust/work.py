"""What the tests of trust break: a database with embeddings, two ways to write a result, and a judge of what is left."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import apsw

import sqlclust
from tests.extension import originals
from tests.small import add_embeddings, clustered

JOURNALS = ("wal", "delete")
FORMS = ("clust_fit", "one statement")

CLUST_FIT = """SELECT clust_fit('demo', '{"min_cluster_size": 5}')"""
ONE_STATEMENT = """
BEGIN IMMEDIATE;
INSERT INTO ClusteringResult (embedding_model, parameters) VALUES ('demo', '{"min_cluster_size": 5}');
INSERT INTO ClusterAssignment (clustering_result_id, embedding_id, label, probability, outlier_score,
                               medoid_embedding_id, size, persistence)
SELECT (SELECT max(id) FROM ClusteringResult), id, label, probability, outlier_score, medoid_id, cluster_size, persistence
FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding WHERE embedding_model = 'demo'),
                   '{"min_cluster_size": 5}');
COMMIT;
"""

SUFFIXES = ("", "-wal", "-journal")
"""Of the files that are a database; -shm is made again from -wal."""

Rows = list[tuple[Any, ...]]


def make(path: Path, journal: str, *, n: int = 40, page_size: int = 4096) -> Rows:
    """Make a database of n embeddings of model 'demo', and one of model 'other', which no test touches; returns the rows
    of ClusterAssignment that a result of it has.
    """
    con = sqlclust.connect(str(path))
    con.pragma("page_size", page_size)
    assert con.pragma("journal_mode", journal) == journal
    sqlclust.initialize(con)
    with con:
        add_embeddings(con, clustered(n))
        add_embeddings(con, clustered(12), model="other", ids=[f"other {i}" for i in range(12)])
    rows = con.execute(
        "SELECT id, label, probability, outlier_score, medoid_id, cluster_size, persistence FROM clust_hdbscan("
        "(SELECT clust_points(id, vector) FROM Embedding WHERE embedding_model = 'demo'), '{\"min_cluster_size\": 5}')"
    ).fetchall()
    con.close()
    assert len(rows) == n
    assert len({row[1] for row in rows}) == 4
    return rows


@originals()
def write(con: apsw.Connection, form: str) -> int | None:
    """Write a result; on an error the transaction ends, as any program's would."""
    if form == "clust_fit":
        result_id: int = con.execute(CLUST_FIT).get
        return result_id
    try:
        con.execute(ONE_STATEMENT)
    except BaseException:
        if con.in_transaction:
            con.execute("ROLLBACK")
        raise
    return None


def judge(path: Path, expected: Rows) -> int:
    """Look at a database with a plain connection, which may have to repair it first: it is sound, and every result in it is
    whole. Returns how many there are.
    """
    con = apsw.Connection(str(path))
    con.pragma("synchronous", "OFF")
    try:
        assert con.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert con.execute("PRAGMA foreign_key_check").fetchall() == []
        found = con.execute(
            "SELECT id, clustering_fit_id, parameters ->> 'min_samples' FROM ClusteringResult"
        ).fetchall()
        for result_id, fit_id, min_samples in found:
            rows = con.execute(
                "SELECT embedding_id, label, probability, outlier_score, medoid_embedding_id, size, persistence "
                "FROM ClusterAssignment WHERE clustering_result_id = ? ORDER BY embedding_id",
                (result_id,),
            ).fetchall()
            assert rows == expected
            # one of clust_fit has its fit; its parameters are complete
            assert (fit_id is None) == (min_samples is None)
        for orphans in (
            "SELECT * FROM Cluster WHERE clustering_result_id NOT IN (SELECT id FROM ClusteringResult)",
            "SELECT * FROM EmbeddingCluster WHERE clustering_result_id NOT IN (SELECT id FROM ClusteringResult)",
            "SELECT * FROM ClusteringFit WHERE id NOT IN "
            "(SELECT clustering_fit_id FROM ClusteringResult WHERE clustering_fit_id IS NOT NULL)",
            "SELECT * FROM ClusteringFit WHERE spanning_tree IS NULL OR timings ->> 'publish' IS NULL",
        ):
            assert con.execute(orphans).fetchall() == []
        assert con.execute("SELECT count(*) FROM Embedding").get == len(expected) + 12
        return len(found)
    finally:
        con.close()


def outcome(con: apsw.Connection, form: str) -> Exception | None:
    """Write a result; the error, if there was one."""
    try:
        write(con, form)
    except Exception as error:
        return error
    return None


def copy(source: Path, target: Path) -> Path:
    """Copy a database with what its journals hold, as it lies there: as if its program had just been killed."""
    for suffix in (*SUFFIXES, "-shm"):
        Path(f"{target}{suffix}").unlink(missing_ok=True)
    for suffix in SUFFIXES:
        if Path(f"{source}{suffix}").exists():
            shutil.copyfile(f"{source}{suffix}", f"{target}{suffix}")
    return target
