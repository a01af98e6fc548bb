"""The clusters of a scene."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sqlclust.core.clusters.labels import NOISE
from sqlclust.core.geometry.metrics import Float64Array, IndexArray
from sqlclust.errors import ResultDamagedError, shown
from sqlclust.options import MAX_INTEGER
from sqlclust.pictures.colours import Contacts, coloured, contacts, contacts_on_map
from sqlclust.pictures.gathering.exemplars import Depth, exemplars
from sqlclust.pictures.scene import Float32Array, NearCluster, SceneCluster
from sqlclust.store.results.rows import ResultRows, StoredCluster


class Members:
    """Which rows are in which cluster of a result; clusters are numbered by label.

    Attributes:
        labels: int64 (c,), ascending.
        of_rows: intp (n,), the number of each row's cluster; noise −1.
        sizes: intp (c,).
        medoids: intp (c,), rows.

    Raises:
        ResultDamagedError: the clusters and the rows that are stored do not go together.
    """

    def __init__(self, result_id: int, rows: ResultRows, clusters: Sequence[StoredCluster]) -> None:
        self.labels = np.array([cluster.label for cluster in clusters], dtype=np.int64)
        if len(clusters) and clusters[-1].label > MAX_INTEGER:
            reason = f"it has a cluster {clusters[-1].label}, and labels are at most {MAX_INTEGER:,} here"
            raise ResultDamagedError(result_id, reason=reason)
        number = np.searchsorted(self.labels, rows.labels)
        is_noise = rows.labels == NOISE
        known = np.append(self.labels, NOISE)[number] == rows.labels
        if not (known | is_noise).all():
            label = int(rows.labels[~(known | is_noise)][0])
            raise ResultDamagedError(result_id, reason=f"there are rows of a cluster {label}, and no such cluster")
        self.of_rows = np.where(is_noise, NOISE, number).astype(np.intp)
        self.sizes = np.bincount(self.of_rows[~is_noise], minlength=len(clusters)).astype(np.intp)
        place = {embedding_id: row for row, embedding_id in enumerate(rows.embedding_ids)}
        medoids = [place.get(cluster.medoid_embedding_id, -1) for cluster in clusters]
        self.medoids = np.array(medoids, dtype=np.intp)
        is_member = self.medoids >= 0
        is_member[is_member] = self.of_rows[self.medoids[is_member]] == np.flatnonzero(is_member)
        wrong = np.flatnonzero(~is_member)
        if len(wrong):
            cluster = clusters[int(wrong[0])]
            reason = f"the medoid of cluster {cluster.label}, {shown(cluster.medoid_embedding_id)}, is none of its rows"
            raise ResultDamagedError(result_id, reason=reason)


def scene_clusters(
    members: Members,
    clusters: Sequence[StoredCluster],
    names: Mapping[int, Sequence[str]],
    depth: Depth,
    xy: Float32Array | None,
    near: tuple[IndexArray, Float64Array] | None,
) -> list[SceneCluster]:
    """The clusters, the largest first.

    Args:
        clusters: by label, as `members` has them.
        names: the terms of labels.
        depth: of the rows.
        xy: float32 (n, 2), or None.
        near: intp (c, k) and float64 (c, k), the nearest other clusters of each and how far they are; None if that is not known.
    """
    c, n = len(clusters), len(members.of_rows)
    typical = exemplars(members.of_rows, c, depth, xy)
    touching = _near_contacts(near) if xy is None else contacts_on_map(xy, members.of_rows)
    colours = coloured(members.sizes, touching)
    labels, sizes = members.labels.tolist(), members.sizes.tolist()
    found = []
    for number in sorted(range(c), key=lambda number: (-sizes[number], labels[number])):
        others = [] if near is None else zip(near[0][number].tolist(), near[1][number].tolist(), strict=True)
        found.append(
            SceneCluster(
                label=labels[number],
                size=sizes[number],
                share=sizes[number] / n,
                persistence=clusters[number].persistence,
                medoid=int(members.medoids[number]),
                terms=list(names.get(labels[number], ())),
                exemplars=typical[number],
                near=[NearCluster(labels[other], distance) for other, distance in others],
                colour=colours[number],
            )
        )
    return found


def _near_contacts(near: tuple[IndexArray, Float64Array] | None) -> Contacts:
    """Each with the nearest others; the nearer, the more."""
    if near is None or not near[0].size:
        return contacts(np.empty((0, 2), dtype=np.intp), np.empty(0))
    others = near[0]
    c, k = others.shape
    pairs = np.stack([np.repeat(np.arange(c), k), others.ravel()], axis=1)
    return contacts(pairs, np.tile(1.0 / np.arange(1, k + 1), c))
