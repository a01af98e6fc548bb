"""Hostile files: other things under the names of our tables."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import apsw
import pytest

import sqlclust
from tests.small import add_embeddings, clustered
from tests.trust.good_file import hashes
from tests.trust.hostile import Open, opened

pytestmark = pytest.mark.slow


# --- other things of our names -----------------------------------------------------------------------------------

OURS = ("Run", "Invocation", "Embedding", "ClusteringFit", "ClusteringFitMap", "ClusteringFitNeighbors", "ClusteringResult",
        "Cluster", "EmbeddingCluster", "EmbeddingPrediction", "SqlclustMigration")  # fmt: skip
USES = (
    "SELECT clust_fit('demo', '{\"min_cluster_size\": 6}')",
    "SELECT clust_fit('demo', '{\"min_samples\": 3, \"downsample\": 2}')",
    "SELECT clust_cut(1, '{\"min_cluster_size\": 7}')",
    "SELECT * FROM clust_labels(1)",
    "SELECT * FROM clust_layers(1)",
    "SELECT * FROM clust_sweep(1, '{}')",
    "SELECT * FROM clust_spanning_tree(1)",
    "SELECT * FROM clust_nearest(1)",
    "SELECT * FROM clust_staleness(1)",
    "SELECT * FROM clust_lineage(1, 2)",
    "SELECT * FROM clust_milestone(1)",
    "SELECT * FROM clust_terms(1)",
)
STORED = (
    "SELECT * FROM main.EmbeddingCluster ORDER BY clustering_result_id, embedding_id",
    "SELECT * FROM main.Cluster ORDER BY 1, 2",
    "SELECT id, embedding_model, parameters FROM main.ClusteringResult",
    "SELECT clustering_result_id, n_rows, n_clusters FROM main.ClusteringSummary",
)


def everything(con: apsw.Connection) -> list[Any]:
    found = [con.execute(use).fetchall() for use in USES]
    found += [con.execute(sql).fetchall() for sql in STORED]
    predict = "SELECT id, label FROM clust_predict(1, (SELECT clust_points(id, vector) FROM main.Embedding))"
    return [*found, con.execute(predict).fetchall()]


@pytest.fixture(scope="module")
def expected(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    con = sqlclust.connect(shutil.copy(shared, tmp_path_factory.mktemp("expected") / "x.db"))
    found = everything(con)
    con.close()
    return found


@opened
@pytest.mark.parametrize("kind", ["TEMP table", "TEMP view", "TEMP table of our columns"])
def test_temporary_things_of_our_names(path: Path, kind: str, open_database: Open, expected: list[Any]) -> None:
    """The host's own: they stand before ours in its statements, not in ours."""
    con = open_database(path)
    sql = {
        "TEMP table": "CREATE TEMP TABLE {name} (x)",
        "TEMP view": "CREATE TEMP VIEW {name} AS SELECT 'x' AS x",
        "TEMP table of our columns": "CREATE TEMP TABLE {name} AS SELECT * FROM main.{name} LIMIT 0",
    }[kind]
    for name in (*OURS, "ClusteringSummary", "ClusterSummary", "ClusterAssignment"):
        con.execute(sql.format(name=name))
    assert everything(con) == expected
    for name in OURS:
        assert con.execute(f"SELECT count(*) FROM temp.{name}").get == (1 if kind == "TEMP view" else 0)
    con.close()


@opened
def test_an_attached_database_of_the_same_tables(
    path: Path, tmp_path: Path, open_database: Open, expected: list[Any]
) -> None:
    (tmp_path / "other").mkdir()
    other = sqlclust.connect(tmp_path / "other" / "other.db")
    sqlclust.initialize(other)
    add_embeddings(other, clustered(30, seed=3))
    other.close()
    con = open_database(path)
    con.execute("ATTACH ? AS other", (str(tmp_path / "other" / "other.db"),))
    before = hashes(tmp_path / "other")
    assert everything(con) == expected
    con.close()
    assert hashes(tmp_path / "other") == before


@opened
def test_more_columns_and_triggers_that_write_elsewhere(path: Path, open_database: Open, expected: list[Any]) -> None:
    """A host may extend our tables; what is published is compared with what is there then, and it is the same."""
    host = apsw.Connection(str(path))
    host.execute("CREATE TABLE seen (table_name, id)")
    for table, column in (
        ("ClusteringFit", "id"), ("ClusteringResult", "id"), ("Cluster", "label"), ("EmbeddingCluster", "embedding_id"),
        ("EmbeddingPrediction", "embedding_id"),
    ):  # fmt: skip
        host.execute(f"ALTER TABLE {table} ADD COLUMN remark TEXT DEFAULT 'none'")
        host.execute(
            f"CREATE TRIGGER note_{table} AFTER INSERT ON {table} BEGIN INSERT INTO seen VALUES ('{table}', NEW.{column}); END"
        )
    host.execute("ALTER TABLE Embedding ADD COLUMN language TEXT")
    host.close()
    con = open_database(path)
    found = everything(con)
    con.execute("ALTER TABLE EmbeddingCluster DROP COLUMN remark")
    con.execute("ALTER TABLE Cluster DROP COLUMN remark")
    assert [*found[:-5], *(con.execute(sql).fetchall() for sql in STORED), found[-1]] == expected
    assert con.execute("SELECT count(*) FROM seen WHERE table_name = 'EmbeddingCluster'").get == 40 + 20 + 40
    con.close()
