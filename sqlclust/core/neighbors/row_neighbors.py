"""The nearest neighbours of rows, where several rows may have the same vector.

The distinct vectors are searched once. The neighbours of a row are then the rows of its own vector, at distance 0, and the rows
of the nearest other vectors.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

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
    group_of_row = points.group_of_row()
    rows_of_groups = np.lexsort((rank, group_of_row))
    with control.phase("neighbors"):
        near, tied = _near_groups(points, k, rank[rows_of_groups[points.starts]], control)
    ends = points.starts + np.minimum(points.counts, k + 1)  # of its own group a row wants k others
    for row in np.argsort(rank).tolist():
        control.check()
        group = int(group_of_row[row])
        others, squared = tied.get(group, (near.indices[group], near.squared[group]))
        groups = np.concatenate([[group], others])
        rows = np.concatenate([rows_of_groups[points.starts[g] : ends[g]] for g in groups.tolist()])
        distances = np.ldexp(from_squared(squared, metric), -exponent)
        far = np.repeat(np.concatenate([[0.0], distances]), (ends - points.starts)[groups])
        chosen = np.lexsort((rank[rows], far))
        chosen = chosen[rows[chosen] != row][:k]
        yield row, rows[chosen], far[chosen]


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
