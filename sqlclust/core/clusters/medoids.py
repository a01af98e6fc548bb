"""The medoid of each cluster: the member in its middle.

It is the member with the smallest sum of squared euclidean distances to all members. For a cluster of m members

    Σ |x − y|² over all y = m · |x − mean|² + constant

so it is the member nearest the mean: O(m·d), and no two members are compared. Between unit vectors the squared distance is
twice the cosine distance, so there it is the medoid by cosine too.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.clusters.labels import NOISE
from sqlclust.core.geometry.groups import first_of_groups
from sqlclust.core.geometry.metrics import Float32Array, Float64Array, IndexArray
from sqlclust.core.runtime.control import Control

_BLOCK = 4096


def medoids(
    vectors: Float32Array,
    labels: NDArray[np.int64],
    *,
    groups: IndexArray,
    counts: IndexArray,
    rank: IndexArray,
    control: Control | None = None,
) -> IndexArray:
    """The medoid row of every cluster.

    Args:
        vectors: float32 (m, d), the distinct vectors in canonical order.
        labels: int64 (n,), clusters of the rows, from 0, noise -1; rows with identical vectors share their label.
        groups: intp (n,), which distinct vector each row has.
        counts: intp (m,), rows of each distinct vector.
        rank: intp (n,), the rows' order by id; of members equally near the mean the lowest rank is the medoid.

    Returns:
        intp (n_clusters,), rows.
    """
    control = control or Control()
    n_clusters = int(labels.max(initial=NOISE)) + 1
    result = np.empty(n_clusters, dtype=np.intp)
    group_label = np.full(len(vectors), NOISE, dtype=np.int64)
    group_label[groups] = labels
    first_row = first_of_groups(groups, len(vectors), rank)
    by_label = np.argsort(group_label, kind="stable")
    bounds = np.searchsorted(group_label[by_label], np.arange(n_clusters + 1))
    for cluster in range(n_clusters):
        control.at(cluster / n_clusters)
        members = by_label[bounds[cluster] : bounds[cluster + 1]]
        squared = _to_mean(vectors, members, counts, control)
        # sums that differ in the last bits of float64 only are equally good; a sum is m · (|x − mean|² + the mean of all those)
        spread = squared @ counts[members] / counts[members].sum()
        nearest = members[squared <= squared.min() + 1e-12 * (squared.min() + spread)]
        rows = first_row[nearest]
        result[cluster] = rows[np.argmin(rank[rows])]
    return result


def _to_mean(vectors: Float32Array, members: IndexArray, counts: IndexArray, control: Control) -> Float64Array:
    """Squared distances of some vectors from their mean, each counted `counts` times.

    All is relative to one of them, so that a cluster far from the origin loses no digits.
    """
    origin = vectors[members[0]].astype(np.float64)
    total = np.zeros(vectors.shape[1])
    for start in range(0, len(members), _BLOCK):
        control.check()
        part = members[start : start + _BLOCK]
        total += counts[part].astype(np.float64) @ (vectors[part] - origin)
    mean = total / counts[members].sum()
    squared = np.empty(len(members))
    for start in range(0, len(members), _BLOCK):
        control.check()
        difference = vectors[members[start : start + _BLOCK]] - origin
        difference -= mean
        squared[start : start + _BLOCK] = np.einsum("ij,ij->i", difference, difference)
    return squared
