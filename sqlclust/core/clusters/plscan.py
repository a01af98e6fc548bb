"""Layers: several resolutions of one hierarchy at once, each nested in the next.

Cut the condensed tree of min_cluster_size m at its leaves: clusters in which no split into two of at least m rows is left. As m
grows, leaves disappear, and what contained them becomes a leaf. So each cluster is a leaf for one range of m:

    persistence(cluster) = length of that range
    total(m) = Σ persistence over the clusters that are leaves at m

Where total(m) has a peak, the clustering consists of clusters that last. The layers are the clusterings at those peaks.

They are nested: a leaf at a smaller m lies within one leaf at a larger m, or in none. For a split that is left at a larger m is
left at a smaller one too. So a cluster of a layer may lie in the noise of a coarser one.

Source: PLSCAN (Bot, McInnes, Aerts 2025, "Persistent Multiscale Density-based Clustering"). Three things are simpler here:
persistence is taken over sizes only, not over sizes and distances; all local maxima are peaks, of which the highest are kept;
and a leaf of the first tree counts from the smallest m asked for.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.clusters.cluster_tree import cluster_tree
from sqlclust.core.clusters.cut_parameters import CutParameters
from sqlclust.core.clusters.selection import cluster_labels
from sqlclust.core.geometry.metrics import Float64Array, IndexArray
from sqlclust.core.runtime.control import Control
from sqlclust.core.tree.condensed_tree import condense, number_of_points
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
    """For which min_cluster_size each cluster of a condensed tree is a leaf: after < min_cluster_size <= until.

    Attributes:
        after, until: intp (c,); where `until` is not larger than `after` the cluster never is one. The root never is.
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
        condensed = condense(hierarchy, min_cluster_size=size, control=control)
        labels, probabilities, _, _ = cluster_labels(condensed, CutParameters(size, "leaf"), control)
        found.append(Layer(size, persistence, labels, probabilities))
    return found


def leaf_tree(hierarchy: Hierarchy, *, min_cluster_size: int, control: Control | None = None) -> LeafTree:
    """For which min_cluster_size each cluster of the condensed tree is a leaf; the first entry is the root's."""
    control = control or Control()
    tree = condense(hierarchy, min_cluster_size=min_cluster_size, control=control)
    n = number_of_points(tree)
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
