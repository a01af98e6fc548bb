"""NumPy-only core: from the spanning tree of the distinct vectors to the single-linkage hierarchy of all rows. No SQL."""

from __future__ import annotations

import numpy as np

from sqlclust.core.duplicates import Distinct
from sqlclust.core.metrics import Float64Array
from sqlclust.core.spanning_tree import SpanningTree


def with_copies(tree: SpanningTree, points: Distinct, core: Float64Array) -> SpanningTree:
    """The exact spanning tree of all rows: every copy hangs on the first row that has its vector.

    Args:
        tree: of the m distinct vectors.
        points: the m distinct vectors and their copies, n rows in all.
        core: float64 (m,), core distances: what mutual reachability is between copies.

    Returns:
        The tree of the n rows, numbered as they are, in the order single linkage joins them: ascending by weight, and
        among equal weights copies first, so that identical vectors stay together; n - 1 edges.
    """
    copies = points.counts - 1
    owner = np.repeat(np.arange(len(copies)), copies)
    is_copy = np.ones(len(points.order), dtype=bool)
    is_copy[points.starts] = False
    first = points.order[points.starts]
    left = np.concatenate([first[owner], first[tree.left]])
    right = np.concatenate([points.order[is_copy], first[tree.right]])
    weight = np.concatenate([core[owner], tree.weight])
    order = np.argsort(weight, kind="stable")  # both parts keep their own order where weights tie
    return SpanningTree(left[order], right[order], weight[order])


def single_linkage(tree: SpanningTree) -> Float64Array:
    """The single-linkage hierarchy.

    Args:
        tree: edges in the order they are joined.

    Returns:
        float64 (n - 1, 4), scipy's format: columns left node, right node, distance, size; node n + i is row i.
    """
    from hdbscan._hdbscan_linkage import label

    edges = np.column_stack([tree.left.astype(np.float64), tree.right.astype(np.float64), tree.weight])
    hierarchy: Float64Array = label(np.ascontiguousarray(edges))
    return hierarchy
