"""What schema.sql refuses and keeps, in plain SQL."""

from __future__ import annotations

from typing import Any

import apsw
import pytest

import sqlclust
from tests.schema.plain import (
    EMBEDDING,
    FOREIGN_KEY,
    NEW,
    PREDICTION,
    assert_refused,
    everything,
)
from tests.small import add_embeddings, clustered

ROW = "INSERT INTO EmbeddingCluster (clustering_result_id, embedding_id, label, probability) VALUES"
CLUSTER = "INSERT INTO Cluster (clustering_result_id, label, medoid_embedding_id, size) VALUES"
RESULT = "INSERT INTO ClusteringResult (embedding_model, parameters) VALUES"
RUNS = "INSERT INTO Run (id) VALUES (1); INSERT INTO Invocation (id, run_id, sequence_number) VALUES (1, 1, 0);"

FIT = (
    "INSERT INTO ClusteringFit (id, embedding_model, selection, metric, normalize, min_samples, alpha, engine, n, n_distinct, "
    "dimension, corpus_hash, versions, timings) "
    "VALUES (3, 'm', '{}', 'euclidean', 1, 5, 1.0, 'exact', 5, 1, 1, 'hash', '{}', '{}');"
)
NEIGHBORS = "INSERT INTO ClusteringFitNeighbors VALUES"
MAP = "INSERT INTO ClusteringFitMap (clustering_fit_id, method, parameters, versions, timings, n, xy) VALUES"

WRONG = {
    "a map of no fit": (f"{MAP} (3, 'PCA', '{{}}', '{{}}', '{{}}', 1, zeroblob(8))", FOREIGN_KEY),
    "two maps of a fit": (
        f"{FIT} {MAP} (3, 'PCA', '{{}}', '{{}}', '{{}}', 1, zeroblob(8)), (3, 'PCA', '{{}}', '{{}}', '{{}}', 1, zeroblob(8))",
        "UNIQUE constraint failed: ClusteringFitMap",
    ),
    "a map by nothing": (f"{FIT} {MAP} (3, '', '{{}}', '{{}}', '{{}}', 1, zeroblob(8))", "CHECK"),
    "a map of no rows": (f"{FIT} {MAP} (3, 'PCA', '{{}}', '{{}}', '{{}}', 0, x'')", "CHECK"),
    "a map of fewer places": (f"{FIT} {MAP} (3, 'PCA', '{{}}', '{{}}', '{{}}', 2, zeroblob(8))", "CHECK"),
    "a map without places": (f"{FIT} {MAP} (3, 'PCA', '{{}}', '{{}}', '{{}}', 1, NULL)", "NOT NULL"),
    "a map with parameters that are no object": (
        f"{FIT} {MAP} (3, 'PCA', '[]', '{{}}', '{{}}', 1, zeroblob(8))",
        "CHECK",
    ),
    "neighbours of no fit": (f"{NEIGHBORS} (3, 0, 0, 0, 0, 0, x'', x'', x'', x'', x'', x'')", FOREIGN_KEY),
    "a part of neighbours twice": (
        f"{FIT} {NEIGHBORS} (3, 0, 0, 0, 0, 0, x'', x'', x'', x'', x'', x''), (3, 0, 0, 0, 0, 0, x'', x'', x'', x'', x'', x'')",
        "UNIQUE constraint failed: ClusteringFitNeighbors",
    ),
    "fewer rows than said": (f"{FIT} {NEIGHBORS} (3, 0, 0, 1, 0, 0, x'', zeroblob(8), x'', x'', x'', x'')", "CHECK"),
    "fewer hashes than rows": (f"{FIT} {NEIGHBORS} (3, 0, 0, 1, 0, 0, zeroblob(4), x'', x'', x'', x'', x'')", "CHECK"),
    "fewer counts than vectors": (
        f"{FIT} {NEIGHBORS} (3, 0, 0, 0, 1, 0, x'', x'', x'', zeroblob(4), x'', x'')",
        "CHECK",
    ),
    "fewer lists than vectors": (
        f"{FIT} {NEIGHBORS} (3, 0, 0, 0, 1, 0, x'', x'', zeroblob(4), x'', x'', x'')",
        "CHECK",
    ),
    "fewer neighbours than said": (
        f"{FIT} {NEIGHBORS} (3, 0, 0, 0, 0, 1, x'', x'', x'', x'', x'', zeroblob(8))",
        "CHECK",
    ),
    "fewer distances than neighbours": (
        f"{FIT} {NEIGHBORS} (3, 0, 0, 0, 0, 1, x'', x'', x'', x'', zeroblob(4), x'')",
        "CHECK",
    ),
    "no neighbours BLOB": (f"{FIT} {NEIGHBORS} (3, 0, 0, 0, 0, 0, x'', x'', x'', x'', NULL, x'')", "NOT NULL"),
    "a part below 0": (f"{FIT} {NEIGHBORS} (3, -1, 0, 0, 0, 0, x'', x'', x'', x'', x'', x'')", "CHECK"),
    "second assignment": (f"{ROW} (1, 1, 1, 1.0)", "UNIQUE constraint failed: EmbeddingCluster.embedding_id"),
    "second assignment, as noise": (
        f"{ROW} (1, 1, -1, 0.0)",
        "UNIQUE constraint failed: EmbeddingCluster.embedding_id",
    ),
    "label without its cluster": ("UPDATE EmbeddingCluster SET label = 2 WHERE embedding_id = 5", FOREIGN_KEY),
    "label below -1": ("UPDATE EmbeddingCluster SET label = -2 WHERE embedding_id = 5", "CHECK"),
    "label not whole": ("UPDATE EmbeddingCluster SET label = 0.5 WHERE embedding_id = 5", "cannot store REAL value"),
    "noise as a cluster": (f"{CLUSTER} (1, -1, 5, 1)", "CHECK"),
    "medoid not in the result": (f"{EMBEDDING} (6, 'm', x'00000000'); {CLUSTER} (1, 2, 6, 1)", FOREIGN_KEY),
    "medoid that is no embedding": (f"{CLUSTER} (1, 2, 99, 1)", FOREIGN_KEY),
    "medoid of another cluster": ("UPDATE Cluster SET medoid_embedding_id = 1 WHERE label = 1", FOREIGN_KEY),
    "medoid that is noise": ("UPDATE Cluster SET medoid_embedding_id = 5 WHERE label = 1", FOREIGN_KEY),
    "medoid NULL": ("UPDATE Cluster SET medoid_embedding_id = NULL WHERE label = 1", "NOT NULL"),
    "medoid leaves its cluster": ("UPDATE EmbeddingCluster SET label = 1 WHERE embedding_id = 2", FOREIGN_KEY),
    "medoid becomes noise": ("UPDATE EmbeddingCluster SET label = -1 WHERE embedding_id = 2", FOREIGN_KEY),
    "medoid's row deleted": ("DELETE FROM EmbeddingCluster WHERE embedding_id = 2", FOREIGN_KEY),
    "one medoid for two clusters": (f"{CLUSTER} (1, 2, 2, 3)", "UNIQUE constraint failed: Cluster"),
    "cluster without members": (f"{CLUSTER} (1, 2, 3, 1)", FOREIGN_KEY),
    "cluster of size 0": ("UPDATE Cluster SET size = 0 WHERE label = 1", "CHECK"),
    "cluster deleted under its members": ("DELETE FROM Cluster WHERE label = 0", FOREIGN_KEY),
    "a label twice": (f"{CLUSTER} (1, 1, 1, 1)", "UNIQUE constraint failed: Cluster"),
    "persistence above 1": ("UPDATE Cluster SET persistence = 1.5", "CHECK"),
    "probability above 1": ("UPDATE EmbeddingCluster SET probability = 1.01", "CHECK"),
    "probability below 0": ("UPDATE EmbeddingCluster SET probability = -0.01", "CHECK"),
    "probability NULL": ("UPDATE EmbeddingCluster SET probability = NULL", "NOT NULL"),
    "probability infinite": ("UPDATE EmbeddingCluster SET probability = 9e999", "CHECK"),
    "probability NaN": ("UPDATE EmbeddingCluster SET probability = 9e999 - 9e999", "NOT NULL"),
    "probability as BLOB": ("UPDATE EmbeddingCluster SET probability = x'0000803f'", "cannot store BLOB value"),
    "outlier score above 1": ("UPDATE EmbeddingCluster SET outlier_score = 2", "CHECK"),
    "row of no embedding": (f"{ROW} (1, 99, -1, 0.0)", FOREIGN_KEY),
    "row of no result": (f"{ROW} (99, 1, -1, 0.0)", FOREIGN_KEY),
    "row of a NULL embedding": (f"{ROW} (1, NULL, -1, 0.0)", "NOT NULL"),
    "cluster of no result": (f"{CLUSTER} (99, 0, 1, 1)", FOREIGN_KEY),
    "vector not of whole floats": (f"{EMBEDDING} (6, 'm', x'000080')", "CHECK"),
    "vector empty": (f"{EMBEDDING} (6, 'm', x'')", "CHECK"),
    "vector NULL": (f"{EMBEDDING} (6, 'm', NULL)", r"CHECK constraint failed: \(vector IS NULL\) <> "),
    "vector TEXT": (f"{EMBEDDING} (6, 'm', '[1.0, 2.0]')", "cannot store TEXT value in BLOB column Embedding.vector"),
    "vector a number": (f"{EMBEDDING} (6, 'm', 1234)", "cannot store INT value in BLOB column Embedding.vector"),
    "vector spoiled later": ("UPDATE Embedding SET vector = x'00' WHERE id = 1", "CHECK"),
    "embedding id NULL": (f"{EMBEDDING} (NULL, 'm', x'0000803f')", "NOT NULL"),
    "embedding id twice": (f"{EMBEDDING} (1, 'other', x'0000803f')", "UNIQUE constraint failed: Embedding.id"),
    "embedding without a model": (f"{EMBEDDING} (6, NULL, x'0000803f')", "NOT NULL"),
    "embedding with an empty model": (f"{EMBEDDING} (6, '', x'0000803f')", "CHECK"),
    "embedding of no invocation": ("UPDATE Embedding SET invocation_id = 1 WHERE id = 1", FOREIGN_KEY),
    "two embeddings of one step and model": (
        f"{RUNS} UPDATE Embedding SET invocation_id = 1 WHERE id < 3",
        "UNIQUE constraint failed: Embedding.invocation_id, Embedding.embedding_model",
    ),
    "two steps of one number": (
        f"{RUNS} INSERT INTO Invocation (id, run_id, sequence_number) VALUES (2, 1, 0)",
        "UNIQUE constraint failed: Invocation.run_id, Invocation.sequence_number",
    ),
    "step below 0": ("INSERT INTO Invocation (id, run_id, sequence_number) VALUES (2, 1, -1)", "CHECK"),
    "step of no run": ("INSERT INTO Invocation (id, run_id, sequence_number) VALUES (2, 9, 1)", FOREIGN_KEY),
    "parameters not JSON": (f"{RESULT} ('m', 'min_cluster_size=5')", "CHECK|malformed JSON"),
    "parameters a JSON array": (f"{RESULT} ('m', '[5]')", "CHECK"),
    "parameters NULL": (f"{RESULT} ('m', NULL)", "NOT NULL"),
    "result without a model": (f"{RESULT} (NULL, '{{}}')", "NOT NULL"),
    "result of no fit": ("UPDATE ClusteringResult SET clustering_fit_id = 7", FOREIGN_KEY),
    "a used embedding deleted": ("DELETE FROM Embedding WHERE id = 1", FOREIGN_KEY),
    "a used embedding deleted, noise": ("DELETE FROM Embedding WHERE id = 5", FOREIGN_KEY),
    "a used embedding renamed": ("UPDATE Embedding SET id = 77 WHERE id = 5", FOREIGN_KEY),
    "a used embedding deleted with its run": (
        f"{RUNS} UPDATE Embedding SET invocation_id = 1 WHERE id = 1; DELETE FROM Run",
        FOREIGN_KEY,
    ),
    "the generated column written": (
        "INSERT INTO EmbeddingCluster (clustering_result_id, embedding_id, label, probability, cluster_label) "
        "VALUES (1, 1, 0, 1, 1)",
        "cannot INSERT into generated column",
    ),
    "prediction of a member": (f"{PREDICTION} (1, 1, 0, 1.0)", "this embedding is a member of the result"),
    "prediction of a member, noise": (f"{PREDICTION} (1, 5, 0, 1.0)", "this embedding is a member of the result"),
    "prediction moved to a member": (
        f"{NEW}; {PREDICTION} (1, 6, 0, 1.0); UPDATE EmbeddingPrediction SET embedding_id = 1",
        "this embedding is a member of the result",
    ),
    "prediction of a label without its cluster": (f"{NEW}; {PREDICTION} (1, 6, 2, 1.0)", FOREIGN_KEY),
    "prediction of no embedding": (f"{PREDICTION} (1, 99, 0, 1.0)", FOREIGN_KEY),
    "prediction of no result": (f"{NEW}; {PREDICTION} (9, 6, -1, 0.0)", FOREIGN_KEY),
    "prediction twice": (
        f"{NEW}; {PREDICTION} (1, 6, 0, 1.0); {PREDICTION} (1, 6, 1, 1.0)",
        "UNIQUE constraint failed: EmbeddingPrediction",
    ),
    "prediction with probability 2": (f"{NEW}; {PREDICTION} (1, 6, 0, 2.0)", "CHECK"),
    "prediction with label -2": (f"{NEW}; {PREDICTION} (1, 6, -2, 0.0)", "CHECK"),
    "rows changed through the view": ("UPDATE ClusterAssignment SET label = 0", "it is a view"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_state_is_refused(plain: apsw.Connection, name: str) -> None:
    assert_refused(plain, *WRONG[name])


def test_wrong_for_a_moment_is_allowed_until_commit(plain: apsw.Connection) -> None:
    plain.execute("BEGIN; UPDATE EmbeddingCluster SET label = 7 WHERE embedding_id = 5")
    with pytest.raises(apsw.ConstraintError, match=FOREIGN_KEY):
        plain.execute("COMMIT")
    plain.execute(
        "INSERT INTO Cluster (clustering_result_id, label, medoid_embedding_id, size) VALUES (1, 7, 5, 1); COMMIT"
    )
    assert plain.execute("SELECT count(*) FROM Cluster").get == 3


def test_deleting_a_result_takes_its_rows_along(plain: apsw.Connection) -> None:
    plain.execute("DELETE FROM ClusteringResult WHERE id = 1")
    rest = everything(plain)
    assert (rest["ClusteringResult"], rest["Cluster"], rest["EmbeddingCluster"]) == ([], [], [])
    assert len(rest["Embedding"]) == 5
    plain.execute("DELETE FROM Embedding")  # nothing uses them any more


def test_deleting_a_fit_keeps_its_results(plain: apsw.Connection) -> None:
    plain.execute("""
        INSERT INTO ClusteringFit (id, embedding_model, selection, metric, normalize, min_samples, alpha, engine, n,
                                   n_distinct, dimension, corpus_hash, versions, timings)
        VALUES (3, 'm', '{}', 'euclidean', 1, 5, 1.0, 'exact', 5, 1, 1, 'hash', '{}', '{}');
        UPDATE ClusteringResult SET clustering_fit_id = 3;
        DELETE FROM ClusteringFit""")
    assert plain.execute("SELECT id, clustering_fit_id FROM ClusteringResult").fetchall() == [(1, None)]


def test_the_same_embeddings_may_be_in_many_results(plain: apsw.Connection) -> None:
    plain.execute("""
        BEGIN;
        INSERT INTO ClusteringResult (id, embedding_model, parameters) VALUES (2, 'm', '{}'), (3, 'm', '{}');
        INSERT INTO Cluster SELECT 2, label, medoid_embedding_id, size, persistence FROM Cluster;
        INSERT INTO EmbeddingCluster (clustering_result_id, embedding_id, label, probability)
            SELECT 2, embedding_id, label, probability FROM EmbeddingCluster;
        COMMIT""")
    assert plain.execute("SELECT clustering_result_id, n_rows, n_clusters, noise_share FROM ClusteringSummary").fetchall() == [
        (1, 5, 2, pytest.approx(0.2)), (2, 5, 2, pytest.approx(0.2)), (3, 0, 0, None)
    ]  # fmt: skip


# --- ids ---------------------------------------------------------------------------------------------------------

IDS: list[Any] = [
    1, -(2**63), 2**63 - 1, 2**53 + 1, 0.5, -1e300, float("inf"), "a17", "17", "017", "", "0688868048517e121234567890123456",
    "1e5", "0x10", " 7", "ünï", b"", b"a17", bytes(range(16)),
]  # fmt: skip


def test_ids_come_back_with_value_and_type(con: apsw.Connection) -> None:
    add_embeddings(con, clustered(len(IDS), clusters=1, noise=0), ids=IDS)
    assert [(type(i), i) for (i,) in con.execute("SELECT id FROM Embedding ORDER BY rowid")] == [
        (type(i), i) for i in IDS
    ]
    result = sqlclust.fit(con, "demo", min_cluster_size=5, allow_single_cluster=True)
    rows = con.execute(
        "SELECT ec.embedding_id, typeof(ec.embedding_id), typeof(e.id), ec.embedding_id = e.id FROM EmbeddingCluster ec "
        "JOIN Embedding e ON e.id = ec.embedding_id WHERE clustering_result_id = ? ORDER BY e.rowid",
        (result,),
    ).fetchall()
    assert [(type(found), found) for found, *_ in rows] == [(type(i), i) for i in IDS]
    assert all(stored == original and equal for _, stored, original, equal in rows)
    through_sql = con.execute(
        "SELECT c.id, c.medoid_id FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding), "
        '\'{"min_cluster_size": 5, "allow_single_cluster": true}\') c ORDER BY c.id'
    ).fetchall()
    in_order = [i for (i,) in con.execute("SELECT id FROM Embedding ORDER BY id")]
    assert [(type(i), i) for i, _ in through_sql] == [(type(i), i) for i in in_order]
    stored_medoid = con.execute("SELECT medoid_embedding_id FROM Cluster").get
    assert [(type(m), m) for m in {m for _, m in through_sql if m is not None}] == [
        (type(stored_medoid), stored_medoid)
    ]


def test_ids_of_runs_and_invocations_keep_their_type(con: apsw.Connection) -> None:
    con.execute("INSERT INTO Run (id) VALUES ('007'), (7), (x'07'), (7.5)")
    con.execute("INSERT INTO Invocation (id, run_id, sequence_number) SELECT id, id, 0 FROM Run")
    assert con.execute("SELECT typeof(id), typeof(run_id), id = run_id FROM Invocation ORDER BY id").fetchall() == [
        ("integer", "integer", 1), ("real", "real", 1), ("text", "text", 1), ("blob", "blob", 1)
    ]  # fmt: skip
