"""Arrays only: several resolutions of one hierarchy at once, nested. No SQL.

After PLSCAN (Bot, McInnes, Aerts 2025, "Persistent Multiscale Density-based Clustering"). With min_cluster_size m, the leaf
clusters of the condensed tree are clusters in which no split into two of at least m rows is left. As m grows, leaves
disappear and what contained them become leaves: each cluster is a leaf for one range of m, and how long that range is, is
its persistence. The total persistence of all leaves at m, as a function of m, has peaks: there the clustering consists of
clusters that last. The layers are those peaks.

Of PLSCAN this is the persistence over sizes only, not over sizes and distances; the peaks are all local maxima, of which the
highest are kept; and a leaf of the first tree is counted from the smallest m asked for.

They are nested: a leaf at a smaller m lies within one leaf at a larger m or in none, since a split that a larger m has
left is a split at a smaller m too. A cluster of a layer may so lie in the noise of a coarser one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.clusters.selection import cluster_tree, select
from sqlclust.core.geometry.metrics import Float64Array, IndexArray
from sqlclust.core.runtime.control import Control
from sqlclust.core.tree.condensed_tree import condense
from sqlclust.core.tree.single_linkage import Hierarchy


class Layer(NamedTuple):
    """One resolution.

    Attributes:
        min_cluster_size: the smallest that gives it; the labels are those of a cut by the leaf method.
        persistence: total persistence of its clusters, in rows.
        labels: int64 (n,), clusters from 0, noise -1.
        probabilities: float64 (n,).
    """

    min_cluster_size: int
    persistence: int
    labels: NDArray[np.int64]
    probabilities: Float64Array


class LeafTree(NamedTuple):
    """For each cluster of a condensed tree but the root, the min_cluster_size for which it is a leaf.

    Attributes:
        after: intp (c,), it is a leaf for no min_cluster_size up to this one;
        until: intp (c,), and for none above this one. Never, if that is not larger.
    """

    after: IndexArray
    until: IndexArray


def layers(hierarchy: Hierarchy, *, min_cluster_size: int, max_layers: int, control: Control) -> list[Layer]:
    """Clusterings at the peaks of total persistence, the finest first; none where nothing ever splits.

    Args:
        hierarchy: of n >= 2 rows.
        min_cluster_size: >= 2, the smallest to look at.
        max_layers: >= 1; of more peaks the highest are kept.

    Cost: O(n log n) for each layer.
    """
    found = []
    chosen = peaks(leaf_tree(hierarchy, min_cluster_size=min_cluster_size, control=control), max_layers=max_layers)
    for done, (size, persistence) in enumerate(chosen):
        control.at(done / len(chosen))
        selection = select(
            condense(hierarchy, min_cluster_size=size, control=control),
            cluster_selection_method="leaf",
            cluster_selection_epsilon=0.0,
            cluster_selection_persistence=0.0,
            max_cluster_size=0,
            allow_single_cluster=False,
            control=control,
        )
        found.append(Layer(size, persistence, selection.labels, selection.probabilities))
    return found


def leaf_tree(hierarchy: Hierarchy, *, min_cluster_size: int, control: Control | None = None) -> LeafTree:
    """When each cluster of the condensed tree is a leaf. The first entry is the root's, which never counts."""
    control = control or Control()
    tree = condense(hierarchy, min_cluster_size=min_cluster_size, control=control)
    n = int(tree["parent"].min())
    rows = tree[tree["child"] >= n]  # two for each split, one after the other; parents before children
    count = len(cluster_tree(tree).parent)
    control.check()
    parents, left, right = rows["parent"][::2] - n, rows["child"][::2] - n, rows["child"][1::2] - n
    smaller = np.minimum(rows["child_size"][::2], rows["child_size"][1::2])
    until = np.zeros(count, dtype=np.intp)
    until[left] = until[right] = smaller
    after = [min_cluster_size - 1] * count
    splits = zip(*(column.tolist()[::-1] for column in (parents, left, right, smaller)), strict=True)
    for parent, one, other, size in splits:
        after[parent] = max(size, after[one], after[other])
    return LeafTree(np.array(after, dtype=np.intp), until)


def peaks(tree: LeafTree, *, max_layers: int) -> list[tuple[int, int]]:
    """(min_cluster_size, total persistence) at the local maxima, ascending by min_cluster_size.

    A maximum that is a plateau counts once, by its smallest min_cluster_size.
    """
    lasts = tree.until > tree.after
    after, until = tree.after[lasts], tree.until[lasts]
    if len(after) == 0:
        return []
    persistence = until - after
    sizes = np.unique(np.concatenate([after, until])) + 1  # the total changes here only
    change = np.zeros(len(sizes), dtype=np.int64)
    np.add.at(change, np.searchsorted(sizes, after + 1), persistence)
    np.subtract.at(change, np.searchsorted(sizes, until + 1), persistence)
    total = np.cumsum(change)
    starts = np.flatnonzero(np.append(True, total[1:] != total[:-1]))  # plateaus as one
    levels = np.concatenate([[0], total[starts], [0]])
    is_peak = (levels[1:-1] > levels[:-2]) & (levels[1:-1] > levels[2:])
    chosen = starts[is_peak]
    highest = chosen[np.argsort(-total[chosen], kind="stable")][:max_layers]
    return [(int(sizes[at]), int(total[at])) for at in np.sort(highest)]
