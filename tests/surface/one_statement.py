"""Clustering in one statement, as the tests write it, and what it wrote."""

from __future__ import annotations

from typing import Any

import apsw

HDBSCAN = "clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding), '{\"min_cluster_size\": 5}')"

RESULT = "INSERT INTO ClusteringResult (id, embedding_model, parameters) VALUES (1, 'demo', '{}')"

CLUSTERS = (
    "INSERT INTO Cluster (clustering_result_id, label, medoid_embedding_id, size, persistence) "
    f"SELECT DISTINCT 1, label, medoid_id, cluster_size, persistence FROM {HDBSCAN} WHERE label >= 0"
)

ROWS = (
    "INSERT INTO EmbeddingCluster (clustering_result_id, embedding_id, label, probability, outlier_score) "
    f"SELECT 1, id, label, probability, outlier_score FROM {HDBSCAN} WHERE true"
)

WRITTEN = (
    "SELECT (SELECT count(*) FROM ClusteringFit), (SELECT count(*) FROM ClusteringResult), (SELECT count(*) FROM Cluster), "
    "(SELECT count(*) FROM EmbeddingCluster)"
)

NOTHING = (0, 0, 0, 0)


def written(con: apsw.Connection) -> Any:
    return con.execute(WRITTEN).fetchone()
