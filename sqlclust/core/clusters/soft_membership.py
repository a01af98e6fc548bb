"""Arrays only: how strongly each point belongs to its nearest cluster, noise included. No SQL.

hdbscan's soft clustering (`all_points_membership_vectors`, after McInnes, Healy, Astels 2017), of which the largest entry is
kept. For a point p and a flat cluster c

    strength(p, c) = in_some(p) · near(p, c) · like(p, c) / Σ over all clusters of near · like

    near(p, c)  1 / distance from p to the nearest exemplar of c, divided by its sum over all clusters. Exemplars are the
                members that last longest in a leaf of the condensed tree below c.
    like(p, c)  softmax over the clusters of exp(−death / height(p, c)); death is the largest density of the cluster that p
                leaves last.
    in_some(p)  max over the clusters of height(p, c), divided by the larger of that cluster's largest density and p's own.
    height(p, c)  the density at which p and c part: p's own density where p's cluster is above or below c in the tree,
                otherwise the density at which the branches split.

The constants 1e-8 with which hdbscan avoids dividing by 0 are left out; infinite over infinite is 1.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.clusters.selection import Selected
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


class Nearest(NamedTuple):
    """The cluster each of p points belongs to most.

    Attributes:
        labels: int64 (p,); -1 where there are no clusters.
        strengths: float64 (p,), 0..1; over all clusters they would add up to at most 1.
        exemplars: intp (p,), the nearest exemplar of that cluster, a row; -1 where there are no clusters.
        distances: float64 (p,), the distance to it, in the metric; NaN where there are no clusters.
    """

    labels: NDArray[np.int64]
    strengths: Float64Array
    exemplars: IndexArray
    distances: Float64Array


class _Exemplars(NamedTuple):
    """Exemplars by label: intp (e,) rows, and where in them each label's begin.

    Attributes:
        centre: float64 (d,), their mean, which is taken off every vector: products lose fewer digits then.
        measures: float64 (d + 1, e), their vectors and squared lengths.
    """

    rows: IndexArray
    starts: IndexArray
    centre: Float64Array
    measures: Float64Array


def nearest_clusters(
    vectors: Float32Array,
    groups: IndexArray,
    rows: IndexArray,
    selected: Selected | None,
    *,
    metric: Metric,
    rank: IndexArray,
    control: Control,
) -> Nearest:
    """The cluster to which each of some rows of a clustering belongs most.

    Args:
        vectors: float32 (m, d), the distinct vectors, as they are compared: of length one where the fit normalises.
        groups: intp (n,), which of them each row has.
        rows: intp (p,), of the n.
        rank: intp (n,), the rows' order by id: of exemplars equally near the first is named.

    Raises:
        UnknownMetricError

    Cost: O(p·e·d) for e exemplars, and O(p·n_clusters).
    """
    metric_of(metric)
    p = len(rows)
    result = Nearest(np.full(p, -1, dtype=np.int64), np.zeros(p), np.full(p, -1, dtype=np.intp), np.full(p, np.nan))
    if selected is None or len(selected.cluster) == 0 or p == 0:
        return result
    exemplars, branches = _exemplars(vectors, groups, selected, rank), _branches(selected)
    last = selected.clusters.point_cluster[rows]
    order = np.argsort(last, kind="stable")  # points of one cluster share their heights
    step = max(1, _CELLS // max(len(exemplars.rows), len(selected.cluster)))
    with control.phase("nearest clusters"):
        for start in range(0, p, step):
            part = order[start : start + step]
            found = _of_block(vectors, groups, rows[part], selected, exemplars, branches, metric)
            result.labels[part], result.strengths[part] = found.labels, found.strengths
            result.exemplars[part], result.distances[part] = found.exemplars, found.distances
            control.at((start + len(part)) / p)
    return result


def _of_block(
    vectors: Float32Array,
    groups: IndexArray,
    rows: IndexArray,
    selected: Selected,
    exemplars: _Exemplars,
    branches: _Branches,
    metric: Metric,
) -> Nearest:
    clusters = selected.clusters
    points = vectors[groups[rows]] - exemplars.centre
    every, nearest = _to_exemplars(points, exemplars)
    own = np.einsum("ij,ij->i", points, points)
    distance = from_squared(np.maximum(nearest + own[:, None], 0.0), metric)
    heights = _heights(selected, branches, rows)
    death = clusters.death[clusters.point_cluster[rows]]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        like = np.exp(np.exp(-_ratio(death[:, None], heights)))
        product = _shares(distance) * like
        product /= product.sum(axis=1, keepdims=True)
    at = np.arange(len(rows))
    highest = heights.argmax(axis=1)
    largest = np.maximum(_largest_densities(selected)[highest], clusters.point_density[rows])
    in_some = _ratio(heights[at, highest], largest)
    best = product.argmax(axis=1)
    strengths = np.clip(product[at, best] * in_some, 0.0, 1.0)
    named = _nearest_of(every, exemplars, best)
    measured = from_squared(
        squared_distances(vectors, groups[rows], groups[named]), metric
    )  # the product loses digits of near-duplicates
    return Nearest(best.astype(np.int64), strengths, named, measured)


def _ratio(a: Float64Array, b: Float64Array) -> Float64Array:
    """a / b, where infinite over infinite and 0 over 0 is 1."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio: Float64Array = np.where(a == b, 1.0, a / b)
    return ratio


def _shares(distance: Float64Array) -> Float64Array:
    """1 / distance divided by the row's sum; where some are 0, these share all."""
    smallest = distance.min(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        closeness = np.where(smallest > 0, smallest / distance, distance == 0)
    shares: Float64Array = closeness / closeness.sum(axis=1, keepdims=True)
    return shares


def _largest_densities(selected: Selected) -> Float64Array:
    return selected.clusters.death[selected.cluster]


def _exemplars(vectors: Float32Array, groups: IndexArray, selected: Selected, rank: IndexArray) -> _Exemplars:
    """The members that leave a leaf cluster last, by label, and by rank within a label."""
    clusters = selected.clusters
    is_leaf = np.ones(len(clusters.parent), dtype=bool)
    is_leaf[clusters.parent[1:]] = False
    if len(clusters.parent) == 1:
        is_leaf[0] = True
    leaf = clusters.point_cluster
    label = selected.label[leaf]
    rows = np.flatnonzero(is_leaf[leaf] & (label >= 0) & (clusters.point_density == clusters.death[leaf]))
    rows = rows[np.lexsort((rank[rows], label[rows]))]
    own = vectors[groups[rows]].astype(np.float64)
    centre = own.mean(axis=0)
    own -= centre
    measures = np.concatenate([own, np.einsum("ij,ij->i", own, own)[:, None]], axis=1).T
    return _Exemplars(rows, np.searchsorted(label[rows], np.arange(len(selected.cluster))), centre, measures)


def _to_exemplars(points: Float64Array, exemplars: _Exemplars) -> tuple[Float64Array, Float64Array]:
    """Squared distances, up to the points' own squared lengths: float64 (p, e) to every exemplar, and (p, n_clusters) to each
    cluster's nearest one.
    """
    ones = np.ones((len(points), 1))
    every = np.concatenate([-2.0 * points, ones], axis=1) @ exemplars.measures
    return every, np.minimum.reduceat(every, exemplars.starts, axis=1)


def _nearest_of(every: Float64Array, exemplars: _Exemplars, labels: IndexArray) -> IndexArray:
    """intp (p,): each point's nearest exemplar in the cluster `labels` names, a row."""
    stops = np.append(exemplars.starts[1:], len(exemplars.rows))
    rows = np.empty(len(labels), dtype=np.intp)
    for label in np.unique(labels).tolist():
        of = np.flatnonzero(labels == label)
        start, stop = int(exemplars.starts[label]), int(stops[label])
        rows[of] = exemplars.rows[start + every[of, start:stop].argmin(axis=1)]
    return rows


class _Branches(NamedTuple):
    """Flat clusters in depth-first order, where each branch of the cluster tree is a range of them.

    Attributes:
        label: intp (n_clusters,), the labels in that order.
        start, stop: intp (c,), the range of the flat clusters that are each cluster or part of it.
    """

    label: IndexArray
    start: IndexArray
    stop: IndexArray


def _branches(selected: Selected) -> _Branches:
    parent = selected.clusters.parent.tolist()
    below = [1] * len(parent)
    for cluster in range(len(parent) - 1, 0, -1):
        below[parent[cluster]] += below[cluster]
    entry, free = [0] * len(parent), [1] * len(parent)
    for cluster in range(1, len(parent)):
        entry[cluster] = free[parent[cluster]]
        free[parent[cluster]] += below[cluster]
        free[cluster] = entry[cluster] + 1
    own = np.array(entry)[selected.cluster]
    label = np.argsort(own)
    ends = np.array(entry) + np.array(below)
    return _Branches(label, np.searchsorted(own[label], entry), np.searchsorted(own[label], ends))


def _heights(selected: Selected, branches: _Branches, rows: IndexArray) -> Float64Array:
    """float64 (p, n_clusters): the density at which each point and each flat cluster part."""
    clusters = selected.clusters
    last, own = clusters.point_cluster[rows], clusters.point_density[rows]
    heights = np.empty((len(rows), len(selected.cluster)))
    for cluster in np.unique(last).tolist():
        of = last == cluster
        parting = _partings(selected, branches, cluster)
        heights[of] = np.where(np.isnan(parting), own[of, None], parting)
    return heights


def _partings(selected: Selected, branches: _Branches, cluster: int) -> Float64Array:
    """float64 (n_clusters,): the density at which a cluster and each flat one part; NaN where one is part of the other."""
    clusters = selected.clusters
    line = [cluster]
    while line[-1]:
        line.append(int(clusters.parent[line[-1]]))
    ordered = np.full(len(branches.label), np.nan)
    for below, above in zip(line[-2::-1], line[:0:-1], strict=True):  # from the root down
        ordered[branches.start[above] : branches.stop[above]] = clusters.birth[below]
    ordered[branches.start[cluster] : branches.stop[cluster]] = np.nan
    parting = np.empty(len(ordered))
    parting[branches.label] = ordered
    parting[np.isin(selected.cluster, line)] = np.nan
    return parting
