"""The search for edges that are no candidates. In an update few vectors ask: most of what a fit makes ready is not worth it."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from sqlclust.core.geometry.metrics import Float32Array, Float64Array, IndexArray
from sqlclust.core.geometry.mutual_reachability import MutualReachability
from sqlclust.core.geometry.principal_axes import axes_that_pay
from sqlclust.core.neighbors.pruning import Costs, Pruning, pruning
from sqlclust.core.runtime.control import Control
from sqlclust.core.tree.boruvka import Answer, EdgeSearch
from sqlclust.core.tree.component_search import ComponentSearch
from sqlclust.core.tree.components import Components
from sqlclust.core.tree.edges import no_edges
from sqlclust.core.update.comparing import Compared, Prepared, compared_with_all, prepared
from sqlclust.core.update.state import Lists

_TURNING, _CHOOSING = 0.1, 2.5e8
"""Nanoseconds that a core takes to turn vectors to their principal axes, for each multiplication; and to choose how many of them
to ask first."""


class Searches(Protocol):
    """How an engine compares vectors and searches for edges in an update. Vectors are numbered as the lists are."""

    def nearest(self, some: IndexArray, k: int, control: Control) -> Lists:
        """The k nearest of some vectors, intp (q,), ascending."""

    def with_new(self, new: IndexArray, k: int, limits: Float64Array, control: Control) -> Compared:
        """The new vectors compared with all; arguments as `comparing.compared_with_all` has them."""

    def among_all(self, reach: MutualReachability, lists: Lists) -> EdgeSearch:
        """A search for edges between any two vectors."""

    def of_new(self, reach: MutualReachability, new: IndexArray, lists: Lists) -> EdgeSearch:
        """A search for edges with a new vector at one end. To be asked for after `with_new`, if any vector is new."""


class ExactSearches:
    """As `Searches` has it, exactly.

    Args:
        vectors: float32 (m, d).
    """

    def __init__(self, vectors: Float32Array) -> None:
        self._vectors = vectors
        self._ready: Prepared | None = None

    def nearest(self, some: IndexArray, k: int, control: Control) -> Lists:
        """As `Searches` has it."""
        ready = prepared(self._vectors, some[:0], control)
        return compared_with_all(ready, some, k, np.full(len(self._vectors), -np.inf), control).lists

    def with_new(self, new: IndexArray, k: int, limits: Float64Array, control: Control) -> Compared:
        """As `Searches` has it."""
        self._ready = prepared(self._vectors, new, control)
        return compared_with_all(self._ready, new, k, limits, control)

    def among_all(self, reach: MutualReachability, lists: Lists) -> EdgeSearch:
        """As `Searches` has it."""
        return SearchAmongAll(reach, None, lists.last()[1])

    def of_new(self, reach: MutualReachability, new: IndexArray, lists: Lists) -> EdgeSearch:
        """As `Searches` has it."""
        return SearchOfNew(reach, self._ready, new, lists.last()[1])


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
            flat = self._flat or prepared(self._reach.vectors, points[:0], control).flat
            self._search = ComponentSearch(self._reach, flat)
        return self._search.lightest_out(points, components, ceiling, control)

    def _turning_pays(self) -> bool:
        m, dimension = self._reach.vectors.shape
        turning: float = m * dimension * dimension * _TURNING + _CHOOSING
        return Costs(dimension).product(self._asked * m) > turning


class SearchOfNew:
    """Finds edges that have a new vector at one end: old vectors ask among the new ones, new ones among all.

    Args:
        ready: the m vectors, in whose order the new ones come first; None where none is new.
        new: intp (q,), the new vectors.
        limits: as `SearchAmongAll` has them.
    """

    for_each_point = False

    def __init__(
        self, reach: MutualReachability, ready: Prepared | None, new: IndexArray, limits: Float64Array
    ) -> None:
        self._is_new = np.zeros(len(limits), dtype=bool)
        self._is_new[new] = True
        flat = ready.flat if ready else None
        self._of_new = SearchAmongAll(reach, flat, limits)
        self._of_old = ComponentSearch(reach, flat, among=len(new)) if flat else self._of_new

    def lightest_out(
        self, points: IndexArray, components: Components, ceiling: Float64Array, control: Control
    ) -> Answer:
        """As `boruvka.EdgeSearch` has it."""
        result = no_edges(len(points))
        asks = self._is_new[points]
        for search, some in ((self._of_new, np.flatnonzero(asks)), (self._of_old, np.flatnonzero(~asks))):
            if len(some):
                answer = search.lightest_out(points[some], components, ceiling, control)
                if answer.completes_tree:
                    return answer
                result.put(some, answer.edges)
        return Answer(result)
