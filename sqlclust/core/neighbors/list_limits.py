"""Limits for the search in inverted lists: how far a vector's k-th neighbour is at most, by its nearest list alone."""

from __future__ import annotations

import numpy as np

from sqlclust.core.geometry.metrics import Float32Array
from sqlclust.core.neighbors.inverted_lists import InvertedLists
from sqlclust.core.neighbors.k_nearest import Int32Array, group_maxima
from sqlclust.core.runtime.control import Control
from sqlclust.core.runtime.threads import for_each_block

_ROWS = 2048
_GROUP = 4


def limits_in_lists(vectors: Float32Array, lists: InvertedLists, k: int, control: Control) -> Float32Array:
    """A squared distance that the k-th neighbour of each vector does not exceed, found in its nearest list.

    Args:
        vectors: float32 (m, d).
        lists: of the m vectors.
        k: 1 <= k < m.

    Returns:
        float32 (m,); inf where the nearest list has no k others. A little more than the distance, to cover rounding.

    Cost: O(m·size·d) multiplications for lists of that size.
    """
    limits = np.empty(len(vectors), dtype=np.float32)
    by_list = np.argsort(lists.primary, kind="stable").astype(np.int32)
    bounds = np.searchsorted(lists.primary[by_list], np.arange(len(lists.bounds)))

    def limit(number: int) -> None:
        rows = by_list[bounds[number] : bounds[number + 1]]
        limits[rows] = _limits_in_list(vectors, lists.of_list(number), rows, k, control)

    for_each_block(limit, range(len(lists.bounds) - 1), control)
    return limits


def _limits_in_list(
    vectors: Float32Array, members: Int32Array, rows: Int32Array, k: int, control: Control
) -> Float32Array:
    """The limits of those of a list's members whose nearest list it is, `rows`."""
    limits = np.full(len(rows), np.inf, dtype=np.float32)
    if len(members) <= k:
        return limits
    centre = vectors[members[:: max(1, len(members) // 64)]].mean(axis=0)
    points = vectors[members] - centre
    half = np.einsum("ij,ij->i", points, points) / 2
    places = np.searchsorted(members, rows)
    groups = len(members) // _GROUP if len(members) >= _GROUP * 4 * k else len(members)
    for start in range(0, len(rows), _ROWS):
        control.check()
        some = places[start : start + _ROWS]
        values = points[some] @ points.T
        values -= half
        # the k-th best of the groups' best is not nearer than the k-th best of all: a limit too, at a third of the price
        best = values if groups == len(members) else group_maxima(values, groups)
        # the vector itself is among its list's members, and the nearest
        best.partition(groups - k - 1, axis=1)
        squared = np.maximum(2 * (half[some] - best[:, groups - k - 1]), 0)
        limits[start : start + _ROWS] = squared * np.float32(1.0001) + half.max() * np.float32(1e-6)
    return limits
