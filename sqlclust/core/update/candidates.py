"""The edges among which an updated spanning tree lies, and what is known of all others."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sqlclust.core.geometry.metrics import Float32Array, Float64Array, IndexArray, squared_distances
from sqlclust.core.geometry.mutual_reachability import MutualReachability
from sqlclust.core.runtime.control import Control
from sqlclust.core.runtime.threads import for_each_block
from sqlclust.core.tree.components import Components
from sqlclust.core.tree.edges import Edges, edges_between
from sqlclust.core.update.state import Lists

_PAIRS = 4096


class CandidateEdges:
    """Edges in no order, and a bound on those that are not among them; see `boruvka.KnownEdges`.

    Args:
        lighter: an old tree, where no edge has got lighter since.

    Attributes:
        bound: (m,), for each vector: none of its edges that are no candidates comes before this one.
    """

    def __init__(self, edges: Edges, bound: Edges, lighter: LighterTree | None = None) -> None:
        self.bound = bound
        self._edges, self._lighter = edges, lighter

    def lightest_out(self, component: IndexArray) -> Edges:
        """All candidates between components: one that leads nowhere now never will again."""
        self._edges = self._edges.at(component[self._edges.left] != component[self._edges.right])
        return self._edges

    def may_lead_out(self, points: IndexArray, components: Components, best: Edges) -> IndexArray:
        """As `boruvka.KnownEdges` has it."""
        return points if self._lighter is None else self._lighter.may_lead_out(points, components, best)


class LighterTree(NamedTuple):
    """The spanning tree as it was when no edge was heavier than now, which bounds what edges weigh now.

    An edge (u, v) came after all edges on the tree's path from u to v, and has not moved forward. So if it comes before some
    edge, all of the path did, and so did the one by which the path first leaves the component of u. A component that heavy edges
    have put together falls apart without them, and most of its parts have no such way out.

    Attributes:
        left, right: intp (e,), ends of the tree's edges, among the m vectors there are now; −1 for one that is gone.
        weight: float64 (e,), as it was, or less.
    """

    left: IndexArray
    right: IndexArray
    weight: Float64Array

    def may_lead_out(self, points: IndexArray, components: Components, best: Edges) -> IndexArray:
        """As `boruvka.KnownEdges` has it. O(m)."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        m = len(components.of_vector)
        # a vector that is gone is in no component
        left, right = (np.where(ends >= 0, components.of_vector[ends], -1) for ends in (self.left, self.right))
        ceiling = np.append(best.weight, -np.inf)
        inside = np.flatnonzero((left == right) & (left >= 0) & (self.weight <= ceiling[left]))
        ends = self.left[inside], self.right[inside]
        graph = coo_array((np.ones(len(inside), dtype=np.int8), ends), shape=(m, m))
        count, part = connected_components(graph, directed=False)
        leaves = np.zeros(count, dtype=bool)
        for own, mine in ((left, self.left), (right, self.right)):
            out = (left != right) & (own >= 0) & (self.weight <= ceiling[own])
            leaves[part[mine[out]]] = True
        return np.asarray(points[leaves[part[points]]])


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
