"""Arrays only: the k nearest neighbours of every vector, exactly. No SQL.

1. Approximate neighbours give each vector a limit that its k-th nearest certainly does not exceed.
2. With the vectors in the order of their limits, one triangle of tiles tells which pairs may be within the larger limit of
   the two, from a few principal axes (`pruning`): a quarter to a sixth of the multiplications of a full product.
3. Only those pairs are measured, in float64, from the differences. Where most pairs of a tile are left, as where nearly all are
   equally far, a product in float64 leaves those that may be among the k nearest (`dense`).

So the result is what brute force in float64 gives.

Kept because of these ratios of processor time, whole fit to one float32 product of all pairs, real and generated embeddings of
384 dimensions (`python -m tests.benchmarks.engine`): 1.9 at 14,160 vectors, 0.8 at 45,000, 0.6 at 134,520. A full product with
selection by group maxima took 1.8 at 45,000 for the neighbours alone. The larger the set, the nearer the neighbours, and
the fewer axes tell the rest apart. As limits those of 4 lists of 500 are worth their price; better ones cost more than they save.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.block_distances import Blocks, blocks_of, nearest_of_rows
from sqlclust.core.geometry.metrics import Float32Array, Float64Array, IndexArray, squared_distances
from sqlclust.core.geometry.principal_axes import PrincipalAxes, axes_that_pay
from sqlclust.core.neighbors.approximate import SEED, approximate_neighbors
from sqlclust.core.neighbors.pruning import TILE, Pruning, pruning
from sqlclust.core.runtime.control import Control
from sqlclust.core.runtime.threads import for_each_block

_OWNERS = 4096
_SETTLED_AT_A_TIME = 1 << 16


class Neighbors(NamedTuple):
    """The nearest other vectors of each vector.

    Attributes:
        indices: intp (m, k), ascending by (distance, index); the vector itself is not among them.
        squared: float64 (m, k), squared euclidean distances.
    """

    indices: IndexArray
    squared: Float64Array


class _Pairs(NamedTuple):
    """Measured pairs, each as seen from one of its ends: int32 owner, int32 other, float64 squared distance."""

    owner: NDArray[np.int32]
    other: NDArray[np.int32]
    squared: Float64Array


def neighbors_and_pruning(vectors: Float32Array, k: int, control: Control) -> tuple[Neighbors, Pruning]:
    """The k nearest neighbours of every vector, and what rules out pairs, for the spanning tree to use again.

    Args:
        vectors: float32 (m, d).
        k: 1 <= k < m.

    Cost: O(m²·p) multiplications in float32 for the p axes that pay; O(m·k) memory beyond the vectors and their images.
    """
    m = len(vectors)
    axes = axes_that_pay(vectors, control)
    control.check()
    blocks = blocks_of(vectors)
    # where nothing can be ruled out cheaply, and nothing has to be measured afterwards, limits are no use
    pointless = blocks.exact and axes.basis is None
    limits = np.full(m, np.inf) if pointless else _limits(vectors, axes, k, control)
    prepared = pruning(vectors, axes, limits, control, span=(0.3, 0.35))
    limits = limits[prepared.order]
    patience = _Patience()
    found: list[_Sorted] = []

    def search(start: int) -> None:
        pairs = _pairs_of_panel(vectors, blocks, prepared, limits, k, start, patience, control)
        if pairs:
            found.append(_by_block(pairs, -(-m // _OWNERS)))

    # the longest panels first, so that all cores end together
    for_each_block(search, range(0, m, TILE)[::-1], control, span=(0.35, 0.95))
    return _nearest(found, m, k, control, (0.95, 1.0)), prepared


def _limits(vectors: Float32Array, axes: PrincipalAxes, k: int, control: Control) -> Float64Array:
    """Squared distances float64 (m,) that the k-th nearest certainly does not exceed."""
    with np.errstate(over="ignore"):  # no limit, then
        _, squared = approximate_neighbors(vectors, k, SEED, 0, control, axes=axes, span=(0.0, 0.3))
    dimension = vectors.shape[1]
    farthest = squared[:, k - 1].astype(np.float64)
    return np.asarray(farthest * (1.0 + (dimension + 16) * 2.0**-23) + dimension * 2.0**-125)


def _pairs_of_panel(
    vectors: Float32Array,
    blocks: Blocks,
    prepared: Pruning,
    limits: Float64Array,
    k: int,
    start: int,
    patience: _Patience,
    control: Control,
) -> list[_Pairs]:
    """All pairs of a vector of one panel with one before it, or before it in the panel, within the larger limit; or as many of
    them as hold the k nearest.
    """
    order = prepared.order
    panel = slice(start, min(start + TILE, len(order)))
    right = prepared.right(panel, limits[panel])
    values = np.empty(TILE * TILE, dtype=np.float32)
    found: list[_Pairs] = []
    crowded = max(1 << 20, 64 * TILE * k)
    waiting: list[tuple[IndexArray, IndexArray]] = []
    count = 0

    def settle() -> None:
        nonlocal count
        if not waiting:
            return
        row = np.concatenate([part[0] for part in waiting])
        column = np.concatenate([part[1] for part in waiting])
        waiting.clear()
        count = 0
        for low in range(0, len(row), _SETTLED_AT_A_TIME):
            control.check()
            part = slice(low, low + _SETTLED_AT_A_TIME)
            keep(_measured(vectors, order, limits, row[part], column[part]))

    def keep(pairs: _Pairs) -> None:
        found.append(pairs)
        if sum(len(pairs.owner) for pairs in found) > crowded:
            found[:] = [_k_nearest(found, k)]

    dense: _DensePanel | None = None
    for low in range(0, start + 1, TILE):
        control.check()
        rows = slice(low, min(low + TILE, len(order)))
        pairs = None
        if patience.worth_trying():
            pairs = prepared.survivors(rows, right, panel, values, triangle=low == start)
            patience.learn(helped=pairs is not None)
        if pairs is None:
            dense = dense or _DensePanel(blocks, order, limits, k, panel)
            keep(dense.pairs(rows))
            continue
        waiting.append((pairs[0] + low, pairs[1] + start))
        count += len(pairs[0])
        if count > _SETTLED_AT_A_TIME:
            settle()
    settle()
    return found


class _Patience:
    """How often to try to rule out pairs of a tile, where that has not helped: after every failure for twice as many tiles not.

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


class _DensePanel:
    """A panel of which so many pairs survive that tiles of it are measured by products in float64."""

    def __init__(self, blocks: Blocks, order: IndexArray, limits: Float64Array, k: int, panel: slice) -> None:
        self._blocks, self._order, self._limits, self._k = blocks, order, limits, k
        self._columns = self._by_index(panel)
        self._side = blocks.side(order[self._columns])

    def _by_index(self, rows: slice) -> IndexArray:
        """Rows of a slice in the order of the vectors' indices, in which ties are resolved."""
        return np.asarray(rows.start + np.argsort(self._order[rows], kind="stable"))

    def pairs(self, rows: slice) -> _Pairs:
        """Pairs of a row and a column after it that may be among the k nearest of either."""
        at, columns = self._by_index(rows), self._columns
        exact, k, limits = self._blocks.exact, self._k, self._limits
        here, there = self._order[at], self._order[columns]
        squared, row_slack, column_slack = self._blocks.block(here, self._side)
        if rows.stop > columns.min():
            squared[at[:, None] >= columns] = np.inf
        of_rows = nearest_of_rows(squared, row_slack + column_slack.max(), limits[at], k, exact=exact)
        of_columns = nearest_of_rows(squared.T, column_slack + row_slack.max(), limits[columns], k, exact=exact).T
        row, column = np.nonzero(of_rows | of_columns)
        distance = squared[row, column] if exact else squared_distances(self._blocks.vectors, here[row], there[column])
        mine = of_rows[row, column] & (distance <= limits[at[row]])
        theirs = of_columns[row, column] & (distance <= limits[columns[column]])
        return _both_ends(here[row], there[column], distance, mine, theirs)


def _measured(
    vectors: Float32Array, order: IndexArray, limits: Float64Array, row: IndexArray, column: IndexArray
) -> _Pairs:
    here, there = order[row], order[column]
    squared = squared_distances(vectors, here, there)
    return _both_ends(here, there, squared, squared <= limits[row], squared <= limits[column])


def _both_ends(
    here: IndexArray, there: IndexArray, squared: Float64Array, mine: NDArray[np.bool_], theirs: NDArray[np.bool_]
) -> _Pairs:
    """Pairs as seen from those of their ends that want them."""
    return _Pairs(
        np.concatenate([here[mine], there[theirs]]).astype(np.int32),
        np.concatenate([there[mine], here[theirs]]).astype(np.int32),
        np.concatenate([squared[mine], squared[theirs]]),
    )


def _k_nearest(found: list[_Pairs], k: int) -> _Pairs:
    """Of the pairs of each owner the k nearest: a ball of many nearly identical vectors has no use for more."""
    pairs = _Pairs(*(np.concatenate(parts) for parts in zip(*found, strict=True)))
    order = np.lexsort((pairs.other, pairs.squared, pairs.owner))
    owner = pairs.owner[order]
    start = np.flatnonzero(np.append(True, owner[1:] != owner[:-1]))
    rank = np.arange(len(owner)) - np.repeat(start, np.diff(start, append=len(owner)))
    kept = order[rank < k]
    return _Pairs(pairs.owner[kept], pairs.other[kept], pairs.squared[kept])


class _Sorted(NamedTuple):
    """Pairs in the order of their owners' blocks, and where each block begins: sorted as they are found, so that they are
    never held twice."""

    pairs: _Pairs
    edges: IndexArray


def _by_block(found: list[_Pairs], blocks: int) -> _Sorted:
    pairs = _Pairs(*(np.concatenate(parts) for parts in zip(*found, strict=True)))
    found.clear()
    block = (pairs.owner // _OWNERS).astype(np.uint16)  # 16 bits are sorted by radix
    order = np.argsort(block, kind="stable")
    edges = np.concatenate([[0], np.cumsum(np.bincount(block, minlength=blocks))])
    return _Sorted(_Pairs(pairs.owner[order], pairs.other[order], pairs.squared[order]), edges)


def _nearest(found: list[_Sorted], m: int, k: int, control: Control, span: tuple[float, float]) -> Neighbors:
    """Of all pairs the k nearest of each owner."""
    indices = np.empty((m, k), dtype=np.intp)
    distances = np.empty((m, k), dtype=np.float64)

    def select(number: int) -> None:
        here = [(part.pairs, slice(part.edges[number], part.edges[number + 1])) for part in found]
        owner = np.concatenate([pairs.owner[rows] for pairs, rows in here])
        other = np.concatenate([pairs.other[rows] for pairs, rows in here])
        distance = np.concatenate([pairs.squared[rows] for pairs, rows in here])
        order = np.lexsort((other, distance, owner))
        counts = np.bincount(owner - number * _OWNERS, minlength=min(_OWNERS, m - number * _OWNERS))
        chosen = order[(np.cumsum(counts) - counts)[:, None] + np.arange(k)]
        part = slice(number * _OWNERS, number * _OWNERS + len(counts))
        indices[part], distances[part] = other[chosen], distance[chosen]

    for_each_block(select, range(-(-m // _OWNERS)), control, span=span)
    return Neighbors(indices, distances)


def core_distances(squared: Float64Array, indices: IndexArray, counts: IndexArray, *, min_samples: int) -> Float64Array:
    """Squared distance from each vector to its `min_samples`-th nearest neighbour, the point itself not counted.

    Args:
        squared, indices: of `Neighbors`, (m, k) with k >= min(min_samples, m - 1).
        counts: intp (m,), copies of each vector: they all count as neighbours, at distance 0 from each other.
        min_samples: 1 <= min_samples < sum(counts).

    Returns:
        float64 (m,). As hdbscan counts (which asks its trees for min_samples + 1).

    Source: Campello, Moulavi, Sander 2013, definition 1.
    """
    reached = np.cumsum(counts[indices], axis=1) + (counts - 1)[:, None]
    position = (reached < min_samples).sum(axis=1)
    core = np.take_along_axis(squared, np.minimum(position, squared.shape[1] - 1)[:, None], axis=1)[:, 0]
    return np.where(counts > min_samples, 0.0, core)
