"""Arrays only: the minimum spanning tree of mutual reachability, exactly, without an m×m matrix. No SQL.

Borůvka's rounds over the nearest-neighbour lists: every component takes its lightest edge that leads out, in the strict order
of `edges`, so that the tree is the only one there is. A list does not show everything, but what it does not show cannot be
lighter than its bound: the larger of the point's core distance and its last listed distance. Where a component's lightest
listed edge comes before all its members' bounds it is certain. The members whose bound comes first are searched for
(`outgoing`); in each round the largest component may wait, and it never has to be searched for. Bounds are places in the strict
order too: where everything ties, as in a grid, only they tell that nothing lighter is left.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from sqlclust.core.geometry.metrics import Float32Array, Float64Array, IndexArray
from sqlclust.core.runtime.control import Control
from sqlclust.core.tree.edges import Edges, before, joined, lightest, no_edges, unique


class SpanningTree(NamedTuple):
    """A spanning tree's edges, ascending by weight, ties in the order the tree is built in.

    Attributes:
        left, right: intp (m - 1,), the ends; left < right.
        weight: float64 (m - 1,), mutual reachability.
    """

    left: IndexArray
    right: IndexArray
    weight: Float64Array


class Outgoing(Protocol):
    """What finds edges that the lists do not show."""

    def __call__(
        self, points: IndexArray, component: IndexArray, ceiling: Float64Array, *, span: tuple[float, float]
    ) -> Edges | None:
        """For each point its lightest edge out of its component, or another that is known, or none.

        Args:
            points: intp (q,).
            component: intp (m,).
            ceiling: float64 (components,), weight of the lightest edge known; an edge above it may be left out.
                Lowered to what is found.

        Returns:
            Of each component's points at least one has the lightest edge out of any of them, if that is not above the ceiling.
            None where finding all that is missing of the tree at once costs less.
        """


class Remaining(Protocol):
    """What finds all that is missing of the tree at once."""

    def __call__(self, component: IndexArray, parts: int, done: float) -> Edges:
        """The tree's edges between `parts` components; `done` is the fraction of the phase that is over."""


class Lists:
    """The neighbour lists in edge order, and how far each has been used up."""

    def __init__(
        self,
        indices: IndexArray,
        squared: Float32Array | Float64Array,
        core: Float64Array,
        scale: float,
        control: Control,
    ) -> None:
        m, self._width = indices.shape
        self._others = np.empty((m, self._width), dtype=np.int32)
        self._squared = np.empty((m, self._width))
        for start in range(0, m, _ROWS):
            control.check()
            part = slice(start, start + _ROWS)
            here, distance = indices[part], squared[part].astype(np.float64)
            weight = np.maximum(np.maximum(core[part, None], core[here]), distance * scale)
            # the lists ascend by (distance, index), so a stable sort puts them in edge order; unknown ones (-1) come last
            weight[here < 0] = np.inf
            order = np.argsort(weight, axis=1, kind="stable")
            self._others[part] = np.take_along_axis(here, order, axis=1)
            self._squared[part] = np.take_along_axis(distance, order, axis=1)
        self._core, self._scale = core, scale
        self._next = np.zeros(m, dtype=np.intp)

    def lightest(self, component: IndexArray) -> Edges:
        """Of each point that has a listed edge out of its component the lightest."""
        # a component only grows: what leads nowhere now never will again
        behind = np.flatnonzero(self._next < self._width)
        while len(behind):
            other = self._others[behind, self._next[behind]]
            inside = component[other] == component[behind]
            unknown = other < 0
            self._next[behind[unknown]] = self._width
            behind = behind[inside & ~unknown]
            self._next[behind] += 1
            behind = behind[self._next[behind] < self._width]
        points = np.flatnonzero(self._next < self._width)
        other = self._others[points, self._next[points]].astype(np.intp)
        distance = self._squared[points, self._next[points]]
        weight = np.maximum(np.maximum(self._core[points], self._core[other]), distance * self._scale)
        return Edges(weight, distance, np.minimum(points, other), np.maximum(points, other))


_ROWS = 8192


def spanning_tree(
    lists: Lists,
    core: Float64Array,
    bound: Edges,
    outgoing: Outgoing,
    control: Control,
    *,
    thorough: bool = False,
    remaining: Remaining | None = None,
) -> SpanningTree:
    """The minimum spanning tree of mutual reachability.

    Args:
        lists: of the nearest neighbours; more of them mean fewer searches.
        core: float64 (m,), squared core distances.
        bound: (m,), for each point what none of its edges that are not listed comes before; changed.
        outgoing: finds edges that are not listed. With bounds of inf it is only asked where a component lists none.
        thorough: what `outgoing` finds for a point is the lightest that it can find for it, however heavy: the point is asked
            again once that leads nowhere, and not as soon as its component's lightest is above what it was.
        remaining: finds the rest of the tree, for an `outgoing` that gives up.

    Returns:
        The tree; its weights are squared distances.

    Cost: O(m·k) in all and O(m) per round for O(log m) rounds, and the searches.

    Source: Borůvka 1926; McInnes and Healy 2017 for its use on mutual reachability.
    """
    m = len(core)
    found = no_edges(m)  # for each point what searching gave: the lightest edge out of the component it was in then
    component = np.arange(m)
    parts = m
    chosen: list[Edges] = []
    while parts > 1:
        done = 1.0 - np.log(parts) / np.log(m)
        control.at(done)
        edges = lists.lightest(component)
        searched = np.flatnonzero(np.isfinite(found.weight))
        searched = searched[component[found.left[searched]] != component[found.right[searched]]]
        edges = joined(edges, found.at(searched))
        control.check()
        best = lightest_of_both(edges, component, parts, control)
        control.check()
        sizes = np.bincount(component, minlength=parts)
        waiting = int(np.argmax(sizes))
        best_of_point = best.at(component)
        doubtful = before(bound, best_of_point) | np.isinf(best_of_point.weight)
        asking = np.flatnonzero(doubtful & (component != waiting))
        if len(asking):
            fresh = outgoing(asking, component, best.weight.copy(), span=(done, done))
            if fresh is None:
                if remaining is None:
                    raise TypeError("remaining is missing, and outgoing has given up")
                chosen.append(remaining(component, parts, done))
                break
            found.put(asking, fresh)
            better = lightest_of_both(fresh.at(np.isfinite(fresh.weight)), component, parts, control)
            earlier = np.flatnonzero(before(better, best))
            best.put(earlier, better.at(earlier))
            bound.put(asking, fresh if thorough else best.at(component[asking]))
        certain = np.isfinite(best.weight)
        members = np.flatnonzero(component == waiting)
        certain[waiting] &= not before(bound.at(members), best.at(component[members])).any()
        new = unique(best.at(certain))
        control.check()
        chosen.append(new)
        component, parts = merge(component, parts, new)
    tree = joined(*chosen)
    order = np.lexsort((tree.right, tree.left, tree.distance, tree.weight))
    return SpanningTree(tree.left[order], tree.right[order], tree.weight[order])


def lightest_of_both(edges: Edges, component: IndexArray, parts: int, control: Control | None = None) -> Edges:
    """For each component the lightest edge at either of whose ends it is.

    Every edge counts for both its components: so of components in a ring each would have chosen a lighter edge than
    the next, which cannot be, and even edges of incomplete lists never close a ring.
    """
    owner = np.concatenate([component[edges.left], component[edges.right]])
    return lightest(joined(edges, edges), owner, parts, control)


def merge(component: IndexArray, parts: int, edges: Edges) -> tuple[IndexArray, int]:
    """Components after joining along `edges`, numbered from 0."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ends = component[edges.left], component[edges.right]
    graph = coo_array((np.ones(len(edges.left), dtype=np.int8), ends), shape=(parts, parts))
    count, joined = connected_components(graph, directed=False)
    return joined[component].astype(np.intp), int(count)
