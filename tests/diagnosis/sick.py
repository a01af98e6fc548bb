"""Databases with something wrong in them, for the tests of the doctor: a healthy one, and SQL that breaks a copy."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import apsw

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.schema import schema_sql
from sqlclust.store.maps import map_of
from tests.small import add_embeddings, blob, clustered

LONG_AGO = "2020-01-01T00:00:00.000Z"

WRONG = (
    "UPDATE Cluster SET size = 77 WHERE clustering_result_id = 2; DELETE FROM Cluster WHERE clustering_result_id = 1;"
    "DELETE FROM EmbeddingPrediction"
)
"""Two findings: a wrong size, which is repaired, and labels without a cluster, which are not."""


def healthy(path: Path) -> Path:
    """A database of ours with all kinds of rows: 40 embeddings of 'demo' in result 1 (clusters 0 to 2, noise 37 to 40; the
    stored fit is 1, with a map); embedding 41 with a prediction; a run of two invocations with embeddings 'a', 'b' of 'steps', in
    result 2, written by hand: one cluster of both, its medoid 'a'.
    """
    con = sqlclust.connect(str(path))
    sqlclust.initialize(con)
    add_embeddings(con, clustered())
    con.execute("INSERT INTO Embedding (id, embedding_model, vector, created_at) VALUES (41, 'demo', ?, ?)",
                (clustered()[0].tobytes(), LONG_AGO))  # fmt: skip
    sqlclust.fit(con, "demo", min_cluster_size=5, where="id < 41")
    map_of(database_of(con), 1, "pca")
    con.execute("INSERT INTO EmbeddingPrediction (clustering_result_id, embedding_id, label, probability) "
                "VALUES (1, 41, 0, 1)")  # fmt: skip
    parameters = con.execute("SELECT parameters FROM ClusteringResult").get
    con.execute("INSERT INTO Run (id) VALUES ('r')")
    con.execute("INSERT INTO Invocation (id, run_id, sequence_number) VALUES ('i0', 'r', 0), ('i1', 'r', 1)")
    add_embeddings(con, clustered()[:2], model="steps", ids=["a", "b"], invocation_ids=["i0", "i1"])
    con.execute("BEGIN")
    con.execute("INSERT INTO ClusteringResult (id, embedding_model, parameters) VALUES (2, 'steps', ?)", (parameters,))
    con.execute("INSERT INTO Cluster VALUES (2, 0, 'a', 2, 0.5)")
    con.execute("INSERT INTO EmbeddingCluster VALUES (2, 'a', 0, 1, 0), (2, 'b', 0, 0.5, 0.5)")
    con.execute("COMMIT")
    con.close()
    return path


def broken(source: Path, path: Path, sql: str, *bindings: Any) -> Path:
    """A copy of a database after some SQL that no constraint, trigger or function of ours holds back."""
    shutil.copy(source, path)
    con = apsw.Connection(str(path))
    con.pragma("foreign_keys", False)
    con.pragma("ignore_check_constraints", True)
    con.pragma("recursive_triggers", False)
    con.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
    con.execute(sql, bindings or None).fetchall()
    con.close()
    return path


def without(sql: str, *removed: str, table: str) -> str:
    """Statements that make a table of ours anew with some text of its definition left out, its rows kept."""
    fresh = apsw.Connection(":memory:")
    fresh.execute(schema_sql())
    definition: str = fresh.execute("SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?", (table,)).get
    fresh.close()
    changed = definition
    for text in removed:
        assert text in changed, text
        changed = changed.replace(text, "")
    columns = "*"
    if "cluster_label" in definition and table != "Cluster":
        columns = "clustering_result_id, embedding_id, label, probability, outlier_score"
    return f"""
        PRAGMA legacy_alter_table = ON;
        ALTER TABLE {table} RENAME TO old_{table};
        {changed};
        INSERT INTO {table} {"" if columns == "*" else f"({columns})"} SELECT {columns} FROM old_{table};
        DROP TABLE old_{table};
        {sql}"""


def vector(*numbers: float) -> bytes:
    """8 dimensions, as the healthy database has: these and zeros."""
    return blob(*numbers, *[0.0] * (8 - len(numbers)))
