"""Membership of points in their nearest cluster against hdbscan's membership vectors."""

from __future__ import annotations

from typing import Any

import hdbscan
import numpy as np
import pytest
from hdbscan.prediction import all_points_membership_vectors

import sqlclust.core.pipeline as core
from sqlclust.core.clusters.clustered_rows import ClusteredRows
from sqlclust.core.clusters.cut_parameters import CutParameters
from sqlclust.core.clusters.selection import FlatClusters, flat_clusters
from sqlclust.core.clusters.soft_membership import NearestClusters, nearest_clusters
from sqlclust.core.geometry.duplicates import Distinct
from sqlclust.core.geometry.metrics import Float32Array, IndexArray
from sqlclust.core.runtime.control import Control
from sqlclust.core.tree.boruvka import SpanningTree
from sqlclust.core.tree.condensed_tree import condense
from sqlclust.core.tree.single_linkage import single_linkage
from tests.core.clusters.test_prediction import blobs


def theirs(vectors: Float32Array, **options: Any) -> tuple[Any, SpanningTree]:
    """A fitted model, and its own spanning tree, so that ties are broken alike."""
    model = hdbscan.HDBSCAN(
        min_samples=4, prediction_data=True, approx_min_span_tree=False, gen_min_span_tree=True,
        algorithm="prims_kdtree", **options,
    ).fit(vectors.astype(np.float64))  # fmt: skip
    merges = model.single_linkage_tree_._linkage
    edges = model.minimum_spanning_tree_._mst
    order = np.argsort(edges[:, 2], kind="stable")
    assert np.array_equal(edges[order, 2], merges[:, 2])
    return model, SpanningTree(edges[order, 0].astype(np.intp), edges[order, 1].astype(np.intp), edges[order, 2])


def ours(tree: SpanningTree, min_cluster_size: int, **options: Any) -> FlatClusters:
    condensed = condense(single_linkage(tree), min_cluster_size=min_cluster_size)
    return flat_clusters(condensed, CutParameters(min_cluster_size, **options))


def nearest(vectors: Float32Array, rows: IndexArray, flat: FlatClusters | None) -> NearestClusters:
    every = np.arange(len(vectors))
    clustered = ClusteredRows(Distinct(vectors, np.ones_like(every), every, every), np.ones(len(every)), every, flat)
    return nearest_clusters(clustered, rows, "euclidean", Control())


@pytest.mark.parametrize("method", ["eom", "leaf"])
def test_as_hdbscan_for_every_point(method: str) -> None:
    assert sum(_as_hdbscan(seed, method) for seed in range(4)) >= 3, "ties were broken otherwise nearly always"


def _as_hdbscan(seed: int, method: str) -> bool:
    """False where nothing can be compared, as ties in the spanning tree were broken otherwise."""
    vectors = blobs(seed, 300)
    model, tree = theirs(vectors, min_cluster_size=8, cluster_selection_method=method)
    flat = ours(tree, 8, cluster_selection_method=method)
    if not np.array_equal(model.labels_, flat.label_of_cluster[flat.clusters.point_cluster]):
        return False
    expected = all_points_membership_vectors(model)
    found = nearest(vectors, np.arange(300), flat)
    strongest = np.sort(expected, axis=1)
    clear = strongest[:, -1] - strongest[:, -2] > 1e-6
    assert clear.mean() > 0.95
    assert np.array_equal(found.labels[clear], expected.argmax(axis=1)[clear])
    assert np.allclose(found.strengths, strongest[:, -1], rtol=1e-5, atol=1e-6)
    return True


def test_nearest_exemplar() -> None:
    """Members far apart: the exemplar named is a member of that cluster, and its distance is the euclidean one."""
    vectors = blobs(9, 400)
    fit = core.fit(vectors, core.ReachabilityParameters(4), control=Control())
    flat = ours(fit.tree, 10)
    noise = np.flatnonzero(flat.label_of_cluster[flat.clusters.point_cluster] < 0)
    found = nearest(vectors, noise, flat)
    assert len(noise) > 20
    assert np.array_equal(flat.label_of_cluster[flat.clusters.point_cluster[found.exemplars]], found.labels)
    assert np.allclose(found.distances, np.linalg.norm(vectors[noise] - vectors[found.exemplars], axis=1), rtol=1e-5)
    assert ((found.strengths > 0) & (found.strengths <= 1)).all()


def test_blocks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = blobs(9, 300)
    fit = core.fit(vectors, core.ReachabilityParameters(4), control=Control())
    flat = ours(fit.tree, 5)

    def found() -> list[list[float]]:
        return [part.tolist() for part in nearest(vectors, np.arange(300), flat)]

    whole = found()
    monkeypatch.setattr("sqlclust.core.clusters.soft_membership._CELLS", 500)
    assert [found()[at] for at in (0, 2)] == [whole[at] for at in (0, 2)]
    assert np.allclose(found()[1], whole[1], rtol=1e-12)


def test_infinite_densities_and_no_clusters() -> None:
    vectors = np.repeat(np.array([[0.0, 1], [5, 1], [9, 9]], dtype=np.float32), [10, 10, 1], axis=0)
    fit = core.fit(vectors, core.ReachabilityParameters(3), control=Control())
    rows = np.arange(21)
    found = nearest(vectors, rows, ours(fit.tree, 4))
    assert np.isfinite(found.strengths).all()
    assert len(set(found.labels[:10].tolist())) == len(set(found.labels[10:20].tolist())) == 1
    assert found.labels[20] == found.labels[10]
    for flat in (None, ours(fit.tree, 20)):
        none = nearest(vectors, rows, flat)
        assert set(none.labels.tolist()) == {-1}
        assert not none.strengths.any()
        assert np.isnan(none.distances).all()
