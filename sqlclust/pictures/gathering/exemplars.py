"""The rows of each cluster that are most typical of it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.clusters.selection import FlatClusters
from sqlclust.core.geometry.metrics import Float64Array, IndexArray

MOST = 8
"""Exemplars of a cluster."""


class Depth(NamedTuple):
    """How deep n rows lie.

    Attributes:
        part: intp (n,), the part of its cluster that a row is in: of a condensed tree, the node that it leaves last.
        is_innermost: bool (n,), whether nothing splits off from that part.
        depth: float64 (n,), the larger, the deeper; comparable within a part.
    """

    part: IndexArray
    is_innermost: NDArray[np.bool_]
    depth: Float64Array


def depth_in_tree(flat: FlatClusters) -> Depth:
    """By the density at which rows leave the tree, in the order of its points."""
    clusters = flat.clusters
    is_leaf = np.ones(len(clusters.parent), dtype=bool)
    is_leaf[clusters.parent[1:]] = False  # of the root, its own parent, the children tell
    return Depth(clusters.point_cluster, is_leaf[clusters.point_cluster], clusters.point_density)


def depth_of_members(probabilities: Float64Array, outlier_scores: Float64Array) -> Depth:
    """Without a tree: by probability, and of the same probability the least outlying."""
    n, scores = len(probabilities), np.nan_to_num(outlier_scores, nan=1.0)
    order = np.lexsort((-scores, probabilities))
    steps = np.zeros(n, dtype=np.intp)
    pairs = np.stack([probabilities, scores], axis=1)[order]
    steps[1:] = np.cumsum((pairs[1:] != pairs[:-1]).any(axis=1))
    depth = np.empty(n)
    depth[order] = steps
    return Depth(np.zeros(n, dtype=np.intp), np.ones(n, dtype=bool), depth)


def exemplars(
    cluster: IndexArray, n_clusters: int, found: Depth, xy: NDArray[np.float32] | None = None, most: int = MOST
) -> list[list[int]]:
    """For each cluster the rows that lie deepest in its innermost parts: the deepest of each part, the largest part first, then
    the second of each, and so on. So all parts of it are seen.

    Args:
        cluster: intp (n,), numbers from 0; noise −1.
        xy: float32 (n, 2), places on a map: of rows in one place, which have identical vectors, the others come last.

    Returns:
        n_clusters lists of at most `most` rows, at least one of a cluster that has any.

    Cost: O(n log n).
    """
    rows = np.flatnonzero(cluster >= 0)
    again = np.zeros(len(rows), dtype=bool) if xy is None else _seen_before(cluster[rows], xy[rows], found.depth[rows])
    of, part, depth = cluster[rows], found.part[rows], found.depth[rows]
    order = np.lexsort((-depth, again, part, of))
    rows, again, of, part = rows[order], again[order], of[order], part[order]
    starts = np.flatnonzero((np.diff(of, prepend=-1) != 0) | (np.diff(part, prepend=-1) != 0))
    sizes = np.diff(starts, append=len(rows))
    place, size = np.arange(len(rows)) - np.repeat(starts, sizes), np.repeat(sizes, sizes)
    order = np.lexsort((part, -size, place, ~found.is_innermost[rows], again, of))
    rows, of = rows[order], of[order]
    ends = np.searchsorted(of, np.arange(n_clusters + 1))
    return [
        rows[start : min(start + most, stop)].tolist()
        for start, stop in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)
    ]


def _seen_before(cluster: IndexArray, xy: NDArray[np.float32], depth: Float64Array) -> NDArray[np.bool_]:
    """Which rows are in the place of another of their cluster that lies deeper, or as deep and comes first."""
    order = np.lexsort((-depth, xy[:, 1], xy[:, 0], cluster))
    sorted_xy, sorted_cluster = xy[order], cluster[order]
    again = np.zeros(len(order), dtype=bool)
    again[order[1:]] = (sorted_xy[1:] == sorted_xy[:-1]).all(axis=1) & (sorted_cluster[1:] == sorted_cluster[:-1])
    return again
