"""Medoids of clusters whose vectors are read range by range: two reads of the members, none is kept.

As `core.clusters.medoids`: the member nearest the mean, of equally near ones the first by id. The sums here are of rows in
another order, so a choice between two whose distances differ in the last digits only may be another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.clusters.labels import NOISE
from sqlclust.core.geometry.groups import run_starts
from sqlclust.core.geometry.metrics import Float32Array, Float64Array, IndexArray

_BLOCK = 4096
_AS_NEAR = 1e-12

Ranges = Callable[[], Iterable[tuple[int, Float32Array]]]
"""Reads all vectors again, as (first row, vectors) of each range, in order."""


def streamed_medoids(ranges: Ranges, labels: NDArray[np.int64], rank: IndexArray, dimension: int) -> IndexArray:
    """The medoid row of every cluster: intp (clusters,).

    Args:
        labels: int64 (n,), clusters of the rows, from 0, noise −1.
        rank: intp (n,), the rows' order by id.

    Cost: two reads; 20 bytes for each number of a mean, and 16 for each row.
    """
    count = int(labels.max(initial=NOISE)) + 1
    origin, total = np.zeros((count, dimension), dtype=np.float32), np.zeros((count, dimension))
    begun = np.zeros(count, dtype=bool)
    for rows, vectors in _members(ranges, labels):
        own = labels[rows]
        first = run_starts(own)
        new = first[~begun[own[first]]]
        origin[own[new]], begun[own[new]] = vectors[new], True
        total[own[first]] += np.add.reduceat(vectors.astype(np.float64) - origin[own], first, axis=0)
    sizes = np.bincount(labels[labels != NOISE], minlength=count)
    mean = total / np.maximum(sizes, 1)[:, None]
    squared = np.full(len(labels), np.inf)
    for rows, vectors in _members(ranges, labels):
        own = labels[rows]
        difference = vectors.astype(np.float64) - origin[own]
        difference -= mean[own]
        squared[rows] = np.einsum("ij,ij->i", difference, difference)
    return _nearest(squared, labels, rank, sizes)


def _members(ranges: Ranges, labels: NDArray[np.int64]) -> Iterable[tuple[IndexArray, Float32Array]]:
    """Some rows in clusters with their vectors, sorted by cluster, again and again."""
    for start, vectors in ranges():
        for low in range(0, len(vectors), _BLOCK):
            own = labels[start + low : start + min(low + _BLOCK, len(vectors))]
            order = np.argsort(own, kind="stable")
            order = order[own[order] != NOISE]
            if len(order):
                yield start + low + order, vectors[low + order]


def _nearest(
    squared: Float64Array, labels: NDArray[np.int64], rank: IndexArray, sizes: NDArray[np.int64]
) -> IndexArray:
    count = len(sizes)
    members = np.flatnonzero(labels != NOISE)
    own, distance = labels[members], squared[members]
    least, spread = np.full(count, np.inf), np.zeros(count)
    np.minimum.at(least, own, distance)
    np.add.at(spread, own, distance)
    near = distance <= (least + _AS_NEAR * (least + spread / np.maximum(sizes, 1)))[own]
    members, own = members[near], own[near]
    order = np.lexsort((rank[members], own))
    return members[order[run_starts(own[order])]]
