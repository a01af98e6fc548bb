"""Limits for the search in inverted lists: how far a vector's k-th neighbour is at most, by its nearest list alone."""

from __future__ import annotations

import numpy as np

from sqlclust.core.geometry.integer_vectors import IntegerVectors
from sqlclust.core.geometry.metrics import Float32Array
from sqlclust.core.neighbors.inverted_lists import InvertedLists
from sqlclust.core.neighbors.k_nearest import Int32Array, group_maxima
from sqlclust.core.runtime.control import Control
from sqlclust.core.runtime.threads import for_each_block

_ROWS = 2048
_GROUP = 4


def limits_in_lists(
    vectors: Float32Array, lists: InvertedLists, k: int, control: Control, *, integers: IntegerVectors | None = None
) -> Float32Array:
    """A squared distance that the k-th neighbour of each vector does not exceed, found in its nearest list.

    Args:
        vectors: float32 (m, d).
        lists: of the m vectors.
        k: 1 <= k < m.
        integers: the m vectors in integers, for products where these tell the members of a list apart.

    Returns:
        float32 (m,); inf where the nearest list has no k others. A little more than the distance, to cover rounding; where it is
        by integers, it may be less by what their rounding takes.

    Cost: O(m·size·d) multiplications for lists of that size.
    """
    limits = np.empty(len(vectors), dtype=np.float32)
    by_list = np.argsort(lists.primary, kind="stable").astype(np.int32)
    bounds = np.searchsorted(lists.primary[by_list], np.arange(len(lists.bounds)))

    def limit(number: int) -> None:
        rows = by_list[bounds[number] : bounds[number + 1]]
        members = lists.of_list(number)
        found = None if integers is None else _limits_by_integers(integers, members, rows, k, control)
        limits[rows] = _limits_in_list(vectors, members, rows, k, control) if found is None else found

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
    groups = _groups(len(members), k)
    for start in range(0, len(rows), _ROWS):
        control.check()
        some = places[start : start + _ROWS]
        values = points[some] @ points.T
        values -= half
        best = values if groups == len(members) else group_maxima(values, groups)
        # the vector itself is among its list's members, and the nearest
        best.partition(groups - k - 1, axis=1)
        squared = np.maximum(2 * (half[some] - best[:, groups - k - 1]), 0)
        limits[start : start + _ROWS] = squared * np.float32(1.0001) + half.max() * np.float32(1e-6)
    return limits


def _groups(members: int, k: int) -> int:
    """Into how many groups a list's members are put. The k-th best of the groups' best is not nearer than the k-th best of all: a
    limit too, at a third of the price.
    """
    return members // _GROUP if members >= _GROUP * 4 * k else members


def _limits_by_integers(
    integers: IntegerVectors, members: Int32Array, rows: Int32Array, k: int, control: Control
) -> Float32Array | None:
    """As `_limits_in_list`, by products of integers; None where these do not tell the vectors apart."""
    limits = np.full(len(rows), np.inf, dtype=np.float32)
    if len(members) <= k:
        return limits
    numbers, half = integers.numbers[members], integers.norms[members] >> 1
    groups = _groups(len(members), k)
    for start in range(0, len(rows), _ROWS):
        control.check()
        some = rows[start : start + _ROWS]
        values = integers.products(integers.numbers[some], numbers)
        values -= half
        best = values if groups == len(members) else group_maxima(values, groups)
        best.partition(groups - k - 1, axis=1)
        squared = integers.norms[some] - 2 * best[:, groups - k - 1]
        limits[start : start + _ROWS] = np.maximum(squared, 0) * np.float32(integers.step**2)
    return limits if integers.tell(limits) else None
