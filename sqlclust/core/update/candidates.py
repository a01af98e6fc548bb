"""The edges among which an updated spanning tree lies, and what is known of all others."""

from __future__ import annotations

import numpy as np

from sqlclust.core.geometry.metrics import Float32Array, Float64Array, IndexArray, squared_distances
from sqlclust.core.geometry.mutual_reachability import MutualReachability
from sqlclust.core.runtime.control import Control
from sqlclust.core.runtime.threads import for_each_block
from sqlclust.core.tree.edges import Edges, edges_between
from sqlclust.core.update.state import Lists

_PAIRS = 4096


class CandidateEdges:
    """Edges in no order, and a bound on those that are not among them; see `boruvka.KnownEdges`.

    Attributes:
        bound: (m,), for each vector: none of its edges that are no candidates comes before this one.
    """

    def __init__(self, edges: Edges, bound: Edges) -> None:
        self.bound = bound
        self._edges = edges

    def lightest_out(self, component: IndexArray) -> Edges:
        """All candidates between components: one that leads nowhere now never will again."""
        self._edges = self._edges.at(component[self._edges.left] != component[self._edges.right])
        return self._edges


def weighted(reach: MutualReachability, left: IndexArray, right: IndexArray, squared: Float64Array) -> Edges:
    """Edges between vectors whose squared distances are known."""
    return edges_between(reach.weights(squared, left, right), squared, left, right)


def listed_between(reach: MutualReachability, lists: Lists, component: IndexArray) -> Edges:
    """The listed edges that lead from one component to another, some of them twice."""
    between = component[lists.indices] != component[:, None]
    between &= lists.indices >= 0
    row, place = np.nonzero(between)
    return weighted(reach, row, lists.indices[row, place].astype(np.intp), lists.squared[row, place])


def tree_distances(
    lists: Lists, left: IndexArray, right: IndexArray, place: IndexArray, vectors: Float32Array, control: Control
) -> Float64Array:
    """Squared distances of an old tree's edges: from the old lists where they have them, and measured otherwise.

    Args:
        left, right: intp (r - 1,), ends.
        place: intp (r,), which of the m vectors each end is; −1 for those that are gone.
        vectors: float32 (m, d).

    Returns:
        float64 (r - 1,); inf where an end is gone and no list has the edge.
    """
    squared = np.full(len(left), np.inf)
    for here, there in ((left, right), (right, left)):
        some = np.flatnonzero(np.isinf(squared))
        row, column = np.nonzero(lists.indices[here[some]] == there[some, None])
        squared[some[row]] = lists.squared[here[some[row]], column]
    ends = place[left], place[right]
    some = np.flatnonzero(np.isinf(squared) & (ends[0] >= 0) & (ends[1] >= 0))

    def measure(start: int) -> None:
        part = some[start : start + _PAIRS]
        squared[part] = squared_distances(vectors, ends[0][part], ends[1][part])

    for_each_block(measure, range(0, len(some), _PAIRS), control.part(0.0, 0.0))
    return squared
