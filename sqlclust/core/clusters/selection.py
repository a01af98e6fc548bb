"""Flat clusters from a condensed tree, and the points' labels, strengths and outlier scores.

Which clusters of the tree are the flat ones, hdbscan decides (`hdbscan_selection`). What follows from that for all points is
computed here, to the same numbers. What hdbscan leaves undefined is defined: no hierarchy at all, and infinite densities.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.clusters.cluster_tree import ClusterTree, cluster_tree
from sqlclust.core.clusters.cut_parameters import CutParameters
from sqlclust.core.clusters.hdbscan_selection import flat_labels, without_short_splits
from sqlclust.core.clusters.labels import NOISE
from sqlclust.core.geometry.metrics import Float64Array, IndexArray
from sqlclust.core.runtime.control import Control
from sqlclust.core.tree.condensed_tree import CondensedTree, number_of_points


class FlatClusters(NamedTuple):
    """Which clusters of a condensed tree are the flat ones.

    Attributes:
        tree: the condensed tree that the clusters are of: short splits are undone.
        clusters: the same by clusters.
        cluster_of_label: intp (n_clusters,), the cluster of the tree that each label is.
        label_of_cluster: int64 (c,), the label of points that are in each cluster of the tree last; noise -1.
        least_density: points of less density are noise; 0 unless the root is the only cluster.
        size: intp (n_clusters,), members, >= 1.
        stability: float64 (n_clusters,), excess of mass.
    """

    tree: CondensedTree
    clusters: ClusterTree
    cluster_of_label: IndexArray
    label_of_cluster: NDArray[np.int64]
    least_density: float
    size: IndexArray
    stability: Float64Array

    @property
    def largest_density(self) -> Float64Array:
        """float64 (n_clusters,), the largest density at which something leaves each cluster."""
        return np.asarray(self.clusters.death[self.cluster_of_label])

    @property
    def split_density(self) -> Float64Array:
        """float64 (n_clusters,), the density at which each cluster splits off."""
        return np.asarray(self.clusters.birth[self.cluster_of_label])

    def labels_and_strengths(
        self, cluster: IndexArray, density: Float64Array
    ) -> tuple[NDArray[np.int64], Float64Array]:
        """Labels and membership strengths of points that are last in these clusters, and leave them at these densities.

        Args:
            cluster: intp (p,), of `clusters`.
            density: float64 (p,).

        Returns:
            int64 (p,), float64 (p,).
        """
        labels = self.label_of_cluster[cluster]
        labels[density < self.least_density] = NOISE
        return labels, self.strengths(labels, density)

    def of_points(self) -> tuple[NDArray[np.int64], Float64Array]:
        """Labels int64 (n,) and membership strengths float64 (n,) of the tree's points."""
        return self.labels_and_strengths(self.clusters.point_cluster, self.clusters.point_density)

    def strengths(self, labels: NDArray[np.int64], density: Float64Array) -> Float64Array:
        """float64 (p,), how dense each point is beside the densest of its cluster, 0..1; of noise 0."""
        is_member = labels != NOISE
        largest, own = self.largest_density[labels[is_member]], density[is_member]
        strength = np.ones(len(own))
        with np.errstate(invalid="ignore"):
            np.divide(np.minimum(own, largest), largest, out=strength, where=(largest != 0.0) & np.isfinite(own))
        result = np.zeros(len(labels))
        result[is_member] = strength
        return result


class ClusterLabels(NamedTuple):
    """The flat clusters' points: a clustering but for its medoids.

    Attributes:
        labels: int64 (n,), clusters from 0, noise -1.
        probabilities: float64 (n,), membership strength 0..1; noise 0.
        outlier_scores: float64 (n,), GLOSH, 0..1: larger is more outlying.
        persistence: float64 (n_clusters,), 0..1: how long each cluster lasts over all distance scales.
    """

    labels: NDArray[np.int64]
    probabilities: Float64Array
    outlier_scores: Float64Array
    persistence: Float64Array


def flat_clusters(tree: CondensedTree, cut: CutParameters, control: Control | None = None) -> FlatClusters:
    """Which clusters of a condensed tree hdbscan selects.

    Args:
        tree: of `condense`, with the cut's min_cluster_size; not changed.
    """
    control = control or Control()
    control.check()
    n = number_of_points(tree)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # infinite densities
        if cut.cluster_selection_persistence > 0.0 and (tree["child"] >= n).any():
            tree = without_short_splits(tree, cut.cluster_selection_persistence)
            control.check()
        clusters = cluster_tree(tree)
        control.check()
        label, total, stability = flat_labels(tree, clusters, cut)
    control.check()
    cluster = np.zeros(total, dtype=np.intp)
    labelled = np.flatnonzero(label != NOISE)[::-1]
    # of the clusters with a label the first is the selected one, the others are below it
    cluster[label[labelled]] = labelled
    least = 0.0
    if label[0] != NOISE:  # everything is one cluster, but for its least dense members
        epsilon = cut.cluster_selection_epsilon
        least = 1.0 / epsilon if epsilon else float(clusters.death[0])
    flat = FlatClusters(tree, clusters, cluster, label, least, np.zeros(total, dtype=np.intp), stability[cluster])
    labels, _ = flat.of_points()
    return _inhabited(flat, np.bincount(labels[labels != NOISE], minlength=total))


def _inhabited(flat: FlatClusters, size: IndexArray) -> FlatClusters:
    """Without the clusters that nobody is in.

    With allow_single_cluster and an epsilon below every distance hdbscan selects a cluster of nobody.
    """
    somebody = size > 0
    number = np.append(np.where(somebody, np.cumsum(somebody) - 1, NOISE), NOISE)  # the last is that of noise, label −1
    return flat._replace(
        cluster_of_label=flat.cluster_of_label[somebody],
        label_of_cluster=number[flat.label_of_cluster].astype(np.int64),
        size=size[somebody],
        stability=flat.stability[somebody],
    )


def cluster_labels(tree: CondensedTree, cut: CutParameters, control: Control | None = None) -> ClusterLabels:
    """The points of the flat clusters of a condensed tree, as hdbscan labels them.

    Args:
        tree: of `condense`, with the cut's min_cluster_size; not changed.

    What hdbscan leaves NaN is defined: in a cluster of infinite density (identical vectors, more than min_samples of them) a
    member of finite density has outlier score 1 and probability 0.
    """
    control = control or Control()
    flat = flat_clusters(tree, cut, control)
    labels, probabilities = flat.of_points()
    control.check()
    scores = _outlier_scores(flat.clusters)
    control.check()
    return ClusterLabels(labels, probabilities, scores, _persistence(flat))


def _outlier_scores(clusters: ClusterTree) -> Float64Array:
    """GLOSH: 1 − (density of the point) / (largest density in its cluster and those that split from it).

    Source: Campello, Moulavi, Zimek, Sander 2015; hdbscan's `outlier_scores`.
    """
    death, parent = clusters.death.tolist(), clusters.parent.tolist()
    for child in range(len(parent) - 1, 0, -1):
        death[parent[child]] = max(death[parent[child]], death[child])
    largest, own = np.array(death)[clusters.point_cluster], clusters.point_density
    scores = np.zeros(len(own))
    with np.errstate(invalid="ignore"):
        np.divide(largest - own, largest, out=scores, where=(largest != 0.0) & np.isfinite(own))
    return np.clip(np.nan_to_num(scores, nan=1.0), 0.0, 1.0)


def _persistence(flat: FlatClusters) -> Float64Array:
    """stability / (size · largest density of all): 1 would be a cluster of all its members from density 0 to the densest."""
    densest = float(flat.tree["lambda_val"].max())
    if densest == 0.0 or np.isinf(densest):
        return np.ones(len(flat.size))
    share = flat.stability / (flat.size * densest)
    clipped: Float64Array = np.clip(np.nan_to_num(share, nan=1.0), 0.0, 1.0)
    return clipped


def all_noise(n: int) -> ClusterLabels:
    """The labels where there is no hierarchy: n rows of noise."""
    return ClusterLabels(np.full(n, NOISE, dtype=np.int64), np.zeros(n), np.zeros(n), np.zeros(0))
