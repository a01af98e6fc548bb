"""Core distances: how far each vector's min_samples-th nearest neighbour is. A small one means a dense place."""

from __future__ import annotations

import numpy as np

from sqlclust.core.geometry.metrics import Float64Array, IndexArray


def core_distances(squared: Float64Array, indices: IndexArray, counts: IndexArray, *, min_samples: int) -> Float64Array:
    """Squared distance from each vector to its `min_samples`-th nearest neighbour, the vector itself not counted.

    Args:
        squared, indices: the k nearest of each vector, (m, k) with k >= min(min_samples, m - 1), ascending by distance.
        counts: intp (m,), copies of each vector. All of them count as neighbours, at distance 0 from each other.
        min_samples: 1 <= min_samples < sum(counts).

    Returns:
        float64 (m,). It counts as hdbscan does, which asks its search trees for min_samples + 1.

    Cost: O(m·k).

    Source: Campello, Moulavi, Sander 2013, definition 1.
    """
    reached = np.cumsum(counts[indices], axis=1) + (counts - 1)[:, None]
    position = (reached < min_samples).sum(axis=1)
    core = np.take_along_axis(squared, np.minimum(position, squared.shape[1] - 1)[:, None], axis=1)[:, 0]
    return np.where(counts > min_samples, 0.0, core)
