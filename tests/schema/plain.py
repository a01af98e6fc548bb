"""Our schema in plain SQL: its names, some rows, and a stock shell."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import apsw
import pytest

ROOT = Path(__file__).resolve().parents[2]
SHELL = shutil.which("sqlite3")
TABLES = [
    *("Cluster", "ClusteringFit", "ClusteringFitMap", "ClusteringFitNeighbors", "ClusteringResult", "Embedding"),
    *("EmbeddingCluster", "EmbeddingPrediction", "EmbeddingSource", "Invocation", "Run", "SqlclustMigration"),
]
VIEWS = [
    *("ClusterAssignment", "ClusterDwell", "ClusterMilestone", "ClusterMilestoneDwell"),
    *("ClusterMilestoneTransition", "ClusterOverlap", "ClusterSummary", "ClusterTrajectory"),
    *("ClusterTransition", "ClusteringFreshness", "ClusteringSummary", "EmbeddingClusterMedoid"),
    "EmbeddingModelSummary",
]

# one result of five embeddings: cluster 0 is 1, 2, 3 with medoid 2, cluster 1 is 4 alone, 5 is noise
GOOD = """
INSERT INTO Embedding (id, embedding_model, vector) VALUES
    (1, 'm', x'0000803f'), (2, 'm', x'0000803f'), (3, 'm', x'0000803f'), (4, 'm', x'0000803f'), (5, 'm', x'0000803f');
BEGIN;
INSERT INTO ClusteringResult (id, embedding_model, parameters) VALUES (1, 'm', '{}');
INSERT INTO Cluster (clustering_result_id, label, medoid_embedding_id, size, persistence)
    VALUES (1, 0, 2, 3, 0.5), (1, 1, 4, 1, 0.25);
INSERT INTO EmbeddingCluster (clustering_result_id, embedding_id, label, probability, outlier_score)
    VALUES (1, 1, 0, 1.0, 0.0), (1, 2, 0, 1.0, 0.0), (1, 3, 0, 0.5, 0.5), (1, 4, 1, 1.0, 0.0), (1, 5, -1, 0.0, 0.75);
COMMIT;
"""

PREDICTION = "INSERT INTO EmbeddingPrediction (clustering_result_id, embedding_id, label, probability) VALUES"
NEW = "INSERT INTO Embedding (id, embedding_model, vector) VALUES (6, 'm', x'0000803f')"
EMBEDDING = "INSERT INTO Embedding (id, embedding_model, vector) VALUES"
FOREIGN_KEY = "FOREIGN KEY constraint failed"


def everything(con: apsw.Connection) -> dict[str, list[Any]]:
    """Every row of every table, in an order that does not depend on how many columns there are."""
    return {table: sorted(con.execute(f"SELECT * FROM {table}").fetchall(), key=repr) for table in TABLES}


def assert_refused(con: apsw.Connection, sql: str, reason: str) -> None:
    """Nothing of it is done."""
    before = everything(con)
    with pytest.raises((apsw.ConstraintError, apsw.SQLError), match=reason), con:
        con.execute(sql)
    assert everything(con) == before
    assert con.execute("PRAGMA foreign_key_check").fetchall() == []


def shell(path: Path, sql: str) -> subprocess.CompletedProcess[str]:
    if SHELL is None:
        pytest.skip("no sqlite3 shell on this machine")
    return subprocess.run(
        [SHELL, "-bail", "-batch", str(path)], input=sql, capture_output=True, encoding="utf-8", cwd=ROOT
    )
