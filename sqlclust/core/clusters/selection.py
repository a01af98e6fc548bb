"""Arrays only: flat clusters from a condensed tree. No SQL.

Which clusters are selected, hdbscan's own compiled code decides; so labels mean exactly what hdbscan's mean. It is given a
small tree, of the clusters with one point in each; what follows from the selection for all points is computed here, to the
same numbers, and with the cases that hdbscan leaves undefined (no hierarchy at all, infinite densities) defined.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.borrowed import borrow
from sqlclust.core.geometry.metrics import Float64Array, IndexArray
from sqlclust.core.runtime.control import Control
from sqlclust.core.tree.condensed_tree import CondensedTree

SelectionMethod = Literal["eom", "leaf"]


class Selection(NamedTuple):
    """Flat clusters taken from the condensed tree.

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


class ClusterTree(NamedTuple):
    """What of a condensed tree is about its c clusters; they are numbered from 0, the root, and parents before children.

    Attributes:
        parent: intp (c,), the cluster each is part of; the root is its own.
        birth: float64 (c,), density at which it splits off; of the root 0.
        death: float64 (c,), the largest density at which something leaves it.
        point_cluster: intp (n,), the cluster each point is in last.
        point_density: float64 (n,), and the density at which it leaves it.
    """

    parent: IndexArray
    birth: Float64Array
    death: Float64Array
    point_cluster: IndexArray
    point_density: Float64Array


class Selected(NamedTuple):
    """Which clusters of a tree are the flat ones.

    Attributes:
        tree: the condensed tree the clusters are of: short splits are undone.
        clusters: the same by clusters.
        cluster: intp (n_clusters,), the cluster of each label.
        label: int64 (c,), the label of points of each cluster, noise -1.
        least_density: points of less density are noise; 0 unless the root is the only cluster.
        size: intp (n_clusters,), members, >= 1.
        stability: float64 (n_clusters,), excess of mass.
    """

    tree: CondensedTree
    clusters: ClusterTree
    cluster: IndexArray
    label: NDArray[np.int64]
    least_density: float
    size: IndexArray
    stability: Float64Array


def cluster_tree(tree: CondensedTree) -> ClusterTree:
    """The clusters of a condensed tree."""
    n = int(tree["parent"].min())
    of, density = tree["parent"] - n, tree["lambda_val"]
    is_point = tree["child"] < n
    count = int(of.max()) + 1
    child = tree["child"][~is_point] - n
    parent, birth, death = np.zeros(count, dtype=np.intp), np.zeros(count), np.zeros(count)
    parent[child], birth[child] = of[~is_point], density[~is_point]
    np.maximum.at(death, of, density)
    point_cluster, point_density = np.empty(n, dtype=np.intp), np.empty(n)
    point_cluster[tree["child"][is_point]] = of[is_point]
    point_density[tree["child"][is_point]] = density[is_point]
    return ClusterTree(parent, birth, death, point_cluster, point_density)


def select(
    tree: CondensedTree,
    *,
    cluster_selection_method: SelectionMethod,
    cluster_selection_epsilon: float,
    cluster_selection_persistence: float,
    max_cluster_size: int,
    allow_single_cluster: bool,
    control: Control | None = None,
) -> Selection:
    """Flat clusters of a condensed tree, as hdbscan selects them.

    Args:
        tree: of `condense`; not changed.
        max_cluster_size: 0 for no limit.
        (the others: hdbscan's parameters of the same names)

    The limit cases hdbscan leaves NaN are defined: in a cluster of infinite density (identical vectors, more than
    min_samples of them) a member of finite density has outlier score 1 and probability 0.
    """
    control = control or Control()
    selected = select_from(
        tree,
        cluster_selection_method=cluster_selection_method,
        cluster_selection_epsilon=cluster_selection_epsilon,
        cluster_selection_persistence=cluster_selection_persistence,
        max_cluster_size=max_cluster_size,
        allow_single_cluster=allow_single_cluster,
        control=control,
    )
    clusters = selected.clusters
    labels, probabilities = members(selected, clusters.point_cluster, clusters.point_density)
    control.check()
    scores = _outlier_scores(clusters)
    control.check()
    return Selection(labels, probabilities, scores, _persistence(selected))


def select_from(
    tree: CondensedTree,
    *,
    cluster_selection_method: SelectionMethod,
    cluster_selection_epsilon: float,
    cluster_selection_persistence: float,
    max_cluster_size: int,
    allow_single_cluster: bool,
    control: Control | None = None,
) -> Selected:
    """Which clusters `select` takes; the arguments are the same."""
    control = control or Control()
    control.check()
    n = int(tree["parent"].min())
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # infinite densities
        if cluster_selection_persistence > 0.0 and (tree["child"] >= n).any():
            tree = _simplified(tree, cluster_selection_persistence)
            control.check()
        clusters = cluster_tree(tree)
        control.check()
        count = len(clusters.parent)
        stability = dict(zip(range(n, n + count), _stabilities(tree, clusters.birth).tolist(), strict=True))
        small = _one_point_each(tree, count)
        control.check()
        found, _, scores = borrow("get_clusters")(
            small,
            stability,  # of clusters that are not selected it is changed
            cluster_selection_method,
            allow_single_cluster,
            False,  # match_reference_implementation
            cluster_selection_epsilon,
            max_cluster_size if max_cluster_size > 0 else n + 1,
        )
    control.check()
    label = found[:count].astype(np.int64)
    cluster = np.zeros(len(scores), dtype=np.intp)
    cluster[label[label >= 0][::-1]] = np.flatnonzero(label >= 0)[::-1]  # of those with a label the first is selected
    least = 0.0
    if label[0] >= 0:  # everything is one cluster, but for its least dense members
        least = 1.0 / cluster_selection_epsilon if cluster_selection_epsilon else float(clusters.death[0])
    mass = np.array([stability[n + c] for c in cluster.tolist()])
    selected = Selected(tree, clusters, cluster, label, least, np.zeros(len(cluster), dtype=np.intp), mass)
    labels, _ = members(selected, clusters.point_cluster, clusters.point_density)
    return _inhabited(selected, np.bincount(labels[labels >= 0], minlength=len(cluster)))


def _inhabited(selected: Selected, size: IndexArray) -> Selected:
    """Without the clusters nobody is in.

    With allow_single_cluster and an epsilon below every distance hdbscan selects a cluster of nobody.
    """
    somebody = size > 0
    number = np.append(np.where(somebody, np.cumsum(somebody) - 1, -1), -1)  # the last is for noise, label -1
    return selected._replace(
        cluster=selected.cluster[somebody],
        label=number[selected.label].astype(np.int64),
        size=size[somebody],
        stability=selected.stability[somebody],
    )


def _simplified(tree: CondensedTree, persistence: float) -> CondensedTree:
    """The tree with short splits undone, as hdbscan's `simplify_hierarchy` undoes them, to the last bit.

    That function walks through every row, seconds for a million. It is given the clusters' rows and two points of each
    cluster instead; what it makes of a point depends on the point's cluster alone. A cluster's second point has the density
    of its last row, which the function judges a cluster by; the first has none, and shows the density that it writes
    where it writes one. It rounds all densities to float32.
    """
    n = int(tree["parent"].min())
    of, rows = tree["parent"] - n, np.flatnonzero(tree["child"] >= n)
    count = int(of.max()) + 1
    last = np.empty(count)
    last[of] = tree["lambda_val"]  # of assignments to one place the last one stays
    points = np.zeros(2 * count, dtype=tree.dtype)
    points["parent"] = np.repeat(np.arange(n, n + count), 2)
    points["lambda_val"][::2], points["lambda_val"][1::2] = -1.0, last
    small = np.concatenate([tree[rows], points])
    small["child_size"][: len(rows)] = rows  # carried along: which row it was
    small = borrow("simplify_hierarchy")(small, persistence)
    kept, first = small[: -2 * count], small[-2 * count :: 2]
    result = tree.copy()
    result["parent"] = first["parent"][of]
    written = first["lambda_val"][of]
    result["lambda_val"] = np.where(written >= 0.0, written, tree["lambda_val"].astype(np.float32))
    for name in ("parent", "child", "lambda_val"):
        result[name][kept["child_size"]] = kept[name]
    stays = tree["child"] < n
    stays[kept["child_size"]] = True
    simplified: CondensedTree = result[stays]
    return simplified


def _one_point_each(tree: CondensedTree, count: int) -> CondensedTree:
    """The clusters of a condensed tree, under the same numbers, each with one point, 0, 1, …, that never leaves it."""
    n = int(tree["parent"].min())
    points = np.empty(count, dtype=tree.dtype)
    points["parent"], points["child"] = np.arange(n, n + count), np.arange(count)
    points["lambda_val"], points["child_size"] = np.inf, 1
    small: CondensedTree = np.concatenate([tree[tree["child"] >= n], points])
    return small


def _stabilities(tree: CondensedTree, birth: Float64Array) -> Float64Array:
    """Excess of mass of each cluster, summed in the order of the rows as hdbscan's `compute_stability` does."""
    of = tree["parent"] - int(tree["parent"].min())
    mass: Float64Array = (tree["lambda_val"] - birth[of]) * tree["child_size"]
    return np.bincount(of, weights=mass, minlength=len(birth)).astype(np.float64, copy=False)


def members(selected: Selected, cluster: IndexArray, density: Float64Array) -> tuple[NDArray[np.int64], Float64Array]:
    """Labels and membership strengths of points that are last in these clusters, and leave them at these densities.

    Args:
        cluster: intp (p,), of `selected.clusters`.
        density: float64 (p,).

    Returns:
        int64 (p,), float64 (p,); numbered as `selected.cluster`.
    """
    labels = selected.label[cluster]
    labels[density < selected.least_density] = -1
    return labels, strengths(selected, labels, density)


def strengths(selected: Selected, labels: NDArray[np.int64], density: Float64Array) -> Float64Array:
    """float64 (p,), how dense each point is beside the densest of its cluster, 0..1; of noise 0."""
    is_member = labels >= 0
    death = selected.clusters.death[selected.cluster[labels[is_member]]]
    own = density[is_member]
    strength = np.ones(len(own))
    with np.errstate(invalid="ignore"):
        np.divide(np.minimum(own, death), death, out=strength, where=(death != 0.0) & np.isfinite(own))
    result = np.zeros(len(labels))
    result[is_member] = strength
    return result


def _outlier_scores(clusters: ClusterTree) -> Float64Array:
    """GLOSH: how much less dense a point is than the densest of its cluster and those split from it.

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


def _persistence(selected: Selected) -> Float64Array:
    """Stability over what it could be at most: all members from density 0 to the densest."""
    densest = float(selected.tree["lambda_val"].max())
    if densest == 0.0 or np.isinf(densest):
        return np.ones(len(selected.size))
    share = selected.stability / (selected.size * densest)
    clipped: Float64Array = np.clip(np.nan_to_num(share, nan=1.0), 0.0, 1.0)
    return clipped


def nothing_selected(n: int) -> Selection:
    """The selection where there is no hierarchy: n rows of noise."""
    return Selection(np.full(n, -1, dtype=np.int64), np.zeros(n), np.zeros(n), np.zeros(0))
