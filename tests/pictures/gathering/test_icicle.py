"""The icicle against a plain walk through the condensed tree: widths, nesting, outlines, and what is hidden."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sqlclust.core.clusters.selection import FlatClusters
from sqlclust.core.geometry.mutual_reachability import ReachabilityParameters
from sqlclust.core.pipeline import fit
from sqlclust.core.runtime.control import Control
from sqlclust.options import CutOptions
from sqlclust.pictures.gathering import icicle as layout
from sqlclust.pictures.gathering.icicle import icicle
from sqlclust.pictures.scene import SceneTree
from sqlclust.store.cut import flat_clusters_of
from tests.small import clustered

OPTIONS = [
    {},
    {"cluster_selection_method": "leaf"},
    {"allow_single_cluster": True},
    {"cluster_selection_persistence": 0.4},
    {"cluster_selection_epsilon": 0.8},
    {"max_cluster_size": 6},
]


def flat_of(vectors: NDArray[np.float32], min_cluster_size: int = 3, **options: Any) -> FlatClusters:
    tree = fit(vectors, ReachabilityParameters(2, "euclidean", normalize=False, alpha=1.0), control=Control()).tree
    return flat_clusters_of(tree, CutOptions(min_cluster_size=min_cluster_size, **options), Control())


def laid_out(flat: FlatClusters) -> SceneTree:
    """With the labels 10, 11, …"""
    return icicle(flat, 10 + np.arange(len(flat.cluster_of_label)), Control())


def steps_of(tree: SceneTree, node: int) -> list[tuple[float, int]]:
    part = slice(tree.step_starts[node], tree.step_starts[node + 1])
    return list(zip(tree.step_lambda[part].tolist(), tree.step_size[part].tolist(), strict=True))


def left_at(steps: list[tuple[float, int]], density: float) -> int:
    return [size for start, size in steps if start <= density][-1]


def check(flat: FlatClusters, tree: SceneTree) -> None:
    """All that is true of every icicle of which nothing is hidden but what begins at infinity."""
    n = len(flat.clusters.point_cluster)
    finite = flat.tree["lambda_val"][np.isfinite(flat.tree["lambda_val"])]
    top = 1.1 * max(finite.max(initial=0.0), 0.0) or 1.1
    # nodes of the condensed tree by a walk: number, birth, size, parent
    nodes = {n: (0.0, n, None)}
    for parent, child, density, size in flat.tree.tolist():
        if child >= n:
            nodes[child] = (min(density, top), size, parent)
    labels = dict(zip((flat.cluster_of_label + n).tolist(), range(10, 99), strict=False))
    of_tree = [
        (birth, size, labels.get(number, -1))
        for number, (birth, size, _) in nodes.items()
        if birth < top or number in labels
    ]
    laid = list(zip(tree.birth.tolist(), tree.size.tolist(), tree.label.tolist(), strict=True))
    assert sorted(laid) == sorted(of_tree)
    assert len(laid) + tree.n_hidden == len(nodes)
    assert (tree.birth <= tree.death).all()
    assert np.isfinite(tree.death).all()
    np.testing.assert_allclose(tree.right - tree.left, tree.size / n)
    assert tree.parent[0] == -1
    assert (tree.parent[1:] < np.arange(1, len(laid))).all()
    for node in range(len(laid)):
        steps = steps_of(tree, node)
        assert steps[0][0] == tree.birth[node]
        assert all(before < after for (before, _), (after, _) in pairwise(steps))
        assert all(before >= after > 0 for (_, before), (_, after) in pairwise(steps))
        assert len(steps) <= layout.MOST_STEPS
        assert len(steps) == 1 or steps[-1][0] < tree.death[node]
        below = np.flatnonzero(tree.parent == node)
        if not len(below):
            continue
        assert (tree.birth[below] == tree.death[node]).all() or flat.tree["lambda_val"].max() == np.inf
        order = below[np.argsort(tree.left[below])]
        assert (tree.right[order[:-1]] <= tree.left[order[1:]] + 1e-12).all()  # side by side
        middle, last = (tree.left[node] + tree.right[node]) / 2, steps[-1][1] / n
        assert tree.left[below].min() >= middle - last / 2 - 1e-12  # in what is left of it
        assert tree.right[below].max() <= middle + last / 2 + 1e-12


def outlines(flat: FlatClusters) -> dict[tuple[float, int], list[list[tuple[float, int]]]]:
    """By birth and size: what leaves each node before it ends, as (density, rows), by a walk."""
    n = len(flat.clusters.point_cluster)
    birth, size, leaves = {n: 0.0}, {n: n}, dict[int, list[tuple[float, int]]]()
    splits: dict[int, float] = {}
    for parent, child, density, count in flat.tree.tolist():
        leaves.setdefault(parent, []).append((density, count))
        if child >= n:
            birth[child], size[child] = density, count
            splits[parent] = min(density, splits.get(parent, np.inf))
    found: dict[tuple[float, int], list[list[tuple[float, int]]]] = {}
    for node, own in leaves.items():
        found.setdefault((birth[node], size[node]), []).append(
            sorted((min(density, splits.get(node, np.inf)), count) for density, count in own)
        )
    return found


VECTORS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=3, max_size=50)


@settings(max_examples=60)
@given(VECTORS, st.sampled_from(OPTIONS), st.integers(2, 5))
def test_an_icicle_is_the_condensed_tree(points: list[tuple[int, int]], options: dict[str, Any], smallest: int) -> None:
    spread = np.array(points, dtype=np.float32) * 1.37
    flat = flat_of(spread, smallest, **options)
    check(flat, laid_out(flat))


@settings(max_examples=40)
@given(st.integers(0, 1000), st.sampled_from([4, 8, 32]), st.sampled_from([0.0, 0.5, 1.0]))
def test_an_outline_is_never_narrower_and_never_far_off(seed: int, most: int, persistence: float) -> None:
    vectors = np.random.default_rng(seed).gamma(1.0, size=(60, 2)).astype(np.float32)
    flat = flat_of(vectors, cluster_selection_persistence=persistence)
    check(flat, laid_out(flat))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layout, "MOST_STEPS", most)
        tree = laid_out(flat)
    exact = outlines(flat)
    for node in range(len(tree.parent)):
        [leaves, *others] = exact[tree.birth[node], int(tree.size[node])]
        if others:
            continue
        steps, death = steps_of(tree, node), leaves[-1][0]
        assert death == tree.death[node]
        lost = sum(count for density, count in leaves if density < death)
        for density in {density for density, _ in leaves if density < death}:
            left = int(tree.size[node]) - sum(count for at, count in leaves if at <= density)
            assert 0 <= left_at(steps, density) - left <= lost / (most - 1)


def test_where_a_split_was_undone_a_node_ends_at_the_next_one() -> None:
    """There some rows are said to leave the node after it has split."""
    flat = flat_of(
        np.random.default_rng(3).gamma(1.0, size=(60, 2)).astype(np.float32), cluster_selection_persistence=0.5
    )
    splits = flat.tree[flat.tree["child"] >= 60]
    split = dict(zip(splits["parent"].tolist(), splits["lambda_val"].tolist(), strict=True))
    assert any(density > split.get(parent, np.inf) for parent, _, density, _ in flat.tree.tolist())
    check(flat, laid_out(flat))


def test_identical_rows_end_above_all_others() -> None:
    vectors = np.concatenate([clustered(40), np.repeat(clustered(40)[:2], 12, axis=0)])
    flat = flat_of(vectors, 5)
    assert np.isinf(flat.tree["lambda_val"]).any()
    tree = laid_out(flat)
    check(flat, tree)
    finite = flat.tree["lambda_val"][np.isfinite(flat.tree["lambda_val"])].max()
    assert tree.death.max() == pytest.approx(1.1 * finite)
    only = laid_out(flat_of(np.ones((30, 3), dtype=np.float32)))
    assert (only.birth[0], only.death[0], only.size[0]) == (0.0, 1.1, 30)


def test_small_nodes_are_hidden_and_clusters_never(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = np.random.default_rng(3).normal(size=(400, 2)).astype(np.float32)
    flat = flat_of(vectors, 2, cluster_selection_method="leaf")
    every = laid_out(flat)
    assert every.n_hidden == 0
    leaves = (every.label >= 0).sum()
    assert leaves > 20
    monkeypatch.setattr(layout, "MOST_NODES", 5)
    few = laid_out(flat)
    assert sorted(few.label[few.label >= 0]) == sorted(every.label[every.label >= 0])
    assert (few.parent[1:] >= 0).all()  # all above a cluster are there
    flat = flat_of(vectors, 2)._replace(cluster_of_label=np.zeros(0, dtype=np.intp))
    few = laid_out(flat)
    assert len(few.parent) == 5
    assert few.n_hidden == len(every.parent) - 5
    assert sorted(few.size, reverse=True) == sorted(every.size, reverse=True)[:5]
    monkeypatch.setattr(layout, "LEAST_SHARE", 0.5)
    assert (laid_out(flat).size >= 200).all()
