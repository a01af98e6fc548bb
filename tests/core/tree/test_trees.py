"""Condensing and selecting against hdbscan's own functions, on random trees: the same array, the same numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hdbscan import _hdbscan_tree
from hdbscan._hdbscan_linkage import label
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sqlclust.core.clusters.cut_parameters import CutParameters
from sqlclust.core.clusters.selection import ClusterLabels, cluster_labels
from sqlclust.core.tree.boruvka import SpanningTree
from sqlclust.core.tree.condensed_tree import condense
from sqlclust.core.tree.single_linkage import single_linkage

METHODS = ["eom", "leaf"]


def random_tree(seed: int, n: int, levels: int, chained: float) -> SpanningTree:
    """A spanning tree of n rows: `levels` different weights (0: all different), a share of the edges in one long chain."""
    random = np.random.default_rng(seed)
    ends = np.arange(1, n)
    others = np.where(random.random(n - 1) < chained, ends - 1, (random.random(n - 1) * ends).astype(int))
    weight = random.exponential(size=n - 1) if levels == 0 else random.integers(0, levels, size=n - 1) / 2
    names = random.permutation(n)
    left, right = np.minimum(names[ends], names[others]), np.maximum(names[ends], names[others])
    order = np.argsort(weight, kind="stable")
    return SpanningTree(left[order], right[order], weight[order])


trees = st.builds(
    random_tree,
    st.integers(0, 2**32 - 1),
    st.integers(2, 80),
    st.sampled_from([0, 0, 1, 2, 5, 40]),
    st.sampled_from([0.0, 0.5, 0.95]),
)


def their_hierarchy(tree: SpanningTree) -> NDArray[Any]:
    hierarchy: NDArray[Any] = label(np.column_stack([tree.left.astype(float), tree.right.astype(float), tree.weight]))
    return hierarchy


def their_selection(tree: NDArray[Any], **options: Any) -> ClusterLabels:
    """As hdbscan's HDBSCAN does it; what it leaves NaN, and clusters of nobody, as `cluster_labels` documents."""
    persistence = options["cluster_selection_persistence"]
    with np.errstate(all="ignore"):
        if persistence > 0.0 and (tree["child"] >= tree["parent"].min()).any():
            tree = _hdbscan_tree.simplify_hierarchy(tree.copy(), persistence)
        labels, probabilities, scores = _hdbscan_tree.get_clusters(
            tree,
            _hdbscan_tree.compute_stability(tree),
            options["cluster_selection_method"],
            options["allow_single_cluster"],
            False,
            options["cluster_selection_epsilon"],
            options["max_cluster_size"],
        )
        outliers = _hdbscan_tree.outlier_scores(tree)
    inhabited = np.bincount(labels[labels >= 0], minlength=len(scores)) > 0
    number = np.append(np.cumsum(inhabited) - 1, -1)
    return ClusterLabels(
        number[labels],
        np.clip(np.nan_to_num(probabilities, nan=0.0), 0, 1),
        np.clip(np.nan_to_num(outliers, nan=1.0), 0, 1),
        np.clip(np.nan_to_num(scores[inhabited], nan=1.0), 0, 1),
    )


@settings(max_examples=150, deadline=None)
@given(trees)
def test_single_linkage(tree: SpanningTree) -> None:
    theirs, ours = their_hierarchy(tree), single_linkage(tree)
    n = len(tree.weight) + 1
    assert np.array_equal(np.column_stack([ours.children, ours.distance, ours.size[n:]]), theirs)
    level, breadth_first = [2 * n - 2], []
    while level:
        breadth_first += level
        level = [child for node in level if node >= n for child in ours.children[node - n].tolist()]
    assert np.argsort(ours.rank).tolist() == breadth_first


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(trees, st.sampled_from([2, 2, 3, 4, 5, 8, 20, 200]))
def test_condensed_tree(tree: SpanningTree, min_cluster_size: int) -> None:
    ours = condense(single_linkage(tree), min_cluster_size=min_cluster_size)
    theirs = _hdbscan_tree.condense_tree(their_hierarchy(tree), min_cluster_size)
    assert ours.dtype == theirs.dtype
    assert np.array_equal(ours, theirs)


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(
    tree=trees,
    min_cluster_size=st.sampled_from([2, 3, 4, 8]),
    cluster_selection_method=st.sampled_from(METHODS),
    cluster_selection_epsilon=st.sampled_from([0.0, 0.0, 0.2, 0.5, 1.0, 3.0]),
    cluster_selection_persistence=st.sampled_from([0.0, 0.0, 0.3, 2.0]),
    max_cluster_size=st.sampled_from([0, 0, 1, 5, 20]),
    allow_single_cluster=st.booleans(),
)
def test_selection(tree: SpanningTree, min_cluster_size: int, **options: Any) -> None:
    condensed = condense(single_linkage(tree), min_cluster_size=min_cluster_size)
    before = condensed.copy()
    ours = cluster_labels(condensed, CutParameters(min_cluster_size, **options))
    theirs = their_selection(condensed, **options)
    assert np.array_equal(condensed, before), "cluster_labels changed its argument"
    for name in ClusterLabels._fields:
        assert np.array_equal(getattr(ours, name), getattr(theirs, name)), name


def test_two_rows() -> None:
    tree = SpanningTree(np.array([0]), np.array([1]), np.array([0.5]))
    condensed = condense(single_linkage(tree), min_cluster_size=2)
    assert condensed.tolist() == [(2, 0, 2.0, 1), (2, 1, 2.0, 1)]
    labelled = cluster_labels(condensed, CutParameters(2, allow_single_cluster=True))
    assert labelled.labels.tolist() == [0, 0]


def test_infinite_densities_give_no_warning() -> None:
    weight = np.array([0.0, 0.0, 5e-324, 5e-324, 1.0])
    tree = SpanningTree(np.array([0, 1, 3, 4, 2]), np.array([1, 2, 4, 5, 3]), weight)
    condensed = condense(single_linkage(tree), min_cluster_size=3)
    assert np.isinf(condensed["lambda_val"]).sum() == 6
