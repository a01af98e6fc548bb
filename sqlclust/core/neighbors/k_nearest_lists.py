"""The k-nearest lists of distinct vectors, as a fit keeps them: which vectors are nearest, and how far."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.metrics import Float64Array, IndexArray
from sqlclust.core.neighbors.k_nearest import Int32Array

SPARE_NEIGHBORS = 5
"""Neighbours beyond min_samples: they raise the bound up to which the spanning tree needs no second look."""


class KNearestLists(NamedTuple):
    """For each of m distinct vectors its nearest other ones, in one array one list after the other; lists may differ in length.

    A list ascends by (squared, index). It is complete up to its last entry: of the exact engine, every vector that it does not
    have comes after that in this order. So of vectors exactly as far as the last those are in it that come first in the
    canonical order (`duplicates`), and every nearer vector is. Of the approximate engine vectors may be missing: see its recall.

    Attributes:
        counts: int64 (m,), rows that have each vector, >= 1.
        starts: int64 (m + 1,), where in `indices` and `squared` each list begins; the last is where all end.
        indices: int32 (total,), vectors, by their place in canonical order; none is in its own list.
        squared: float64 (total,), squared distances between the vectors as they are compared: scaled to length one where the fit
            does so, and times 2**exponent of `into_float32_range`.
    """

    counts: NDArray[np.int64]
    starts: NDArray[np.int64]
    indices: Int32Array
    squared: Float64Array

    def lengths(self) -> NDArray[np.int64]:
        """int64 (m,), how many neighbours each list has."""
        return np.diff(self.starts)

    def between(self, first: int, last: int) -> tuple[Int32Array, Float64Array]:
        """The lists of the vectors from `first` to before `last`, one after the other: `indices` and `squared` of these."""
        entries = slice(self.starts[first], self.starts[last])
        return self.indices[entries], self.squared[entries]


def equal_lists(counts: IndexArray, indices: NDArray[Any], squared: NDArray[Any]) -> KNearestLists:
    """Lists of equal length.

    Args:
        counts: (m,), rows that have each vector.
        indices, squared: (m, k), k >= 0. They are not copied where they have the types of `KNearestLists` already.
    """
    m, k = indices.shape
    return KNearestLists(
        counts.astype(np.int64),
        np.arange(m + 1, dtype=np.int64) * k,
        indices.astype(np.int32, copy=False).ravel(),
        squared.astype(np.float64, copy=False).ravel(),
    )
