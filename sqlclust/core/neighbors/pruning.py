"""Arrays only: ruling out pairs that are certainly too far apart, at a fraction of a full product. No SQL.

|x − y|² ≥ |x' − y'|² for the images x' of `axes`: p principal coordinates and the length of the rest. With D² = |x|² + |y|² −
2·x'·y' and a limit L² of y, the question D² <= L² is the sign of one dot product of p + 3 columns:

    (x', −|x|²/2, 1) · (y', 1, (L² − |y|²)/2) >= 0

so a tile costs one product and one comparison with zero while it is still in the cache. Pairs that survive are asked again with
further axes. What survives that is left to `metrics.squared_distances`, or to `dense` where much of a tile does. Everything that
can go wrong in rounding is at most `s·(|x|² + |y|²)`, a sum of a share of x and a share of y, so the two columns carry it and no
pair within the limit is lost, however different the lengths.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.metrics import Float32Array, Float64Array, IndexArray
from sqlclust.core.geometry.principal_axes import PrincipalAxes, projection, residual_norms
from sqlclust.core.runtime.control import Control
from sqlclust.core.runtime.threads import for_each_block

TILE = 512
"""Rows and columns of a tile: its megabyte stays in a core's cache between multiplying and comparing."""
_UNIT_ROUNDOFF = 2.0**-24
_TINY = 2.0**-100
"""Covers underflow in a dot product of images, which are of the order of one."""
_SAMPLE = 768
_STEP = 32
_ROWS = 1024
_MULTIPLY, _PAIR, _PAIR_AXIS, _SETTLE, _DENSE = 0.0155, 90.0, 0.8, 4.0, 0.05
"""Nanoseconds a core takes: one column of a product for one pair; a surviving pair, and each further axis of it; for each
dimension, settling a pair in float64, and a pair of a tile that is multiplied in float64. Only their ratios matter, and only
for the speed."""
_CROWDED = 0.02
"""Share of a tile's pairs from which on measuring each takes longer than a product of the tile in float64."""


class Costs(NamedTuple):
    """About what work costs, in nanoseconds of a core, for vectors of some dimension."""

    dimension: int

    def product(self, pairs: int) -> float:
        """A float32 product in all dimensions."""
        return pairs * self.dimension * _MULTIPLY

    def columns(self, pairs: int, columns: int) -> float:
        """A float32 product of so many columns."""
        return pairs * columns * _MULTIPLY

    def pairs(self, count: int) -> float:
        """Measuring pairs one by one."""
        return count * self.dimension * _SETTLE

    def dense(self, pairs: int) -> float:
        """Measuring whole tiles."""
        return pairs * self.dimension * _DENSE


Worth = Callable[[IndexArray, IndexArray], NDArray[np.bool_]]
"""Which of some pairs (row, column) are worth a further look; indices that broadcast."""


class Pruning(NamedTuple):
    """Vectors made ready for ruling out pairs; rows are sorted by `order`.

    Attributes:
        order: intp (m,), which vector each row is.
        first: float32 (m, p + 3), left sides of the product: leading coordinates, length of the rest, −|x|²/2, 1.
        further: float32 (m, q), the coordinates asked next, and the length of what remains after them.
        squared: float64 (m,), |x|², reduced by the share that rounding may take.
        scale: factor from squared distances to squared distances of images.
        tolerance: what a limit is enlarged by, as a share of it.
    """

    order: IndexArray
    first: Float32Array
    further: Float32Array
    squared: Float64Array
    scale: float
    tolerance: float

    def right(self, rows: IndexArray | slice, limits: Float64Array) -> Float32Array:
        """Right sides float32 (c, p + 3) of some rows with their squared limits (c,), inf for none."""
        side = self.first[rows].copy()
        squared = self.squared[rows]
        # no two vectors are farther apart than twice the longest
        limit = np.minimum(limits * self.scale, 4.01 * float(self.squared.max()) + 1.0) * (1.0 + self.tolerance) + _TINY
        side[:, -2] = 1.0
        side[:, -1] = np.nextafter(((limit - squared) / 2).astype(np.float32), np.float32(np.inf))
        return side

    def survivors(
        self,
        left: slice,
        right: Float32Array,
        right_rows: IndexArray | slice,
        values: Float32Array,
        *,
        triangle: bool = False,
        worth: Worth | None = None,
        spend: Callable[[float], object] | None = None,
    ) -> tuple[IndexArray, IndexArray] | None:
        """Pairs that may be within the limit: rows of `left`, counted from its start, and columns of `right`.

        Args:
            right: of `right(right_rows, …)`.
            values: float32 (>= rows · columns,), room for the product.
            triangle: left and right are the same rows; only pairs of a row before its column.
            worth: which pairs to look at any further.
            spend: called with what asking the further axes costs, in nanoseconds of a core (`Costs`).

        Returns:
            The pairs; or None where there are so many that one product of the tile in float64 (`dense`) takes less time than
            measuring each.
        """
        here = self.first[left]
        size = len(here), len(right)
        product = values[: size[0] * size[1]].reshape(size)
        np.matmul(here, right.T, out=product)
        if triangle:
            product[_ON_OR_BELOW[: size[0], : size[1]]] = -1.0
        possible = product >= 0
        count = int(np.count_nonzero(possible))
        if worth is not None and count > _CROWDED * product.size:
            possible &= worth(np.arange(size[0])[:, None], np.arange(size[1]))
            count = int(np.count_nonzero(possible))
        more = self.further.shape[1]
        one_by_one, at_once = count * (_PAIR + _PAIR_AXIS * more), product.size * _MULTIPLY * more
        if more and spend is not None:
            spend(min(one_by_one, at_once))
        if more and one_by_one > at_once:
            # so many that the further axes are asked of all pairs at once
            product -= np.multiply.outer(here[:, -3], right[:, -3])
            product += self.further[left] @ self.further[right_rows].T
            possible &= product >= 0
            count = int(np.count_nonzero(possible))
            more = 0
        if count > _CROWDED * product.size:
            return None
        at = np.flatnonzero(possible)
        row, column = np.divmod(at, size[1])
        if worth is not None:
            wanted = worth(row, column)
            at, row, column = at[wanted], row[wanted], column[wanted]
        if more and len(at):
            value = product.ravel()[at]
            value -= here[row, -3] * right[column, -3]
            further_left, further_right = self.further[left], self.further[right_rows]
            keep = np.empty(len(at), dtype=bool)
            for start in range(0, len(at), 4096):
                part = slice(start, start + 4096)
                value[part] += np.einsum("ij,ij->i", further_left[row[part]], further_right[column[part]])
                keep[part] = value[part] >= 0
            row, column = row[keep], column[keep]
        return row, column


_ON_OR_BELOW = np.tri(TILE, dtype=bool)


def pruning(
    vectors: Float32Array,
    axes: PrincipalAxes,
    limits: Float64Array,
    control: Control,
    *,
    span: tuple[float, float] = (0.0, 1.0),
) -> Pruning:
    """Make vectors ready, sorted by their limits, with as many leading axes as pay.

    Args:
        vectors: float32 (m, d).
        axes: principal axes of them, as many as there are.
        limits: float64 (m,), squared distances up to which pairs will be asked for; inf for all.

    Cost: O(m·d²) multiplications; a copy of the vectors.
    """
    m = len(vectors)
    most = axes.width
    order = np.argsort(limits, kind="stable")
    leading = most
    if axes.basis is not None:
        sample = order[np.linspace(0, m - 1, min(_SAMPLE, m)).astype(np.intp)]
        leading = _leading(*projection(vectors[sample], axes), limits[sample] * axes.scale**2)
    # a product of n terms loses at most n roundings; rounding the coordinates and the lengths loses a few more
    share = 2.0 * (most + 32) * _UNIT_ROUNDOFF
    first = np.empty((m, leading + 3), dtype=np.float32)
    further = np.empty((m, most - leading + 1 if leading < most else 0), dtype=np.float32)
    reduced = np.empty(m)

    def prepare(start: int) -> None:
        part = slice(start, min(start + _ROWS, m))
        along, squared = projection(vectors[order[part]], axes)
        reduced[part] = squared * (1.0 - share) - _TINY
        first[part, :leading] = along[:, :leading]
        first[part, leading] = residual_norms(along[:, :leading], squared)
        first[part, leading + 1] = np.nextafter((-reduced[part] / 2).astype(np.float32), np.float32(np.inf))
        first[part, leading + 2] = 1.0
        if leading < most:
            further[part, :-1] = along[:, leading:]
            further[part, -1] = residual_norms(along, squared)

    for_each_block(prepare, range(0, m, _ROWS), control, span=span)
    return Pruning(order, first, further, reduced, axes.scale**2, 2.0 * share)


def _leading(along: Float32Array, squared: Float64Array, limits: Float64Array) -> int:
    """How many leading axes the first product should have, by what would survive of a sample of pairs."""
    most = along.shape[1]
    chosen = np.linspace(0, len(along) - 1, min(_SAMPLE, len(along))).astype(np.intp)
    points, lengths, limit = along[chosen], squared[chosen], limits[chosen]
    limit = np.maximum(limit[:, None], limit)
    total = (lengths[:, None] + lengths) / 2 - limit / 2
    product = np.zeros((len(chosen), len(chosen)))
    best, best_cost = most, np.inf
    for count in range(_STEP, most + _STEP, _STEP):
        here = slice(count - _STEP, min(count, most))
        product += points[:, here] @ points[:, here].T
        remaining = residual_norms(points[:, : min(count, most)], lengths)
        share = float((product + remaining[:, None] * remaining >= total).mean())
        further = (_PAIR + _PAIR_AXIS * (most - count)) * share if count < most else 0.0
        cost = _MULTIPLY * min(count, most) + further
        if cost < best_cost:
            best, best_cost = min(count, most), cost
    return int(best)
