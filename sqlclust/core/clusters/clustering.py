"""A clustering: the labels of all rows, and the medoid and size of each cluster."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.clusters.labels import NOISE
from sqlclust.core.clusters.medoids import medoids
from sqlclust.core.clusters.selection import ClusterLabels
from sqlclust.core.geometry.duplicates import Distinct, distinct
from sqlclust.core.geometry.metrics import Float32Array, Float64Array, IndexArray
from sqlclust.core.runtime.control import Control


class Clustering(NamedTuple):
    """A clustering of n rows. What is of each cluster is in the order of their labels.

    Attributes:
        labels: int64 (n,), clusters from 0 without a gap, the same for any order of rows, unless they were given other labels
            (`renumbered`); noise -1.
        probabilities: float64 (n,), membership strength 0..1; noise 0.
        outlier_scores: float64 (n,), GLOSH, 0..1: larger is more outlying.
        medoids: intp (n_clusters,), the row of each cluster's medoid.
        sizes: intp (n_clusters,), rows of each cluster, >= 1.
        persistence: float64 (n_clusters,), 0..1.
    """

    labels: NDArray[np.int64]
    probabilities: Float64Array
    outlier_scores: Float64Array
    medoids: IndexArray
    sizes: IndexArray
    persistence: Float64Array

    @property
    def cluster_labels(self) -> NDArray[np.int64]:
        """int64 (n_clusters,), the label of each cluster, ascending. O(n log n)."""
        return np.unique(self.labels[self.labels != NOISE])

    def renumbered(self, new_labels: NDArray[np.int64]) -> Clustering:
        """The same clusters under other labels.

        Args:
            new_labels: int64 (n_clusters,), >= 0, all different: one for each of `cluster_labels`.
        """
        is_member = self.labels != NOISE
        labels = self.labels.copy()
        labels[is_member] = new_labels[np.searchsorted(self.cluster_labels, self.labels[is_member])]
        order = np.argsort(new_labels)
        return self._replace(
            labels=labels,
            medoids=self.medoids[order],
            sizes=self.sizes[order],
            persistence=self.persistence[order],
        )


def with_medoids(
    labelled: ClusterLabels, points: Distinct, *, rank: IndexArray | None = None, control: Control
) -> Clustering:
    """Cluster labels with the medoid and size of each cluster.

    Args:
        points: the vectors of the n rows.
        rank: intp (n,), the rows' order by id, which decides between equally good medoids; the rows' own order by
            default.

    Cost: O(n·d).
    """
    labels = labelled.labels
    with control.phase("medoids"):
        middle = medoids(
            points.vectors,
            labels,
            groups=points.group_of_row(),
            counts=points.counts,
            rank=np.arange(len(labels)) if rank is None else rank,
            control=control,
        )
    return clustering_of(labelled, middle)


def clustering_of(labelled: ClusterLabels, medoids_of_clusters: IndexArray) -> Clustering:
    """Cluster labels with medoids that are known, by label: intp (n_clusters,)."""
    labels = labelled.labels
    sizes = np.bincount(labels[labels != NOISE], minlength=len(medoids_of_clusters)).astype(np.intp)
    return Clustering(
        labels, labelled.probabilities, labelled.outlier_scores, medoids_of_clusters, sizes, labelled.persistence
    )


def with_medoids_of_rows(
    labelled: ClusterLabels,
    vectors: Float32Array,
    *,
    normalize: bool,
    rank: IndexArray | None = None,
    control: Control,
) -> Clustering:
    """As `with_medoids`, of vectors that are not collapsed yet. Only rows in clusters are: noise has no medoid.

    Args:
        vectors: float32 (n, d).
        normalize: as `distinct` has it.

    Cost: O(m·d + n log n), for m rows in clusters.
    """
    rows = np.flatnonzero(labelled.labels != NOISE)
    with control.phase("duplicates"):
        points = distinct(
            vectors, normalize=normalize, only=None if len(rows) == len(vectors) else rows, control=control
        )
    of_rows = labelled._replace(labels=labelled.labels[rows])
    found = with_medoids(of_rows, points, rank=None if rank is None else rank[rows], control=control)
    return found._replace(labels=labelled.labels, medoids=rows[found.medoids])


def clustering_of_nothing() -> Clustering:
    """The clustering of no rows."""
    none = np.empty(0, dtype=np.intp)
    return Clustering(np.empty(0, dtype=np.int64), np.empty(0), np.empty(0), none, none, np.empty(0))
