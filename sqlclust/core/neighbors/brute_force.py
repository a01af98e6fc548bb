"""Brute force: the nearest neighbours of a few vectors among all, and with them the recall of a search that found fewer.

A float32 product with all vectors gives each of the few its candidates, some more than wanted. These are measured from the
differences, and the nearest of them are the neighbours.
"""

from __future__ import annotations

import numpy as np

from sqlclust.core.geometry.metrics import Float32Array, IndexArray
from sqlclust.core.neighbors.k_nearest import Int32Array, KNearest
from sqlclust.core.runtime.control import Control
from sqlclust.core.runtime.threads import for_each_block

_ROWS, _COLUMNS = 256, 8192
SAMPLE_OF_MANY = 300
"""Vectors whose recall is measured where there are very many."""
_SPARE_CANDIDATES = 8
"""As many more than wanted as rounding of the products may put in the wrong order."""


def brute_force_neighbors(
    vectors: Float32Array, rows: IndexArray, k: int, control: Control
) -> tuple[IndexArray, Float32Array]:
    """The k nearest of some vectors among all.

    Args:
        vectors: float32 (m, d).
        rows: intp (q,), the vectors whose neighbours are wanted.
        k: 1 <= k < m.

    Returns:
        intp (q, k), ascending by (distance, index); float32 (q, k), the squared distances, from the differences.

    Cost: O(q·m·d) multiplications.
    """
    candidates = np.empty((len(rows), min(len(vectors) - 1, k + _SPARE_CANDIDATES)), dtype=np.int32)
    centre = vectors[:: max(1, len(vectors) // 4096)].mean(axis=0)

    def search(start: int) -> None:
        part = slice(start, start + _ROWS)
        candidates[part] = _candidates(vectors, rows[part], centre, candidates.shape[1], control)

    for_each_block(search, range(0, len(rows), _ROWS), control)
    indices = np.empty((len(rows), k), dtype=np.intp)
    squared = np.empty((len(rows), k), dtype=np.float32)
    for number, row in enumerate(rows):
        control.check()
        difference = vectors[candidates[number]] - vectors[row]
        distance = np.einsum("ij,ij->i", difference, difference)
        order = np.lexsort((candidates[number], distance))[:k]
        indices[number], squared[number] = candidates[number][order], distance[order]
    return indices, squared


def _candidates(
    vectors: Float32Array, rows: IndexArray, centre: Float32Array, count: int, control: Control
) -> Int32Array:
    """The `count` likeliest neighbours of each of some rows, int32 (q, count)."""
    points = vectors[rows] - centre
    nearest = KNearest(len(rows), count)
    for low in range(0, len(vectors), _COLUMNS):
        control.check()
        there = vectors[low : low + _COLUMNS] - centre
        values = points @ there.T
        values -= np.einsum("ij,ij->i", there, there) / 2
        inside = np.flatnonzero((rows >= low) & (rows < low + len(there)))
        values[inside, rows[inside] - low] = -np.inf  # itself
        nearest.add_panel(values, low)
    return nearest.indices


def recall(
    vectors: Float32Array, squared: Float32Array, k: int, seed: int, control: Control, *, sample: int | None = None
) -> float:
    """Share of the k nearest neighbours that were found, of a sample of vectors: 0..1.

    Args:
        vectors: float32 (m, d).
        squared: float32 (m, >= k), squared distances of the neighbours found, ascending.
        k: 1 <= k < m.
        seed: of the sample.
        sample: how many vectors, or all if there are fewer; by default 1,000, and 300 above 300,000 vectors.

    A neighbour found counts if it is not farther than the k-th nearest truly is, give or take rounding.

    Cost: O(sample·m·d) multiplications.
    """
    m = len(vectors)
    rows = recall_sample(m, seed, size=sample)
    _, nearest = brute_force_neighbors(vectors, rows, k, control)
    found = squared[rows, :k] <= nearest[:, -1:] * np.float32(1.00001)
    return float(found.mean())


def recall_sample(m: int, seed: int, *, size: int | None = None) -> IndexArray:
    """The vectors, of m, that `recall` is measured on, ascending; `size` as its `sample`."""
    random = np.random.Generator(np.random.PCG64(seed))
    size = size or (1000 if m <= 300_000 else SAMPLE_OF_MANY)
    return np.sort(random.choice(m, size=min(m, size), replace=False))
