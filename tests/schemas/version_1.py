"""A database as the first released schema made it: version_1.sql is that schema's text and never changes.

python -m tests.schemas.version_1 old.db
"""

from __future__ import annotations

import sys
from pathlib import Path

import apsw

import sqlclust
from tests.small import add_embeddings, clustered

SQL = (Path(__file__).parent / "version_1.sql").read_text(encoding="utf-8")


def make(path: Path | str, sql: str = SQL) -> None:
    """Write one with a run, embeddings of two models, a fit, three results (a fit's, a cut's, one by hand) and predictions."""
    con = apsw.Connection(str(path))
    con.execute("PRAGMA foreign_keys = ON")
    con.execute(sql)
    sqlclust.register(con)
    con.execute("INSERT INTO Run (id, initial_prompt) VALUES ('r', 'a prompt')")
    con.executemany(
        "INSERT INTO Invocation (id, run_id, sequence_number, type, output_text) VALUES (?, 'r', ?, 'text', ?)",
        [(f"step {step}", step, f"text {step}") for step in range(40)],
    )
    add_embeddings(con, clustered(), invocation_ids=[f"step {step}" for step in range(40)])
    add_embeddings(con, clustered(seed=8), model="other", ids=[f"o{row}" for row in range(40)])
    sqlclust.fit(con, "demo", min_cluster_size=5, min_samples=5)
    con.execute("SELECT clust_cut(1, '{\"min_cluster_size\": 4}')").fetchall()
    add_embeddings(con, clustered(seed=9)[20:], ids=range(1001, 1021))
    con.execute("""
        INSERT INTO EmbeddingPrediction (clustering_result_id, embedding_id, label, probability)
        SELECT 1, id, label, probability
        FROM clust_predict(1, (SELECT clust_points(id, vector) FROM Embedding WHERE typeof(id) = 'integer' AND id > 1000))
    """)
    con.execute("""
        BEGIN;
        INSERT INTO ClusteringResult (id, embedding_model, algorithm, parameters) VALUES (7, 'other', 'by hand', '{}');
        INSERT INTO Cluster (clustering_result_id, label, medoid_embedding_id, size) VALUES (7, 0, 'o1', 2);
        INSERT INTO EmbeddingCluster (clustering_result_id, embedding_id, label, probability)
        VALUES (7, 'o1', 0, 1.0), (7, 'o2', 0, 0.5), (7, 'o3', -1, 0.0);
        COMMIT;
    """)
    con.close()


if __name__ == "__main__":
    make(Path(sys.argv[1]))
