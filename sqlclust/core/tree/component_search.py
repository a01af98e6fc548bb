"""The exact tree: Borůvka's rounds, in which edges that are not listed are searched for among all vectors.

A vector in doubt has to be compared with all others. `pruning` rules out most of them at a fraction of a product. What is left
counts only if it is in another component, and if its core distance is not above the lightest edge that the component knows.

Where clusters are well separated, that rules out little, and every round would cost a good part of a product of all pairs. So
searching has a budget. When it is spent, the rest of the tree is found at once (`contraction`).
"""

from __future__ import annotations

import threading
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.block_distances import blocks_of
from sqlclust.core.geometry.metrics import Float64Array, IndexArray
from sqlclust.core.geometry.mutual_reachability import MutualReachability
from sqlclust.core.neighbors.pruning import TILE, Costs, Pruning
from sqlclust.core.runtime.control import Control
from sqlclust.core.runtime.threads import for_each_block
from sqlclust.core.tree.block_edges import BlockEdges, Columns
from sqlclust.core.tree.boruvka import Answer, SpanningTree, spanning_tree
from sqlclust.core.tree.components import Components
from sqlclust.core.tree.contraction import contracted_tree
from sqlclust.core.tree.edges import Edges, joined, lightest, measured_edges, no_edges
from sqlclust.core.tree.listed_edges import ListedEdges

_AT_ONCE = 1 << 16
_REFRESH = 8
"""Tiles after which points look again whether their components' ceilings are lower by now."""
_BUDGET = 0.35
"""Share of a product of all pairs that searching may cost, in all rounds together, before the rest of the tree is found at
once. Embeddings take 0.15 of one; the rest of the tree at once takes 0.9."""


def exact_tree(reach: MutualReachability, prepared: Pruning, listed: ListedEdges) -> SpanningTree:
    """The minimum spanning tree of mutual reachability over all pairs.

    Args:
        reach: of m >= 2 vectors.
        prepared: for ruling out pairs of them.
        listed: the k nearest of each, used up.

    Returns:
        The tree; its weights are squared distances.

    Cost: searching takes at most about a third of the time of a product of all pairs. Then `contracted_tree` finds the rest,
        unless there are too many components for its table: then searching goes on, whatever it costs.
    """
    return spanning_tree(reach, listed, ComponentSearch(reach, prepared))


class _TooDear(Exception):
    """The search has cost what it may."""


class _Budget:
    """What searching for m vectors may cost, in nanoseconds of a core; threads spend it together.

    Attributes:
        costs: of single pieces of work.
        limited: whether it can be exceeded.
    """

    def __init__(self, m: int, dimension: int) -> None:
        self.costs = Costs(dimension)
        self.limited = False
        self._left = _BUDGET * self.costs.product(m * m)
        self._spending = threading.Lock()

    def spend(self, cost: float) -> None:
        """Note what work costs; raises _TooDear where that is too much."""
        with self._spending:
            self._left -= cost
        if self.limited and self._left < 0:
            raise _TooDear


class _Ceilings:
    """For each component the weight of the lightest edge that it knows; threads lower it together.

    A thread may see a number that another has just lowered or not: it then looks at more than it has to, and finds the same.
    """

    def __init__(self, weight: Float64Array) -> None:
        self._weight = weight
        self._lowering = threading.Lock()

    def of(self, components: IndexArray) -> Float64Array:
        """The ceilings of some components, as they are now."""
        return self._weight[components]

    def lower(self, components: IndexArray, weight: Float64Array) -> None:
        """Lower those of some components, which may repeat."""
        with self._lowering:
            np.minimum.at(self._weight, components, weight)


class ComponentSearch:
    """Finds for vectors their lightest edge out of their component, among all; see `boruvka.EdgeSearch`.

    Args:
        among: how many vectors, the first in the order of `prepared`, points may have unknown edges to, or a few more; all m by
            default. If not all, the rest of the tree is never found at once.

    Attributes:
        position: intp (m,), where each vector is in the order of `prepared`.
        by_core: intp, places in that order that are asked about, by squared core distance: an edge is no lighter than that.
        core: float64, those squared core distances.

    Cost: O(q·m·p) multiplications for q points and the p axes that rule out most, and where they rule out little three
    products of q·m pairs.
    """

    for_each_point = False

    def __init__(self, reach: MutualReachability, prepared: Pruning, *, among: int | None = None) -> None:
        m, dimension = reach.vectors.shape
        self.reach, self.prepared = reach, prepared
        self.among = m if among is None else among
        self.edges = BlockEdges(reach, blocks_of(reach.vectors))
        self.budget = _Budget(m, dimension)
        self.position = np.empty(m, dtype=np.intp)
        self.position[prepared.order] = np.arange(m)
        asked = -(-self.among // TILE) * TILE
        core = reach.squared_core[prepared.order[:asked]]
        self.by_core = np.argsort(core, kind="stable")
        self.core = core[self.by_core]

    def lightest_out(
        self, points: IndexArray, components: Components, ceiling: Float64Array, control: Control
    ) -> Answer:
        """As `boruvka.EdgeSearch` has it."""
        # the components' table of `contraction` takes no more memory than half a copy of the vectors
        few_parts = 2 * components.total**2 <= self.reach.vectors.size
        self.budget.limited = few_parts and self.among == len(components.of_vector)
        found = self._searched(points, components.of_vector, _Ceilings(ceiling), control.part(0.0, 0.0))
        if found is None:
            prepared = self.prepared.in_float32(control.part(0.0, 0.0))
            return Answer(contracted_tree(self.edges, prepared, components, control), completes_tree=True)
        return Answer(found)

    def _searched(
        self, points: IndexArray, component: IndexArray, ceilings: _Ceilings, control: Control
    ) -> Edges | None:
        """For each point its lightest edge; None where that costs more than it may."""
        # together those with ceilings of one height, which says how far down the core distances they have to look
        order = points[np.lexsort((points, component[points], ceilings.of(component[points])))]
        result = no_edges(len(component))

        def search(start: int) -> None:
            some = order[start : start + TILE]
            some = some[np.argsort(component[some], kind="stable")]
            result.put(some, _Askers(self, some, component, ceilings).among_all())

        try:
            asked = int(np.searchsorted(self.core, ceilings.of(component[points]), side="right").sum())
            self.budget.spend(self.budget.costs.columns(asked, self.prepared.first_columns))
            for_each_block(search, range(0, len(points), TILE), control)
        except _TooDear:
            return None
        return result.at(points)


class _Askers:
    """Some points, at most a tile of them, that look for their lightest edges; in the order of their components."""

    def __init__(self, search: ComponentSearch, points: IndexArray, component: IndexArray, ceilings: _Ceilings) -> None:
        self._search, self._points, self._component, self._ceilings = search, points, component, ceilings
        self._own = component[points]
        self._rows = search.position[points]
        self._product = np.empty(TILE * len(points), dtype=np.float32)
        self._columns: Columns | None = None
        self._best = no_edges(len(points))
        self._known = ceilings.of(self._own)
        self._right = self._right_side()

    def among_all(self) -> Edges:
        """For each point the lightest edge out of its component, or none that is lighter than the ceiling."""
        search = self._search
        rows = search.by_core[: np.searchsorted(search.core, self._known.max(), side="right")]
        if self._own[0] == self._own[-1]:
            rows = rows[self._component[search.prepared.order[rows]] != self._own[0]]
        for number, low in enumerate(range(0, len(rows), TILE)):
            search.reach.control.check()
            if number % _REFRESH == 1:
                self._refresh()
            some = rows[low : low + TILE]
            here = search.prepared.order[some]
            if search.reach.squared_core[here[0]] > self._known.max():
                break
            self._in_tile(some, here)
        return self._best

    def _right_side(self) -> Any:
        return self._search.prepared.right(self._rows, self._known / self._search.reach.distance_factor)

    def _refresh(self) -> None:
        lower = self._ceilings.of(self._own)
        if (lower < self._known).any():
            self._known = lower
            self._right = self._right_side()

    def _in_tile(self, tile: IndexArray, here: IndexArray) -> None:
        pairs = self._search.prepared.survivors(
            tile,
            self._right,
            self._product,
            worth=partial(self._leads_out, self._component[here], self._search.reach.squared_core[here]),
            spend=self._search.budget.spend,
        )
        if pairs is None:
            self._all_of_tile(here)
        else:
            self._pair_by_pair(here, *pairs)

    def _leads_out(
        self, there_component: IndexArray, there_core: Float64Array, row: IndexArray, column: IndexArray
    ) -> NDArray[np.bool_]:
        """Which pairs of a tile's row and a point lead to another component, of a core distance that is not above the
        ceiling."""
        own = self._own[column]
        return np.asarray((there_component[row] != own) & (there_core[row] <= self._ceilings.of(own)))

    def _pair_by_pair(self, here: IndexArray, row: IndexArray, column: IndexArray) -> None:
        search = self._search
        search.budget.spend(search.budget.costs.pairs(len(row)))
        for start in range(0, len(row), _AT_ONCE):
            search.reach.control.check()
            part = slice(start, start + _AT_ONCE)
            found = measured_edges(search.reach, self._points[column[part]], here[row[part]])
            self._keep(found, column[part])

    def _all_of_tile(self, here: IndexArray) -> None:
        search = self._search
        search.budget.spend(search.budget.costs.dense(len(here) * len(self._points)))
        components, owners = np.unique(self._own, return_inverse=True)
        self._columns = self._columns or search.edges.columns(self._points, owners)
        outside = self._component[here][:, None] != self._own
        self._keep(*search.edges.lightest(here, self._columns, self._ceilings.of(components), outside))

    def _keep(self, found: Edges, column: IndexArray) -> None:
        """Let each point keep the lighter of its best edge and of what was found for it, and lower the ceilings."""
        count = len(self._points)
        first = lightest(found, column, count)
        self._best = lightest(joined(self._best, first), np.tile(np.arange(count), 2), count)
        self._ceilings.lower(self._own, self._best.weight)
