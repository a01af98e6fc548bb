"""The doctor on files that somebody made to do harm."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import sqlclust
from tests.diagnosis.looking import brief
from tests.diagnosis.sick import broken

pytestmark = pytest.mark.slow


HOSTILE: dict[str, tuple[str, list[tuple[Any, ...]]]] = {
    "tables that shadow pragma functions": (
        "CREATE TABLE pragma_table_xinfo (a); CREATE VIEW pragma_foreign_key_check AS SELECT 1;"
        "CREATE TABLE pragma_index_list (b); CREATE VIEW json_each AS SELECT 1; CREATE TABLE clust_doctor (c)",
        [],
    ),
    "a view that recurses for ever": (
        "DROP TABLE Run; CREATE VIEW Run AS WITH RECURSIVE r(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM r) SELECT id FROM r;"
        "DROP TABLE Invocation; UPDATE Embedding SET invocation_id = NULL",
        [("error", "view-for-table", "Run", None, None, 1), ("error", "missing-table", "Invocation", None, None, 1)],
    ),
    "a view of views that calls our functions": (
        "DROP VIEW ClusteringSummary; CREATE VIEW ClusteringSummary AS SELECT * FROM clust_doctor()",
        [("error", "other-object", "ClusteringSummary", None, "ClusteringSummary", 1)],
    ),
    "a table whose CHECK and index call what is not there": (
        "PRAGMA writable_schema = ON;"
        "CREATE TABLE trap (id INTEGER PRIMARY KEY, vector BLOB); INSERT INTO trap VALUES (1, x'00');"
        "UPDATE sqlite_schema SET sql = 'CREATE TABLE trap (id INTEGER PRIMARY KEY, vector BLOB CHECK (evil(vector)))' "
        "WHERE name = 'trap'; PRAGMA writable_schema = RESET",
        [("note", "vector-length", "trap", "vector", 1, 1), ("note", "unreadable", "trap", None, None, 1)],
    ),
    "a generated vector that calls what is not there": (
        "PRAGMA writable_schema = ON;"
        "CREATE TABLE trap (id INTEGER PRIMARY KEY, vector BLOB AS (x'00')); INSERT INTO trap VALUES (1);"
        "UPDATE sqlite_schema SET sql = 'CREATE TABLE trap (id INTEGER PRIMARY KEY, vector BLOB AS (evil(id)))' "
        "WHERE name = 'trap'; PRAGMA writable_schema = RESET",
        [],  # it is not read
    ),
    "a virtual table in place of a table": (
        "DROP TABLE EmbeddingPrediction; CREATE VIRTUAL TABLE EmbeddingPrediction USING fts5 (embedding_id, label)",
        [
            ("error", "view-for-table", "EmbeddingPrediction", None, None, 1),
            ("error", "missing-trigger", "EmbeddingPrediction", None, "EmbeddingPrediction_insert", 1),
            ("error", "missing-trigger", "EmbeddingPrediction", None, "EmbeddingPrediction_update", 1),
            ("note", "missing-index", "EmbeddingPrediction", None, "EmbeddingPrediction_cluster", 1),
        ],
    ),
    "names that want out of their quotes": (
        """CREATE TABLE "x"" ; DROP TABLE Run; --" ("id" UUID REFERENCES "x"" ; DROP TABLE Run; --", vector BLOB);"""
        """INSERT INTO "x"" ; DROP TABLE Run; --" VALUES ('a', x'00')""",
        [
            ("error", "numeric-id-column", 'x" ; DROP TABLE Run; --', "id", "a", 1),
            ("error", "foreign-key-mismatch", 'x" ; DROP TABLE Run; --', None, None, 1),
            ("note", "vector-length", 'x" ; DROP TABLE Run; --', "vector", "a", 1),
        ],
    ),
    "text that is not UTF-8": (
        "INSERT INTO Embedding (id, embedding_model, vector) VALUES (CAST(x'61ff' AS TEXT), CAST(x'6dff' AS TEXT), x'0000c07f')",
        [("error", "not-finite", "Embedding", "vector", b"a\xff", 1)],
    ),
    "an orphan that is not UTF-8": (
        "INSERT INTO EmbeddingCluster (clustering_result_id, embedding_id, label, probability) "
        "VALUES (1, CAST(x'ff' AS TEXT), -1, 0)",
        [("error", "orphans", "EmbeddingCluster", "embedding_id", b"\xff", 1)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("trusted", [False, True], ids=["untrusted", "trusted"])
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile(well: Path, tmp_path: Path, name: str, trusted: bool) -> None:
    sql, expected = HOSTILE[name]
    path = broken(well, tmp_path / "hostile.db", sql)
    con = sqlclust.connect(str(path))
    con.pragma("trusted_schema", trusted)
    assert brief(sqlclust.doctor(con)) == expected
    assert con.execute("SELECT count(*) FROM main.ClusteringResult").get == 2
    con.close()


def test_the_temporary_schema_does_not_shadow_the_file(well: Path) -> None:
    con = sqlclust.connect(str(well), readonly=True)
    con.execute("CREATE TEMP TABLE Embedding (id UUID, vector BLOB); INSERT INTO Embedding VALUES ('a', x'00')")
    con.execute("CREATE TEMP VIEW ClusteringResult AS SELECT 1 AS id")
    assert sqlclust.doctor(con).findings == []
    con.close()
