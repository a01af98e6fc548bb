"""Layers: nested, each the leaf clustering at its min_cluster_size, chosen where total persistence peaks."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import sqlclust.core.pipeline as core
from sqlclust.core.clusters.cut_parameters import CutParameters
from sqlclust.core.clusters.plscan import LeafTree, layers, leaf_tree, peaks
from sqlclust.core.clusters.selection import cluster_labels
from sqlclust.core.geometry.metrics import Float32Array
from sqlclust.core.runtime.control import Control
from sqlclust.core.tree.boruvka import SpanningTree
from sqlclust.core.tree.condensed_tree import condense
from sqlclust.core.tree.single_linkage import single_linkage
from tests.core.tree.test_trees import trees

pytestmark = pytest.mark.slow


def n_leaves(tree: SpanningTree, min_cluster_size: int) -> int:
    condensed = condense(single_linkage(tree), min_cluster_size=min_cluster_size)
    labelled = cluster_labels(condensed, CutParameters(min_cluster_size, "leaf"))
    return len(labelled.persistence)


@settings(max_examples=60, deadline=None)
@given(trees, st.sampled_from([2, 3, 5]))
def test_leaf_tree_counts_the_leaves_at_every_size(tree: SpanningTree, smallest: int) -> None:
    found = leaf_tree(single_linkage(tree), min_cluster_size=smallest)
    for size in range(smallest, 45):
        alive = (found.after < size) & (size <= found.until)
        assert alive.sum() == n_leaves(tree, size), size


@settings(max_examples=60, deadline=None)
@given(trees, st.integers(1, 5))
def test_layers_are_nested(tree: SpanningTree, max_layers: int) -> None:
    found = layers(single_linkage(tree), min_cluster_size=2, max_layers=max_layers, control=Control())
    assert len(found) <= max_layers
    sizes = [layer.min_cluster_size for layer in found]
    assert sizes == sorted(set(sizes))
    for finer, coarser in pairwise(found):
        for label in range(finer.labels.max() + 1):
            assert len(set(coarser.labels[finer.labels == label].tolist())) == 1
    for layer in found:
        assert layer.labels.max() + 1 == n_leaves(tree, layer.min_cluster_size)
        assert layer.persistence > 0


SIZES = (20, 40, 30)


def hierarchical(seed: int = 0) -> tuple[Float32Array, NDArray[np.int64]]:
    """Three groups of three groups of 20, 40 and 30, in the plane; and the inner group of each."""
    random = np.random.default_rng(seed)
    outer = 30 * np.array([[0.0, 0], [1, 0], [0.5, 1]])
    inner = 4 * np.array([[0.0, 0], [1, 0], [0.5, 1.3]])
    centers = (outer[:, None] + inner[None]).reshape(-1, 2)
    group = np.repeat(np.arange(9), SIZES * 3)
    return (centers[group] + 0.4 * random.normal(size=(270, 2))).astype(np.float32), group


@pytest.mark.parametrize("seed", range(3))
def test_both_levels_of_a_hierarchy_are_found(seed: int) -> None:
    vectors, group = hierarchical(seed)
    fit = core.fit(vectors, core.ReachabilityParameters(5), control=Control())
    found = layers(single_linkage(fit.tree), min_cluster_size=10, max_layers=2, control=Control())
    assert [layer.labels.max() + 1 for layer in found] == [9, 3]
    for layer, of in zip(found, (group, group // 3), strict=True):
        for number in range(of.max() + 1):
            assert len(set(layer.labels[of == number].tolist()) - {-1}) == 1


def test_peaks_by_hand() -> None:
    """Leaves alive in (4, 10], (4, 8], (10, 12] and (10, 30]: totals 10 for 5 to 8, 6 for 9 and 10, 22, then 20."""
    tree = LeafTree(np.array([0, 4, 4, 10, 10, 9]), np.array([0, 10, 8, 12, 30, 3]))
    assert peaks(tree, max_layers=9) == [(5, 10), (11, 22)]
    assert peaks(tree, max_layers=1) == [(11, 22)]
    assert peaks(LeafTree(np.array([4]), np.array([0])), max_layers=3) == []


def test_nothing_splits() -> None:
    tree = SpanningTree(np.array([0, 1]), np.array([1, 2]), np.array([1.0, 2.0]))
    assert layers(single_linkage(tree), min_cluster_size=2, max_layers=3, control=Control()) == []
