"""The clusters of a condensed tree, without its points: which splits off which, and at which densities."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sqlclust.core.geometry.metrics import Float64Array, IndexArray
from sqlclust.core.tree.condensed_tree import CondensedTree, number_of_points


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


def cluster_tree(tree: CondensedTree) -> ClusterTree:
    """The clusters of a condensed tree."""
    n = number_of_points(tree)
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


def excess_of_mass(tree: CondensedTree, clusters: ClusterTree) -> Float64Array:
    """float64 (c,), the stability of each cluster: Σ (λ − birth) · size over all that leaves it, λ the density at which it
    does.

    Summed in the order of the rows, as hdbscan's `compute_stability` does. Source: Campello, Moulavi, Sander 2013, definition
    5.
    """
    of = tree["parent"] - number_of_points(tree)
    mass: Float64Array = (tree["lambda_val"] - clusters.birth[of]) * tree["child_size"]
    return np.bincount(of, weights=mass, minlength=len(clusters.birth)).astype(np.float64, copy=False)
