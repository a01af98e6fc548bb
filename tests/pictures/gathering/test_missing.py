"""Results of which something cannot be shown: what is left is, and a sentence says why the rest is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.core.layout.plane import principal_plane
from sqlclust.errors import DatabaseFileError, LockedError, MembersChangedError, ResultDamagedError
from sqlclust.options import FitOptions
from sqlclust.pictures.gathering.gathering import gather
from sqlclust.store import maps
from sqlclust.store.fit import fit
from tests.pictures.gathered import docs, fitted, own, scene_of
from tests.pictures.gathering.test_gathering import check
from tests.schemas.old import KNOWN
from tests.small import add_embeddings, clustered


@pytest.fixture(autouse=True)
def _by_pca(monkeypatch: pytest.MonkeyPatch) -> None:
    """Maps by t-SNE would take their time."""
    monkeypatch.setattr(maps, "tsne_is_installed", lambda: False)


def test_a_fit_that_is_not_stored(con: apsw.Connection) -> None:
    own(con)
    result = fit(database_of(con), "demo", FitOptions(min_cluster_size=5), store_fit=False)
    scene = scene_of(con, result)
    check(con, scene, result)
    [missing] = scene.missing
    assert missing.startswith(
        "The tree and the sweep cannot be shown: clustering fit 1 was made without storing its tree"
    )
    assert "without storing" in scene.points.no_map
    assert (scene.tree, scene.sweep, scene.points.xy) == (None, None, None)
    assert all(len(cluster.near) == 2 for cluster in scene.clusters)
    assert scene.points.texts is not None


@pytest.mark.parametrize(
    ("column", "value", "missing"),
    [
        ("spanning_tree", "zeroblob(16 * 39)", ["The tree and the sweep cannot be shown: clustering fit 1 is damaged"]),
        ("row_ids", "x'69'", ["The tree and the sweep cannot be shown: clustering fit 1 is damaged"]),
        ("metric", "'taxicab'", ["The tree and the sweep", "Which clusters are near"]),
        ("selection", "'[]'", ["What the fit says of itself cannot be shown", "Which clusters are near"]),
    ],
)
def test_a_damaged_fit(con: apsw.Connection, column: str, value: str, missing: list[str]) -> None:
    own(con)
    result = fitted(con)
    con.execute(f"UPDATE ClusteringFit SET {column} = {value}")
    scene = scene_of(con, result)
    check(con, scene, result)
    assert len(scene.missing) == len(missing)
    assert all(found.startswith(said) for found, said in zip(scene.missing, missing, strict=True))
    assert (scene.tree, scene.sweep) == (None, None)
    assert [bool(cluster.near) for cluster in scene.clusters] == [len(missing) == 1] * 3


@pytest.mark.parametrize("version", KNOWN)
def test_files_of_older_versions(tmp_path: Path, version: int) -> None:
    """As they are: nothing is upgraded."""
    path = tmp_path / "x.db"
    KNOWN[version].make(path)
    con = sqlclust.connect(str(path))
    content = path.read_bytes()
    results = [result for (result,) in con.execute("SELECT id FROM ClusteringResult")]
    assert results
    for result in results:
        scene = scene_of(con, result)
        rows = "SELECT label FROM EmbeddingCluster WHERE clustering_result_id = ? ORDER BY 1"
        assert sorted(scene.points.labels.tolist()) == [label for (label,) in con.execute(rows, (result,))]
        assert (scene.points.no_map == "") == (scene.points.xy is not None)
        assert all(sentence.endswith(".") for sentence in scene.missing)
    con.close()
    assert version == max(KNOWN) or path.read_bytes() == content


def test_members_that_changed_since(con: apsw.Connection) -> None:
    own(con)
    result = fitted(con)
    before = scene_of(con, result)
    con.execute("UPDATE Embedding SET vector = (SELECT vector FROM Embedding WHERE id = 40)")
    scene = scene_of(con, result)
    check(con, scene, result)
    assert [missing.split(" cannot")[0] for missing in scene.missing] == ["Which clusters are near"]
    assert all(not cluster.near for cluster in scene.clusters)
    assert before.points.xy is not None
    np.testing.assert_array_equal(scene.points.xy, before.points.xy)
    con.execute("DELETE FROM ClusteringFitMap")
    scene = scene_of(con, result)
    assert scene.points.xy is None
    assert "has another vector since clustering fit 1 was made" in scene.points.no_map
    assert len({cluster.colour for cluster in scene.clusters}) == 3
    assert scene.tree is not None
    with pytest.raises(MembersChangedError):
        maps.map_of(database_of(con), 1)


def test_a_source_that_is_gone(con: apsw.Connection) -> None:
    docs_result = _of_docs(con)
    con.execute("ALTER TABLE docs DROP COLUMN body")
    scene = scene_of(con, docs_result)
    assert [missing.split(" cannot")[0] for missing in scene.missing] == ["Texts"]
    con.execute("DROP TABLE docs")
    scene = scene_of(con, docs_result)
    check(con, scene, docs_result)
    assert [missing.split(" cannot")[0] for missing in scene.missing] == ["Texts", "Which clusters are near"]
    assert scene.points.texts is None
    assert scene.points.xy is not None
    assert scene.tree is not None
    for change in ("database = 'nowhere.db'", "id_columns = '[7]'"):
        con.execute(f"UPDATE EmbeddingSource SET {change}")
        assert len(scene_of(con, docs_result).missing) == 2


def _of_docs(con: apsw.Connection) -> int:
    own(con)
    docs(con)
    return fitted(con, "docs")


def test_a_view_is_not_run(con: apsw.Connection) -> None:
    own(con)
    con.execute(
        "CREATE VIEW docs AS SELECT id AS key, vector AS embedding, content AS body FROM Embedding WHERE vector NOT NULL"
    )
    sqlclust.source(con, "docs", table="docs", id="key", vector="embedding", content="body")
    result = fitted(con, "docs")
    con.execute("DROP VIEW docs; CREATE VIEW docs AS SELECT 1 / (SELECT 0) AS key, 2 AS embedding, 1 AS body")
    scene = scene_of(con, result)
    check(con, scene, result)
    assert [missing.split(" cannot")[0] for missing in scene.missing] == ["Texts", "Which clusters are near"]
    assert all("docs is a view" in missing for missing in scene.missing)
    assert scene.points.xy is not None
    con.execute("DELETE FROM ClusteringFitMap")
    con.execute("UPDATE EmbeddingSource SET content_column = NULL")
    scene = scene_of(con, result)
    assert "docs is a view" in scene.points.no_map
    assert [missing.split(" cannot")[0] for missing in scene.missing] == ["Which clusters are near"]


def test_a_result_of_others(con: apsw.Connection) -> None:
    """Labels with gaps, no fit, no outlier scores; and one row alone."""
    add_embeddings(con, clustered(4, noise=0, clusters=2), ids=["a", b"b", 3, 4.5])
    con.execute("BEGIN; PRAGMA defer_foreign_keys = ON")
    con.execute(
        "INSERT INTO ClusteringResult (id, embedding_model, algorithm, parameters) VALUES (7, 'demo', 'k-means', '{\"k\": 2}')"
    )
    con.execute("INSERT INTO Cluster VALUES (7, 9, 'a', 2, NULL), (7, 5, 3, 1, 0.5)")
    con.execute("INSERT INTO EmbeddingCluster (clustering_result_id, embedding_id, label, probability) "
                "VALUES (7, 'a', 9, 1), (7, x'62', 9, 1), (7, 3, 5, 1), (7, 4.5, -1, 0)")  # fmt: skip
    con.execute(
        "INSERT INTO ClusteringResult (id, embedding_model, algorithm, parameters) VALUES (8, 'demo', 'one', '{}')"
    )
    con.execute("INSERT INTO Cluster VALUES (8, 0, 'a', 1, NULL)")
    con.execute(
        "INSERT INTO EmbeddingCluster (clustering_result_id, embedding_id, label, probability) VALUES (8, 'a', 0, 1)"
    )
    con.execute("COMMIT")
    scene = scene_of(con, 7)
    assert scene.points.ids == [3, 4.5, "a", b"b"]
    assert scene.points.labels.tolist() == [5, -1, 9, 9]
    assert scene.points.outlier_scores.tolist() == [0, 0, 0, 0]
    assert [(cluster.label, cluster.size, cluster.persistence, cluster.exemplars) for cluster in scene.clusters] == [
        (9, 2, None, [2, 3]), (5, 1, 0.5, [0])
    ]  # fmt: skip
    assert scene.points.no_map == "the result has no fit"
    assert any("outlier scores" in missing.lower() for missing in scene.missing)
    [cluster] = scene_of(con, 8).clusters
    assert (cluster.size, cluster.share, cluster.medoid, cluster.exemplars) == (1, 1.0, 0, [0])


def test_nothing_but_noise_and_nothing_but_copies(con: apsw.Connection) -> None:
    add_embeddings(con, np.ones((20, 3), dtype=np.float32))
    every: list[dict[str, Any]] = [{}, {"allow_single_cluster": True}, {"min_cluster_size": 30}]
    for number, options in enumerate(every, start=1):
        result = fitted(con, **options)
        scene = scene_of(con, result)
        check(con, scene, result)
        assert result == number
        assert scene.missing == []
        assert scene.tree is not None
        assert np.isfinite(scene.tree.death).all()
        assert len(scene.clusters) == (number == 2)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("DELETE FROM Cluster WHERE label = 1", "rows of a cluster 1"),
        ("DELETE FROM EmbeddingCluster", "the medoid of cluster 0, "),
        ("UPDATE Cluster SET medoid_embedding_id = 40 WHERE label = 1", "the medoid of cluster 1, 40,"),
        ("UPDATE Cluster SET label = 3000000000 WHERE label = 1; "
         "UPDATE EmbeddingCluster SET label = 3000000000 WHERE label = 1", "3000000000"),
        ("UPDATE ClusteringResult SET parameters = '{\"x\": 1}'", ""),
        ("UPDATE ClusteringResult SET parameters = '{\"min_cluster_size\": -3}'", ""),
        ("UPDATE ClusteringResult SET parameters = '{\"min_cluster_size\": 13}'", ""),
        ("DELETE FROM EmbeddingCluster WHERE label = -1", ""),
    ],
)  # fmt: skip
def test_what_does_not_go_together(con: apsw.Connection, change: str, reason: str) -> None:
    own(con)
    result = fitted(con)
    con.execute("PRAGMA foreign_keys = OFF")
    con.execute(change)
    if reason:
        with pytest.raises(ResultDamagedError, match=reason):
            scene_of(con, result)
        return
    scene = scene_of(con, result)
    check(con, scene, result)
    if scene.result["parameters"].get("x"):  # that of the default options, which it was made with
        assert scene.missing == []
        return
    [missing] = scene.missing
    assert missing.startswith("The tree and the sweep cannot be shown: clustering result 1 is not what its fit and its")


def test_a_map_is_made_once_and_kept_where_the_file_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    con = sqlclust.connect(str(path))
    sqlclust.initialize(con)
    own(con)
    assert sqlclust.fit(con, "demo", min_cluster_size=5) == 1
    content = path.read_bytes()
    for other in (sqlclust.connect(str(path), readonly=True), con):
        if other is con:
            con.execute("BEGIN")  # somebody's own transaction
        scene = gather(database_of(other), 1)
        assert scene.points.map_method == "PCA"
        assert scene.points.no_map == ""
        assert scene.missing == []
        check(other, scene, 1)
    con.execute("ROLLBACK")
    writer = sqlclust.connect(str(path))
    writer.execute("BEGIN IMMEDIATE")
    busy = gather(database_of(con), 1)
    writer.close()
    np.testing.assert_array_equal(busy.points.xy, scene.points.xy)
    assert path.read_bytes() == content
    assert maps.read_map(database_of(con), 1) is None
    kept = gather(database_of(con), 1)
    stored = maps.read_map(database_of(con), 1)
    assert stored is not None
    assert kept.points.xy is not None
    for xy in (stored.xy, scene.points.xy):
        np.testing.assert_array_equal(kept.points.xy, xy)
    con.close()


def test_a_trigger_that_drops_maps(con: apsw.Connection) -> None:
    own(con)
    result = sqlclust.fit(con, "demo", min_cluster_size=5)
    con.execute("CREATE TRIGGER trap BEFORE INSERT ON ClusteringFitMap BEGIN SELECT raise(IGNORE); END")
    scene = scene_of(con, result)
    check(con, scene, result)
    assert (scene.points.map_method, scene.points.no_map, scene.missing) == ("PCA", "", [])
    assert maps.read_map(database_of(con), 1) is None


@pytest.mark.parametrize("error", [LockedError(waited=10.0, doing="storing"), DatabaseFileError("x.db", reason="full")])
def test_a_map_that_cannot_be_kept_in_the_end_is_made_once(
    con: apsw.Connection, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Somebody begins to write while it is made, or the disk is full."""
    own(con)
    result = sqlclust.fit(con, "demo", min_cluster_size=5)
    n_made = []

    def counted(*args: Any) -> Any:
        n_made.append(1)
        return principal_plane(*args)

    def refused(*_: object) -> None:
        raise error

    monkeypatch.setattr(maps, "principal_plane", counted)
    monkeypatch.setattr(maps, "store_map", refused)
    scene = scene_of(con, result)
    assert (scene.points.map_method, scene.points.no_map, len(n_made)) == ("PCA", "", 1)
    with pytest.raises(type(error)):
        maps.map_of(database_of(con), 1)
