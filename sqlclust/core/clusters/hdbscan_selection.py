"""What hdbscan's own compiled functions decide: which short splits are undone, and which clusters are the flat ones.

So labels mean exactly what hdbscan's mean. Both functions walk through every row of a condensed tree, seconds for a million
points. But what they decide depends on the clusters alone. So they are given a small tree: the clusters, under their own
numbers, and one or two made-up points in each.
"""

from __future__ import annotations

import numpy as np

from sqlclust.core.borrowed import borrow
from sqlclust.core.clusters.cluster_tree import ClusterTree, excess_of_mass
from sqlclust.core.clusters.cut_parameters import CutParameters
from sqlclust.core.geometry.metrics import Float64Array, IndexArray
from sqlclust.core.tree.condensed_tree import CondensedTree, number_of_points


def without_short_splits(tree: CondensedTree, persistence: float) -> CondensedTree:
    """The tree with splits undone that last less than `persistence`, as hdbscan's `simplify_hierarchy` undoes them.

    To the last bit: it rounds all densities to float32. `tree` is not changed.
    """
    n = number_of_points(tree)
    of, rows = tree["parent"] - n, np.flatnonzero(tree["child"] >= n)
    small = np.concatenate([tree[rows], _two_points_each(tree)])
    small["child_size"][: len(rows)] = rows  # carried along: which row it was
    small = borrow("simplify_hierarchy")(small, persistence)
    points = 2 * (int(of.max()) + 1)
    kept, first = small[:-points], small[-points::2]
    result = tree.copy()
    result["parent"] = first["parent"][of]
    density = first["lambda_val"][of]
    result["lambda_val"] = np.where(density >= 0.0, density, tree["lambda_val"].astype(np.float32))
    for name in ("parent", "child", "lambda_val"):
        result[name][kept["child_size"]] = kept[name]
    stays = tree["child"] < n
    stays[kept["child_size"]] = True
    simplified: CondensedTree = result[stays]
    return simplified


def _two_points_each(tree: CondensedTree) -> CondensedTree:
    """Rows of two points in each cluster, which tell what `simplify_hierarchy` makes of all its points.

    The first has density −1: where the function writes a density into it, it does so for every point of the cluster. The
    second has the density of the cluster's last row, by which the function judges a cluster.
    """
    n = number_of_points(tree)
    of = tree["parent"] - n
    count = int(of.max()) + 1
    last = np.empty(count)
    last[of] = tree["lambda_val"]  # of assignments to one place the last one stays
    points = np.zeros(2 * count, dtype=tree.dtype)
    points["parent"] = np.repeat(np.arange(n, n + count), 2)
    points["lambda_val"][::2], points["lambda_val"][1::2] = -1.0, last
    return points


def flat_labels(tree: CondensedTree, clusters: ClusterTree, cut: CutParameters) -> tuple[IndexArray, int, Float64Array]:
    """The flat clusters that hdbscan's `get_clusters` selects.

    Returns:
        label: int64 (c,), for each cluster of the tree the label of points that are in it last; −1 is noise.
        total: how many flat clusters there are.
        stability: float64 (c,), excess of mass; of clusters that are not selected that of what is selected below them.
    """
    n, count = number_of_points(tree), len(clusters.parent)
    stability = dict(zip(range(n, n + count), excess_of_mass(tree, clusters).tolist(), strict=True))
    found, _, scores = borrow("get_clusters")(
        _one_point_each(tree, count),
        stability,  # changed
        cut.cluster_selection_method,
        cut.allow_single_cluster,
        False,  # match_reference_implementation
        cut.cluster_selection_epsilon,
        cut.max_cluster_size if cut.max_cluster_size > 0 else n + 1,
    )
    return found[:count].astype(np.int64), len(scores), np.array([stability[n + c] for c in range(count)])


def _one_point_each(tree: CondensedTree, count: int) -> CondensedTree:
    """The clusters of a condensed tree, under the same numbers, each with one point, 0, 1, …, that never leaves it."""
    n = number_of_points(tree)
    points = np.empty(count, dtype=tree.dtype)
    points["parent"], points["child"] = np.arange(n, n + count), np.arange(count)
    points["lambda_val"], points["child_size"] = np.inf, 1
    small: CondensedTree = np.concatenate([tree[tree["child"] >= n], points])
    return small
