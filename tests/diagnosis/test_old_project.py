"""The doctor on files of the old project."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

import sqlclust
from tests.diagnosis.looking import NO_SCHEMA, brief, execute, look
from tests.schemas import version_1
from tests.schemas.old_project import SHAPES, Shape, make

pytestmark = pytest.mark.slow


# --- the old project ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ids", ["CHAR(32)", "TEXT"])
@pytest.mark.parametrize("shape", ["labels", "medoids", "plural"])
def test_ids_of_text_are_well(tmp_path: Path, shape: Shape, ids: str) -> None:
    found = look(make(tmp_path / "old.db", shape, ids, damaging=True).path)
    unique = ("error", "missing-unique", "embeddingcluster", "embedding_id, clustering_result_id", None, 1)
    assert found == ([unique, NO_SCHEMA] if shape == "labels" else [NO_SCHEMA])


@pytest.mark.parametrize("shape", SHAPES)
def test_columns_declared_uuid(tmp_path: Path, shape: Shape) -> None:
    found = look(make(tmp_path / "old.db", shape, "UUID").path)
    columns = {(table, column) for _, finding, table, column, _, _ in found if finding == "numeric-id-column"}
    plural = shape == "plural"
    expected = {
        ("experiments" if plural else "experimentconfig", "id"),
        *((("runs" if plural else "run"), column) for column in ("id", "experiment_id")),
        *((("invocations" if plural else "invocation"), column) for column in ("id", "run_id", "input_invocation_id")),
        *((("embeddings" if plural else "embedding"), column) for column in ("id", "invocation_id")),
        ("clustering_results" if plural else "clusteringresult", "id"),
        *(("embedding_clusters" if plural else "embeddingcluster", column)
          for column in ("id", "embedding_id", "clustering_result_id")),
    }  # fmt: skip
    if shape == "clusters":
        expected |= {("cluster", column) for column in ("id", "clustering_result_id", "medoid_embedding_id")}
        expected |= {("embeddingcluster", "cluster_id")}
    elif shape != "labels":
        expected |= {("embedding_clusters" if plural else "embeddingcluster", "medoid_embedding_id")}
    if not plural:
        expected |= {("persistencediagram", "id"), ("persistencediagram", "run_id")}  # empty, and waiting
    assert columns == expected
    assert not [row for row in found if row[1] == "damaged-ids"]


def test_damaged_ids(tmp_path: Path) -> None:
    found = look(make(tmp_path / "old.db", "medoids", "UUID", damaging=True).path)
    real = float("6888680485171234567890123456789")
    assert [row for row in found if row[1] == "damaged-ids"] == [
        ("error", "damaged-ids", "invocation", "id", math.inf, 1),
        ("error", "damaged-ids", "invocation", "input_invocation_id", math.inf, 1),
        ("error", "damaged-ids", "embedding", "id", real, 3),
        ("error", "damaged-ids", "embedding", "invocation_id", math.inf, 2),
        ("error", "damaged-ids", "embeddingcluster", "embedding_id", real, 6),
    ]


def test_ids_that_were_damaged_on_the_way(tmp_path: Path) -> None:
    """As it was: text ids of embeddings, assignments declared UUID. The assignments point nowhere now."""
    old = make(tmp_path / "old.db", "clusters", "CHAR(32)", damaging=True)
    found = look(old.path)
    real = float("6888680485171234567890123456789")
    assert ("error", "damaged-ids", "embeddingcluster", "embedding_id", real, 6) in found
    con = sqlclust.connect(str(old.path))
    [orphans] = [f for f in sqlclust.doctor(con).findings if f.finding == "orphans"]
    assert (orphans.table, orphans.column, orphans.n) == ("embeddingcluster", "embedding_id", 6)
    assert "lost" in orphans.remedy
    assert sqlclust.doctor(con, fix=True).repairs == []  # not certain: a result's rows are not thrown away for it
    con.close()


def test_duplicates_and_orphans_of_the_old_project(tmp_path: Path) -> None:
    old = make(tmp_path / "old.db", "labels", "CHAR(32)")
    execute(old.path, """
        INSERT INTO embeddingcluster SELECT 'copy' || rowid, embedding_id, clustering_result_id, cluster_id
            FROM embeddingcluster WHERE rowid <= 5;
        INSERT INTO embeddingcluster SELECT 'other' || rowid, embedding_id, clustering_result_id, cluster_id + 1
            FROM embeddingcluster WHERE rowid = 7""")  # fmt: skip
    execute(old.path, "DELETE FROM clusteringresult WHERE id = ?", old.results[2])
    con = sqlclust.connect(str(old.path))
    diagnosis = sqlclust.doctor(con)
    first = con.execute("SELECT min(embedding_id) FROM embeddingcluster WHERE rowid IN (1, 2, 3, 4, 5, 7)").get
    assert [row for row in brief(diagnosis) if row[1] == "duplicate-assignments"] == [
        ("error", "duplicate-assignments", "embeddingcluster", "embedding_id", first, 6)
    ]
    [orphans] = [f for f in diagnosis.findings if f.finding == "orphans"]
    assert (orphans.column, orphans.n) == ("clustering_result_id", 40)
    fixed = sqlclust.doctor(con, fix=True)
    assert [(repair.finding, repair.n) for repair in fixed.repairs] == [("orphans", 40), ("duplicate-assignments", 5)]
    [left] = [f for f in fixed.findings if f.finding == "duplicate-assignments"]
    assert left.n == 1  # its two rows differ
    assert "the rows differ" in left.remedy
    assert con.execute("SELECT count(*) FROM embeddingcluster").get == 81
    con.close()


def test_rows_with_damaged_ids_are_not_called_copies(tmp_path: Path) -> None:
    """Two embeddings of one cluster are both `inf`: equal in every column, and not the same."""
    old = make(tmp_path / "old.db", "labels", "UUID", damaging=True)
    execute(old.path, """
        INSERT INTO embeddingcluster SELECT 'more', embedding_id, clustering_result_id, cluster_id
        FROM embeddingcluster WHERE typeof(embedding_id) = 'real' LIMIT 1""")  # fmt: skip
    con = sqlclust.connect(str(old.path))
    diagnosis = sqlclust.doctor(con, fix=True)
    assert diagnosis.repairs == []
    assert diagnosis.backup is None
    [left] = [f for f in diagnosis.findings if f.finding == "duplicate-assignments"]
    assert left.remedy.startswith("not repaired: ids are damaged")
    con.close()


def test_medoids_and_clusters_of_the_old_project(tmp_path: Path) -> None:
    old = make(tmp_path / "clusters.db", "clusters", "TEXT")
    execute(old.path, """
        UPDATE cluster SET size = size + 1 WHERE rowid = 2;
        UPDATE cluster SET medoid_embedding_id = (SELECT embedding_id FROM embeddingcluster ec
            WHERE ec.clustering_result_id = cluster.clustering_result_id AND ec.cluster_id <> cluster.id) WHERE rowid = 3;
        DELETE FROM cluster WHERE rowid = 4""")  # fmt: skip
    found = [row[1:4] for row in look(old.path)]
    assert ("wrong-size", "cluster", "size") in found
    assert ("medoid-outside-cluster", "cluster", "medoid_embedding_id") in found
    assert ("label-without-cluster", "embeddingcluster", "cluster_id") in found
    later = make(tmp_path / "medoids.db", "medoids", "TEXT")
    execute(later.path, """
        UPDATE embeddingcluster SET medoid_embedding_id = NULL
        WHERE embedding_id = (SELECT max(medoid_embedding_id) FROM embeddingcluster)""")  # fmt: skip
    assert ("medoid-outside-cluster", "embeddingcluster", "medoid_embedding_id") in [
        row[1:4] for row in look(later.path)
    ]


def test_vectors_of_the_old_project(tmp_path: Path) -> None:
    old = make(tmp_path / "old.db", "plural", "TEXT")
    first, second = old.embeddings["STSBRoberta"][:2]
    execute(old.path, "UPDATE embeddings SET vector = x'00' WHERE id = ?", first)
    execute(old.path, "UPDATE embeddings SET vector = x'0000c07f' WHERE id = ?", second)
    assert look(old.path) == [
        ("error", "vector-length", "embeddings", "vector", first, 1),
        ("error", "not-finite", "embeddings", "vector", second, 1),
        ("error", "mixed-dimensions", "embeddings", "vector", second, 1),
        NO_SCHEMA,
    ]


@pytest.mark.parametrize("shape", SHAPES)
def test_what_was_adopted_is_well(tmp_path: Path, shape: Shape) -> None:
    old = make(tmp_path / "old.db", shape, "UUID", damaging=True)
    con = sqlclust.connect(str(tmp_path / "new.db"))
    sqlclust.adopt(con, str(old.path))
    assert sqlclust.doctor(con).healthy
    con.close()


def test_our_first_schema(tmp_path: Path) -> None:
    version_1.make(tmp_path / "first.db")
    con = sqlclust.connect(str(tmp_path / "first.db"))
    stale = ("note", "stale-result", "ClusteringResult", "id", 1, 2)
    assert brief(sqlclust.doctor(con)) == [("note", "older-schema", "SqlclustMigration", "version", 1, 1), stale]
    sqlclust.initialize(con)
    assert brief(sqlclust.doctor(con)) == [stale]
    con.close()
