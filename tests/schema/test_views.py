"""What the views of schema.sql say, in plain SQL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw
import pytest

import sqlclust
from sqlclust.schema import schema_sql
from tests.schema.plain import (
    EMBEDDING,
    FOREIGN_KEY,
    NEW,
    PREDICTION,
    SHELL,
    VIEWS,
    everything,
    shell,
)

# --- views -------------------------------------------------------------------------------------------------------

# two runs; labels of the first in order: 0 0 1 -1 -1 0, of the second: 1 (no embedding) 1 0; and a second result
JOURNEYS = """
INSERT INTO Run (id) VALUES ('r'), ('s');
INSERT INTO Invocation (id, run_id, sequence_number, output_text) VALUES
    (10, 'r', 0, 'ten'), (11, 'r', 1, 'eleven'), (12, 'r', 2, 'twelve'), (13, 'r', 3, NULL), (14, 'r', 4, NULL),
    (15, 'r', 7, NULL), (20, 's', 0, NULL), (21, 's', 1, NULL), (22, 's', 2, NULL), (23, 's', 3, NULL);
INSERT INTO Embedding (id, invocation_id, embedding_model, vector, content)
    SELECT 'e' || id, id, 'm', x'0000803f', iif(id = 12, 'own text', NULL) FROM Invocation WHERE id <> 21;
BEGIN;
INSERT INTO ClusteringResult (id, embedding_model, parameters, started_at, completed_at) VALUES
    (1, 'm', '{"a": 1}', '2025-07-29T10:36:36.250Z', '2025-07-29T10:37:30.150Z'), (2, 'm', '{}', NULL, '2025-07-30');
INSERT INTO ClusterAssignment (clustering_result_id, embedding_id, label, probability, outlier_score,
                               medoid_embedding_id, size, persistence) VALUES
    (1, 'e10', 0, 1.0, 0.0, 'e10', 4, 0.5), (1, 'e11', 0, 0.9, 0.1, 'e10', 4, 0.5), (1, 'e12', 1, 1.0, 0.0, 'e12', 3, NULL),
    (1, 'e13', -1, 0.0, 0.7, NULL, NULL, NULL), (1, 'e14', -1, 0.0, NULL, NULL, NULL, NULL),
    (1, 'e15', 0, 1.0, 0.0, 'e10', 4, 0.5), (1, 'e20', 1, 1.0, 0.0, 'e12', 3, NULL),
    (1, 'e22', 1, 1.0, 0.0, 'e12', 3, NULL), (1, 'e23', 0, 1.0, 0.0, 'e10', 4, 0.5),
    (2, 'e10', 0, 1.0, 0.0, 'e11', 3, 0.5), (2, 'e11', 0, 1.0, 0.0, 'e11', 3, 0.5), (2, 'e12', 0, 1.0, 0.0, 'e11', 3, 0.5);
COMMIT;
"""

VIEW_ROWS: dict[str, tuple[str, list[list[Any]]]] = {
    "ClusteringSummary": (
        "SELECT clustering_result_id, embedding_model, algorithm, n_rows, n_clusters, n_noise, round(noise_share, 6), "
        "duration, parameters, clustering_fit_id, started_at, completed_at FROM ClusteringSummary ORDER BY 1",
        [
            [1, "m", "hdbscan", 9, 2, 2, 0.222222, 53.9, '{"a": 1}', None, "2025-07-29T10:36:36.250Z",
             "2025-07-29T10:37:30.150Z"],
            [2, "m", "hdbscan", 3, 1, 0, 0.0, None, "{}", None, None, "2025-07-30"],
        ],
    ),
    "ClusterSummary": (
        "SELECT clustering_result_id, label, size, round(share, 6), persistence, medoid_embedding_id, medoid_text "
        "FROM ClusterSummary ORDER BY 1, 2",
        [
            [1, 0, 4, 0.444444, 0.5, "e10", "ten"],
            [1, 1, 3, 0.333333, None, "e12", "own text"],
            [2, 0, 3, 1.0, 0.5, "e11", "eleven"],
        ],
    ),
    "EmbeddingClusterMedoid": (
        "SELECT embedding_id, clustering_result_id, medoid_embedding_id FROM EmbeddingClusterMedoid "
        "WHERE embedding_id IN ('e11', 'e12', 'e13') ORDER BY 2, 1",
        [["e11", 1, "e10"], ["e12", 1, "e12"], ["e13", 1, None], ["e11", 2, "e11"], ["e12", 2, "e11"]],
    ),
    "ClusterAssignment": (
        "SELECT * FROM ClusterAssignment WHERE embedding_id IN ('e12', 'e13') ORDER BY clustering_result_id, embedding_id",
        [
            [1, "e12", 1, 1.0, 0.0, "e12", 3, None],
            [1, "e13", -1, 0.0, 0.7, None, None, None],
            [2, "e12", 0, 1.0, 0.0, "e11", 3, 0.5],
        ],
    ),
    "ClusterOverlap": (
        "SELECT * FROM ClusterOverlap ORDER BY 1, 2, 3, 4",
        [[1, 2, 0, 0, 2], [1, 2, 1, 0, 1], [2, 1, 0, 0, 2], [2, 1, 0, 1, 1]],
    ),
    "ClusterTrajectory": (
        "SELECT sequence_number, embedding_id, label, previous_label FROM ClusterTrajectory "
        "WHERE clustering_result_id = 1 AND run_id = 's' ORDER BY 1",
        [[0, "e20", 1, None], [2, "e22", 1, 1], [3, "e23", 0, 1]],
    ),
    "ClusterTransition": (
        "SELECT clustering_result_id, from_label, to_label, n, round(probability, 6) FROM ClusterTransition ORDER BY 1, 2, 3",
        [
            [1, -1, -1, 1, 0.5], [1, -1, 0, 1, 0.5],
            [1, 0, 0, 1, 0.5], [1, 0, 1, 1, 0.5],
            [1, 1, -1, 1, 0.333333], [1, 1, 0, 1, 0.333333], [1, 1, 1, 1, 0.333333],
            [2, 0, 0, 2, 1.0],
        ],
    ),
    "ClusterDwell": (
        "SELECT * FROM ClusterDwell ORDER BY clustering_result_id, run_id, first_sequence_number",
        [
            [1, "r", 0, 0, 1, 2], [1, "r", 1, 2, 2, 1], [1, "r", -1, 3, 4, 2], [1, "r", 0, 7, 7, 1],
            [1, "s", 1, 0, 2, 2], [1, "s", 0, 3, 3, 1],
            [2, "r", 0, 0, 2, 3],
        ],
    ),
    "ClusterMilestone": (
        "SELECT * FROM ClusterMilestone WHERE clustering_result_id = 1 ORDER BY run_id, sequence_number",
        [
            [1, "r", 0, "e10", 0, 0, None], [1, "r", 1, "e11", 0, 0, 0], [1, "r", 2, "e12", 1, 1, 0],
            [1, "r", 3, "e13", -1, 1, 1], [1, "r", 4, "e14", -1, 1, 1], [1, "r", 7, "e15", 0, 0, 1],
            [1, "s", 0, "e20", 1, 1, None], [1, "s", 2, "e22", 1, 1, 1], [1, "s", 3, "e23", 0, 0, 1],
        ],
    ),
    "ClusterMilestoneTransition": (
        "SELECT clustering_result_id, from_label, to_label, n, round(probability, 6), move_probability "
        "FROM ClusterMilestoneTransition ORDER BY 1, 2, 3",
        [
            [1, 0, 0, 1, 0.5, None], [1, 0, 1, 1, 0.5, 1.0],
            [1, 1, 0, 2, 0.4, 1.0], [1, 1, 1, 3, 0.6, None],
            [2, 0, 0, 2, 1.0, None],
        ],
    ),
    "ClusterMilestoneDwell": (
        "SELECT * FROM ClusterMilestoneDwell ORDER BY clustering_result_id, run_id, first_sequence_number",
        [
            [1, "r", 0, 0, 1, 2, 0], [1, "r", 1, 2, 4, 3, 2], [1, "r", 0, 7, 7, 1, 0],
            [1, "s", 1, 0, 2, 2, 0], [1, "s", 0, 3, 3, 1, 0],
            [2, "r", 0, 0, 2, 3, 0],
        ],
    ),
    "ClusteringFreshness": (
        "SELECT * FROM ClusteringFreshness ORDER BY 1",
        [[1, "m", "2025-07-29T10:36:36.250Z", 9, 9, 0, 0], [2, "m", "2025-07-30", 9, 3, 6, 6]],
    ),
    "EmbeddingModelSummary": ("SELECT * FROM EmbeddingModelSummary", [["m", 9, 1, 0, 2, 2]]),
}  # fmt: skip


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_by_hand(view: str) -> None:
    sql, rows = VIEW_ROWS[view]
    connection = apsw.Connection(":memory:")
    connection.execute(schema_sql() + JOURNEYS)
    assert [list(row) for row in connection.execute(sql)] == rows


@pytest.mark.skipif(SHELL is None, reason="no sqlite3 shell on this machine")
def test_views_in_the_stock_shell(tmp_path: Path) -> None:
    path = tmp_path / "views.db"
    assert shell(path, schema_sql() + JOURNEYS).stderr == ""
    for view in VIEWS:
        sql, rows = VIEW_ROWS[view]
        found = shell(path, f".mode list\n.separator |\n.nullvalue NULL\n{sql};").stdout.splitlines()
        assert found == ["|".join("NULL" if v is None else str(v) for v in row) for row in rows], view


MODELS = """
INSERT INTO Embedding (id, embedding_model, vector, created_at) VALUES
    (1, 'a', zeroblob(12), '2025-01-02'), (2, 'a', zeroblob(12), '2025-01-01'), (3, 'b', zeroblob(40000), '2025-01-01'),
    (4, 'B', zeroblob(4), '2025-01-03'), (5, 'a', zeroblob(12), '2025-01-03');
INSERT INTO ClusteringFit (id, embedding_model, selection, metric, normalize, min_samples, alpha, engine, n, n_distinct,
                           dimension, corpus_hash, versions, timings)
    SELECT id, model, '{}', 'euclidean', 1, 5, 1.0, 'exact', 3, 1, 3, 'hash', '{}', '{}'
    FROM (SELECT 1 AS id, 'a' AS model UNION ALL SELECT 2, 'a' UNION ALL SELECT 3, 'b');
INSERT INTO ClusteringResult (id, embedding_model, parameters, completed_at) VALUES
    (1, 'a', '{}', '2025-02-03'), (2, 'of no embedding', '{}', '2025-02-01'), (7, 'a', '{}', '2025-02-02'),
    (8, 'of no embedding', '{}', '2025-02-02');
"""


def test_models_by_hand() -> None:
    con = apsw.Connection(":memory:")
    con.execute(schema_sql())
    assert con.execute("SELECT * FROM EmbeddingModelSummary").fetchall() == []
    con.execute(MODELS)
    cursor = con.execute("SELECT * FROM EmbeddingModelSummary ORDER BY embedding_model")
    assert [name for name, _ in cursor.get_description()] == [
        *("embedding_model", "n_embeddings", "dimension", "n_fits", "n_results", "latest_clustering_result_id")
    ]
    # an embedding's model is told apart by case; "latest" is the largest id; b has a fit and no result of it left
    assert cursor.fetchall() == [("B", 1, 1, 0, 0, None), ("a", 3, 3, 2, 2, 7), ("b", 1, 10_000, 1, 0, None)]


@pytest.mark.parametrize(
    ("condition", "way"), [("", "SCAN e"), (" WHERE embedding_model = 'a'", "SEARCH e"), (" ORDER BY 2", "SCAN e")]
)
def test_models_are_counted_by_the_index(tmp_path: Path, condition: str, way: str) -> None:
    sql = f"EXPLAIN QUERY PLAN SELECT * FROM EmbeddingModelSummary{condition}"
    con = apsw.Connection(":memory:")
    con.execute(schema_sql())
    plans = ["\n".join(row[3] for row in con.execute(sql))]
    if SHELL is not None:
        plans.append(shell(tmp_path / "plan.db", schema_sql() + sql + ";").stdout)
    for plan in plans:
        assert f"{way} USING COVERING INDEX Embedding_embedding_model" in plan
        assert "SEARCH one USING INDEX Embedding_embedding_model (embedding_model=?)" in plan  # in order: not sorted
        assert "SEARCH f USING COVERING INDEX ClusteringFit_corpus (embedding_model=?)" in plan
        assert plan.count("SEARCH r USING COVERING INDEX ClusteringResult_embedding_model (embedding_model=?)") == 2
        assert plan.count("TEMP B-TREE") == condition.count("ORDER")


def test_models_are_summed_up_once_a_model(plain: apsw.Connection) -> None:
    """The subqueries run for a model's one row, not for each of its embeddings."""
    steps = [0]

    def count() -> bool:
        steps[0] += 1
        return False

    def read(n: int) -> int:
        plain.execute(
            "WITH RECURSIVE more (i) AS (VALUES (?1) UNION ALL SELECT i + 1 FROM more WHERE i < ?1 + ?2 - 1) "
            "INSERT INTO Embedding (id, embedding_model, vector) SELECT i, 'm', x'0000803f' FROM more",
            (plain.execute("SELECT max(id) + 1 FROM Embedding").get, n),
        )
        steps[0] = 0
        plain.set_progress_handler(count, 1)
        rows = plain.execute("SELECT * FROM EmbeddingModelSummary").fetchall()
        plain.set_progress_handler(None)
        assert rows == [("m", plain.execute("SELECT count(*) FROM Embedding").get, 1, 0, 1, 1)]
        return steps[0]

    few, many = read(1), read(1_000)
    assert (many - few) / 1_000 < 15  # counting takes 7; the four subqueries some 100


def test_noise_of_other_programs_may_have_a_strength(plain: apsw.Connection) -> None:
    """sqlclust writes 0, and its doctor says where another program did not; the database does not refuse it."""
    plain.execute("UPDATE EmbeddingCluster SET probability = 0.25 WHERE embedding_id = 5")
    plain.execute(f"{NEW}; {PREDICTION} (1, 6, -1, 0.5)")


def test_writing_through_cluster_assignment(demo: apsw.Connection) -> None:
    demo.execute("INSERT INTO ClusteringResult (id, embedding_model, parameters) VALUES (5, 'demo', '{}')")
    demo.execute("""
        INSERT INTO ClusterAssignment (clustering_result_id, embedding_id, label, probability, outlier_score,
                                       medoid_embedding_id, size, persistence)
        SELECT 5, id, label, probability, outlier_score, medoid_id, cluster_size, persistence
        FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding), '{"min_cluster_size": 5}')""")
    same = sqlclust.fit(demo, "demo", min_cluster_size=5)
    rows = "SELECT embedding_id, label, probability, outlier_score, medoid_embedding_id, size, persistence FROM ClusterAssignment"
    by_sql, by_fit = (
        demo.execute(f"{rows} WHERE clustering_result_id = ? ORDER BY 1", (i,)).fetchall() for i in (5, same)
    )
    assert by_sql == by_fit
    assert demo.execute("SELECT n_rows, n_clusters FROM ClusteringSummary WHERE clustering_result_id = 5").get == (
        40,
        3,
    )


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("(1, 5, 0, 1.0, 0.0, 2, 3, 0.5)", "UNIQUE constraint failed: EmbeddingCluster"),
        ("(1, 6, 0, 1.0, 0.0, 1, 3, 0.5)", "rows of one cluster disagree"),
        ("(1, 6, 0, 1.0, 0.0, 2, 4, 0.5)", "rows of one cluster disagree"),
        ("(1, 6, 0, 1.0, 0.0, 2, 3, NULL)", "rows of one cluster disagree"),
        ("(1, 6, 0, 1.0, 0.0, NULL, 3, 0.5)", "rows of one cluster disagree"),
        ("(1, 6, 2, 1.0, 0.0, NULL, 3, 0.5)", "NOT NULL constraint failed: Cluster.medoid_embedding_id"),
        ("(1, 6, 2, 1.0, 0.0, 2, 1, 0.5)", "UNIQUE constraint failed: Cluster"),
        ("(1, 6, 2, 1.0, 0.0, 1, 1, 0.5)", FOREIGN_KEY),
    ],
    ids=["twice", "other medoid", "other size", "other persistence", "no medoid", "new without medoid", "shared", "not a member"],
)  # fmt: skip
def test_cluster_assignment_refuses(plain: apsw.Connection, row: str, reason: str) -> None:
    plain.execute(f"{EMBEDDING} (6, 'm', x'0000803f')")
    before = everything(plain)
    with pytest.raises(apsw.ConstraintError, match=reason):
        plain.execute(f"INSERT INTO ClusterAssignment VALUES {row}")
    assert everything(plain) == before
