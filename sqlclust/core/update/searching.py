"""The search for edges that are no candidates. In an update few vectors ask: most of what a fit makes ready is not worth it."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from sqlclust.core.geometry.metrics import Float32Array, Float64Array, IndexArray
from sqlclust.core.geometry.mutual_reachability import MutualReachability
from sqlclust.core.geometry.principal_axes import axes_as_they_are, axes_that_pay
from sqlclust.core.neighbors.pruning import Costs, Float32Pruning, Pruning, pruning
from sqlclust.core.runtime.control import Control
from sqlclust.core.runtime.threads import for_each_block
from sqlclust.core.tree.boruvka import Answer, EdgeSearch
from sqlclust.core.tree.component_search import ComponentSearch
from sqlclust.core.tree.components import Components
from sqlclust.core.tree.edges import Edges, lightest, measured_edges, no_edges
from sqlclust.core.update.comparing import Compared, compared_with_all, made_in_passing
from sqlclust.core.update.state import Lists

_TURNING, _CHOOSING = 0.1, 2.5e8
"""Nanoseconds that a core takes to turn vectors to their principal axes, for each multiplication; and to choose how many of them
to ask first."""
_FEW, _ROWS = 32, 1024
"""Products with all that take less than a copy of the vectors; rows of a block of them."""


class Searches(Protocol):
    """How an engine compares vectors and searches for edges in an update. Vectors are numbered as the lists are."""

    def nearest(self, some: IndexArray, k: int, control: Control) -> Lists:
        """The k nearest of some vectors, intp (q,), ascending."""

    def with_new(self, new: IndexArray, k: int, limits: Float64Array, control: Control) -> Compared:
        """The new vectors compared with all; arguments as `comparing.compared_with_all` has them."""

    def among_all(self, reach: MutualReachability, lists: Lists) -> EdgeSearch:
        """A search for edges between any two vectors."""

    def of_new(self, reach: MutualReachability, new: IndexArray, lists: Lists) -> EdgeSearch:
        """A search for edges with a new vector at one end."""


class ExactSearches:
    """As `Searches` has it, exactly.

    Args:
        vectors: float32 (m, d).
    """

    def __init__(self, vectors: Float32Array) -> None:
        self._vectors = vectors

    def nearest(self, some: IndexArray, k: int, control: Control) -> Lists:
        """As `Searches` has it."""
        return self.with_new(some, k, np.full(len(self._vectors), -np.inf), control).lists

    def with_new(self, new: IndexArray, k: int, limits: Float64Array, control: Control) -> Compared:
        """As `Searches` has it."""
        ready = made_in_passing(self._vectors, np.arange(len(self._vectors)), control)
        return compared_with_all(ready, new, k, limits, control)

    def among_all(self, reach: MutualReachability, lists: Lists) -> EdgeSearch:
        """As `Searches` has it."""
        return SearchAmongAll(reach, None, lists.last()[1])

    def of_new(self, reach: MutualReachability, new: IndexArray, lists: Lists) -> EdgeSearch:
        """As `Searches` has it."""
        return SearchOfNew(reach, new, lists.last()[1])


class SearchAmongAll:
    """Finds for vectors their lightest edge out of their component, among all; see `boruvka.EdgeSearch`.

    Args:
        flat: for products in all dimensions, which a few vectors are asked by; made ready when it is needed if it is None.
        limits: float64 (m,), squared distances of the order of those that will be asked for. Once many have asked, vectors are
            turned to their principal axes.
    """

    for_each_point = False

    def __init__(self, reach: MutualReachability, flat: Pruning | None, limits: Float64Array) -> None:
        self._reach, self._limits, self._asked = reach, limits, 0
        self._flat, self._is_turned = flat, False
        self._search: ComponentSearch | None = None

    def lightest_out(
        self, points: IndexArray, components: Components, ceiling: Float64Array, control: Control
    ) -> Answer:
        """As `boruvka.EdgeSearch` has it."""
        self._asked += len(points)
        if not self._is_turned and self._turning_pays():
            self._search = self._flat = None  # a copy of the vectors
            axes = axes_that_pay(self._reach.vectors, control)
            turned = pruning(self._reach.vectors, axes, self._limits, control.part(0.0, 0.0))
            self._search, self._is_turned = ComponentSearch(self._reach, turned), True
        if self._search is None:
            flat = self._flat or _flat(self._reach.vectors, points[:0], control)
            self._search = ComponentSearch(self._reach, flat)
        return self._search.lightest_out(points, components, ceiling, control)

    def _turning_pays(self) -> bool:
        m, dimension = self._reach.vectors.shape
        turning: float = m * dimension * dimension * _TURNING + _CHOOSING
        return Costs(dimension).product(self._asked * m) > turning


class SearchOfNew:
    """Finds edges that have a new vector at one end: old vectors ask among the new ones, new ones among all.

    Args:
        new: intp (q,), the new vectors.
        limits: as `SearchAmongAll` has them.
    """

    for_each_point = False

    def __init__(self, reach: MutualReachability, new: IndexArray, limits: Float64Array) -> None:
        self._reach, self._new, self._limits = reach, new, limits
        self._is_new = np.zeros(len(limits), dtype=bool)
        self._is_new[new] = True
        self._searches: tuple[EdgeSearch, EdgeSearch] | None = None

    def lightest_out(
        self, points: IndexArray, components: Components, ceiling: Float64Array, control: Control
    ) -> Answer:
        """As `boruvka.EdgeSearch` has it."""
        result = no_edges(len(points))
        asks = self._is_new[points]
        for some, ask_all in ((np.flatnonzero(asks), True), (np.flatnonzero(~asks), False)):
            if len(some):
                answer = self._answer(points[some], components, ceiling, control, ask_all=ask_all)
                if answer.completes_tree:
                    return answer
                result.put(some, answer.edges)
        return Answer(result)

    def _answer(
        self, points: IndexArray, components: Components, ceiling: Float64Array, control: Control, *, ask_all: bool
    ) -> Answer:
        m = len(self._limits)
        if self._searches is None and len(points) * (m if ask_all else len(self._new)) <= _FEW * m:
            found = _passing(self._reach, np.arange(m) if ask_all else self._new, points, components, ceiling, control)
            if found is not None:
                return Answer(found)
        self._searches = self._searches or self._made(control)
        return self._searches[0 if ask_all else 1].lightest_out(points, components, ceiling, control)

    def _made(self, control: Control) -> tuple[EdgeSearch, EdgeSearch]:
        """The searches of new vectors and of old ones. They need a copy of the vectors, which pays once many have asked."""
        if len(self._new) == 0:
            of_all = SearchAmongAll(self._reach, None, self._limits)
            return of_all, of_all
        flat = _flat(self._reach.vectors, self._new, control)
        of_new = SearchAmongAll(self._reach, flat, self._limits)
        return of_new, ComponentSearch(self._reach, flat, among=len(self._new))


def _passing(
    reach: MutualReachability,
    among: IndexArray,
    points: IndexArray,
    components: Components,
    ceiling: Float64Array,
    control: Control,
) -> Edges | None:
    """For a few points the lightest edge out of their component to some vectors, up to the component's ceiling; without a copy.

    None where so many are below the ceilings that measuring them takes longer than making a search.
    """
    ready = made_in_passing(reach.vectors, among, control)
    own, right = components.of_vector[points], ready.sides.right(points) * np.float32(-2.0)
    limit = ceiling[own]
    farthest = limit / reach.distance_factor
    pairs: list[tuple[IndexArray, IndexArray]] = []

    def compare(low: int) -> None:
        here = among[low : low + _ROWS]
        if sum(len(column) for _, column in pairs) > _FEW * len(among):
            return
        possible = ready.sides.at_least(ready.left(low, low + _ROWS) @ right.T) <= farthest
        possible &= (reach.squared_core[here][:, None] <= limit) & (components.of_vector[here][:, None] != own)
        row, column = np.nonzero(possible)
        pairs.append((here[row], column))

    for_each_block(compare, range(0, len(among), _ROWS), control.part(0.0, 0.0))
    there, column = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    if len(column) > _FEW * len(among):
        return None
    return lightest(measured_edges(reach, points[column], there), column, len(points), control)


def _flat(vectors: Float32Array, first: IndexArray, control: Control) -> Float32Pruning:
    """Vectors made ready for products, all axes as they are; those numbered `first`, intp, come first in the order. A copy."""
    later = np.ones(len(vectors))
    later[first] = 0.0
    return pruning(vectors, axes_as_they_are(vectors, control), later, control.part(0.0, 0.0))
