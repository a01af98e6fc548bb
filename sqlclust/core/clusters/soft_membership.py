"""Soft membership: how strongly each point belongs to each cluster, noise included, of which the strongest is kept.

For a point p and a flat cluster c

    strength(p, c) = in_some(p) · near(p, c) · alike(p, c) / Σ over all clusters of near · alike

    near(p, c)     (1 / distance from p to the nearest exemplar of c) / Σ of the same over all clusters; see `exemplars`
    alike(p, c)    softmax over the clusters of exp(−largest density of the cluster that p leaves last / parting(p, c))
    in_some(p)     for the cluster with the largest parting(p, c): parting(p, c) / max(largest density of c, density of p)
    parting(p, c)  the density at which p and c part in the condensed tree; see `parting`

Source: hdbscan's `all_points_membership_vectors`, after McInnes, Healy, Astels 2017. The constants 1e-8 with which it avoids
dividing by 0 are left out; infinite over infinite is 1 here.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.clusters.clustered_rows import ClusteredRows
from sqlclust.core.clusters.exemplars import Exemplars, exemplars
from sqlclust.core.clusters.labels import NOISE
from sqlclust.core.clusters.parting import Branches, branches
from sqlclust.core.clusters.selection import FlatClusters
from sqlclust.core.geometry.metrics import (
    Float32Array,
    Float64Array,
    IndexArray,
    Metric,
    from_squared,
    metric_of,
    squared_distances,
)
from sqlclust.core.runtime.control import Control

_CELLS = 1 << 21
"""Points times exemplars (or clusters) that are held at a time."""


class NearestClusters(NamedTuple):
    """The cluster that each of p points belongs to most.

    Attributes:
        labels: int64 (p,); noise, -1, where there are no clusters.
        strengths: float64 (p,), 0..1; over all clusters they would add up to at most 1.
        exemplars: intp (p,), the nearest exemplar of that cluster, a row; -1 where there are no clusters.
        distances: float64 (p,), the distance to it, in the metric; NaN where there are no clusters.
    """

    labels: NDArray[np.int64]
    strengths: Float64Array
    exemplars: IndexArray
    distances: Float64Array


def nearest_clusters(clustered: ClusteredRows, rows: IndexArray, metric: Metric, control: Control) -> NearestClusters:
    """The cluster to which each of some rows of a clustering belongs most.

    Args:
        clustered: the n rows; of exemplars equally near the first by rank is named.
        rows: intp (p,), of them.

    Raises:
        UnknownMetricError

    Cost: O(p·e·d) for e exemplars, and O(p·n_clusters).
    """
    metric_of(metric)
    p, flat = len(rows), clustered.flat
    result = NearestClusters(
        np.full(p, NOISE, dtype=np.int64), np.zeros(p), np.full(p, -1, dtype=np.intp), np.full(p, np.nan)
    )
    if flat is None or len(flat.cluster_of_label) == 0 or p == 0:
        return result
    membership = _membership(clustered, flat, metric)
    # points of one cluster part at the same densities
    order = np.argsort(flat.clusters.point_cluster[rows], kind="stable")
    step = max(1, _CELLS // max(len(membership.exemplars.rows), len(flat.cluster_of_label)))
    with control.phase("nearest clusters"):
        for start in range(0, p, step):
            part = order[start : start + step]
            for whole, found in zip(result, membership.strongest(rows[part]), strict=True):
                whole[part] = found
            control.at((start + len(part)) / p)
    return result


class _Membership(NamedTuple):
    """What the strengths of points are computed from.

    Attributes:
        vectors: float32 (m, d), the distinct vectors.
        groups: intp (n,), which of them each row has.
    """

    vectors: Float32Array
    groups: IndexArray
    flat: FlatClusters
    exemplars: Exemplars
    branches: Branches
    metric: Metric

    def strongest(self, rows: IndexArray) -> NearestClusters:
        """For each of some points the cluster in which its strength is largest."""
        points = self.vectors[self.groups[rows]] - self.exemplars.centre
        squared = self.exemplars.squared_distances(points)
        length = np.einsum("ij,ij->i", points, points)[:, None]
        distance = from_squared(np.maximum(self.exemplars.nearest_of_each_label(squared) + length, 0.0), self.metric)
        parting = self.branches.parting_densities(rows)
        shares = self._shares(rows, distance, parting)
        best = shares.argmax(axis=1)
        strengths = np.clip(shares[np.arange(len(rows)), best] * self._in_some(rows, parting), 0.0, 1.0)
        named = self.exemplars.nearest_of_label(squared, best)
        # from the differences: a product loses the digits of near-duplicates
        exact = squared_distances(self.vectors, self.groups[rows], self.groups[named])
        return NearestClusters(best.astype(np.int64), strengths, named, from_squared(exact, self.metric))

    def _shares(self, rows: IndexArray, distance: Float64Array, parting: Float64Array) -> Float64Array:
        """near · alike of each point and cluster, divided by the sum of its row: float64 (p, n_clusters)."""
        clusters = self.flat.clusters
        largest = clusters.death[clusters.point_cluster[rows]]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            alike = np.exp(np.exp(-_ratio(largest[:, None], parting)))
            shares = _inverse_shares(distance) * alike
            shares /= shares.sum(axis=1, keepdims=True)
        return np.asarray(shares)

    def _in_some(self, rows: IndexArray, parting: Float64Array) -> Float64Array:
        """in_some of each point: float64 (p,)."""
        highest = parting.argmax(axis=1)
        largest = np.maximum(self.flat.largest_density[highest], self.flat.clusters.point_density[rows])
        return _ratio(parting[np.arange(len(rows)), highest], largest)


def _membership(clustered: ClusteredRows, flat: FlatClusters, metric: Metric) -> _Membership:
    vectors, groups = clustered.points.vectors, clustered.points.group_of_row()
    return _Membership(vectors, groups, flat, exemplars(vectors, groups, flat, clustered.rank), branches(flat), metric)


def _ratio(a: Float64Array, b: Float64Array) -> Float64Array:
    """a / b, where infinite over infinite and 0 over 0 is 1."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio: Float64Array = np.where(a == b, 1.0, a / b)
    return ratio


def _inverse_shares(distance: Float64Array) -> Float64Array:
    """1 / distance divided by the row's sum; where some are 0, these share all."""
    smallest = distance.min(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        closeness = np.where(smallest > 0, smallest / distance, distance == 0)
    shares: Float64Array = closeness / closeness.sum(axis=1, keepdims=True)
    return shares
