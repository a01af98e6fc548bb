"""Borůvka's rounds: the minimum spanning tree of mutual reachability, exactly, without an m×m matrix.

At first every vector is a component of its own. In each round every component takes its lightest edge that leads out, and
components that an edge joins become one, until one is left.

Most of those edges are in the nearest-neighbour lists. What a list leaves out is bounded: for a vector x with core distance
core(x) and last listed distance r(x)

    weight of an edge that is not listed >= max(core(x), r(x) / alpha)

- A component's lightest listed edge comes before the bounds of all its members: it is certain, and the component takes it.
- Otherwise the members whose bound comes first are in doubt. They are searched for among all vectors (`EdgeSearch`).
- In each round the largest component may wait: the others join it anyway. So it is never searched for.

Weights tie, in a grid nearly all of them. So a bound is a place in the strict order of `edges`, not a number only: that alone
tells, among edges of one weight, that nothing is left that comes before.

Source: Borůvka 1926; McInnes and Healy 2017 use it on mutual reachability.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from sqlclust.core.geometry.metrics import Float64Array, IndexArray
from sqlclust.core.geometry.mutual_reachability import MutualReachability
from sqlclust.core.runtime.control import Control
from sqlclust.core.tree.components import Components, every_vector_alone, lightest_of_components
from sqlclust.core.tree.edges import Edges, before, joined, no_edges, unique


class SpanningTree(NamedTuple):
    """A spanning tree's edges, ascending by weight, ties in the order in which the tree is built.

    Attributes:
        left, right: intp (m - 1,), the ends; left < right.
        weight: float64 (m - 1,), mutual reachability.
    """

    left: IndexArray
    right: IndexArray
    weight: Float64Array


class Answer(NamedTuple):
    """What a search has found.

    Attributes:
        edges: an edge of each point that was asked for, weight inf for none; or all that the tree still lacks.
        completes_tree: whether it is the latter.
    """

    edges: Edges
    completes_tree: bool = False


class KnownEdges(Protocol):
    """Edges that are known before anything is searched for: those of neighbour lists (`listed_edges`), or others.

    Attributes:
        bound: (m,), for each vector: none of its edges that are not known comes before this one. Used up.
    """

    bound: Edges

    def lightest_out(self, component: IndexArray) -> Edges:
        """Of each vector that has a known edge out of its component the lightest, and perhaps others.

        Args:
            component: intp (m,), which each vector is in. Between calls components may be joined, and never split.
        """

    def may_lead_out(self, points: IndexArray, components: Components, best: Edges) -> IndexArray:
        """Of some vectors those that may have an unknown edge out of their component before its best one, whatever `bound` says.

        Args:
            points: intp (q,).
            best: (components.total,), the lightest edge that each component knows; weight inf for none.
        """


class EdgeSearch(Protocol):
    """Finds the edges that the neighbour lists do not show."""

    @property
    def for_each_point(self) -> bool:
        """Whether every point gets the lightest edge that can be found for it, however heavy.

        Then a point is asked again once that edge leads nowhere. Otherwise the search may leave out what is above the
        ceiling, and a point is asked again once its component's lightest edge is above what it was.
        """

    def lightest_out(
        self, points: IndexArray, components: Components, ceiling: Float64Array, control: Control
    ) -> Answer:
        """For each point its lightest edge out of its component, or another that is known, or none.

        Args:
            points: intp (q,).
            ceiling: float64 (components.total,), weight of the lightest edge that each component knows; an edge above it may be
                left out. Lowered to what is found.
            control: of what is left of the phase. Only a search that completes the tree moves on in it.

        Returns:
            Of each component's points at least one has the lightest edge out of any of them, if that is not above the ceiling.
            Or all edges that the tree still lacks, where finding them at once costs less.
        """


def spanning_tree(reach: MutualReachability, listed: KnownEdges, search: EdgeSearch) -> SpanningTree:
    """The minimum spanning tree of mutual reachability.

    Args:
        reach: of m >= 2 vectors.
        listed: their nearest neighbours, used up; more of them mean fewer searches.
        search: finds edges that are not listed. Where all bounds are inf it is only asked where a component lists none.

    Returns:
        The tree; its weights are squared distances.

    Cost: O(m·k) in all, O(m) for each of O(log m) rounds, and the searches.
    """
    tree = grown_tree(reach, listed, search, no_edges(0))
    return SpanningTree(tree.left, tree.right, tree.weight)


def grown_tree(reach: MutualReachability, listed: KnownEdges, search: EdgeSearch, forest: Edges) -> Edges:
    """The edges of `spanning_tree`, ascending in the strict order, with their distances.

    Args:
        forest: edges that are known to be the tree's.
    """
    tree = joined(*_Forest(reach, listed, search, forest).grown())
    return tree.at(np.lexsort((tree.right, tree.left, tree.distance, tree.weight)))


class _Forest:
    """The forest that grows into the tree, and what is known of the edges that lead out of its components.

    Four kinds of edges, each in one place:

    - `_listed`: those in the neighbour lists.
    - `_found`, (m,): for each vector the lightest that a search has found for it, out of the component that it was in then.
    - `_bound`, (m,): none of a vector's edges that are neither listed nor found comes before this one.
    - `_chosen`: the tree's.
    """

    def __init__(self, reach: MutualReachability, listed: KnownEdges, search: EdgeSearch, forest: Edges) -> None:
        m = len(listed.bound.weight)
        self._control, self._search, self._listed = reach.control, search, listed
        self._found, self._bound = no_edges(m), listed.bound
        self._components = every_vector_alone(m)
        self._chosen: list[Edges] = [forest]
        if len(forest.weight):
            self._components = self._components.joined_along(forest)

    def grown(self) -> list[Edges]:
        """Rounds until one component is left: the tree's edges."""
        m = len(self._bound.weight)
        while self._components.total > 1:
            done = float(1.0 - np.log(self._components.total) / np.log(m))
            self._control.at(done)
            best = self._lightest_known()
            waiting = int(np.argmax(np.bincount(self._components.of_vector, minlength=self._components.total)))
            asking = self._in_doubt(best, waiting)
            if len(asking):
                ceiling = best.weight.copy()
                answer = self._search.lightest_out(asking, self._components, ceiling, self._control.part(done, 1.0))
                if answer.completes_tree:
                    self._chosen.append(answer.edges)
                    break
                best = self._learnt(asking, answer.edges, best)
            new = unique(best.at(self._certain(best, waiting)))
            self._control.check()
            self._chosen.append(new)
            self._components = self._components.joined_along(new)
        return self._chosen

    def _lightest_known(self) -> Edges:
        """For each component its lightest edge that is listed or found; weight inf where there is none."""
        component, found = self._components.of_vector, self._found
        edges = self._listed.lightest_out(component)
        known = np.flatnonzero(np.isfinite(found.weight))
        known = known[component[found.left[known]] != component[found.right[known]]]
        edges = joined(edges, found.at(known))
        self._control.check()
        best = lightest_of_components(edges, self._components, self._control)
        self._control.check()
        return best

    def _in_doubt(self, best: Edges, waiting: int) -> IndexArray:
        """The vectors that may have an edge that comes before their component's best; none of the component that waits."""
        component = self._components.of_vector
        best_of_vector = best.at(component)
        doubtful = before(self._bound, best_of_vector) | np.isinf(best_of_vector.weight)
        points = np.flatnonzero(doubtful & (component != waiting))
        return self._listed.may_lead_out(points, self._components, best) if len(points) else points

    def _learnt(self, asking: IndexArray, fresh: Edges, best: Edges) -> Edges:
        """Each component's best edge, now that a search has found `fresh` for the vectors `asking`."""
        self._found.put(asking, fresh)
        edges = fresh.at(np.isfinite(fresh.weight))
        better = lightest_of_components(edges, self._components, self._control)
        earlier = np.flatnonzero(before(better, best))
        best.put(earlier, better.at(earlier))
        of_vector = fresh if self._search.for_each_point else best.at(self._components.of_vector[asking])
        self._bound.put(asking, of_vector)
        return best

    def _certain(self, best: Edges, waiting: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Which components know an edge that no other comes before. All that know one do, but for the one that waits."""
        certain = np.isfinite(best.weight)
        members = np.flatnonzero(self._components.of_vector == waiting)
        own = np.full(len(members), waiting)
        certain[waiting] &= not before(self._bound.at(members), best.at(own)).any()
        return certain
