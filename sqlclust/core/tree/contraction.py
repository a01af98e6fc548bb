"""The exact tree between components that lie far apart, from one pass over all pairs.

Where clusters are well separated, no neighbour list leads out of them, and Borůvka's rounds would search for nearly all vectors
each time. Here the rounds run over a table instead. For every two components it has a bound:

    table[a, b] <= weight of every edge between a and b

The bounds come from the products of `pruning` in float32, of which half are enough, since the table is symmetric. An entry
that may hold a component's lightest edge is settled: the vectors of both components are compared in float64 (`block_edges`),
and the lightest edge between the two is known.

So however many rounds there are, every pair is multiplied at most once in float32 and twice in float64: for the table, where
float32 cannot tell components apart, and where its entry is settled.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.groups import run_starts
from sqlclust.core.geometry.metrics import Float32Array, Float64Array, IndexArray
from sqlclust.core.neighbors.pruning import TILE, Float32Pruning
from sqlclust.core.runtime.control import Control
from sqlclust.core.runtime.threads import for_each_block
from sqlclust.core.tree.block_edges import BlockEdges
from sqlclust.core.tree.components import Components, lightest_of_components
from sqlclust.core.tree.edges import Edges, joined, lightest, no_edges, unique

_MANY = 3
"""Entries of each component that may hold its lightest edge; where there are more, the table is made in float64."""
_PROBING, _FILLING = 0.05, 0.6
"""Shares of the work that is left that trying float32 and making the table are, for the report of progress."""
_ROUNDED = 2.0**-20
"""More than rounding to float32 takes, as a share."""
_LEAST = 2.0**-149
"""The least float32: where numbers are that small, rounding takes up to half of it, which may be any share of them."""

_LowerBounds = Callable[[IndexArray], Callable[[IndexArray], Float32Array]]


def contracted_tree(edges: BlockEdges, prepared: Float32Pruning, components: Components, control: Control) -> Edges:
    """The edges of the minimum spanning tree between components.

    Args:
        edges: of the m vectors.
        prepared: for screening products of them.
        components: at least two.

    Returns:
        components.total - 1 edges, as measured.

    Cost: half a product of all pairs in float32 or float64, at most as much again in float64 for entries that are settled,
    and 5 bytes for each two components. Where a part of the table has not shown that float32 is too rough, both tables are
    made.
    """
    return _Contraction(edges, prepared, components, control).tree()


class _Contraction:
    """The table of components, and what of it is settled.

    Its numbers are squared distances of images (`Float32Pruning.scale`), float32 (parts, parts); inf for what is settled, and
    within what has become one.
    """

    def __init__(self, edges: BlockEdges, prepared: Float32Pruning, components: Components, control: Control) -> None:
        reach = edges.reach
        self._edges, self._prepared, self._control, self._done = edges, prepared, control, 0.0
        self._component, self._parts = components
        self._order = np.argsort(self._component, kind="stable")
        self._starts = np.searchsorted(self._component[self._order], np.arange(self._parts + 1))
        self._position = np.empty(len(self._order), dtype=np.intp)
        self._position[prepared.order] = np.arange(len(self._order))
        self._unit = prepared.scale / reach.distance_factor
        self._core = _not_above(reach.squared_core * self._unit)
        self._is_float32 = not self._float32_is_too_rough()
        self._table = self._filled(self._screened if self._is_float32 else self._multiplied)
        self._nearest = self._table.argmin(axis=1)
        self._settled: list[Edges] = []
        self._count = 0

    def _onward(self, share: float) -> Control:
        """For a piece of work that is a share of what is left."""
        start = self._done
        self._done += share * (1.0 - start)
        return self._control.part(start, self._done)

    # --- the table -----------------------------------------------------------------------------------------------------

    def _float32_is_too_rough(self) -> bool:
        """Whether float32 leaves open which components are the nearest, of those at the end of the order."""
        last = (len(self._order) - 1) // TILE * TILE
        some, _ = self._segments(self._order[last:])
        table = self._filled(self._screened, [last])[some]
        doubt = self._prepared.tolerance * 2.0 * float(np.median(self._prepared.squared))
        return bool(np.median((table <= table.min(axis=1, keepdims=True) + doubt).sum(axis=1)) > _MANY)

    def _filled(self, lower_bounds: _LowerBounds, panels: Sequence[int] | None = None) -> Float32Array:
        """For every two components the least of the lower bounds of their pairs; inf for those not in `panels`."""
        table = np.full((self._parts, self._parts), np.inf, dtype=np.float32)
        writing = threading.Lock()

        def fill(start: int) -> None:
            columns = self._order[start : start + TILE]
            parts, column_starts = self._segments(columns)
            of_rows = lower_bounds(columns)
            for low in range(0, start + 1, TILE):
                self._control.check()
                rows = self._order[low : low + TILE]
                others, row_starts = self._segments(rows)
                if len(parts) == 1 and np.array_equal(parts, others):
                    continue
                bounds = of_rows(rows)
                np.maximum(bounds, self._core[rows][:, None], out=bounds)
                np.maximum(bounds, self._core[columns], out=bounds)
                least = np.minimum.reduceat(np.minimum.reduceat(bounds, row_starts, axis=0), column_starts, axis=1)
                with writing:
                    table[np.ix_(others, parts)] = np.minimum(table[np.ix_(others, parts)], least)
                    table[np.ix_(parts, others)] = np.minimum(table[np.ix_(parts, others)], least.T)

        # the longest panels first, so that all cores end together
        every, share = range(0, len(self._order), TILE)[::-1], _FILLING if panels is None else _PROBING
        for_each_block(fill, every if panels is None else panels, self._onward(share))
        np.fill_diagonal(table, np.inf)
        return table

    def _segments(self, vectors: IndexArray) -> tuple[IndexArray, IndexArray]:
        """The components of some vectors in the order of components, and where each begins."""
        owner = self._component[vectors]
        starts = run_starts(owner)
        return owner[starts], starts

    def _screened(self, columns: IndexArray) -> Callable[[IndexArray], Float32Array]:
        first, further = self._prepared.first, self._prepared.further
        right = self._prepared.right(self._position[columns], np.zeros(len(columns))).columns
        more = further[self._position[columns]].T

        def of_rows(rows: IndexArray) -> Float32Array:
            here = first[self._position[rows]]
            product = here @ right.T
            if len(more):
                product -= np.multiply.outer(here[:, -3], right[:, -3])
                product += further[self._position[rows]] @ more
            product *= np.float32(-2.0 * (1.0 - _ROUNDED))  # not above the squared distance of the images
            return product

        return of_rows

    def _multiplied(self, columns: IndexArray) -> Callable[[IndexArray], Float32Array]:
        side = self._edges.blocks.side(columns)

        def of_rows(rows: IndexArray) -> Float32Array:
            block = self._edges.blocks.block(rows, side)
            block.squared[...] -= block.slack
            block.squared[...] *= self._prepared.scale
            return _not_above(block.squared)

        return of_rows

    # --- Borůvka's rounds ------------------------------------------------------------------------------------------------

    def tree(self) -> Edges:
        """The tree's edges."""
        group, total = np.arange(self._parts), self._parts  # of components, as components are of vectors
        chosen: list[Edges] = []
        while total > 1:
            self._control.check()
            groups = Components(group[self._component], total)
            new = unique(self._lightest_out(group, groups))
            chosen.append(new)
            of_vector, total = groups.joined_along(new)
            group = of_vector[self._order[self._starts[:-1]]]
            for part in range(self._parts):
                self._control.check()
                self._table[part, group == group[part]] = np.inf
            self._nearest = self._table.argmin(axis=1)
        return joined(*chosen)

    def _lightest_out(self, group: IndexArray, groups: Components) -> Edges:
        """The lightest edge out of each group of components."""
        while True:
            best = self._lightest_settled(groups)
            least = self._table[np.arange(self._parts), self._nearest]
            limit = best.weight[group] * (self._unit * (1.0 + _ROUNDED))
            wanted = np.flatnonzero((least <= limit) & np.isfinite(least) & self._first_of_unknown(least, best, group))
            if len(wanted) == 0:
                return best
            self._settle(np.unique(np.sort(np.column_stack([wanted, self._nearest[wanted]]), axis=1), axis=0))

    def _first_of_unknown(self, least: Float32Array, best: Edges, group: IndexArray) -> NDArray[np.bool_]:
        """Of a group that knows no edge yet only its least component is worth settling; of the others all are."""
        lowest = np.full(len(best.weight), np.inf)
        np.minimum.at(lowest, group, least)
        return np.asarray(np.isfinite(best.weight[group]) | (least == lowest[group]))

    def _lightest_settled(self, groups: Components) -> Edges:
        """For each group the lightest edge of an entry that is settled; weight inf where there is none."""
        if not self._settled:
            return lightest_of_components(no_edges(0), groups)
        edges = joined(*self._settled)
        leads_out = groups.of_vector[edges.left] != groups.of_vector[edges.right]
        self._settled = [edges.at(leads_out)]
        return lightest_of_components(self._settled[0], groups)

    def _settle(self, pairs: IndexArray) -> None:
        """Find the lightest edge of each of some pairs of components, intp (e, 2); or make the table anew in float64."""
        self._count += len(pairs)
        if self._is_float32 and self._count > _MANY * self._parts:
            self._make_table_in_float64()
            return
        units = [
            (number, start)
            for number, (_, large) in enumerate(pairs.tolist())
            for start in range(self._starts[large], self._starts[large + 1], TILE)
        ]
        found: list[tuple[int, Edges]] = []

        def settle(unit: tuple[int, int]) -> None:
            number, start = unit
            one, other = pairs[number].tolist()
            columns = self._order[start : min(start + TILE, self._starts[other + 1])]
            found.append((number, self._lightest_between(one, columns)))

        for_each_block(settle, units, self._onward(0.0))
        owner = np.concatenate([np.full(len(edges.weight), number) for number, edges in found])
        self._settled.append(lightest(joined(*(edges for _, edges in found)), owner, len(pairs)))
        self._table[pairs[:, 0], pairs[:, 1]] = np.inf
        self._table[pairs[:, 1], pairs[:, 0]] = np.inf
        parts = np.unique(pairs)
        self._nearest[parts] = self._table[parts].argmin(axis=1)

    def _make_table_in_float64(self) -> None:
        """Entries that are settled stay so."""
        self._is_float32 = False
        over = np.isinf(self._table)
        del self._table  # before there is another
        self._table = self._filled(self._multiplied)
        self._table[over] = np.inf
        self._nearest = self._table.argmin(axis=1)

    def _lightest_between(self, part: int, vectors: IndexArray) -> Edges:
        """The lightest edge between a component and some vectors of another."""
        columns = self._edges.columns(vectors, np.zeros(len(vectors), dtype=np.intp))
        ceiling = np.full(1, np.inf)
        found = []
        for low in range(self._starts[part], self._starts[part + 1], TILE):
            self._control.check()
            rows = self._order[low : min(low + TILE, self._starts[part + 1])]
            found.append(self._edges.lightest(rows, columns, ceiling)[0])
        every = joined(*found)
        return lightest(every, np.zeros(len(every.weight), dtype=np.intp), 1)


def _not_above(numbers: Float64Array) -> Float32Array:
    """float32 of the same shape, each a little below or at most the number; `numbers` is used up."""
    numbers *= 1.0 - _ROUNDED
    numbers -= _LEAST
    return numbers.astype(np.float32)
