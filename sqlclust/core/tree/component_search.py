"""Arrays only: the lightest edge out of a component, searched among all vectors. No SQL.

What the neighbour lists do not show is searched here, with `pruning`: only vectors that may be nearer than the lightest
edge the component already knows, of another component, and with a core distance not above it, are measured. Where that costs
a good part of a product of all pairs, as where clusters are well separated, the rest of the tree is found at once
(`contraction`).
"""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.block_distances import Blocks, Side, blocks_of, lightest_of_owners
from sqlclust.core.geometry.metrics import Float32Array, Float64Array, IndexArray
from sqlclust.core.neighbors.exact import Neighbors
from sqlclust.core.neighbors.pruning import TILE, Costs, Pruning
from sqlclust.core.runtime.control import Control
from sqlclust.core.runtime.threads import for_each_block
from sqlclust.core.tree.boruvka import Lists, SpanningTree, spanning_tree
from sqlclust.core.tree.contraction import contracted_tree
from sqlclust.core.tree.edges import Edges, edges_between, joined, lightest, measured, no_edges, not_listed_before

_AT_ONCE = 1 << 16
_REFRESH = 8
_BUDGET = 0.35
"""Share of a product of all pairs that searching may cost, in all rounds together, before the rest of the tree is found at once.
Embeddings take 0.15 of one; the rest of the tree at once takes 0.9."""
_lowering = threading.Lock()
"""Two searches may lower one ceiling at a time."""


def exact_tree(
    vectors: Float32Array, prepared: Pruning, neighbors: Neighbors, core: Float64Array, scale: float, control: Control
) -> SpanningTree:
    """The minimum spanning tree of max(core(i), core(j), scale · |i − j|²) over all pairs.

    Args:
        vectors: float32 (m, d), distinct.
        prepared: for ruling out pairs of them.
        neighbors: the k nearest of each.
        core: float64 (m,), squared core distances.
        scale: > 0, what hdbscan's alpha makes of squared distances; 1.0 for plain HDBSCAN.

    Returns:
        The tree; its weights are squared distances.

    Cost: searching takes at most about a third of the time of a product of all pairs. Then `contracted_tree` finds the rest,
        unless there are too many components for its table: then searching goes on, whatever it costs.
    """
    search = _Search(vectors, prepared, core, scale, control)

    def remaining(component: IndexArray, parts: int, done: float) -> Edges:
        return contracted_tree(search.blocks, prepared, core, scale, component, parts, control, done)

    bound = not_listed_before(neighbors.indices, neighbors.squared, core, scale)
    lists = Lists(neighbors.indices, neighbors.squared, core, scale, control)
    return spanning_tree(lists, core, bound, search, control, remaining=remaining)


class _TooDear(Exception):
    """The search has cost what it may."""


class _Search:
    """Finds for points the lightest edge out of their component; see `spanning_tree.Outgoing`.

    Attributes:
        blocks: the vectors, for products in float64.

    Cost: O(q·m·p) multiplications for q points and the p axes that rule out most, and where they rule out little three
    products of q·m pairs.
    """

    _limited = False

    def __init__(
        self, vectors: Float32Array, prepared: Pruning, core: Float64Array, scale: float, control: Control
    ) -> None:
        m = len(core)
        self.blocks: Blocks = blocks_of(vectors)
        self._vectors, self._prepared, self._core, self._scale = vectors, prepared, core, scale
        self._control = control
        self._position = np.empty(m, dtype=np.intp)
        self._position[prepared.order] = np.arange(m)
        # a tile whose core distances are all above the ceiling needs no look
        self._tile_core = np.minimum.reduceat(core[prepared.order], np.arange(0, m, TILE))
        self._costs = Costs(vectors.shape[1])
        self._left = _BUDGET * self._costs.product(m * m)

    def __call__(
        self, points: IndexArray, component: IndexArray, ceiling: Float64Array, *, span: tuple[float, float]
    ) -> Edges | None:
        # the components' table takes no more memory than half a copy of the vectors
        self._limited = 2 * len(ceiling) ** 2 <= self._vectors.size
        try:
            return self._found(points, component, ceiling, span)
        except _TooDear:
            return None

    def _spend(self, cost: float) -> None:
        with _lowering:
            self._left -= cost
        if self._limited and self._left < 0:
            raise _TooDear

    def _found(
        self, points: IndexArray, component: IndexArray, ceiling: Float64Array, span: tuple[float, float]
    ) -> Edges:
        self._spend(self._costs.columns(len(points) * len(self._core), self._prepared.first.shape[1]))
        order = points[np.lexsort((points, component[points]))]
        result = no_edges(len(self._core))

        def search(start: int) -> None:
            some = order[start : start + TILE]
            result.put(some, self._lightest_out(some, component, ceiling))

        for_each_block(search, range(0, len(points), TILE), self._control, span=span)
        return result.at(points)

    def _lightest_out(self, points: IndexArray, component: IndexArray, ceiling: Float64Array) -> Edges:
        """As `__call__`, for some points in the order of their components."""
        core, prepared = self._core, self._prepared
        rows, own = self._position[points], component[points]
        values = np.empty(TILE * len(points), dtype=np.float32)
        best = no_edges(len(points))
        known = ceiling[own]
        right = prepared.right(rows, known / self._scale)
        side: Side | None = None
        for number, low in enumerate(range(0, len(core), TILE)):
            self._control.check()
            if number % _REFRESH == 1:
                lower = ceiling[own]
                if (lower < known).any():
                    known = lower
                    right = prepared.right(rows, known / self._scale)
            if self._tile_core[number] > known.max():
                continue
            here = prepared.order[low : low + TILE]
            there_component, there_core = component[here], core[here]

            def leads_out(
                row: IndexArray,
                column: IndexArray,
                there_component: IndexArray = there_component,
                there_core: Float64Array = there_core,
            ) -> NDArray[np.bool_]:
                return np.asarray((there_component[row] != own[column]) & (there_core[row] <= ceiling[own[column]]))

            pairs = prepared.survivors(slice(low, low + TILE), right, values, worth=leads_out, spend=self._spend)
            if pairs is None:
                self._spend(self._costs.dense(len(here) * len(points)))
                side = side or self.blocks.side(points)
                outside = there_component[:, None] != own
                best = self._improved(best, *self._of_block(here, side, points, own, ceiling, outside), own, ceiling)
                continue
            row, column = pairs
            self._spend(self._costs.pairs(len(row)))
            for start in range(0, len(row), _AT_ONCE):
                self._control.check()
                part = slice(start, start + _AT_ONCE)
                found = measured(self._vectors, core, self._scale, points[column[part]], here[row[part]])
                best = self._improved(best, found, column[part], own, ceiling)
        return best

    def _of_block(
        self,
        here: IndexArray,
        side: Side,
        points: IndexArray,
        own: IndexArray,
        ceiling: Float64Array,
        outside: NDArray[np.bool_],
    ) -> tuple[Edges, IndexArray]:
        """The lightest edges of a whole tile, and which of the points each is of."""
        components, owners = np.unique(own, return_inverse=True)
        known = ceiling[components]
        found = lightest_of_owners(
            self.blocks, here, side, points, self._core, self._scale, owners, known, outside=outside
        )
        return edges_between(found.weight, found.distance, here[found.row], points[found.column]), found.column

    def _improved(self, best: Edges, found: Edges, column: IndexArray, own: IndexArray, ceiling: Float64Array) -> Edges:
        """The lighter of the points' best edges and of what was found for them; lowers the ceiling."""
        count = len(own)
        first = lightest(found, column, count)
        best = lightest(joined(best, first), np.tile(np.arange(count), 2), count)
        with _lowering:
            np.minimum.at(ceiling, own, best.weight)
        return best
