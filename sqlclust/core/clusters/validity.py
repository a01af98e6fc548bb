"""How well a flat clustering fits its spanning tree."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.clusters.labels import NOISE
from sqlclust.core.tree.boruvka import SpanningTree


def relative_validity(tree: SpanningTree, labels: NDArray[np.int64]) -> float | None:
    """hdbscan's relative validity: density-based cluster validity, taken from the spanning tree alone.

        Σ over clusters of size / n · (separation − sparseness) / max(separation, sparseness)

    sparseness is the heaviest edge within a cluster, separation the lightest one to another.

    Args:
        tree: of n rows.
        labels: int64 (n,), clusters from 0, noise -1.

    Returns:
        -1..1, larger is better, noise counting as nothing; comparable between clusterings of the same tree only. None
        where there is no cluster.

    Cost: O(n). Source: hdbscan's `relative_validity_`, after Moulavi et al. 2014.
    """
    sizes = np.bincount(labels[labels != NOISE])
    if len(sizes) == 0:
        return None
    a, b = labels[tree.left], labels[tree.right]
    inside = (a == b) & (a != NOISE)
    sparseness = np.zeros(len(sizes))
    np.maximum.at(sparseness, a[inside], tree.weight[inside])
    between = (a != b) & (a != NOISE) & (b != NOISE)
    separation = np.full(len(sizes), np.inf)
    for ends in (a, b):
        np.minimum.at(separation, ends[between], tree.weight[between])
    longest = float(tree.weight[-1])
    if len(sizes) > 1:
        beyond = 2 * longest
    else:
        to_noise = tree.weight[(a == NOISE) != (b == NOISE)]
        beyond = 2 * float(to_noise.min(initial=np.inf) if len(to_noise) else longest)
    separation[np.isinf(separation)] = beyond
    largest = np.maximum(separation, sparseness)
    index = np.divide(separation - sparseness, largest, out=np.zeros(len(sizes)), where=largest > 0)
    return float((sizes * index).sum() / len(labels))
