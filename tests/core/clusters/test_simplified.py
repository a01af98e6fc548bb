"""Short splits undone: given the clusters only, hdbscan's `simplify_hierarchy` says what it says of the whole tree."""

from __future__ import annotations

import numpy as np
from hdbscan._hdbscan_tree import simplify_hierarchy
from hypothesis import given
from hypothesis import strategies as st

from sqlclust.core.clusters.hdbscan_selection import without_short_splits
from sqlclust.core.tree.boruvka import SpanningTree
from sqlclust.core.tree.condensed_tree import condense
from sqlclust.core.tree.single_linkage import single_linkage

shown = {"trees": 0, "simplified": 0}


@given(
    n=st.integers(6, 120),
    reach=st.integers(1, 40),
    ties=st.booleans(),
    min_cluster_size=st.integers(2, 6),
    threshold=st.sampled_from([1e-9, 0.3, 1.0, 3.0, 10.0, 1e9]),
    seed=st.integers(0, 2**32),
)
def test_as_hdbscan_row_for_row(
    n: int, reach: int, ties: bool, min_cluster_size: int, threshold: float, seed: int
) -> None:
    random = np.random.default_rng(seed)
    left = np.arange(1, n)
    right = np.maximum(left - 1 - random.integers(0, reach, n - 1), 0)
    weight = np.sort(random.integers(0, 6, n - 1) / 3.0 if ties else random.random(n - 1))
    order = random.permutation(n - 1)
    tree = condense(single_linkage(SpanningTree(right[order], left[order], weight)), min_cluster_size=min_cluster_size)
    if not (tree["child"] >= n).any():  # nothing to undo; hdbscan's function has an IndexError
        return
    before = tree.copy()
    with np.errstate(all="ignore"):
        expected, found = simplify_hierarchy(tree.copy(), threshold), without_short_splits(tree, threshold)
    assert found.dtype == expected.dtype
    for name in ("parent", "child", "lambda_val", "child_size"):
        np.testing.assert_array_equal(found[name], expected[name])
    np.testing.assert_array_equal(tree, before)
    shown["trees"] += 1
    shown["simplified"] += len(found) < len(tree)


def test_it_was_shown() -> None:
    test_as_hdbscan_row_for_row()
    assert shown["trees"] > 20
    assert shown["simplified"] > 10
