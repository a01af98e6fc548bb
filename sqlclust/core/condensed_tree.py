"""NumPy-only core: condensing the hierarchy and selecting clusters, by hdbscan's own compiled code. No SQL.

The labels mean exactly what hdbscan's mean because hdbscan computes them; this file adds only the cases hdbscan leaves
undefined (no hierarchy at all, infinite densities).
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.metrics import Float64Array

CondensedTree = NDArray[Any]
"""Structured array: parent intp, child intp, lambda_val float64 (1/distance), child_size intp; clusters are numbered from n."""

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


def condense(hierarchy: Float64Array, *, min_cluster_size: int) -> CondensedTree:
    """The condensed tree of a single-linkage hierarchy float64 (n - 1, 4), n >= 2.

    Source: Campello, Moulavi, Sander 2013; hdbscan's `condense_tree`.
    """
    from hdbscan._hdbscan_tree import condense_tree

    tree: CondensedTree = condense_tree(hierarchy, min_cluster_size)
    return tree


def select(
    tree: CondensedTree,
    *,
    cluster_selection_method: SelectionMethod,
    cluster_selection_epsilon: float,
    cluster_selection_persistence: float,
    max_cluster_size: int,
    allow_single_cluster: bool,
) -> Selection:
    """Flat clusters of a condensed tree, as hdbscan selects them.

    Args:
        tree: of `condense`; not changed.
        max_cluster_size: 0 for no limit.
        (the others: hdbscan's parameters of the same names)

    The limit cases hdbscan leaves NaN are defined: in a cluster of infinite density (identical vectors, more than
    min_samples of them) a member of finite density has outlier score 1.
    """
    from hdbscan._hdbscan_tree import compute_stability, get_clusters, outlier_scores, simplify_hierarchy

    n = int(tree["parent"].min())
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # infinite densities; see above
        if cluster_selection_persistence > 0.0 and (tree["child"] >= n).any():
            tree = simplify_hierarchy(tree.copy(), cluster_selection_persistence)
        labels, probabilities, persistence = get_clusters(
            tree,
            compute_stability(tree),
            cluster_selection_method,
            allow_single_cluster,
            False,  # match_reference_implementation
            cluster_selection_epsilon,
            max_cluster_size,
        )
        scores = outlier_scores(tree)
    # with allow_single_cluster and an epsilon below every distance hdbscan selects a cluster of nobody
    inhabited = np.bincount(labels[labels >= 0], minlength=len(persistence)) > 0
    number = np.append(np.cumsum(inhabited) - 1, -1)  # the last is for noise, label -1
    persistence = persistence[inhabited]
    return Selection(
        number[labels].astype(np.int64),
        np.clip(np.nan_to_num(probabilities, nan=0.0), 0.0, 1.0),
        np.clip(np.nan_to_num(scores, nan=1.0), 0.0, 1.0),
        np.clip(np.nan_to_num(persistence, nan=1.0), 0.0, 1.0),
    )


def nothing_selected(n: int) -> Selection:
    """The selection where there is no hierarchy: n rows of noise."""
    return Selection(np.full(n, -1, dtype=np.int64), np.zeros(n), np.zeros(n), np.zeros(0))
