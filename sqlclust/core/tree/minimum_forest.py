"""The minimum spanning forest of some edges: what Kruskal's algorithm gives, in the strict order of `edges`."""

from __future__ import annotations

import numpy as np

from sqlclust.core.tree.edges import Edges


def minimum_forest(edges: Edges, m: int) -> Edges:
    """Of some edges between m vectors those of the minimum spanning forest, ascending in the strict order.

    Args:
        edges: finite weights, left < right; the same edge may come twice.

    The order is strict, so there is one such forest. And of several parts of the edges the forests may be made first: the forest
    of all these together is that of all edges, since an edge that is the heaviest on a ring of a part is so in all.

    Cost: O(e log e), some 60 bytes an edge.

    Source: Kruskal 1956; SciPy's.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import minimum_spanning_tree

    order = np.lexsort((edges.right, edges.left, edges.distance, edges.weight))
    edges = edges.at(order)
    place = edges.left.astype(np.int64) * m + edges.right
    first = np.sort(np.unique(place, return_index=True)[1])  # the lightest of the same edge
    del place
    edges = edges.at(first)
    ranks = np.arange(1, len(first) + 1, dtype=np.float64)  # SciPy drops zeros, and no two are equal
    ends = edges.left.astype(np.int32), edges.right.astype(np.int32)  # SciPy 1.12 takes no others
    graph = coo_array((ranks, ends), shape=(m, m)).tocsr()
    kept = np.sort(minimum_spanning_tree(graph, overwrite=True).data).astype(np.int64) - 1
    return edges.at(kept)
