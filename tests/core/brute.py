"""Brute force in float64, every pair in memory: what the engines must agree with."""

from __future__ import annotations

import numpy as np

from sqlclust.core.geometry.metrics import Float32Array, Float64Array, IndexArray, squared_distances


def all_squared(vectors: Float32Array) -> Float64Array:
    """float64 (m, m), inf on the diagonal; the very numbers that the engines settle with."""
    m = len(vectors)
    left, right = np.triu_indices(m, 1)
    squared = np.full((m, m), np.inf)
    squared[left, right] = squared[right, left] = squared_distances(vectors, left, right)
    return squared


def nearest(squared: Float64Array, k: int) -> tuple[IndexArray, Float64Array]:
    """The k nearest of each by (distance, index)."""
    columns = np.broadcast_to(np.arange(len(squared)), squared.shape)
    indices = np.lexsort((columns, squared), axis=1)[:, :k]
    return indices, np.take_along_axis(squared, indices, axis=1)


def minimum_spanning_tree(
    squared: Float64Array, core: Float64Array, scale: float
) -> tuple[IndexArray, IndexArray, Float64Array]:
    """Kruskal over all pairs in the strict order (weight, distance, left, right)."""
    m = len(core)
    left, right = np.triu_indices(m, 1)
    distance = squared[left, right]
    weight = np.maximum(np.maximum(core[left], core[right]), distance * scale)
    root = np.arange(m)
    chosen = []
    for edge in np.lexsort((right, left, distance, weight)):
        a, b = root[left[edge]], root[right[edge]]
        if a != b:
            root[root == a] = b
            chosen.append(edge)
            if len(chosen) == m - 1:
                break
    return left[chosen], right[chosen], weight[chosen]
