"""schema.sql on its own: what it refuses, what its views say; in plain SQL, and in programs that are not ours."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import apsw
import pytest

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.errors import SchemaConflictError, SchemaMissingError, SchemaVersionError, SQLiteVersionError
from sqlclust.schema import MIGRATIONS, VERSION, check, initialize, object_names, schema_sql, version
from tests.small import add_embeddings, clustered

ROOT = Path(__file__).resolve().parents[1]
SHELL = shutil.which("sqlite3")
TABLES = [
    *("Cluster", "ClusteringFit", "ClusteringResult", "Embedding", "EmbeddingCluster"),
    *("EmbeddingPrediction", "Invocation", "Run", "SqlclustMigration"),
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


@pytest.fixture
def plain() -> apsw.Connection:
    """Our schema and the rows above, in a connection without any function of ours."""
    connection = apsw.Connection(":memory:")
    connection.execute(schema_sql())
    connection.execute(GOOD)
    return connection


def everything(con: apsw.Connection) -> dict[str, list[Any]]:
    return {table: con.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3").fetchall() for table in TABLES}


# --- where it runs ---------------------------------------------------------------------------------------------


RUN_IN_STDLIB = """
import sqlite3, sys
from contextlib import closing
with closing(sqlite3.connect(sys.argv[1])) as con:
    con.executescript(open("schema.sql", encoding="utf-8").read())
    tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY 1"
    print(*(name for name, in con.execute(tables)))
"""


def shell(path: Path, sql: str) -> subprocess.CompletedProcess[str]:
    if SHELL is None:
        pytest.skip("no sqlite3 shell on this machine")
    return subprocess.run(
        [SHELL, "-bail", "-batch", str(path)], input=sql, capture_output=True, encoding="utf-8", cwd=ROOT
    )


def test_runs_in_the_stock_shell(tmp_path: Path) -> None:
    path = tmp_path / "shell.db"
    made = shell(path, schema_sql())
    assert (made.returncode, made.stdout, made.stderr) == (0, "", "")
    shell(path, "PRAGMA foreign_keys = ON;" + GOOD)
    for view in VIEWS:
        assert shell(path, f"SELECT count(*) >= 0 FROM {view};").stdout == "1\n", view
    assert (
        shell(path, "SELECT n_rows, n_clusters, n_noise, noise_share FROM ClusteringSummary;").stdout == "5|2|1|0.2\n"
    )
    refused = shell(path, "PRAGMA foreign_keys = ON; DELETE FROM Embedding WHERE id = 5;")
    assert refused.returncode != 0
    assert "FOREIGN KEY constraint failed" in refused.stderr


def test_runs_in_the_standard_library(tmp_path: Path) -> None:
    path = tmp_path / "stdlib.db"  # a process of its own: two SQLite libraries must not share one
    made = subprocess.run(
        [sys.executable, "-c", RUN_IN_STDLIB, str(path)], capture_output=True, encoding="utf-8", cwd=ROOT, check=True
    )
    assert made.stdout.split() == TABLES


def test_runs_in_apsw_and_the_file_is_ours(tmp_path: Path) -> None:
    path = str(tmp_path / "apsw.db")
    connection = apsw.Connection(path)
    connection.execute((ROOT / "schema.sql").read_text(encoding="utf-8"))
    connection.close()
    ours = sqlclust.connect(path)
    assert version(database_of(ours)) == VERSION
    assert sqlclust.initialize(ours) is False
    ours.close()


def test_objects_and_built_ins_only(plain: apsw.Connection) -> None:
    found = plain.execute(
        "SELECT type, name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' ORDER BY 1, 2"
    ).fetchall()
    assert found == [("table", name) for name in TABLES] + [("view", name) for name in VIEWS]
    assert all(strict for name, strict in plain.execute("SELECT name, strict FROM pragma_table_list WHERE type = 'table'")
               if not name.startswith("sqlite_"))  # fmt: skip
    code = "\n".join(line.partition("--")[0] for line in schema_sql().splitlines())
    assert "clust_" not in code
    assert plain.execute("PRAGMA foreign_key_check").fetchall() == []
    assert plain.execute("PRAGMA integrity_check").get == "ok"


# --- what it refuses -------------------------------------------------------------------------------------------

ROW = "INSERT INTO EmbeddingCluster (clustering_result_id, embedding_id, label, probability) VALUES"
PREDICTION = "INSERT INTO EmbeddingPrediction (clustering_result_id, embedding_id, label, probability) VALUES"
NEW = "INSERT INTO Embedding (id, embedding_model, vector) VALUES (6, 'm', x'0000803f')"
EMBEDDING = "INSERT INTO Embedding (id, embedding_model, vector) VALUES"
CLUSTER = "INSERT INTO Cluster (clustering_result_id, label, medoid_embedding_id, size) VALUES"
RESULT = "INSERT INTO ClusteringResult (embedding_model, parameters) VALUES"
RUNS = "INSERT INTO Run (id) VALUES (1); INSERT INTO Invocation (id, run_id, sequence_number) VALUES (1, 1, 0);"
FOREIGN_KEY = "FOREIGN KEY constraint failed"

WRONG = {
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
    "vector NULL": (f"{EMBEDDING} (6, 'm', NULL)", "NOT NULL"),
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
    sql, reason = WRONG[name]
    before = everything(plain)
    with pytest.raises((apsw.ConstraintError, apsw.SQLError), match=reason), plain:
        plain.execute(sql)
    assert everything(plain) == before
    assert plain.execute("PRAGMA foreign_key_check").fetchall() == []


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


# --- applying it -------------------------------------------------------------------------------------------------


def test_initialize_is_idempotent_and_leaves_the_hosts_numbers_alone(tmp_path: Path) -> None:
    con = apsw.Connection(str(tmp_path / "host.db"))
    con.execute(
        "PRAGMA user_version = 41; PRAGMA application_id = 1234; CREATE TABLE hosts (a); INSERT INTO hosts VALUES (1)"
    )
    settings = ("foreign_keys", "trusted_schema", "journal_mode", "busy_timeout", "synchronous", "recursive_triggers")
    before = [con.pragma(name) for name in settings]
    assert sqlclust.initialize(con) is True
    schema = con.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY name").fetchall()
    assert sqlclust.initialize(con) is False
    assert con.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY name").fetchall() == schema
    assert (con.pragma("user_version"), con.pragma("application_id")) == (41, 1234)
    assert [con.pragma(name) for name in settings] == before
    assert con.execute("SELECT version, name FROM SqlclustMigration").fetchall() == [
        (1, "schema.sql"),
        *((number, name) for number, name, _ in MIGRATIONS),
    ]
    assert con.execute("SELECT a FROM hosts").get == 1
    con.close()


def test_initialize_inside_a_transaction_of_the_caller() -> None:
    con = apsw.Connection(":memory:")
    con.execute("BEGIN; CREATE TABLE mine (a)")
    assert sqlclust.initialize(con) is True
    assert con.in_transaction
    con.execute("ROLLBACK")
    assert version(database_of(con)) is None
    assert con.execute("SELECT count(*) FROM sqlite_schema").get == 0
    assert sqlclust.initialize(con) is True


@pytest.mark.parametrize(
    ("ddl", "names"),
    [
        ("CREATE TABLE embedding (id CHAR(32), vector BLOB)", ["table embedding"]),
        ("CREATE TABLE RUN (a); CREATE VIEW clusterSummary AS SELECT 1; CREATE TABLE other (a)",
         ["table RUN", "view clusterSummary"]),
        ("CREATE TABLE SqlclustMigration (other TEXT)", ["table SqlclustMigration"]),
        ("CREATE TABLE SqlclustMigration (version INTEGER)", ["table SqlclustMigration"]),
        ("CREATE TABLE other (a); CREATE INDEX EmbeddingCluster_member ON other (a)", ["index EmbeddingCluster_member"]),
        ("CREATE TABLE other (a); CREATE INDEX cluster ON other (a)", ["index cluster"]),
    ],
    ids=["one", "case and views", "the ledger", "an empty ledger", "an index", "an index of a table's name"],
)  # fmt: skip
def test_foreign_objects_of_our_names_are_a_conflict(tmp_path: Path, ddl: str, names: list[str]) -> None:
    path = str(tmp_path / "theirs.db")
    con = apsw.Connection(path)
    con.execute(ddl)
    before = con.execute("SELECT name, sql FROM sqlite_schema").fetchall()
    for attempt in (initialize, check):
        with pytest.raises(SchemaConflictError) as caught:
            attempt(database_of(con))
        assert caught.value.names == tuple(names)
        assert str(caught.value) == (
            f"{path} already has {', '.join(names)} of another program, and sqlclust needs those names; nothing was changed. "
            "Make a new file with sqlclust init, ATTACH this one to it and copy the rows"
        )
    assert con.execute("SELECT name, sql FROM sqlite_schema").fetchall() == before
    assert not con.in_transaction
    con.close()


def test_a_newer_file_is_refused(con: apsw.Connection) -> None:
    con.execute("INSERT INTO SqlclustMigration (version, name) VALUES (99, 'from the future')")
    for attempt in (initialize, check):
        with pytest.raises(SchemaVersionError) as caught:
            attempt(database_of(con))
        assert str(caught.value) == (
            f"this database has schema version 99, and this sqlclust knows {VERSION} at most; upgrade sqlclust"
        )
    assert con.execute("SELECT count(*) FROM SqlclustMigration").get == VERSION + 1


def test_a_file_without_our_tables_says_what_to_do(tmp_path: Path) -> None:
    path = str(tmp_path / "empty.db")
    con = sqlclust.connect(path)
    with pytest.raises(SchemaMissingError) as caught:
        sqlclust.fit(con, "demo")
    assert str(caught.value) == f"{path} has no sqlclust tables; run: sqlclust init {path}"
    con.close()


def test_a_failing_initialize_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    con = apsw.Connection(":memory:")
    object_names(database_of(con))
    monkeypatch.setattr("sqlclust.schema.versions.schema_sql", lambda: schema_sql() + "CREATE TABLE Run (again);")
    with pytest.raises(apsw.SQLError, match="already exists"):
        sqlclust.initialize(con)
    assert con.execute("SELECT count(*) FROM sqlite_schema").get == 0
    assert not con.in_transaction


def test_an_old_sqlite_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    con = apsw.Connection(":memory:")
    monkeypatch.setattr("apsw.sqlite_lib_version", lambda: "3.37.2")
    with pytest.raises(
        SQLiteVersionError, match=r"^this is SQLite 3\.37\.2, and sqlclust's tables need 3\.38 or newer; nothing"
    ):
        sqlclust.initialize(con)
    assert con.execute("SELECT count(*) FROM sqlite_schema").get == 0
    monkeypatch.setattr("apsw.sqlite_lib_version", lambda: "3.38.0")
    assert sqlclust.initialize(con)


INITIALIZE = """
import sys, time, sqlclust
con = sqlclust.connect(sys.argv[1])
time.sleep(max(0, float(sys.argv[2]) - time.time()))
print(sqlclust.initialize(con))
"""


@pytest.mark.slow
def test_two_processes_initialize_at_once(tmp_path: Path) -> None:
    import time

    path = str(tmp_path / "both.db")
    start = str(time.time() + 1.0)
    processes = [
        subprocess.Popen([sys.executable, "-c", INITIALIZE, path, start], stdout=subprocess.PIPE, text=True, cwd=ROOT)
        for _ in range(2)
    ]
    assert sorted(process.communicate()[0] for process in processes) == ["False\n", "True\n"]
    con = sqlclust.connect(path)
    assert version(database_of(con)) == VERSION
    con.close()
