"""NumPy-only core: nearest neighbours of rows, copies included. No SQL."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sqlclust.core.control import Control
from sqlclust.core.duplicates import distinct
from sqlclust.core.metrics import Float32Array, Float64Array, IndexArray, Metric, from_squared
from sqlclust.core.neighbors import nearest_neighbors
from sqlclust.core.screen import screen


def row_neighbors(
    vectors: Float32Array, k: int, *, metric: Metric, normalize: bool, rank: IndexArray, control: Control
) -> Iterator[tuple[int, IndexArray, Float64Array]]:
    """The k nearest other rows of every row; identical rows are neighbours at distance 0.

    Args:
        vectors: float32 (n, d), n >= 1, finite; no zero vector where `normalize` or the metric is cosine.
        k: >= 1; more than the other rows there are means all of them.
        rank: intp (n,), the rows' order by id: of rows equally far the lower rank comes first.

    Yields:
        (row, neighbours intp (k',), distances float64 (k',)) for every row by rank, k' = min(k, n - 1), ascending by
        (distance, rank). All computing is done before the first is given.

    Cost: as the exact engine, O(m²·d) for m distinct vectors; memory O(m·k).
    """
    unit_length = normalize or metric == "cosine"
    with control.phase("duplicates"):
        points = distinct(vectors, normalize=unit_length)
    m, n = len(points.counts), len(vectors)
    k = min(k, n - 1)
    with control.phase("neighbors"):
        if m > 1:
            screened = screen(points.vectors, unit_length=unit_length)
            near = nearest_neighbors(points.vectors, screened, min(max(k, 1), m - 1), control)
            indices, distances = near.indices, from_squared(near.squared, metric)
        else:
            indices, distances = np.empty((1, 0), dtype=np.intp), np.empty((1, 0))
    group_of_row = points.group_of_row()
    ends = points.starts + points.counts
    for row in np.argsort(rank).tolist():
        group = group_of_row[row]
        groups = np.concatenate([[group], indices[group]])
        reached = np.searchsorted(np.cumsum(points.counts[groups]) - 1, k) + 1  # groups that hold the k nearest
        if reached < len(groups):  # and those as far as the last of them
            last = distances[group][reached - 2] if reached > 1 else 0.0
            reached = 1 + int(np.searchsorted(distances[group], last, side="right"))
        rows = np.concatenate([points.order[points.starts[g] : ends[g]] for g in groups[:reached].tolist()])
        far = np.repeat(np.concatenate([[0.0], distances[group]])[:reached], points.counts[groups[:reached]])
        chosen = np.lexsort((rank[rows], far))
        chosen = chosen[rows[chosen] != row][:k]
        yield row, rows[chosen], far[chosen]
