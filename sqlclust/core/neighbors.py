"""NumPy-only core: the k nearest neighbours of every vector, exactly, by blocks of matrix products. No SQL.

A block of rows is multiplied with a panel of columns in float32. The largest value of each of many groups of columns
gives, by their k-th largest, a limit below which nothing can be among the k nearest; one comparison with that limit
leaves little more than k candidates of a row. Only those are computed again in float64, from the differences. So the
result is what brute force in float64 gives, at little more than the price of one float32 matrix product.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sqlclust.core.control import Control
from sqlclust.core.metrics import Float32Array, Float64Array, IndexArray, squared_distances
from sqlclust.core.screen import Screen
from sqlclust.core.threads import for_each_block

ROWS, COLUMNS = 512, 8192
"""Shape of a tile: large enough to multiply at full speed, and its 16 MiB per core hardly count."""
_GROUPS = 32
"""Columns are compared in this many interleaved slices; each column of slices is one group."""


class Neighbors(NamedTuple):
    """The nearest other vectors of each vector.

    Attributes:
        indices: intp (m, k), ascending by (distance, index); the vector itself is not among them.
        squared: float64 (m, k), squared euclidean distances.
    """

    indices: IndexArray
    squared: Float64Array


def nearest_neighbors(vectors: Float32Array, screened: Screen, k: int, control: Control) -> Neighbors:
    """The k nearest neighbours of every vector.

    Args:
        vectors: float32 (m, d).
        screened: the same, ready for screening.
        k: 1 <= k < m.

    Cost: O(m²·d) multiplications in float32, O(m·k) memory beyond the vectors.
    """
    m = len(vectors)
    indices = np.empty((m, k), dtype=np.intp)
    squared = np.empty((m, k), dtype=np.float64)

    def search(rows: slice) -> None:
        indices[rows], squared[rows] = _nearest_of_block(vectors, screened, rows, k, control)

    for_each_block(search, [slice(start, min(start + ROWS, m)) for start in range(0, m, ROWS)], control)
    return Neighbors(indices, squared)


def _nearest_of_block(
    vectors: Float32Array, screened: Screen, rows: slice, k: int, control: Control
) -> tuple[IndexArray, Float64Array]:
    m, count = len(vectors), rows.stop - rows.start
    margin = 2 * screened.slack[rows]
    best = np.full((count, k), -np.inf, dtype=np.float32)  # k largest group maxima so far
    found: list[tuple[IndexArray, IndexArray, Float32Array]] = []
    for start in range(0, m, COLUMNS):
        control.check()
        columns = slice(start, min(start + COLUMNS, m))
        values = screened.values(rows, columns)
        own = np.arange(max(rows.start, columns.start), min(rows.stop, columns.stop))
        values[own - rows.start, own - columns.start] = -np.inf
        best = _largest(np.concatenate([best, _group_maxima(values, k)], axis=1), k)
        at = np.flatnonzero(values >= (best.min(axis=1) - margin)[:, None])
        row, column = np.divmod(at, values.shape[1])
        found.append((row, column + start, values.ravel()[at]))
    limit = best.min(axis=1) - margin
    row = np.concatenate([part[0] for part in found])
    column = np.concatenate([part[1] for part in found])
    keep = np.concatenate([part[2] for part in found]) >= limit[row]  # early panels let in too many
    row, column = row[keep], column[keep]
    exact = squared_distances(vectors, row + rows.start, column)
    order = np.lexsort((column, exact, row))
    first = np.searchsorted(row[order], np.arange(count))
    chosen = order[first[:, None] + np.arange(k)]
    return column[chosen], exact[chosen]


def _group_maxima(values: Float32Array, k: int) -> Float32Array:
    """Maxima of disjoint groups of columns that together are all columns, at least min(k, columns) of them."""
    rows, columns = values.shape
    width = columns // _GROUPS
    if width < 4 * k:
        return values
    body = values[:, : width * _GROUPS].reshape(rows, _GROUPS, width).max(axis=1)
    return np.concatenate([body, values[:, width * _GROUPS :]], axis=1)


def _largest(values: Float32Array, k: int) -> Float32Array:
    """The k largest of each row, in no order."""
    if values.shape[1] <= k:
        return values
    return np.partition(values, values.shape[1] - k, axis=1)[:, -k:]


def core_distances(squared: Float64Array, indices: IndexArray, counts: IndexArray, *, min_samples: int) -> Float64Array:
    """Squared distance from each vector to its `min_samples`-th nearest neighbour, the point itself not counted.

    Args:
        squared, indices: of `Neighbors`, (m, k) with k >= min(min_samples, m - 1).
        counts: intp (m,), copies of each vector: they all count as neighbours, at distance 0 from each other.
        min_samples: 1 <= min_samples < sum(counts).

    Returns:
        float64 (m,). As hdbscan counts (which asks its trees for min_samples + 1).

    Source: Campello, Moulavi, Sander 2013, definition 1.
    """
    reached = np.cumsum(counts[indices], axis=1) + (counts - 1)[:, None]
    position = (reached < min_samples).sum(axis=1)
    core = np.take_along_axis(squared, np.minimum(position, squared.shape[1] - 1)[:, None], axis=1)[:, 0]
    return np.where(counts > min_samples, 0.0, core)
