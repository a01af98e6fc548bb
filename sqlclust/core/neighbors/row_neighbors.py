"""The nearest neighbours of rows, where several rows may have the same vector.

The distinct vectors are searched once. The neighbours of a row are then the rows of its own vector, at distance 0, and the rows
of the nearest other vectors.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.duplicates import Distinct, distinct
from sqlclust.core.geometry.float32_range import into_float32_range
from sqlclust.core.geometry.metrics import (
    Float32Array,
    Float64Array,
    IndexArray,
    Metric,
    from_squared,
    squared_distances,
    unit_length,
)
from sqlclust.core.neighbors.core_distances import core_distances
from sqlclust.core.neighbors.exact import Neighbors, neighbors_and_pruning
from sqlclust.core.neighbors.k_nearest_lists import KNearestLists
from sqlclust.core.runtime.control import Control


def row_neighbors(
    vectors: Float32Array, k: int, *, metric: Metric, normalize: bool, rank: IndexArray, control: Control
) -> Iterator[tuple[int, IndexArray, Float64Array]]:
    """The k nearest other rows of every row; identical rows are neighbours at distance 0.

    Args:
        vectors: float32 (n, d), n >= 1, finite; no zero vector where `normalize` or the metric is cosine.
        k: >= 1; more than the other rows there are means all of them.
        rank: intp (n,), the rows' order by id. Of rows equally far the lower rank comes first.

    Yields:
        (row, neighbours intp (k',), distances float64 (k',)) for every row by rank, k' = min(k, n - 1), ascending by
        (distance, rank). All computing is done before the first is given.

    Raises:
        UnknownMetricError: with the first.

    Cost: as the exact engine, O(m²·d) for m distinct vectors; memory O(m·k). Where more vectors are at one distance than are
    wanted, as with integers, the vector is compared with all again.
    """
    directions = unit_length(metric, normalize=normalize)
    with control.phase("duplicates"):
        points = distinct(vectors, normalize=directions, control=control)
        scaled, exponent = into_float32_range(points.vectors)
        points = points._replace(vectors=scaled)
    k = min(k, len(vectors) - 1)
    copies = _copies(points.group_of_row(), rank, k)
    with control.phase("neighbors"):
        near, tied = _near_groups(points, k, rank[copies.rows[copies.starts]], control)
    for row in np.argsort(rank).tolist():
        control.check()
        group = int(copies.group_of_row[row])
        others, squared = tied.get(group, (near.indices[group], near.squared[group]))
        yield row, *copies.nearest(row, others, np.ldexp(from_squared(squared, metric), -exponent))


def listed_neighbors(
    lists: KNearestLists, group_of_row: NDArray[Any], k: int, *, metric: Metric, exponent: int
) -> Iterator[tuple[int, IndexArray, Float64Array]]:
    """The nearest other rows of every row as the lists of their vectors have them; nothing is measured.

    Args:
        lists: of the distinct vectors, distances times 2**exponent.
        group_of_row: integers (n,), which of them each row has. Rows are in the order of their ids.
        k: how many rows are wanted at most. Of ids, ranks and ties see `row_neighbors`; but of rows as far as a list's last
            only those are there whose vectors the list has.

    Yields:
        As `row_neighbors`.

    Raises:
        UnknownMetricError: with the first.

    Cost: O(n·k log k), and O(n log n) before the first.
    """
    n = len(group_of_row)
    copies = _copies(group_of_row.astype(np.intp), np.arange(n), k)
    for row in range(n):
        group = group_of_row[row]
        listed = slice(lists.starts[group], lists.starts[group + 1])
        distances = np.ldexp(from_squared(lists.squared[listed], metric), -exponent)
        yield row, *copies.nearest(row, lists.indices[listed], distances)


class _Copies(NamedTuple):
    """The rows that have each distinct vector, for rows that want their k nearest.

    Attributes:
        group_of_row: intp (n,), which vector each row has.
        rank: intp (n,), the rows' order by id.
        rows: intp (n,), the rows grouped by vector, within a group by rank.
        starts: intp (m,), where in `rows` each group begins.
        ends: intp (m,), where of each group those end that count: of its own group a row wants k others.
        k: how many are wanted.
    """

    group_of_row: IndexArray
    rank: IndexArray
    rows: IndexArray
    starts: IndexArray
    ends: IndexArray
    k: int

    def nearest(self, row: int, others: NDArray[Any], distances: Float64Array) -> tuple[IndexArray, Float64Array]:
        """The k nearest other rows of a row, by (distance, rank), and how far they are.

        Args:
            others, distances: the vectors that are nearest to the row's, and how far they are.
        """
        groups = np.concatenate([[self.group_of_row[row]], others])
        starts, ends = self.starts[groups], self.ends[groups]
        pairs = zip(starts.tolist(), ends.tolist(), strict=True)
        rows = np.concatenate([self.rows[start:end] for start, end in pairs])
        far = np.repeat(np.concatenate([[0.0], distances]), ends - starts)
        chosen = np.lexsort((self.rank[rows], far))
        chosen = chosen[rows[chosen] != row][: self.k]
        return rows[chosen], far[chosen]


def _copies(group_of_row: IndexArray, rank: IndexArray, k: int) -> _Copies:
    rows = np.lexsort((rank, group_of_row))
    counts = np.bincount(group_of_row)
    starts = np.cumsum(counts) - counts
    return _Copies(group_of_row, rank, rows, starts, starts + np.minimum(counts, k + 1), k)


def _near_groups(
    points: Distinct, k: int, first_rank: IndexArray, control: Control
) -> tuple[Neighbors, dict[int, tuple[IndexArray, Float64Array]]]:
    """The vectors that hold the k nearest rows of each vector, and for those where there are more at one distance, which."""
    m = len(points.counts)
    if m == 1:
        return Neighbors(np.empty((1, 0), dtype=np.intp), np.empty((1, 0))), {}
    # one more than is wanted shows whether the last one wanted ties with what the list leaves out
    near = neighbors_and_pruning(points.vectors, min(k + 1, m - 1), control)[0]
    return near, _all_as_near(points, near, k, first_rank, control)


def _all_as_near(
    points: Distinct, near: Neighbors, k: int, first_rank: IndexArray, control: Control
) -> dict[int, tuple[IndexArray, Float64Array]]:
    """For each vector whose list ends among equally far ones: those that hold its k nearest rows.

    Args:
        first_rank: intp (m,), the lowest rank of each vector's rows.
    """
    m = len(points.counts)
    if near.indices.shape[1] >= m - 1:
        return {}
    farthest = core_distances(near.squared, near.indices, points.counts, min_samples=k)
    tied = {}
    for group in np.flatnonzero(near.squared[:, -1] == farthest).tolist():
        control.check()
        squared = squared_distances(points.vectors, np.full(m, group), np.arange(m))
        squared[group] = np.inf
        nearer = np.flatnonzero(squared < farthest[group])
        as_far = np.flatnonzero(squared == farthest[group])
        others = np.concatenate([nearer, as_far[np.argsort(first_rank[as_far])[:k]]])
        tied[group] = (others, squared[others])
    return tied
