"""What a fit left in the tables."""

from __future__ import annotations

from typing import Any

import apsw

TABLES = ("ClusteringFit", "ClusteringResult", "Cluster", "EmbeddingCluster")


def counts(con: apsw.Connection) -> list[int]:
    return [con.execute(f"SELECT count(*) FROM {table}").get for table in TABLES]


def assert_nothing_written(con: apsw.Connection) -> None:
    assert counts(con) == [0, 0, 0, 0]
    assert con.execute("SELECT count(*) FROM ClusteringFitNeighbors").get == 0
    assert con.execute("SELECT count(*) FROM ClusteringFitMap").get == 0
    assert not con.in_transaction
    assert con.txn_state() == apsw.SQLITE_TXN_NONE


def row(con: apsw.Connection, table: str, which: int) -> dict[str, Any]:
    cursor = con.execute(f"SELECT * FROM {table} WHERE id = ?", (which,))
    [values] = cursor.fetchall()
    names = [r[0] for r in con.execute("SELECT name FROM pragma_table_info(?)", (table,))]
    return dict(zip(names, values, strict=True))


ROWS = """
SELECT ec.embedding_id, ec.label, ec.probability, ec.outlier_score, c.medoid_embedding_id, c.size, c.persistence
FROM EmbeddingCluster ec
LEFT JOIN Cluster c ON c.clustering_result_id = ec.clustering_result_id AND c.label = ec.label
WHERE ec.clustering_result_id = ? ORDER BY ec.embedding_id
"""
FRESH = """
SELECT id, label, probability, outlier_score, medoid_id, cluster_size, persistence
FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding WHERE embedding_model = ?), ?)
"""


def result_rows(con: apsw.Connection, result_id: int) -> list[tuple[Any, ...]]:
    return con.execute(ROWS, (result_id,)).fetchall()


def fit_ids(con: apsw.Connection) -> list[int]:
    return [i for (i,) in con.execute("SELECT clustering_fit_id FROM ClusteringResult ORDER BY id")]


def labels_of(con: apsw.Connection, result_id: int) -> set[int]:
    return {label for (label,) in con.execute("SELECT label FROM Cluster WHERE clustering_result_id = ?", (result_id,))}
