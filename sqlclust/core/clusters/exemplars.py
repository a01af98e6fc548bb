"""Exemplars: the members that stand for a flat cluster, and how far points are from them.

They are the members that last longest in a leaf of the condensed tree below the cluster: they leave it at its largest density.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sqlclust.core.clusters.labels import NOISE
from sqlclust.core.clusters.selection import FlatClusters
from sqlclust.core.geometry.metrics import Float32Array, Float64Array, IndexArray


class Exemplars(NamedTuple):
    """The exemplars of all flat clusters, by label, and by rank within a label.

    Attributes:
        rows: intp (e,).
        starts: intp (n_clusters,), where in `rows` each label's begin.
        centre: float64 (d,), their mean. It is taken off every vector, since products lose fewer digits then.
        measures: float64 (d + 1, e), their vectors and squared lengths.
    """

    rows: IndexArray
    starts: IndexArray
    centre: Float64Array
    measures: Float64Array

    def squared_distances(self, points: Float64Array) -> Float64Array:
        """float64 (p, e), from some points minus `centre` to every exemplar, without the points' own squared lengths."""
        ones = np.ones((len(points), 1))
        return np.asarray(np.concatenate([-2.0 * points, ones], axis=1) @ self.measures)

    def nearest_of_each_label(self, squared: Float64Array) -> Float64Array:
        """float64 (p, n_clusters), of `squared_distances` the smallest to each cluster's exemplars."""
        return np.asarray(np.minimum.reduceat(squared, self.starts, axis=1))

    def nearest_of_label(self, squared: Float64Array, labels: IndexArray) -> IndexArray:
        """intp (p,), the row of each point's nearest exemplar in the cluster that `labels` names."""
        stops = np.append(self.starts[1:], len(self.rows))
        rows = np.empty(len(labels), dtype=np.intp)
        for label in np.unique(labels).tolist():
            of = np.flatnonzero(labels == label)
            start, stop = int(self.starts[label]), int(stops[label])
            rows[of] = self.rows[start + squared[of, start:stop].argmin(axis=1)]
        return rows


def exemplars(vectors: Float32Array, groups: IndexArray, flat: FlatClusters, rank: IndexArray) -> Exemplars:
    """The exemplars of flat clusters.

    Args:
        vectors: float32 (m, d), the distinct vectors.
        groups: intp (n,), which of them each row has.
        rank: intp (n,), the rows' order by id.
    """
    clusters = flat.clusters
    is_leaf = np.ones(len(clusters.parent), dtype=bool)
    is_leaf[clusters.parent[1:]] = False  # of the root, its own parent, the children tell
    leaf = clusters.point_cluster
    label = flat.label_of_cluster[leaf]
    rows = np.flatnonzero(is_leaf[leaf] & (label != NOISE) & (clusters.point_density == clusters.death[leaf]))
    rows = rows[np.lexsort((rank[rows], label[rows]))]
    own = vectors[groups[rows]].astype(np.float64)
    centre = own.mean(axis=0)
    own -= centre
    measures = np.concatenate([own, np.einsum("ij,ij->i", own, own)[:, None]], axis=1).T
    return Exemplars(rows, np.searchsorted(label[rows], np.arange(len(flat.cluster_of_label))), centre, measures)
