"""Arrays only: the condensed tree of a single-linkage hierarchy. No SQL.

The very array that hdbscan's `condense_tree` makes, row by row; that one walks through every small branch by itself, this
one through all of them at a time.
"""

from __future__ import annotations

from typing import Any

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
    children, size, parent, rank = hierarchy.children, hierarchy.size, hierarchy.parent, hierarchy.rank
    n = len(children) + 1
    root = 2 * n - 2
    large = size >= min_cluster_size
    large[root] = True
    density = densities(hierarchy.distance)
    split = n + np.flatnonzero(large[children].all(axis=1))
    split = split[np.argsort(rank[split])]
    halves = children[split - n]
    control.check()

    # a cluster lives on from its first node down through the merges that only lose small branches
    number = np.full(2 * n - 1, -1, dtype=np.intp)
    number[root] = n
    number[halves] = n + 1 + np.arange(2 * len(split)).reshape(-1, 2)
    step = np.where(large & (number < 0), parent, np.arange(2 * n - 1))
    cluster = number[_ends(step, control)]
    control.check()

    # a point leaves with the largest small branch it is in
    branch = _ends(np.where(large | large[parent], np.arange(2 * n - 1), parent), control)[:n]
    control.check()
    leaves = parent[branch]
    side = branch == children[leaves - n, 1]

    points = np.empty(n, dtype=_ROW)
    points["parent"], points["child"] = cluster[leaves], np.arange(n)
    points["lambda_val"], points["child_size"] = density[leaves - n], 1
    control.check()
    clusters = np.empty((len(split), 2), dtype=_ROW)
    clusters["parent"], clusters["child"] = cluster[split, None], number[halves]
    clusters["lambda_val"], clusters["child_size"] = density[split - n, None], size[halves]
    place = np.concatenate(
        [(2 * rank[leaves] + side) * 2 * n + rank[:n], ((2 * rank[split, None] + [0, 1]) * 2 * n).ravel()]
    )
    control.check()
    order = np.argsort(place)
    control.check()
    rows: CondensedTree = np.concatenate([points, clusters.ravel()])[order]
    return rows


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
