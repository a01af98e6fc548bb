"""What became of the clusters of one labelling in another of the same things: matches, splits, merges, births, deaths."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.clusters.labels import NOISE
from sqlclust.core.runtime.control import Control

Int64Array = NDArray[np.int64]

EVENTS = ("match", "split", "merge", "birth", "death")
"""What can become of a cluster, as in `lineage`."""


class Overlap(NamedTuple):
    """How two labellings, a and b, place the things they have in common.

    Attributes:
        label_a: int64 (m,), with label_b every pair of labels that occurs, once.
        label_b: int64 (m,).
        size: int64 (m,), how many things have the pair, at least 1.
    """

    label_a: Int64Array
    label_b: Int64Array
    size: Int64Array

    @classmethod
    def of(cls, a: Int64Array, b: Int64Array) -> Overlap:
        """That of two labellings int64 (n,) of the same n things; by label_a, then label_b. O(n log n)."""
        labels_a, rows = np.unique(a, return_inverse=True)
        labels_b, columns = np.unique(b, return_inverse=True)
        cells, size = np.unique(rows.astype(np.int64) * len(labels_b) + columns, return_counts=True)
        width = max(1, len(labels_b))
        return cls(labels_a[cells // width], labels_b[cells % width], size.astype(np.int64))

    def labellings(self) -> tuple[Int64Array, Int64Array]:
        """The labels one by one, int64 (size.sum(),) each."""
        return np.repeat(self.label_a, self.size), np.repeat(self.label_b, self.size)


class Descent(NamedTuple):
    """What became of a cluster; sizes count the things that both labellings have.

    Attributes:
        event: one of EVENTS.
        label_a: the cluster of a, None for a birth.
        label_b: the cluster of b, None for a death.
        overlap: things in both clusters; 0 without one of them.
        jaccard: overlap as a share of the things in either cluster; None without one of them.
        share_of_a: overlap as a share of size_a; None without one of them.
        share_of_b: overlap as a share of size_b; None without one of them.
        size_a: None for a birth.
        size_b: None for a death.
    """

    event: str
    label_a: int | None
    label_b: int | None
    overlap: int
    jaccard: float | None
    share_of_a: float | None
    share_of_b: float | None
    size_a: int | None
    size_b: int | None


class _Overlapping(NamedTuple):
    """Pairs of clusters that overlap.

    Attributes:
        a, b: intp (p,), places among the clusters of a and of b.
        overlap, jaccard: as in `Descent`.
    """

    a: NDArray[np.intp]
    b: NDArray[np.intp]
    overlap: Int64Array
    jaccard: NDArray[np.float64]

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> _Overlapping:
        return _Overlapping(self.a[rows], self.b[rows], self.overlap[rows], self.jaccard[rows])


def lineage(
    overlap: Overlap, clusters_a: Int64Array, clusters_b: Int64Array, control: Control | None = None
) -> list[Descent]:
    """What became of every cluster of a, and where every cluster of b comes from.

    A cluster of a and one of b are akin if at least half of one of them is in the other. Of all ways to pair akin clusters,
    each at most once, the matching is the one with the largest total overlap (of equal ones, with the larger sum of
    Jaccard indices; of those that are equal in this too, the one that pairs all akin clusters of equal labels, if it is among
    them, as after `stable_labels`). Every cluster then has one event of its own:

    - match: it is paired. One row for both.
    - split: a cluster of b, not paired, has at least half of its things from one cluster of a; that one is label_a, and
      lives on in the one it is paired with.
    - merge: a cluster of a, not paired, has at least half of its things in one cluster of b; that one is label_b.
    - birth: any other cluster of b. death: any other cluster of a. Also those without things in common.

    Args:
        clusters_a: int64, the clusters of a, if they have things in common or not.
        clusters_b: int64, those of b.

    Returns:
        Rows by label_a, births last; a cluster's own row before what split off it.

    Cost: O(m log m) for the rows, and for the matching hardly more: a cluster is akin to few others.

    Source: survival, split and absorption by overlap of at least half as in MONIC (Spiliopoulou, Ntoutsi, Theodoridis,
    Schult 2006), the pairing by maximum total overlap (Kuhn 1955, the Hungarian method).
    """
    control = control or Control()
    control.check()
    labels_a = np.union1d(clusters_a, overlap.label_a[overlap.label_a != NOISE])
    labels_b = np.union1d(clusters_b, overlap.label_b[overlap.label_b != NOISE])
    sizes_a = _sizes(overlap.label_a, overlap.size, labels_a)
    sizes_b = _sizes(overlap.label_b, overlap.size, labels_b)
    pairs = _overlapping(overlap, labels_a, labels_b, sizes_a, sizes_b)
    of_a, of_b = 2 * pairs.overlap >= sizes_a[pairs.a], 2 * pairs.overlap >= sizes_b[pairs.b]

    control.check()
    akin = pairs.take(of_a | of_b)
    matched = _matching(akin, len(labels_a), len(labels_b), labels_a[akin.a] == labels_b[akin.b])
    split = _closest(pairs.take(of_b & ~np.isin(pairs.b, matched.b)), of="b")
    merged = _closest(pairs.take(of_a & ~np.isin(pairs.a, matched.a)), of="a")

    rows: list[Descent] = []
    for event, found in (("match", matched), ("split", split), ("merge", merged)):
        for a, b, common, jaccard in zip(*(column.tolist() for column in found), strict=True):
            control.check()
            size_a, size_b = int(sizes_a[a]), int(sizes_b[b])
            shares = common / size_a, common / size_b
            rows.append(Descent(event, int(labels_a[a]), int(labels_b[b]), common, jaccard, *shares, size_a, size_b))
    control.check()
    for b in _others(labels_b, matched.b, split.b):
        rows.append(Descent("birth", None, int(labels_b[b]), 0, None, None, None, None, int(sizes_b[b])))
    control.check()
    for a in _others(labels_a, matched.a, merged.a):
        rows.append(Descent("death", int(labels_a[a]), None, 0, None, None, None, int(sizes_a[a]), None))
    return sorted(rows, key=_place)


def _others(labels: Int64Array, *places: NDArray[np.intp]) -> list[int]:
    """The places of the labels that are in none of these."""
    others: list[int] = np.setdiff1d(np.arange(len(labels)), np.concatenate(places)).tolist()
    return others


def _place(row: Descent) -> tuple[bool, int, bool, int]:
    """By label_a, births last; a cluster's own row before what split off it."""
    return row.label_a is None, row.label_a or 0, row.event == "split", row.label_b or 0


def _sizes(labels: Int64Array, sizes: Int64Array, clusters: Int64Array) -> Int64Array:
    inside = labels != NOISE
    total = np.zeros(len(clusters), dtype=np.int64)
    np.add.at(total, np.searchsorted(clusters, labels[inside]), sizes[inside])
    return total


def _overlapping(
    overlap: Overlap, labels_a: Int64Array, labels_b: Int64Array, sizes_a: Int64Array, sizes_b: Int64Array
) -> _Overlapping:
    clustered = (overlap.label_a != NOISE) & (overlap.label_b != NOISE)
    a = np.searchsorted(labels_a, overlap.label_a[clustered])
    b = np.searchsorted(labels_b, overlap.label_b[clustered])
    common = overlap.size[clustered]
    return _Overlapping(a, b, common, common / (sizes_a[a] + sizes_b[b] - common))


def _matching(akin: _Overlapping, n_a: int, n_b: int, same_label: NDArray[np.bool_]) -> _Overlapping:
    """Those of the pairs that make the matching of the largest total overlap."""
    if not len(akin.a):
        return akin
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    # all Jaccard indices together weigh less than one thing more in common
    gain = akin.overlap + akin.jaccard / (2 * len(akin.a) + 2)
    # a full matching is asked for: each cluster of a also has a stand-in of its own, which gains nothing
    worst = gain.max() + 1
    rows = np.concatenate([akin.a, np.arange(n_a)])
    columns = np.concatenate([akin.b, n_b + np.arange(n_a)])
    costs = np.concatenate([worst - gain, np.full(n_a, worst)])
    places = rows.astype(np.int32), columns.astype(np.int32)  # the matching of SciPy before 1.15 takes no others
    graph = csr_array((costs, places), shape=(n_a, n_b + n_a))
    partners = np.full(n_a, -1, dtype=np.intp)
    found_a, found_b = min_weight_full_bipartite_matching(graph)
    partners[found_a] = found_b
    matched = partners[akin.a] == akin.b
    # which of equal matchings is found depends on the order of the clusters, and that is the order of their labels
    equal = gain[matched].sum() - gain[same_label].sum() <= n_a * np.spacing(worst)
    return akin.take(same_label if equal else matched)


def _closest(pairs: _Overlapping, *, of: str) -> _Overlapping:
    """For each cluster of a or of b its pair with the largest overlap; of equal ones the larger Jaccard index, then the
    lower label.
    """
    own, other = (pairs.a, pairs.b) if of == "a" else (pairs.b, pairs.a)
    order = np.lexsort((other, -pairs.jaccard, -pairs.overlap, own))
    _, first = np.unique(own[order], return_index=True)
    return pairs.take(order[first])
