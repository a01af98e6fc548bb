"""The k nearest neighbours of every vector, exactly: what brute force in float64 gives.

1. Approximate neighbours give each vector a limit: a squared distance that its k-th nearest neighbour does not exceed.
2. The vectors are put in the order of their limits and cut into tiles of 512 × 512 pairs. A few principal axes tell which pairs
   may be within the limit of either end (`pruning`). That takes a quarter to a sixth of the multiplications of all pairs. Where
   products of 8-bit integers pay, they tell it in less time (`integer_pruning`).
3. Only those pairs are measured from the differences: in float32, and those that may be among the k nearest of an end in
   float64. Where nearly all vectors are equally far, most pairs of a tile are left. Then a float64 product tells which may be
   among the k nearest (`block_distances`), and these are measured.
4. Of its pairs each vector keeps the k nearest (`k_nearest`).

Processor time of a whole fit, as a multiple of one float32 product of all pairs, on real and generated embeddings of 384
dimensions (`python -m tests.benchmarks.engine`): 1.6 at 14,160 vectors and 0.5 at 134,520; with integers 1.3 and 0.3. The more
vectors there are, the nearer are the neighbours, and the fewer axes it takes to rule out the others. A full product with
selection by group maxima took 1.8 at 45,000, for the neighbours alone. Limits from 4 lists of 500 save more than they cost;
better ones do not.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.block_distances import Blocks, blocks_of, nearest_of_rows
from sqlclust.core.geometry.groups import run_starts
from sqlclust.core.geometry.metrics import (
    Float32Array,
    Float64Array,
    IndexArray,
    nearly_squared_distances,
    rounding_of_differences,
    squared_distances,
)
from sqlclust.core.geometry.principal_axes import PrincipalAxes, axes_that_pay
from sqlclust.core.neighbors.approximate import SEED, kth_at_most
from sqlclust.core.neighbors.integer_pruning import pruning_that_pays
from sqlclust.core.neighbors.k_nearest import KNearest, NeighborPairs, joined_pairs, nearest_pairs, order_by_block
from sqlclust.core.neighbors.pruning import TILE, Pruning
from sqlclust.core.runtime.control import Control
from sqlclust.core.runtime.threads import for_each_block

_OWNERS = 4096
_MEASURED_AT_A_TIME = 1 << 16


class Neighbors(NamedTuple):
    """The nearest other vectors of each vector.

    Attributes:
        indices: intp (m, k), ascending by (distance, index); the vector itself is not among them.
        squared: float64 (m, k), squared euclidean distances.
    """

    indices: IndexArray
    squared: Float64Array


def neighbors_and_pruning(vectors: Float32Array, k: int, control: Control) -> tuple[Neighbors, Pruning]:
    """The k nearest neighbours of every vector, and what rules out pairs, for the spanning tree to use again.

    Args:
        vectors: float32 (m, d).
        k: 1 <= k < m.

    Cost: O(m²·p) multiplications in float32 for the p axes that pay; O(m·k) memory beyond the vectors and their projections.
    """
    m = len(vectors)
    axes = axes_that_pay(vectors, control)
    control.check()
    blocks = blocks_of(vectors)
    # where nothing can be ruled out cheaply, and nothing has to be measured afterwards, limits are no use
    pointless = blocks.exact and axes.basis is None
    limits = np.full(m, np.inf) if pointless else _limits(vectors, axes, k, control.part(0.0, 0.3))
    prepared = pruning_that_pays(vectors, axes, limits, control.part(0.3, 0.35))
    search = _ExactSearch(blocks, prepared, limits[prepared.order], k, _Patience(), control)
    near: list[_PairsByBlock] = []
    found: list[_PairsByBlock] = []

    def compare(start: int) -> None:
        pairs = _pairs_of_panel(search, start)
        for some, of_all in ((pairs.near, near), (pairs.pairs, found)):
            if some:
                of_all.append(_by_block(some, -(-m // _OWNERS)))

    # the longest panels first, so that all cores end together
    for_each_block(compare, range(0, m, TILE)[::-1], control.part(0.35, 0.95))
    return _k_nearest_of_all(vectors, near, found, k, control.part(0.95, 1.0)), prepared


def _limits(vectors: Float32Array, axes: PrincipalAxes, k: int, control: Control) -> Float64Array:
    """Squared distances float64 (m,) that the k-th nearest certainly does not exceed."""
    with np.errstate(over="ignore"):  # no limit, then
        return kth_at_most(vectors, k, SEED, 0, control, axes=axes)


class _Patience:
    """How often to try to rule out pairs of a tile where that has not helped: after each failure, twice as many tiles go without.

    Threads share it. What is tried changes the time taken, and nothing else.
    """

    def __init__(self) -> None:
        self._wait = self._waited = 0

    def worth_trying(self) -> bool:
        """Whether to try with this tile."""
        self._waited += 1
        return self._waited > self._wait

    def learn(self, *, helped: bool) -> None:
        """Note how it went."""
        self._wait, self._waited = 0 if helped else 2 * self._wait + 1, 0


class _ExactSearch(NamedTuple):
    """What comparing needs.

    Attributes:
        blocks: the vectors.
        prepared: for ruling out pairs of them.
        limits: float64 (m,), squared distances, in the order of `prepared`.
        k: neighbours wanted.
        patience: whether ruling out pairs helps.
    """

    blocks: Blocks
    prepared: Pruning
    limits: Float64Array
    k: int
    patience: _Patience
    control: Control

    def survivors(
        self, rows: slice, right: Any, columns: slice, room: Float32Array
    ) -> tuple[IndexArray, IndexArray] | None:
        """The pairs of a tile that may be within a limit; None where too many are, or were in the tiles before."""
        if not self.patience.worth_trying():
            return None
        triangle = rows.start == columns.start
        pairs = self.prepared.survivors(rows, right, room, triangle=triangle, differences=False)
        self.patience.learn(helped=pairs is not None)
        return pairs

    def nearly_measured(self, row: IndexArray, column: IndexArray) -> NeighborPairs:
        """Pairs of places in the order, as seen from those of their ends that they may be within the limits of; distances in
        float32."""
        here, there = self.prepared.order[row], self.prepared.order[column]
        near, share, least = nearly_squared_distances(self.blocks.vectors, here, there)
        at_least = near * (1.0 - share) - least
        # what overflows tells nothing
        of_here, of_there = (~(at_least > self.limits[end]) | np.isinf(near) for end in (row, column))
        return _both_ends(here, there, near.astype(np.float32), of_here, of_there)


def _pairs_of_panel(search: _ExactSearch, start: int) -> _PanelPairs:
    """Pairs of a vector of one panel with one before it, within the limit of either end; at least those of the k nearest."""
    columns = slice(start, min(start + TILE, len(search.limits)))
    right = search.prepared.right(columns, search.limits[columns])
    room = np.empty(TILE * TILE, dtype=np.float32)
    found = _PanelPairs(search)
    dense: _DensePanel | None = None
    for low in range(0, start + 1, TILE):
        search.control.check()
        rows = slice(low, min(low + TILE, len(search.limits)))
        pairs = search.survivors(rows, right, columns, room)
        if pairs is None:
            dense = dense or _DensePanel(search, columns)
            found.keep(dense.pairs(rows))
        else:
            found.measure_later(pairs[0] + low, pairs[1] + start)
    found.measure()
    return found


class _PanelPairs:
    """The pairs found of one panel. Pairs to be measured wait until there are many: one call for each tile would take longer.

    Attributes:
        near: those measured in float32.
        pairs: those measured in float64.
    """

    def __init__(self, search: _ExactSearch) -> None:
        self._search = search
        self._crowded = max(1 << 20, 64 * TILE * search.k)
        self._waiting: list[tuple[IndexArray, IndexArray]] = []
        self._count = 0
        self.near: list[NeighborPairs] = []
        self.pairs: list[NeighborPairs] = []

    def measure_later(self, row: IndexArray, column: IndexArray) -> None:
        """Note pairs of places in the order."""
        self._waiting.append((row, column))
        self._count += len(row)
        if self._count > _MEASURED_AT_A_TIME:
            self.measure()

    def measure(self) -> None:
        """Measure the pairs that wait in float32, and keep those that may be within a limit."""
        if not self._waiting:
            return
        row, column = (np.concatenate(part) for part in zip(*self._waiting, strict=True))
        self._waiting, self._count = [], 0
        for low in range(0, len(row), _MEASURED_AT_A_TIME):
            self._search.control.check()
            part = slice(low, low + _MEASURED_AT_A_TIME)
            self.near.append(self._search.nearly_measured(row[part], column[part]))
            self._thin()

    def keep(self, pairs: NeighborPairs) -> None:
        """Add pairs measured in float64."""
        self.pairs.append(pairs)
        self._thin()

    def _thin(self) -> None:
        """Of very many only each owner's k nearest stay: in a tight ball all are within all limits."""
        if sum(len(part.owner) for part in (*self.near, *self.pairs)) > self._crowded:
            search = self._search
            pairs = self.pairs
            if self.near:
                pairs = [*pairs, _settled(search.blocks.vectors, joined_pairs(self.near), search.k, search.control)]
            self.pairs, self.near = [nearest_pairs(joined_pairs(pairs), search.k)[0]], []


class _DensePanel:
    """A panel of which so many pairs survive that tiles of it are measured by products in float64."""

    def __init__(self, search: _ExactSearch, columns: slice) -> None:
        self._search = search
        self._columns = self._by_index(columns)
        self._side = search.blocks.side(search.prepared.order[self._columns])

    def _by_index(self, rows: slice) -> IndexArray:
        """Rows of a slice in the order of the vectors' indices, in which ties are resolved."""
        return np.asarray(rows.start + np.argsort(self._search.prepared.order[rows], kind="stable"))

    def pairs(self, rows: slice) -> NeighborPairs:
        """Pairs of a row and a column after it that may be among the k nearest of either."""
        blocks, prepared, limits, k = self._search[:4]
        at, columns = self._by_index(rows), self._columns
        here, there = prepared.order[at], prepared.order[columns]
        squared, row_slack, column_slack = blocks.block(here, self._side)
        if rows.stop > columns.min():
            squared[at[:, None] >= columns] = np.inf
        of_rows = nearest_of_rows(squared, row_slack + column_slack.max(), limits[at], k, exact=blocks.exact)
        of_columns = nearest_of_rows(
            squared.T, column_slack + row_slack.max(), limits[columns], k, exact=blocks.exact
        ).T
        row, column = np.nonzero(of_rows | of_columns)
        near = squared[row, column] if blocks.exact else squared_distances(blocks.vectors, here[row], there[column])
        of_row = of_rows[row, column] & (near <= limits[at[row]])
        of_column = of_columns[row, column] & (near <= limits[columns[column]])
        return _both_ends(here[row], there[column], near, of_row, of_column)


def _both_ends(
    here: IndexArray, there: IndexArray, squared: Float64Array, of_here: NDArray[np.bool_], of_there: NDArray[np.bool_]
) -> NeighborPairs:
    """Pairs as seen from those of their ends that want them."""
    return NeighborPairs(
        np.concatenate([here[of_here], there[of_there]]).astype(np.int32),
        np.concatenate([there[of_here], here[of_there]]).astype(np.int32),
        np.concatenate([squared[of_here], squared[of_there]]),
    )


class _PairsByBlock(NamedTuple):
    """Pairs in the order of their owners' blocks, and where each block begins: intp (blocks + 1,)."""

    pairs: NeighborPairs
    edges: IndexArray

    def of_block(self, number: int) -> NeighborPairs:
        """The pairs of one block of owners."""
        part = slice(self.edges[number], self.edges[number + 1])
        return NeighborPairs(*(column[part] for column in self.pairs))


def _by_block(found: list[NeighborPairs], blocks: int) -> _PairsByBlock:
    """Pairs sorted as soon as they are found, so that they are never held twice; `found` is emptied."""
    pairs = joined_pairs(found)
    found.clear()
    order, edges = order_by_block(pairs.owner // _OWNERS, blocks)
    return _PairsByBlock(pairs.at(order), edges)


def _k_nearest_of_all(
    vectors: Float32Array, near: list[_PairsByBlock], found: list[_PairsByBlock], k: int, control: Control
) -> Neighbors:
    """Of all pairs the k nearest of each owner: of those measured in float32, `near`, and of those in float64, `found`."""
    m = len(vectors)
    nearest = KNearest(m, k, squared=np.float64, indices=np.intp)

    def select(number: int) -> None:
        owners = slice(number * _OWNERS, min((number + 1) * _OWNERS, m))
        pairs = [part.of_block(number) for part in found]
        if near:
            pairs.append(_settled(vectors, joined_pairs([part.of_block(number) for part in near]), k, control))
        nearest.add_pairs(joined_pairs(pairs), owners)

    for_each_block(select, range(-(-m // _OWNERS)), control)
    return Neighbors(nearest.indices, nearest.squared)


def _settled(vectors: Float32Array, near: NeighborPairs, k: int, control: Control) -> NeighborPairs:
    """Of pairs measured by differences in float32 those that may be among the k nearest of their owner, measured in float64."""
    if len(near.owner) == 0:
        return near._replace(squared=near.squared.astype(np.float64))
    # numbers >= 0 sort as their bits do
    keys = near.owner.astype(np.uint64) << np.uint64(32) | near.squared.view(np.uint32)
    order = np.argsort(keys)
    owner, squared = near.owner[order], near.squared[order].astype(np.float64)
    starts = run_starts(owner)
    counts = np.diff(starts, append=len(owner))
    kth = np.full(len(starts), np.inf)
    enough = counts >= k
    kth[enough] = squared[starts[enough] + k - 1]
    share, least = rounding_of_differences(vectors.shape[1])
    most = np.repeat(kth * (1.0 + share) + least, counts)
    order = order[(squared * (1.0 - share) - least <= most) | np.isinf(squared)]  # what overflows tells nothing
    owner, other = near.owner[order], near.other[order]
    measured = np.empty(len(order))
    for low in range(0, len(order), _MEASURED_AT_A_TIME):
        control.check()
        part = slice(low, low + _MEASURED_AT_A_TIME)
        measured[part] = squared_distances(vectors, owner[part].astype(np.intp), other[part].astype(np.intp))
    return NeighborPairs(owner, other, measured)
