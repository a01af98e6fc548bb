"""Core distances: how far each vector's min_samples-th nearest neighbour is. A small one means a dense place."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.metrics import Float64Array, IndexArray

_ROWS = 8192


def core_distances(
    squared: Float64Array,
    indices: NDArray[Any],
    counts: IndexArray,
    *,
    min_samples: int,
    own: IndexArray | None = None,
) -> Float64Array:
    """Squared distance from each vector to its `min_samples`-th nearest neighbour, the vector itself not counted.

    Args:
        squared, indices: the k nearest of each vector, (m, k), ascending by distance. Lists that are shorter than k end with
            inf and −1.
        counts: intp (m,), copies of each vector. All of them count as neighbours, at distance 0 from each other.
        min_samples: 1 <= min_samples < sum(counts).
        own: intp (m,), copies of the vectors whose lists these are, where they are only some of those that `counts` is of.

    Returns:
        float64 (m,), inf where a list is too short to tell; none of min(min_samples, m - 1) neighbours is. It counts as hdbscan
        does, which asks its search trees for min_samples + 1.

    Cost: O(m·k).

    Source: Campello, Moulavi, Sander 2013, definition 1.
    """
    own = counts if own is None else own
    position = np.empty(len(own), dtype=np.intp)
    for start in range(0, len(own), _ROWS):
        part = slice(start, start + _ROWS)
        reached = np.cumsum(counts[indices[part]], axis=1) + (own[part] - 1)[:, None]
        # at the end of a shorter list or beyond: its distance is inf
        position[part] = (reached < min_samples).sum(axis=1)
    last = squared.shape[1] - 1
    core = np.take_along_axis(squared, np.minimum(position, last)[:, None], axis=1)[:, 0]
    core = np.where(position > last, np.inf, core)
    return np.where(own > min_samples, 0.0, core)
