"""A host's table of vectors, and a copy of it as embeddings of our own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import apsw
import numpy as np

import sqlclust
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
