"""A fit of distinct vectors as an update works on it: lists, core distances, and the spanning tree's edges."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.metrics import Float64Array, IndexArray
from sqlclust.core.neighbors.k_nearest import Int32Array
from sqlclust.core.neighbors.k_nearest_lists import KNearestLists
from sqlclust.core.tree.edges import Edges


class Lists(NamedTuple):
    """`KNearestLists` as a table; lists that are shorter than others end with −1 and inf.

    Attributes:
        indices: int32 (m, w), w >= 1.
        squared: float64 (m, w).
    """

    indices: Int32Array
    squared: Float64Array

    def lengths(self) -> IndexArray:
        """intp (m,), how many neighbours each list has."""
        return np.asarray((self.indices >= 0).sum(axis=1, dtype=np.intp))

    def are_complete(self) -> NDArray[np.bool_]:
        """bool (m,), whether each list has all other vectors."""
        return np.asarray(self.lengths() >= len(self.indices) - 1)

    def last(self) -> tuple[IndexArray, Float64Array]:
        """The last neighbour of each list, intp (m,) and float64 (m,); no list is empty."""
        place = (self.lengths() - 1)[:, None]
        indices = np.take_along_axis(self.indices, place, axis=1)[:, 0].astype(np.intp)
        return indices, np.take_along_axis(self.squared, place, axis=1)[:, 0]


class State(NamedTuple):
    """A fit of m distinct vectors, by either engine.

    Attributes:
        counts: int64 (m,), rows that have each.
        lists: an exact fit's are complete up to their last entry each.
        squared_core: float64 (m,), squared core distances.
        tree: the m − 1 edges of the spanning tree.
    """

    counts: NDArray[np.int64]
    lists: Lists
    squared_core: Float64Array
    tree: Edges


def empty_lists(m: int, width: int) -> Lists:
    """A table of m lists without neighbours."""
    return Lists(np.full((m, width), -1, dtype=np.int32), np.full((m, width), np.inf))


def table(lists: KNearestLists, most: int) -> Lists:
    """Lists as a table, each up to its first `most` neighbours. Where all are of one length nothing is copied.

    What is kept of a fit has not more. Of a file that says otherwise one long list would make the table as wide for all.
    """
    lengths = lists.lengths()
    m, width = len(lengths), min(most, int(lengths.max()))
    if (lengths == width).all():
        return Lists(lists.indices.reshape(m, width), lists.squared.reshape(m, width))
    result = empty_lists(m, width)
    rank = np.arange(len(lists.indices)) - np.repeat(lists.starts[:-1], lengths)
    first, known = rank < width, np.arange(width) < lengths[:, None]
    result.indices[known], result.squared[known] = lists.indices[first], lists.squared[first]
    return result


def as_kept(counts: NDArray[np.int64], lists: Lists) -> KNearestLists:
    """A table as lists of their own lengths."""
    known = lists.indices >= 0
    starts = np.concatenate([[0], np.cumsum(known.sum(axis=1, dtype=np.int64))])
    if known.all():
        return KNearestLists(counts, starts, lists.indices.ravel(), lists.squared.ravel())
    return KNearestLists(counts, starts, lists.indices[known], lists.squared[known])
