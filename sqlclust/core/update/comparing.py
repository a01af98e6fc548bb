"""A few vectors compared with all: their own nearest neighbours, and those of the others' lists that they now belong in.

A float32 product gives a lower bound of every squared distance (`neighbors/pruning.py`, with all axes as they are). The pairs
that may count by that are measured from their differences. Where they are many, a product in float64 is asked first
(`geometry/block_distances.py`).
"""

from __future__ import annotations

import threading
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.block_distances import Blocks, Side, blocks_of, nearest_of_rows
from sqlclust.core.geometry.centred_sides import CentredSides, centred_sides
from sqlclust.core.geometry.metrics import Float32Array, Float64Array, IndexArray, squared_distances
from sqlclust.core.geometry.principal_axes import axes_as_they_are
from sqlclust.core.neighbors.k_nearest import KNearest, NeighborPairs, joined_pairs
from sqlclust.core.runtime.control import Control
from sqlclust.core.runtime.threads import for_each_block, worker_count
from sqlclust.core.update.state import Lists

_COLUMNS, _ROWS = 512, 1024
_FEWEST = 64
_CROWDED = 0.03
"""Share of a block's pairs from which on measuring each takes longer than a product in float64."""


class MadeInPassing(NamedTuple):
    """Vectors that are made ready for products with all whenever they are compared: without a copy, and in a little more time.

    Attributes:
        blocks: for products in float64.
        order: intp (r,), which vectors, ascending.
        sides: of products.
    """

    blocks: Blocks
    order: IndexArray
    sides: CentredSides

    def left(self, low: int, high: int) -> Float32Array:
        """Left sides of the vectors at some places in the order."""
        return self.sides.left(self.order[low:high])


def made_in_passing(vectors: Float32Array, some: IndexArray, control: Control) -> MadeInPassing:
    """Some of the vectors float32 (m, d), intp (r,), ascending, to be made ready in passing. O(m·d)."""
    axes = axes_as_they_are(vectors, control)
    return MadeInPassing(blocks_of(vectors), some, centred_sides(vectors, axes))


class Compared(NamedTuple):
    """What comparing q vectors with all m has found.

    Attributes:
        lists: of the q vectors, their k nearest among all.
        pairs: each of the m vectors as owner, and those of the q that are within its limit.
        nearest: float64 (m,), at most the squared distance from each of the m vectors to the nearest of the q that is not itself;
            inf where there is none.
    """

    lists: Lists
    pairs: NeighborPairs
    nearest: Float64Array


def compared_with_all(
    ready: MadeInPassing, some: IndexArray, k: int, limits: Float64Array, control: Control, *, parts: int | None = None
) -> Compared:
    """Compare some vectors with all.

    Args:
        ready: the m vectors, or some of them: then the others are nobody's neighbours.
        some: intp (q,), the vectors that are compared, ascending; they are in the order of `ready`.
        k: 1 <= k, fewer than `ready` has.
        limits: float64 (m,), squared distances up to which each vector wants to know of some; −inf for none.
        parts: into how many `some` are divided at least, unless they are few; as many as there are cores by default. `nearest`
            depends on it in its last bits.

    Cost: O(q·m·d) multiplications; O(q·k) memory besides the pairs.
    """
    m, q = len(limits), len(some)
    result = KNearest(q, k, squared=np.float64)
    nearest = np.full(m, np.inf)
    found: list[NeighborPairs] = [_pairs(some[:0], some[:0], np.empty(0))]
    lowering = threading.Lock()
    step = min(_COLUMNS, -(-q // worker_count()) if parts is None else max(_FEWEST, -(-q // parts)))

    def compare(start: int) -> None:
        part = slice(start, min(start + step, q))
        panel = _Panel(ready, some[part], k, limits)
        panel.among_all(control)
        result.indices[part], result.squared[part] = panel.own.indices, panel.own.squared
        with lowering:
            np.minimum(nearest, panel.nearest, out=nearest)
            found.extend(panel.pairs)

    for_each_block(compare, range(0, q, step), control)
    return Compared(Lists(result.indices, result.squared), joined_pairs(found), nearest)


class _Panel:
    """At most some hundred vectors, as columns, and what has been found for them so far.

    Attributes:
        own: their nearest.
        pairs, nearest: as `Compared` has them.
    """

    def __init__(self, ready: MadeInPassing, columns: IndexArray, k: int, limits: Float64Array) -> None:
        self._ready, self._blocks = ready, ready.blocks
        self._columns, self._k, self._limits = columns, k, limits
        # so that products are not above the squared distances of the images
        self._right = ready.sides.right(columns) * np.float32(-2.0)
        self._images = self._ready.sides.of_products(limits)
        self._side: Side | None = None
        self._waiting: list[NeighborPairs] = []
        self._merged = 0
        self.own = KNearest(len(columns), k, squared=np.float64)
        self._own_limits = self.own.squared[:, -1]
        self.pairs: list[NeighborPairs] = []
        self.nearest = np.full(len(limits), np.inf)

    def among_all(self, control: Control) -> None:
        """Compare with all. What is found is merged each time twice as many were compared: it lowers the limits."""
        m = len(self._ready.order)
        for low in range(0, m, _ROWS):
            control.check()
            high = min(low + _ROWS, m)
            self._compare(low, high)
            if high >= 2 * self._merged or high == m:
                self.own.add_pairs(joined_pairs(self._waiting), slice(0, len(self._columns)))
                self._own_limits = self.own.squared[:, -1]
                self._waiting, self._merged = [], high

    def _compare(self, low: int, high: int) -> None:
        """Compare with the vectors at some places in the order."""
        here, first = self._ready.order[low:high], self._ready.left(low, high)
        itself = self._itself(here)
        bounds = first @ self._right.T
        bounds[itself] = np.inf
        self.nearest[here] = self._ready.sides.at_least(bounds.min(axis=1))
        possible = bounds <= np.maximum(self._images[here][:, None], self._ready.sides.of_products(self._own_limits))
        possible[itself] = False
        if np.count_nonzero(possible) > _CROWDED * possible.size:
            self._keep(here, *self._measured_at_once(here, itself))
        else:
            row, column = np.divmod(np.flatnonzero(possible), possible.shape[1])
            near = squared_distances(self._blocks.vectors, here[row], self._columns[column])
            self._keep(here, row, column, near)

    def _itself(self, here: IndexArray) -> tuple[IndexArray, IndexArray]:
        """Where in a block a vector meets itself; `here` ascends."""
        place = np.minimum(np.searchsorted(here, self._columns), len(here) - 1)
        column = np.flatnonzero(here[place] == self._columns)
        return place[column], column

    def _measured_at_once(
        self, here: IndexArray, itself: tuple[IndexArray, IndexArray]
    ) -> tuple[IndexArray, IndexArray, Float64Array]:
        """The pairs of a block that may count, by a product in float64, and their squared distances."""
        blocks = self._blocks
        self._side = self._side or blocks.side(self._columns)
        squared, row_slack, column_slack = blocks.block(here, self._side)
        squared[itself] = np.inf
        slack = row_slack + column_slack.max()
        of_rows: NDArray[np.bool_] = (
            squared <= np.minimum(self._limits[here] + slack, np.finfo(np.float64).max)[:, None]
        )
        slack = column_slack + row_slack.max()
        of_columns = nearest_of_rows(squared.T, slack, self._own_limits, self._k, exact=blocks.exact).T
        row, column = np.divmod(np.flatnonzero(of_rows | of_columns), len(self._columns))
        if blocks.exact:
            return row, column, squared[row, column]
        return row, column, squared_distances(blocks.vectors, here[row], self._columns[column])

    def _keep(self, here: IndexArray, row: IndexArray, column: IndexArray, near: Float64Array) -> None:
        wanted = near <= self._limits[here[row]]
        if wanted.any():
            self.pairs.append(_pairs(here[row[wanted]], self._columns[column[wanted]], near[wanted]))
        wanted = near <= self._own_limits[column]
        self._waiting.append(_pairs(column[wanted], here[row[wanted]], near[wanted]))


def _pairs(owner: IndexArray, other: IndexArray, squared: Float64Array) -> NeighborPairs:
    return NeighborPairs(owner.astype(np.int32), other.astype(np.int32), squared)
