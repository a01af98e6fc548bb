"""Scenes against the tables they are of, asked by SQL: whole results, of embeddings and of a source."""

from __future__ import annotations

import json
from typing import Any

import apsw
import numpy as np
import pytest

from sqlclust.bindings.apsw.database import database_of
from sqlclust.errors import StatementInterrupted, UnknownResultError
from sqlclust.pictures.gathering.gathering import gather
from sqlclust.pictures.scene import Scene
from tests.pictures.gathered import FRUIT, docs, fitted, own, scene_of, text_of
from tests.small import add_embeddings

ROWS = """
SELECT ec.label, ec.probability, ec.outlier_score FROM EmbeddingCluster ec JOIN Embedding e ON e.id = ec.embedding_id
WHERE clustering_result_id = ? ORDER BY coalesce(e.item_id, e.id)
"""
CLUSTERS = """
SELECT label, size, share, persistence, coalesce(e.item_id, e.id), iif(e.item_id IS NULL, 'e', 'd')
FROM ClusterSummary c JOIN Embedding e ON e.id = c.medoid_embedding_id
WHERE clustering_result_id = ? ORDER BY size DESC, label
"""


@pytest.fixture(params=["demo", "docs", "docs by text"])
def model(con: apsw.Connection, request: pytest.FixtureRequest) -> str:
    own(con)
    docs(con, "TEXT PRIMARY KEY" if request.param == "docs by text" else "INTEGER PRIMARY KEY")
    return str(request.param).split()[0]


def check(con: apsw.Connection, scene: Scene, result: int) -> None:
    """What is in the tables is in the scene."""
    rows = con.execute(ROWS, (result,)).fetchall()
    points = scene.points
    found = zip(points.labels.tolist(), points.probabilities.tolist(), points.outlier_scores.tolist(), strict=True)
    assert list(found) == rows
    assert points.labels.dtype == np.int32
    clusters = con.execute(CLUSTERS, (result,)).fetchall()
    ids = [*map(str, points.ids)]
    assert [(c.label, c.size, c.share, c.persistence, ids[c.medoid]) for c in scene.clusters] == [
        (label, size, share, persistence, str(medoid)) for label, size, share, persistence, medoid, _ in clusters
    ]
    for cluster in scene.clusters:
        members = np.flatnonzero(points.labels == cluster.label)
        assert {*cluster.exemplars} <= {*members.tolist()}
        assert len({*cluster.exemplars}) == len(cluster.exemplars) == min(8, cluster.size)
        assert points.probabilities[cluster.exemplars[0]] == 1


def test_a_scene_is_what_is_stored(con: apsw.Connection, model: str) -> None:
    result = fitted(con, model)
    scene = scene_of(con, result)
    check(con, scene, result)
    assert scene.missing == []
    assert scene.title == f"{model}, result {result}"
    assert scene.result["id"] == result
    assert scene.result["parameters"]["min_cluster_size"] == 5
    assert scene.result["fit"]["n"] == 40
    assert "clusters" not in scene.result
    by_id = sorted(range(1, 41), key=None if scene.points.ids[1] == 2 or scene.points.ids[1] == "2" else str)
    assert list(scene.points.ids) == (by_id if model == "demo" else [*map(str, by_id)])
    assert scene.points.texts == [text_of(row_id - 1) for row_id in by_id]
    assert {cluster.terms[0] for cluster in scene.clusters} == {*FRUIT}
    assert all(len(cluster.terms) <= 8 for cluster in scene.clusters)
    assert len({cluster.colour for cluster in scene.clusters}) == 3
    assert scene.runs is None


def test_near_clusters_are_those_of_the_nearest_medoids(con: apsw.Connection, model: str) -> None:
    result = fitted(con, model, metric="cosine")
    table, vector = ("docs", "embedding") if model == "docs" else ("Embedding", "vector")
    scene = scene_of(con, result)
    sql = (
        f"SELECT clust_distance(a.{vector}, b.{vector}, 'cosine') FROM {table} a, {table} b WHERE a.id = ? AND b.id = ?"
    )
    ids = {cluster.label: scene.points.ids[cluster.medoid] for cluster in scene.clusters}
    for cluster in scene.clusters:
        expected = sorted(
            (con.execute(sql, (ids[cluster.label], other_id)).get, other)
            for other, other_id in ids.items()
            if other != cluster.label
        )
        assert [near.label for near in cluster.near] == [label for _, label in expected]
        assert [near.distance for near in cluster.near] == pytest.approx([distance for distance, _ in expected])


OPTIONS: list[dict[str, Any]] = [
    {},
    {"cluster_selection_method": "leaf"},
    {"allow_single_cluster": True},
    {"cluster_selection_epsilon": 0.4},
    {"cluster_selection_persistence": 0.5},
    {"max_cluster_size": 6},
    {"min_cluster_size": 30},
    {"min_cluster_size": 100},
    {"engine": "approximate"},
]


@pytest.mark.parametrize("options", OPTIONS, ids=[str(*options.items()) for options in OPTIONS])
def test_a_sweep_is_that_of_sql_and_a_tree_that_of_sql(con: apsw.Connection, options: dict[str, Any]) -> None:
    own(con)
    result = fitted(con, **options)
    scene = scene_of(con, result)
    check(con, scene, result)
    assert scene.missing == []
    assert scene.sweep is not None
    assert scene.tree is not None
    values = [cut.min_cluster_size for cut in scene.sweep.cuts]
    assert values == sorted({*values})
    assert scene.sweep.stored == options.get("min_cluster_size", 5)
    assert scene.sweep.stored in values
    most = options.get("max_cluster_size") or 100
    assert all(value <= most for value in values)
    others = {name: value for name, value in options.items() if name not in ("min_cluster_size", "engine")}
    swept = con.execute(
        "SELECT min_cluster_size, n_clusters, noise_share, largest_share FROM clust_sweep(1, ?)",
        (json.dumps({**others, "min_cluster_size": values}),),
    ).fetchall()
    assert [(c.min_cluster_size, c.n_clusters, c.noise_share, c.largest_share) for c in scene.sweep.cuts] == swept
    own_row = scene.sweep.cuts[values.index(scene.sweep.stored)]
    assert own_row.n_clusters == len(scene.clusters)
    nodes = con.execute(
        "SELECT size, label FROM clust_condensed_tree(1, ?) WHERE child IS NOT NULL UNION ALL "
        "SELECT 40, (SELECT parent_label FROM clust_condensed_tree(1, ?) WHERE parent = 0 LIMIT 1)",
        (json.dumps({**others, "min_cluster_size": scene.sweep.stored}),) * 2,
    ).fetchall()
    found = [
        (size, label if label >= 0 else None)
        for size, label in zip(scene.tree.size.tolist(), scene.tree.label.tolist(), strict=True)
    ]
    assert sorted(found, key=str) == sorted(nodes, key=str)
    assert {*scene.tree.label[scene.tree.label >= 0].tolist()} == {cluster.label for cluster in scene.clusters}


def ids_of_0(con: apsw.Connection) -> str:
    """The rows of cluster 0 of result 1."""
    sql = "SELECT coalesce(item_id, id) FROM Embedding e JOIN EmbeddingCluster ec ON ec.embedding_id = e.id WHERE label = 0"
    return ", ".join(str(row_id) for (row_id,) in con.execute(sql))


def test_of_a_result_that_is_like_another_the_tree_has_its_labels(con: apsw.Connection, model: str) -> None:
    first = fitted(con, model)
    if model == "docs":
        con.execute(f"DELETE FROM docs WHERE CAST(id AS INTEGER) IN ({ids_of_0(con)})")
    result = fitted(con, model, like=first, where=None if model == "docs" else f"id NOT IN ({ids_of_0(con)})")
    scene = scene_of(con, result)
    check(con, scene, result)
    assert {cluster.label for cluster in scene.clusters} == {1, 2}
    assert scene.tree is not None
    assert {*scene.tree.label.tolist()} == {-1, 1, 2}
    assert {near.label for cluster in scene.clusters for near in cluster.near} == {1, 2}


def test_of_another_min_samples_it_is_the_fit_of_its_own(con: apsw.Connection) -> None:
    own(con)
    fitted(con, min_samples=5)
    result = con.execute('SELECT clust_cut(1, \'{"min_samples": 2, "min_cluster_size": 6}\')').get
    scene = scene_of(con, result)
    check(con, scene, result)
    assert scene.sweep is not None
    assert scene.sweep.stored == 6
    assert scene.missing == []


def test_parts_that_are_not_wanted_are_not_there(con: apsw.Connection) -> None:
    own(con)
    scene = scene_of(con, fitted(con), texts=False, tree=False, sweep=False, runs=False, map=False)
    assert (scene.tree, scene.sweep, scene.runs, scene.points.xy, scene.points.texts) == (None,) * 5
    assert scene.missing == []
    assert scene.points.no_map == "it was not asked for"
    assert scene.clusters[0].terms  # names are no texts of rows


def test_a_cluster_has_one_colour_in_all_pictures(con: apsw.Connection) -> None:
    """A stored map colours those without a map, too. On this one the clusters lie as they do nowhere else."""
    apart = np.random.default_rng(2).normal(size=(14, 6)) * 20
    rows = apart.repeat(8, axis=0) + np.random.default_rng(3).normal(size=(112, 6))
    add_embeddings(con, rows.astype(np.float32))
    result = fitted(con)
    with_map = scene_of(con, result)
    colours = [cluster.colour for cluster in with_map.clusters]
    assert len(colours) == 14
    without = scene_of(con, result, map=False)
    assert without.points.xy is None
    assert [cluster.colour for cluster in without.clusters] == colours
    con.execute("DELETE FROM ClusteringFitMap")
    assert [cluster.colour for cluster in scene_of(con, result, map=False).clusters] != colours


def test_it_says_how_far_it_is_and_can_be_interrupted(con: apsw.Connection) -> None:
    own(con)
    result = fitted(con)
    seen: list[str] = []
    gather(database_of(con), result, progress=lambda phase, fraction: seen.append(phase))
    assert {"texts", "tree", "sweep"} <= {*seen}
    for phase in ("texts", "tree", "sweep"):

        def stop(name: str, fraction: float, phase: str = phase) -> None:
            if name == phase:
                con.interrupt()

        with pytest.raises(StatementInterrupted):
            gather(database_of(con), result, progress=stop)
    with pytest.raises(UnknownResultError):
        scene_of(con, 99)


def test_steps_of_runs_are_rows(con: apsw.Connection) -> None:
    own(con)
    con.execute("INSERT INTO Run (id) VALUES ('r'), ('s')")
    con.executemany(
        "INSERT INTO Invocation (id, run_id, sequence_number) VALUES (?, ?, ?)",
        [(n, "r" if n % 4 else "s", n) for n in range(1, 41)],
    )
    con.execute("UPDATE Embedding SET invocation_id = id")
    result = fitted(con)
    scene = scene_of(con, result)
    assert scene.runs is not None
    runs = scene.runs
    rows = con.execute(
        "SELECT run_id, sequence_number, embedding_id, label FROM ClusterTrajectory WHERE clustering_result_id = 1 ORDER BY 1, 2"
    ).fetchall()
    of_run = np.repeat(np.arange(len(runs.run_ids)), np.diff(runs.starts))
    found = [
        (runs.run_ids[run], number, scene.points.ids[row], int(scene.points.labels[row]))
        for run, number, row in zip(of_run.tolist(), runs.sequence_numbers.tolist(), runs.rows.tolist(), strict=True)
    ]
    assert found == rows
    moves = con.execute(
        "SELECT from_label, to_label, n FROM ClusterMilestoneTransition "
        "WHERE clustering_result_id = 1 AND from_label <> to_label ORDER BY n DESC, 1, 2"
    ).fetchall()
    assert list(runs.transitions) == moves
    assert runs.n_hidden == 0
