"""The condensed tree: the single-linkage hierarchy without its small branches.

Going down from the root, each merge of the hierarchy is one of two things:

- both sides have at least min_cluster_size rows: a split, and each side is a new cluster;
- a side has fewer: its rows fall out of the cluster, which goes on.

The density at which that happens is lambda = 1/distance. The result is the very array that hdbscan's `condense_tree` makes,
row by row. hdbscan walks through the branches one by one; here every step is taken for all nodes at once.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.metrics import Float64Array, IndexArray
from sqlclust.core.runtime.control import Control
from sqlclust.core.tree.single_linkage import Hierarchy

CondensedTree = NDArray[Any]
"""Structured array: parent intp, child intp, lambda_val float64 (1/distance), child_size intp; clusters are numbered from n."""

_ROW = np.dtype([("parent", np.intp), ("child", np.intp), ("lambda_val", np.float64), ("child_size", np.intp)])


def condense(hierarchy: Hierarchy, *, min_cluster_size: int, control: Control | None = None) -> CondensedTree:
    """The condensed tree of a hierarchy of n >= 2 rows.

    Args:
        min_cluster_size: >= 2.

    Returns:
        What falls out of which cluster at which density: a row for each of the n points, and two for each split into
        two clusters. The root is cluster n; the others follow breadth first, and so do the rows.

    Cost: O(n log n). Source: Campello, Moulavi, Sander 2013; hdbscan's `condense_tree`.
    """
    control = control or Control()
    control.check()
    nodes = _nodes(hierarchy, min_cluster_size, control)
    points, places = _rows_of_points(hierarchy, nodes, control)
    clusters, places_of_clusters = _rows_of_clusters(hierarchy, nodes)
    control.check()
    order = np.argsort(np.concatenate([places, places_of_clusters]))
    control.check()
    rows: CondensedTree = np.concatenate([points, clusters])[order]
    return rows


class _Nodes(NamedTuple):
    """What the nodes of a hierarchy are in the condensed tree.

    Attributes:
        is_large: bool (2n - 1,), whether a node has enough rows for a cluster; the root counts as large.
        splits: intp (s,), the nodes that split into two clusters, breadth first.
        cluster: intp (2n - 1,), the cluster each large node belongs to; n is the root's.
        density: float64 (n - 1,), 1/distance of each merge.
    """

    is_large: NDArray[np.bool_]
    splits: IndexArray
    cluster: IndexArray
    density: Float64Array


def _nodes(hierarchy: Hierarchy, min_cluster_size: int, control: Control) -> _Nodes:
    """Which nodes are clusters. A cluster lives on, from its first node down, through merges that only lose small branches."""
    n = len(hierarchy.children) + 1
    every_node = np.arange(2 * n - 1)
    is_large = hierarchy.size >= min_cluster_size
    is_large[-1] = True
    splits = n + np.flatnonzero(is_large[hierarchy.children].all(axis=1))
    splits = splits[np.argsort(hierarchy.rank[splits])]
    control.check()
    number = np.full(2 * n - 1, -1, dtype=np.intp)
    number[-1] = n
    number[hierarchy.children[splits - n]] = n + 1 + np.arange(2 * len(splits)).reshape(-1, 2)
    first_node = _ends(np.where(is_large & (number < 0), hierarchy.parent, every_node), control)
    return _Nodes(is_large, splits, number[first_node], densities(hierarchy.distance))


def _rows_of_points(hierarchy: Hierarchy, nodes: _Nodes, control: Control) -> tuple[CondensedTree, IndexArray]:
    """The row of each point, and its place. A point leaves its cluster with the largest small branch that it is in."""
    children, parent, is_large = hierarchy.children, hierarchy.parent, nodes.is_large
    n = len(children) + 1
    control.check()
    branch = _ends(np.where(is_large | is_large[parent], np.arange(2 * n - 1), parent), control)[:n]
    control.check()
    leaves = parent[branch]
    side = (branch == children[leaves - n, 1]).astype(np.intp)
    rows = np.empty(n, dtype=_ROW)
    rows["parent"], rows["child"] = nodes.cluster[leaves], np.arange(n)
    rows["lambda_val"], rows["child_size"] = nodes.density[leaves - n], 1
    return rows, _places(hierarchy, leaves, side, np.arange(n))


def _rows_of_clusters(hierarchy: Hierarchy, nodes: _Nodes) -> tuple[CondensedTree, IndexArray]:
    """The rows of the two halves of each split, and their places."""
    n, splits = len(hierarchy.children) + 1, np.repeat(nodes.splits, 2)
    halves = hierarchy.children[nodes.splits - n].ravel()
    rows = np.empty(len(halves), dtype=_ROW)
    rows["parent"], rows["child"] = nodes.cluster[splits], nodes.cluster[halves]
    rows["lambda_val"], rows["child_size"] = nodes.density[splits - n], hierarchy.size[halves]
    return rows, _places(hierarchy, splits, np.tile([0, 1], len(nodes.splits)), halves)


def _places(hierarchy: Hierarchy, leaves: IndexArray, side: IndexArray, own: IndexArray) -> IndexArray:
    """Where rows belong, breadth first: numbers that ascend as (the node that is left, its side, the row's own node) do.

    One number in place of three, because sorting by three takes several times as long.
    """
    rank, nodes = hierarchy.rank, len(hierarchy.rank) + 1
    return np.ravel_multi_index((rank[leaves], side, rank[own]), (nodes, 2, nodes))


def number_of_points(tree: CondensedTree) -> int:
    """n: points are numbered below it, and the root has that number."""
    return int(tree["parent"].min())


def densities(distance: Float64Array) -> Float64Array:
    """1/distance; infinite for distance 0, and where 1/distance is beyond float64."""
    with np.errstate(divide="ignore", over="ignore"):
        return np.where(distance > 0, 1.0 / distance, np.inf)


def _ends(step: IndexArray, control: Control) -> IndexArray:
    """Where following `step` from each node comes to rest; nodes at rest step onto themselves."""
    while True:
        control.check()
        further = step[step]
        if np.array_equal(further, step):
            return step
        step = further
