"""At which density points and flat clusters part: where their ways down the condensed tree separate."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sqlclust.core.clusters.cluster_tree import ClusterTree
from sqlclust.core.clusters.selection import FlatClusters
from sqlclust.core.geometry.metrics import Float64Array, IndexArray


class Branches(NamedTuple):
    """Flat clusters in depth-first order, where each branch of the cluster tree is a range of them.

    Attributes:
        clusters: the cluster tree.
        cluster_of_label: intp (n_clusters,), of the flat clusters.
        label: intp (n_clusters,), the labels in that order.
        start, stop: intp (c,), the range of the flat clusters that are each cluster or part of it.
    """

    clusters: ClusterTree
    cluster_of_label: IndexArray
    label: IndexArray
    start: IndexArray
    stop: IndexArray

    def parting_densities(self, rows: IndexArray) -> Float64Array:
        """float64 (p, n_clusters): the density at which each of some points and each flat cluster part.

        Where the point's last cluster is part of the flat one, or the flat one part of it, that is the point's own density.
        """
        last, own = self.clusters.point_cluster[rows], self.clusters.point_density[rows]
        result = np.empty((len(rows), len(self.cluster_of_label)))
        for cluster in np.unique(last).tolist():
            of = last == cluster
            parting = self._of_cluster(cluster)
            result[of] = np.where(np.isnan(parting), own[of, None], parting)
        return result

    def _of_cluster(self, cluster: int) -> Float64Array:
        """float64 (n_clusters,): the density at which a cluster and each flat one part; NaN where one is part of the other."""
        line = [cluster]  # up to the root
        while line[-1]:
            line.append(int(self.clusters.parent[line[-1]]))
        ordered = np.full(len(self.label), np.nan)
        for below, above in zip(line[-2::-1], line[:0:-1], strict=True):  # from the root down
            ordered[self.start[above] : self.stop[above]] = self.clusters.birth[below]
        ordered[self.start[cluster] : self.stop[cluster]] = np.nan
        parting = np.empty(len(ordered))
        parting[self.label] = ordered
        parting[np.isin(self.cluster_of_label, line)] = np.nan
        return parting


def branches(flat: FlatClusters) -> Branches:
    """Where the branches of the cluster tree are. Source: a depth-first numbering, in which each branch is an interval."""
    parent = flat.clusters.parent.tolist()
    below = [1] * len(parent)  # clusters in each branch
    for cluster in range(len(parent) - 1, 0, -1):
        below[parent[cluster]] += below[cluster]
    entry, free = [0] * len(parent), [1] * len(parent)
    for cluster in range(1, len(parent)):
        entry[cluster] = free[parent[cluster]]
        free[parent[cluster]] += below[cluster]
        free[cluster] = entry[cluster] + 1
    own = np.array(entry)[flat.cluster_of_label]
    label = np.argsort(own)
    ends = np.array(entry) + np.array(below)
    start, stop = np.searchsorted(own[label], entry), np.searchsorted(own[label], ends)
    return Branches(flat.clusters, flat.cluster_of_label, label, start, stop)
