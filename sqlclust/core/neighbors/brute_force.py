"""Arrays only: the nearest neighbours of a few vectors among all, and the share of them that a search found. No SQL."""

from __future__ import annotations

import numpy as np

from sqlclust.core.geometry.metrics import Float32Array, IndexArray
from sqlclust.core.runtime.control import Control
from sqlclust.core.runtime.threads import for_each_block

_ROWS = 2048


def brute_force_neighbors(
    vectors: Float32Array, rows: IndexArray, k: int, control: Control, span: tuple[float, float] = (1.0, 1.0)
) -> tuple[IndexArray, Float32Array]:
    """The k nearest of some vectors among all, by products with all; as `approximate_neighbors` returns them.

    Cost: O(len(rows)·m·d) multiplications.
    """
    m = len(vectors)
    wanted = min(m - 1, k + 8)  # as many more as rounding of the products may put in the wrong order
    candidates = np.empty((len(rows), wanted), dtype=np.int32)
    centre = vectors[:: max(1, m // 4096)].mean(axis=0)

    def search(start: int) -> None:
        some = rows[start : start + _ROWS // 8]
        points = vectors[some] - centre
        best = np.full((len(some), wanted), -np.inf, dtype=np.float32)
        others = np.full((len(some), wanted), -1, dtype=np.int32)
        for low in range(0, m, 4 * _ROWS):
            control.check()
            there = vectors[low : low + 4 * _ROWS] - centre
            values = points @ there.T
            values -= np.einsum("ij,ij->i", there, there) / 2
            inside = np.flatnonzero((some >= low) & (some < low + len(there)))
            values[inside, some[inside] - low] = -np.inf
            # what is not above the least of the best so far is out
            row, column = np.nonzero(values > best.min(axis=1)[:, None])
            if len(row) > len(some) * 4 * wanted:
                keep = np.argpartition(values, -min(wanted, values.shape[1]), axis=1)[
                    :, -min(wanted, values.shape[1]) :
                ]
                row, column = np.repeat(np.arange(len(some)), keep.shape[1]), keep.ravel()
            row = np.concatenate([np.repeat(np.arange(len(some)), wanted), row])
            value = np.concatenate([best.ravel(), values[row[len(some) * wanted :], column]])
            other = np.concatenate([others.ravel(), (column + low).astype(np.int32)])
            order = np.lexsort((other, -value, row))
            starts = np.searchsorted(row[order], np.arange(len(some)))
            chosen = order[starts[:, None] + np.arange(wanted)]
            best, others = value[chosen], other[chosen]
        candidates[start : start + len(some)] = others

    for_each_block(search, range(0, len(rows), _ROWS // 8), control, span=span)
    indices = np.empty((len(rows), k), dtype=np.intp)
    squared = np.empty((len(rows), k), dtype=np.float32)
    for number, row in enumerate(rows):
        control.check()
        difference = vectors[candidates[number]] - vectors[row]
        distance = np.einsum("ij,ij->i", difference, difference)
        order = np.lexsort((candidates[number], distance))[:k]
        indices[number], squared[number] = candidates[number][order], distance[order]
    return indices, squared


def recall(vectors: Float32Array, squared: Float32Array, k: int, seed: int, control: Control) -> float:
    """Share of the k nearest neighbours that were found, of a sample of vectors: 0..1.

    Args:
        squared: float32 (m, >= k), squared distances of the neighbours found, ascending.

    Cost: O(sample·m·d) multiplications for a sample of 1,000, and of 300 above 300,000 vectors.
    """
    m = len(vectors)
    random = np.random.Generator(np.random.PCG64(seed))
    rows = np.sort(random.choice(m, size=min(m, 1000 if m <= 300_000 else 300), replace=False))
    _, nearest = brute_force_neighbors(vectors, rows, k, control, (0.9, 1.0))
    found = squared[rows, :k] <= nearest[:, -1:] * np.float32(1.00001)
    return float(found.mean())
