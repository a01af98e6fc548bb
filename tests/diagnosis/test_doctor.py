"""The doctor, finding by finding: a database that has it, the exact row, and what --fix does with it."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Any, NamedTuple

import apsw
import pytest

import sqlclust
from sqlclust.schema import VERSION
from tests.diagnosis.sick import broken, healthy, vector, without

Row = tuple[Any, ...]


class Case(NamedTuple):
    """What is done to a healthy database, and what the doctor says.

    Attributes:
        sql: executed without constraints and triggers.
        found: (severity, finding, table, column, id, n, detail) of each finding.
        fixed: (finding, table, column, n, did) of each repair.
        left: the findings that are left after it; None: all, nothing was repaired.
    """

    sql: str
    found: list[Row]
    fixed: list[Row] | None = None
    left: list[str] | None = None


def mixed(*ids: object) -> str:
    """SQL that enters embeddings of a model of their own."""
    values = ", ".join(f"(x'{id.hex()}')" if isinstance(id, bytes) else f"({id!r})" for id in ids)
    vector = "(SELECT vector FROM Embedding WHERE id = 1)"
    return (
        f"INSERT INTO Embedding (id, embedding_model, vector) SELECT column1, 'mixed', {vector} FROM (VALUES {values})"
    )


def alike(n: int, example: int, length: int, other: str) -> Row:
    detail = (
        f"{n} ids are INTEGER among TEXT of the same {length} digits, such as {other!r}: text of a file that has digits only, "
        "taken for numbers; as such they are equal to no text"
    )
    return "error", "mixed-id-types", "Embedding", "id", example, n, detail


def numerals(n: int, example: int, other: str) -> Row:
    detail = (
        f"{f'{n} ids are' if n > 1 else '1 id is'} INTEGER among TEXT that is a number too, such as {other!r}: text of a file of "
        "which each cell had a type of its own; as such they are equal to no text"
    )
    return "error", "mixed-id-types", "Embedding", "id", example, n, detail


CASES: dict[str, Case] = {
    # --- rows that point nowhere
    "result 2 gone": Case(
        "DELETE FROM ClusteringResult WHERE id = 2",
        [
            ("error", "orphans", "Cluster", "clustering_result_id", 2, 1,
             "1 row points at no row of ClusteringResult; the example at 2"),
            ("error", "orphans", "EmbeddingCluster", "clustering_result_id", "a", 2,
             "2 rows point at no row of ClusteringResult; the example at 2"),
        ],
        [
            ("orphans", "EmbeddingCluster", "clustering_result_id", 2, "deleted 2 rows: their ClusteringResult is gone"),
            ("orphans", "Cluster", "clustering_result_id", 1, "deleted 1 row: their ClusteringResult is gone"),
        ],
        [],
    ),
    "all results gone": Case(
        "DELETE FROM ClusteringResult",
        [
            ("error", "orphans", "Cluster", "clustering_result_id", 1, 4,
             "4 rows point at no row of ClusteringResult; the example at 1"),
            ("error", "orphans", "EmbeddingCluster", "clustering_result_id", 1, 42,
             "42 rows point at no row of ClusteringResult; the example at 1"),
            ("error", "orphans", "EmbeddingPrediction", "clustering_result_id", 41, 1,
             "1 row points at no row of ClusteringResult; the example at 1"),
        ],
    ),
    "members gone": Case(
        "DELETE FROM Embedding WHERE id IN (4, 7)",
        [
            ("error", "orphans", "EmbeddingCluster", "embedding_id", 4, 2,
             "2 rows point at no row of Embedding; the example at 4"),
        ],
    ),
    "a predicted embedding gone": Case(
        "DELETE FROM Embedding WHERE id = 41",
        [
            ("error", "orphans", "EmbeddingPrediction", "embedding_id", 41, 1,
             "1 row points at no row of Embedding; the example at 41"),
        ],
        [("orphans", "EmbeddingPrediction", "embedding_id", 1,
          "deleted 1 row: their embedding is gone; they can be predicted again")],
        [],
    ),
    "an invocation gone": Case(
        "DELETE FROM Invocation WHERE id = 'i0'",
        [("error", "orphans", "Embedding", "invocation_id", "a", 1,
          "1 row points at no row of Invocation; the example at 'i0'")],
    ),
    "a run gone": Case(
        "DELETE FROM Run",
        [("error", "orphans", "Invocation", "run_id", "i0", 2, "2 rows point at no row of Run; the example at 'r'")],
    ),
    "a fit gone": Case(
        "DELETE FROM ClusteringFit",
        [("error", "orphans", "ClusteringResult", "clustering_fit_id", 1, 1,
          "1 row points at no row of ClusteringFit; the example at 1")],
    ),
    "a table of another program": Case(
        "CREATE TABLE note (id INTEGER PRIMARY KEY, about TEXT REFERENCES Embedding (id));"
        "INSERT INTO note (about) VALUES ('a'), ('nobody')",
        [("error", "orphans", "note", "about", 2, 1, "1 row points at no row of Embedding")],
    ),
    # --- clusters
    "a label without cluster": Case(
        "DELETE FROM Cluster WHERE clustering_result_id = 2",
        [("error", "label-without-cluster", "EmbeddingCluster", "label", "a", 2,
          "2 rows have labels without a row of Cluster; the example has label 0 in result 2")],
    ),
    "a medoid of another cluster": Case(
        "UPDATE Cluster SET medoid_embedding_id = 40 WHERE clustering_result_id = 2",
        [("error", "medoid-outside-cluster", "Cluster", "medoid_embedding_id", 2, 1,
          "1 medoid is no member of the own cluster; cluster 0 of result 2 has 40")],
    ),
    "a wrong size": Case(
        "UPDATE Cluster SET size = 77 WHERE clustering_result_id = 2",
        [("error", "wrong-size", "Cluster", "size", 2, 1,
          "1 cluster has another size than members; cluster 0 of result 2 says 77 and has 2")],
        [("wrong-size", "Cluster", "size", 1, "wrote the members counted in 1 row")],
        [],
    ),
    "noise with a probability": Case(
        "UPDATE EmbeddingCluster SET probability = 0.25 WHERE label = -1;"
        "UPDATE EmbeddingPrediction SET label = -1",
        [
            ("error", "noise-probability", "EmbeddingCluster", "probability", 37, 4,
             "4 rows of noise have a probability other than 0; the example 0.25"),
            ("error", "noise-probability", "EmbeddingPrediction", "probability", 41, 1,
             "1 row of noise has a probability other than 0; the example 1.0"),
        ],
        [
            ("noise-probability", "EmbeddingCluster", "probability", 4, "wrote 0 in 4 rows of noise"),
            ("noise-probability", "EmbeddingPrediction", "probability", 1, "wrote 0 in 1 row of noise"),
        ],
        [],
    ),
    "a member predicted": Case(
        "INSERT INTO EmbeddingPrediction (clustering_result_id, embedding_id, label, probability) VALUES (1, 1, 0, 1)",
        [("error", "predicted-member", "EmbeddingPrediction", "embedding_id", 1, 1,
          "1 prediction is of an embedding that is a member of the result; the example of result 1")],
        [("predicted-member", "EmbeddingPrediction", "embedding_id", 1,
          "deleted 1 row: of members of the result; they can be predicted again")],
        [],
    ),
    "a prediction without cluster": Case(
        "UPDATE EmbeddingPrediction SET label = 9",
        [("error", "label-without-cluster", "EmbeddingPrediction", "label", 41, 1,
          "1 prediction has a label without a row of Cluster; the example in result 1")],
        [("label-without-cluster", "EmbeddingPrediction", "label", 1,
          "deleted 1 row: their cluster is gone; they can be predicted again")],
        [],
    ),
    "another model": Case(
        "UPDATE Embedding SET embedding_model = 'steps' WHERE id IN (5, 6)",
        [("error", "other-model", "EmbeddingCluster", "embedding_id", 5, 2,
          "2 rows are of an embedding of another model than the result's; the example is of 'steps' in result 1 of 'demo'")],
    ),
    "a result without rows": Case(
        "DELETE FROM EmbeddingCluster WHERE clustering_result_id = 2; DELETE FROM Cluster WHERE clustering_result_id = 2",
        [("note", "empty-result", "ClusteringResult", "id", 2, 1, "1 result has no rows")],
    ),
    "a stale result": Case(
        "UPDATE Embedding SET created_at = '2999-01-01T00:00:00.000Z' WHERE id = 41",
        [("note", "stale-result", "ClusteringResult", "id", 1, 1,
          "1 result is older than embeddings of the model; of the example's 1 came later")],
    ),
    # --- vectors
    "mixed dimensions": Case(
        "UPDATE Embedding SET vector = x'0000803f' WHERE id IN (10, 11)",
        [("error", "mixed-dimensions", "Embedding", "vector", 10, 2,
          "2 vectors of model 'demo' have another number of dimensions than the others' 8; the example has 1")],
    ),
    "NaN": Case(
        f"UPDATE Embedding SET vector = x'{vector(1, math.nan).hex()}' WHERE id = 12",
        [("error", "not-finite", "Embedding", "vector", 12, 1, "1 vector has NaN or infinity; the example has nan")],
    ),
    "infinity": Case(
        f"UPDATE Embedding SET vector = x'{vector(-math.inf).hex()}' WHERE id IN (12, 13)",
        [("error", "not-finite", "Embedding", "vector", 12, 2, "2 vectors have NaN or infinity; the example has -inf")],
    ),
    "zero vectors": Case(
        "UPDATE Embedding SET vector = zeroblob(32) WHERE id IN (13, 14)",
        [("note", "zero-vector", "Embedding", "vector", 13, 2, "2 vectors are zero and without a direction")],
    ),
    "a length that is no multiple of 4": Case(
        "UPDATE Embedding SET vector = x'0000803f00' WHERE id = 7",
        [
            ("error", "vector-length", "Embedding", "vector", 7, 1,
             "1 vector has a length that is no multiple of 4 bytes (float32); the example has 5 bytes"),
        ],
    ),
    "an empty vector": Case(
        "UPDATE Embedding SET vector = x'' WHERE id = 9",
        [
            ("error", "vector-length", "Embedding", "vector", 9, 1, "1 vector is empty"),
        ],
    ),
    # --- ids of two types
    "hashes of which some became integers": Case(
        mixed("0abc1234", 12345678, "ffffffff", 87654321), [alike(2, 12345678, 8, "0abc1234")]
    ),
    "hashes in capitals": Case(mixed("ABCD0", "12345", 67890, 11111), [alike(2, 11111, 5, "12345")]),
    "padded numbers of which some became integers": Case(
        mixed("0007", "0999", 1000, 1001), [alike(2, 1000, 4, "0007")]
    ),
    "exponents": Case(mixed("1e5", 112, 113), [numerals(2, 112, "1e5")]),
    "exponents of every kind": Case(mixed("1E+5", "2e-7", "1.5e3", 112), [numerals(1, 112, "1.5e3")]),
    "a plus": Case(mixed("+5", 66), [numerals(1, 66, "+5")]),
    "a minus": Case(mixed("-05", 66), [numerals(1, 66, "-05")]),
    "short numbers with leading zeros": Case(mixed("007", "042", 100, 101), [numerals(2, 100, "007")]),
    "numbers of several lengths": Case(mixed("007", 88, 99), [numerals(2, 88, "007")]),
    "numerals and one name": Case(mixed("007", "x", 88), [numerals(1, 88, "007")]),
    "an id under two types": Case(
        mixed("100", 100, "101", 102, 101),
        [("note", "mixed-id-types", "Embedding", "id", 100, 2, "2 ids are there as INTEGER and as TEXT: to SQLite two ids")],
    ),
    "a run under two types": Case(
        "INSERT INTO Run (id) VALUES (1), ('1'), (2)",
        [("note", "mixed-id-types", "Run", "id", 1, 1, "1 id is there as INTEGER and as TEXT: to SQLite two ids")],
    ),
    # --- what is text or BLOBs
    "parameters that are no JSON": Case(
        "UPDATE ClusteringResult SET parameters = 'nonsense' WHERE id = 1",
        [
            ("error", "parameters-not-json", "ClusteringResult", "parameters", 1, 1,
             "the parameters of 1 result are no JSON object; the example's begin with 'nonsense'"),
        ],
    ),
    "parameters that are no object": Case(
        "UPDATE ClusteringResult SET parameters = '[1]'",
        [
            ("error", "parameters-not-json", "ClusteringResult", "parameters", 1, 2,
             "the parameters of 2 results are no JSON object; the example's begin with '[1]'"),
        ],
    ),
    "incomplete parameters": Case(
        "UPDATE ClusteringResult SET parameters = json_remove(parameters, '$.seed', '$.alpha') WHERE id = 2",
        [("note", "parameters-incomplete", "ClusteringResult", "parameters", 2, 1,
          "1 result does not say all of its parameters; the example lacks alpha, seed")],
    ),
    "impossible parameters": Case(
        "UPDATE ClusteringResult SET parameters = json_set(parameters, '$.min_cluster_size', -3) WHERE id = 2",
        [("note", "parameters-refused", "ClusteringResult", "parameters", 2, 1,
          "1 result has parameters that no fit takes; the example's: option 'min_cluster_size': found -3, expected a whole "
          "number of at least 2 and at most 2147483647")],
    ),
    "a damaged tree": Case(
        "UPDATE ClusteringFit SET spanning_tree = zeroblob(length(spanning_tree))",
        [("error", "damaged-fit", "ClusteringFit", "id", 1, 1,
          "1 stored fit is not what a fit writes; of the example: spanning_tree is no tree")],
    ),
    # --- the schema
    "a newer schema": Case(
        "INSERT INTO SqlclustMigration (version, name) VALUES (99, 'later'); UPDATE Cluster SET size = 77",
        [("error", "newer-schema", "SqlclustMigration", "version", 99, 1,
          f"the file has schema version 99, and this sqlclust knows {VERSION} at most; its tables were not checked")],
    ),
    "a ledger that says nothing": Case(
        "DELETE FROM SqlclustMigration",
        [("error", "other-table", "SqlclustMigration", None, None, 1,
          "it says no version, so that it is not known whose the tables are")],
    ),
    "an index gone": Case(
        "DROP INDEX ClusteringResult_embedding_model",
        [("note", "missing-index", "ClusteringResult", None, "ClusteringResult_embedding_model", 1,
          "the index ClusteringResult_embedding_model is not there")],
        [("missing-index", "ClusteringResult", None, 1, "made the index ClusteringResult_embedding_model")],
        [],
    ),
    "an index gone that a foreign key needs": Case(
        "DROP INDEX EmbeddingCluster_member; DROP VIEW ClusteringSummary; DROP TRIGGER EmbeddingPrediction_insert",
        [
            ("error", "missing-index", "EmbeddingCluster", None, "EmbeddingCluster_member", 1,
             "the index EmbeddingCluster_member is not there"),
            ("error", "missing-trigger", "EmbeddingPrediction", None, "EmbeddingPrediction_insert", 1,
             "the trigger EmbeddingPrediction_insert is not there"),
            ("error", "missing-view", "ClusteringSummary", None, "ClusteringSummary", 1,
             "the view ClusteringSummary is not there"),
        ],
        [
            ("missing-index", "EmbeddingCluster", None, 1, "made the index EmbeddingCluster_member"),
            ("missing-trigger", "EmbeddingPrediction", None, 1, "made the trigger EmbeddingPrediction_insert"),
            ("missing-view", "ClusteringSummary", None, 1, "made the view ClusteringSummary"),
        ],
        [],
    ),
    "the view of version 2 gone": Case(
        "DROP VIEW EmbeddingModelSummary",
        [("error", "missing-view", "EmbeddingModelSummary", None, "EmbeddingModelSummary", 1,
          "the view EmbeddingModelSummary is not there")],
        [("missing-view", "EmbeddingModelSummary", None, 1, "made the view EmbeddingModelSummary")],
        [],
    ),
    "a view that is not ours": Case(
        "DROP VIEW ClusteringSummary; CREATE VIEW ClusteringSummary AS SELECT 1",
        [("error", "other-object", "ClusteringSummary", None, "ClusteringSummary", 1,
          "the view ClusteringSummary is not the view that schema.sql makes")],
    ),
    "a table gone": Case(
        "DROP TABLE Run",
        [("error", "missing-table", "Run", None, None, 1, "the table is not there"),
         ("error", "orphans", "Invocation", "run_id", "i0", 2, "2 rows point at no row of Run")],
    ),
    "a view in place of a table": Case(
        "DROP TABLE Run; CREATE VIEW Run AS SELECT 'r' AS id",
        [("error", "view-for-table", "Run", None, None, 1, "a view has the name of a table; it was not read"),
         ("error", "foreign-key-mismatch", "Invocation", None, None, 1,
          'a foreign key cannot be checked: foreign key mismatch - "Invocation" referencing "Run"')],
    ),
    "a column more": Case(
        "ALTER TABLE Run ADD COLUMN more TEXT",
        [("note", "more-columns", "Run", "more", None, 1, "the table has columns that schema.sql does not make")],
    ),
    "a table of other columns": Case(
        "ALTER TABLE Run RENAME COLUMN initial_prompt TO prompt",
        [("error", "other-table", "Run", "initial_prompt, prompt", None, 1,
          "the table is not as schema.sql makes it: other columns or foreign keys, or not STRICT")],
    ),
    "medoids not unique, and one shared": Case(
        without("UPDATE EmbeddingCluster SET label = 1 WHERE embedding_id = 'b'; UPDATE Cluster SET size = 1 WHERE "
                "clustering_result_id = 2; INSERT INTO Cluster VALUES (2, 1, 'a', 1, 0.5)",
                "UNIQUE (clustering_result_id, medoid_embedding_id),", table="Cluster"),
        [
            ("error", "missing-unique", "Cluster", "clustering_result_id, medoid_embedding_id", None, 1,
             "nothing keeps two clusters of a result from having one medoid"),
            ("error", "shared-medoid", "Cluster", "medoid_embedding_id", "a", 1,
             "1 embedding is the medoid of more than one cluster of a result (the example in result 2)"),
            ("error", "medoid-outside-cluster", "Cluster", "medoid_embedding_id", 2, 1,
             "1 medoid is no member of the own cluster; cluster 1 of result 2 has 'a'"),
        ],
    ),
    "values that no CHECK lets in": Case(
        "UPDATE EmbeddingCluster SET probability = 1.5 WHERE embedding_id IN (1, 2) AND clustering_result_id = 1;"
        "UPDATE Invocation SET sequence_number = -1 WHERE id = 'i0'",
        [
            ("error", "constraint-violated", "Invocation", None, "i0", 1,
             "1 row has what the table refuses: not (sequence_number >= 0)"),
            ("error", "constraint-violated", "EmbeddingCluster", None, 1, 2,
             "2 rows have what the table refuses: not (probability BETWEEN 0 AND 1)"),
        ],
    ),
    "assignments not unique, with copies": Case(
        without("INSERT INTO EmbeddingCluster (clustering_result_id, embedding_id, label, probability, outlier_score) "
                "VALUES (2, 'a', 0, 1, 0), (2, 'b', 0, 0.75, 0.5)",
                "PRIMARY KEY (embedding_id, clustering_result_id),", ", WITHOUT ROWID", table="EmbeddingCluster"),
        [
            ("error", "other-table", "EmbeddingCluster", "clustering_result_id, embedding_id", None, 1,
             "the table is not as schema.sql makes it: other columns or foreign keys, or not STRICT"),
            ("error", "missing-index", "EmbeddingCluster", None, "EmbeddingCluster_member", 1,
             "the index EmbeddingCluster_member is not there"),
            ("error", "missing-unique", "EmbeddingCluster", "embedding_id, clustering_result_id", None, 1,
             "nothing keeps an embedding from being assigned twice in one result"),
            ("error", "duplicate-assignments", "EmbeddingCluster", "embedding_id", "a", 2,
             "2 embeddings are assigned more than once in one result (the example in result 2); 1 row is an exact copy of "
             "another"),
            ("error", "wrong-size", "Cluster", "size", 2, 1,
             "1 cluster has another size than members; cluster 0 of result 2 says 2 and has 4"),
        ],
        [("duplicate-assignments", "EmbeddingCluster", "embedding_id", 1, "deleted 1 row: exact copies of another")],
        ["other-table", "missing-index", "missing-unique", "duplicate-assignments", "wrong-size"],
    ),
    "a step of a run embedded twice": Case(
        without("", ",\n    UNIQUE (invocation_id, embedding_model)", table="Embedding"),
        [
            ("error", "missing-unique", "Embedding", "embedding_model, invocation_id", None, 1,
             "the table is not as schema.sql makes it: nothing keeps these unique"),
            ("note", "missing-index", "Embedding", None, "Embedding_embedding_model", 1,
             "the index Embedding_embedding_model is not there"),
        ],
        [("missing-index", "Embedding", None, 1, "made the index Embedding_embedding_model")],
        ["missing-unique"],
    ),
    "a table that is not STRICT": Case(
        without("UPDATE Embedding SET vector = '[1, 2]' WHERE id = 8;"
                "CREATE INDEX Embedding_embedding_model ON Embedding (embedding_model, created_at)",
                " STRICT", table="Embedding"),
        [
            ("error", "other-table", "Embedding", "id, invocation_id", None, 1,
             "the table is not as schema.sql makes it: other columns or foreign keys, or not STRICT"),
            ("error", "numeric-id-column", "Embedding", "id", "a", 2,
             "declared ANY, which has NUMERIC affinity: text that looks like a number, such as "
             "0688868048517e121234567890123456, is stored as one"),
            ("error", "damaged-ids", "Embedding", "id", 1, 41,
             "41 ids are numbers among 2 texts: they were text that looks like a number, and different ones may have become "
             "the same"),
            ("error", "numeric-id-column", "Embedding", "invocation_id", "i0", 2,
             "declared ANY, which has NUMERIC affinity: text that looks like a number, such as "
             "0688868048517e121234567890123456, is stored as one"),
            ("error", "vector-type", "Embedding", "vector", 8, 1, "1 vector is no BLOB of float32; the example is TEXT"),
        ],
    ),
    "damaged ids that were copied": Case(
        "UPDATE Embedding SET id = 9e999 WHERE id = 'a'; UPDATE EmbeddingCluster SET embedding_id = 9e999 "
        "WHERE embedding_id = 'a'; UPDATE Cluster SET medoid_embedding_id = 9e999 WHERE medoid_embedding_id = 'a'",
        [
            ("error", "damaged-ids", "Embedding", "id", math.inf, 1,
             "1 id is a number among 1 text: they were text that looks like a number, and different ones may have become the "
             "same"),
            ("error", "damaged-ids", "EmbeddingCluster", "embedding_id", math.inf, 1,
             "1 id is a number among 1 text: they were text that looks like a number, and different ones may have become the "
             "same"),
        ],
    ),
}  # fmt: skip


MIXED_AND_WELL: dict[str, list[object]] = {
    "words beside numbers of as many digits": ["east", "west", "face", "cafe", 1234, 5678],
    "other characters than digits of a hash": ["A12-", "B77-", 1234],
    "negative numbers": ["0abc", "1abc", -123],
    "numbers of other lengths": ["0abc", "1abc", 123, 12345],
    "text of other lengths": ["0abc", "1ab", 1234],
    "two letters or digits": ["0c", "1b", 71, 72],
    "the first of a hash in small, another in capital letters": ["0abc", "0ABC", 1234],
    "BLOBs and REALs": [1.5, 12345678.5, "0abc1234"],
    "names beside numbers": ["alice", "bob", "zoe", "007", 71, 72],
    "UUIDs beside numbers": ["550e8400-e29b-41d4-a716-446655440000", "00000000-0000-0000-0000-000000000001", 71, 72],
    "beginnings of UUIDs, one of which reads as a number": ["550e8400", "6ba7b810", "6ba7b811", 71, 72],
    "a number and letters": ["2003a", "0x10", "e5", "1e", "+", "00-1", " 07", 2001],
    "numerals that are BLOBs": [b"007", b"1e5", 88, 99],
    "text only": ["12345678", "0abc1234"],
}


@pytest.mark.parametrize("name", MIXED_AND_WELL)
def test_ids_of_several_types_that_are_well(well: Path, tmp_path: Path, name: str) -> None:
    con = sqlclust.connect(str(broken(well, tmp_path / "well.db", mixed(*MIXED_AND_WELL[name]))), readonly=True)
    assert sqlclust.doctor(con) == ([], [], None)
    con.close()


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def backups(path: Path) -> list[Path]:
    return sorted(path.parent.glob(f"{path.name}.before-fix-*"))


@pytest.fixture(scope="module")
def well(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return healthy(tmp_path_factory.mktemp("doctor") / "well.db")


def test_a_healthy_database_gives_nothing(well: Path, tmp_path: Path) -> None:
    con = sqlclust.connect(str(broken(well, tmp_path / "copy.db", "SELECT 1")))
    assert sqlclust.doctor(con) == ([], [], None)
    assert sqlclust.doctor(con).healthy
    assert sqlclust.doctor(con, fix=True) == ([], [], None)
    assert con.execute("SELECT * FROM clust_doctor()").fetchall() == []
    con.close()
    assert backups(tmp_path / "copy.db") == []


@pytest.mark.parametrize("name", CASES)
def test_finding(well: Path, tmp_path: Path, name: str) -> None:
    case = CASES[name]
    path = broken(well, tmp_path / "sick.db", case.sql)
    before = digest(path)
    con = sqlclust.connect(str(path), readonly=True)
    diagnosis = sqlclust.doctor(con)
    rows = con.execute("SELECT * FROM clust_doctor()").fetchall()
    con.close()
    assert [
        (f.severity, f.finding, f.table, f.column, f.id, f.n, f.detail) for f in diagnosis.findings
    ] == sorted(case.found, key=lambda row: row[0])  # errors first  # fmt: skip
    assert all(f.remedy for f in diagnosis.findings)
    assert diagnosis.healthy == all(row[0] == "note" for row in case.found)
    assert rows == [tuple(finding) for finding in diagnosis.findings]  # SQL says the same
    assert digest(path) == before


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_fix(well: Path, tmp_path: Path, name: str) -> None:
    case = CASES[name]
    path = broken(well, tmp_path / "sick.db", case.sql)
    before = digest(path)
    con = sqlclust.connect(str(path))
    found = sqlclust.doctor(con).findings
    diagnosis = sqlclust.doctor(con, fix=True)
    assert [tuple(repair) for repair in diagnosis.repairs] == (case.fixed or [])
    left = [f.finding for f in found] if case.left is None else case.left
    assert [f.finding for f in diagnosis.findings] == left
    assert diagnosis.findings == [f._replace(remedy=g.remedy) for f, g in zip(
        sqlclust.doctor(con).findings, diagnosis.findings, strict=True)]  # as a new look sees it  # fmt: skip
    if case.fixed is None:
        assert diagnosis.backup is None
        assert (backups(path), digest(path)) == ([], before)  # nothing to repair: nothing is written
    else:
        assert [str(backup) for backup in backups(path)] == [diagnosis.backup]
        untouched = "SELECT id, vector FROM Embedding ORDER BY id"
        old = apsw.Connection(str(diagnosis.backup), flags=apsw.SQLITE_OPEN_READONLY)
        assert old.execute(untouched).fetchall() == con.execute(untouched).fetchall()
        assert [tuple(f) for f in sqlclust.doctor(old).findings if f.finding != "foreign-keys-off"] == [
            *map(tuple, found)
        ]
        old.close()
        again = sqlclust.doctor(con, fix=True)
        assert (again.repairs, again.backup) == ([], None)  # once is enough
    con.close()


def test_foreign_keys_off_is_a_note_on_the_connection(well: Path) -> None:
    con = apsw.Connection(str(well), flags=apsw.SQLITE_OPEN_READONLY)
    con.pragma("foreign_keys", False)
    [finding] = sqlclust.doctor(con).findings
    assert finding == (
        "foreign-keys-off", None, None, None, "PRAGMA foreign_keys = ON, before the transaction begins", 1, "note",
        "this connection does not enforce foreign keys; it is a setting of each connection, not of the file",
    )  # fmt: skip
    con.close()


def test_quick_passes_over_what_reads_the_whole_file(well: Path, tmp_path: Path) -> None:
    sql = "UPDATE Embedding SET vector = x'' WHERE id = 9; UPDATE ClusteringFit SET spanning_tree = zeroblob(39 * 16)"
    con = sqlclust.connect(
        str(broken(well, tmp_path / "sick.db", sql + "; UPDATE Cluster SET size = 77 WHERE label = 1"))
    )
    assert [f.finding for f in sqlclust.doctor(con, quick=True).findings] == ["wrong-size"]
    assert sqlclust.doctor(con, fix=True, quick=True).findings == []
    assert [f.finding for f in sqlclust.doctor(con).findings] == ["vector-length", "damaged-fit"]
    con.close()


def test_demo_is_healthy(demo_file: Path) -> None:
    con = sqlclust.connect(str(demo_file))
    assert sqlclust.doctor(con).findings == []
    sqlclust.fit(con, "demo")
    con.execute("SELECT clust_cut(1, '{\"min_cluster_size\": 6}')").fetchall()
    assert sqlclust.doctor(con).findings == []
    con.close()


def test_a_database_in_memory() -> None:
    con = sqlclust.connect(":memory:")
    [finding] = sqlclust.doctor(con).findings
    assert (finding.finding, finding.severity) == ("no-schema", "note")
    sqlclust.initialize(con)
    assert sqlclust.doctor(con).findings == []
    con.execute("INSERT INTO Run (id, created_at) VALUES (1, 'now')")
    con.execute("BEGIN")  # looking is allowed anywhere
    assert con.execute("SELECT count(*) FROM clust_doctor()").get == 0
    con.execute("ROLLBACK")
    con.close()
