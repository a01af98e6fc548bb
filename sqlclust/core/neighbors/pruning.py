"""Pruning: ruling out pairs that are certainly too far apart, for a fraction of the product of all pairs.

Let x' be the projection of x: its first p coordinates along the principal axes, and the length of what they leave. The squared
distance of two vectors is at least D² = |x|² + |y|² − 2·x'·y' (`principal_axes`). Let L² be the limit of y: the squared distance
up to which pairs are asked for. A pair can be within the limit only if D² <= L². That is the sign of one dot product of p + 3
columns:

    (x', −|x|²/2, 1) · (y', 1, (L² − |y|²)/2) >= 0

So a tile of pairs costs one product, and one comparison with zero while the tile is still in the cache.

The pairs that survive are asked again with further axes. Those that survive that too are measured by whoever asks: one by one
(`metrics.squared_distances`), or all of a tile at once where it has many (`block_distances`).

No pair within the limit is lost to rounding. All rounding together is at most s·(|x|² + |y|²) for a small s. So |x|² and |y|² are
made smaller by that share, each in its own column.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.integer_products import Products
from sqlclust.core.geometry.metrics import Float32Array, Float64Array, IndexArray
from sqlclust.core.geometry.principal_axes import PrincipalAxes, projection, residual_norms, rounding_norms
from sqlclust.core.runtime.control import Control
from sqlclust.core.runtime.threads import for_each_block

TILE = 512
"""Rows and columns of a tile: its megabyte stays in a core's cache between multiplying and comparing."""
_UNIT_ROUNDOFF = 2.0**-24
_TINY = 2.0**-100
"""Covers underflow in a dot product of projections, which are of the order of one."""
_PAIRS = 1024
"""Pairs whose further coordinates are held at a time: they stay in a core's cache."""
_SAMPLE = 768
_STEP = 32
_ROWS = 1024
_MULTIPLY, _PAIR, _PAIR_AXIS, _SETTLE, _DENSE = 0.0155, 90.0, 0.8, 4.0, 0.05
"""Nanoseconds a core takes for: one column of a product, for one pair; a surviving pair; each further axis of it; and for each
dimension, measuring a pair in float64; a pair of a tile that is multiplied in float64. Only their ratios matter, and only for the
speed."""
CROWDED = 0.02
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


class RightSide(NamedTuple):
    """Right sides of the product: some vectors with their limits.

    Attributes:
        rows: which vectors, as places in the order of `Float32Pruning`.
        columns: float32 (c, p + 3): leading coordinates, length of the residual, 1, (L² − |y|²)/2.
    """

    rows: IndexArray | slice
    columns: Float32Array


class Pruning(Protocol):
    """Vectors made ready for ruling out pairs; their rows are sorted by `order`.

    Attributes:
        order: intp (m,), which vector each row is.
        products: what they are of.
        first_columns: how many columns a first product in float32 has, or would have.
    """

    @property
    def products(self) -> Products: ...  # noqa: D102

    @property
    def order(self) -> IndexArray: ...  # noqa: D102

    @property
    def first_columns(self) -> int: ...  # noqa: D102

    def in_float32(self, control: Control) -> Float32Pruning:
        """The same with products in float32."""

    def right(self, rows: IndexArray | slice, limits: Float64Array) -> Any:
        """Right sides of c rows with their limits float64 (c,), squared distances; inf for none. For `survivors`."""

    def survivors(
        self,
        left: slice | IndexArray,
        right: Any,
        room: Float32Array,
        *,
        triangle: bool = False,
        differences: bool = True,
        worth: Worth | None = None,
        spend: Callable[[float], object] | None = None,
    ) -> tuple[IndexArray, IndexArray] | None:
        """Pairs that may be within the limit: rows of `left`, as places in it, and rows of `right`.

        Args:
            right: of `right`.
            room: float32 (>= rows · columns,), for the product.
            triangle: left and right are the same rows; only pairs of a row before its column.
            differences: whether pairs may be asked again by differences in float32. Whoever measures by these needs it not.
            worth: which pairs to look at any further.
            spend: called with what asking further costs, in nanoseconds of a core (`Costs`).

        Returns:
            The pairs, intp (s,) each. None where there are so many that a product of the tile in float64 takes less time than
            measuring each.
        """


class Float32Pruning(NamedTuple):
    """Vectors made ready for ruling out pairs; their rows are sorted by `order`.

    Attributes:
        order: intp (m,), which vector each row is.
        first: float32 (m, p + 3), left sides of the product: leading coordinates, length of the residual, −|x|²/2, 1.
        further: float32 (m, q), the coordinates asked next, and the length of what remains after them.
        squared: float64 (m,), |x|², made smaller by the share that rounding may take.
        scale: factor from squared distances to squared distances of projections.
        tolerance: what a limit is enlarged by, as a share of it.
    """

    order: IndexArray
    first: Float32Array
    further: Float32Array
    squared: Float64Array
    scale: float
    tolerance: float

    @property
    def products(self) -> Products:
        """Of float32."""
        return "float32"

    @property
    def first_columns(self) -> int:
        """How many columns the first product has."""
        return int(np.shape(self.first)[1])

    def in_float32(self, control: Control) -> Float32Pruning:
        """Itself."""
        return self

    def right(self, rows: IndexArray | slice, limits: Float64Array) -> RightSide:
        """As `Pruning` has it."""
        columns = self.first[rows].copy()
        squared = self.squared[rows]
        # no two vectors are farther apart than twice the longest
        limit = np.minimum(limits * self.scale, 4.01 * float(self.squared.max()) + 1.0) * (1.0 + self.tolerance) + _TINY
        columns[:, -2] = 1.0
        columns[:, -1] = np.nextafter(((limit - squared) / 2).astype(np.float32), np.float32(np.inf))
        return RightSide(rows, columns)

    def survivors(
        self,
        left: slice | IndexArray,
        right: RightSide,
        room: Float32Array,
        *,
        triangle: bool = False,
        differences: bool = True,
        worth: Worth | None = None,
        spend: Callable[[float], object] | None = None,
    ) -> tuple[IndexArray, IndexArray] | None:
        """As `Pruning` has it."""
        tile = _Tile(self, left, right, room)
        if triangle:
            tile.product[ON_OR_BELOW[: tile.product.shape[0], : tile.product.shape[1]]] = -1.0
        possible = tile.product >= 0
        count = int(np.count_nonzero(possible))
        if worth is not None and count > CROWDED * possible.size:
            possible &= worth(np.arange(possible.shape[0])[:, None], np.arange(possible.shape[1]))
            count = int(np.count_nonzero(possible))
        more = self.further.shape[1]
        one_by_one, at_once = count * (_PAIR + _PAIR_AXIS * more), possible.size * _MULTIPLY * more
        if more and spend is not None:
            spend(min(one_by_one, at_once))
        if more and one_by_one > at_once:
            possible &= tile.ask_further_of_all()
            count = int(np.count_nonzero(possible))
            more = 0
        if count > CROWDED * possible.size:
            return None
        row, column = np.divmod(np.flatnonzero(possible), possible.shape[1])
        if worth is not None:
            wanted = worth(row, column)
            row, column = row[wanted], column[wanted]
        if more and len(row):
            keep = tile.ask_further(row, column)
            row, column = row[keep], column[keep]
        return row, column


class _Tile:
    """The product of some left with some right sides. Asking the further axes replaces the residuals' part of it by theirs."""

    def __init__(
        self, prepared: Float32Pruning, left: slice | IndexArray, right: RightSide, room: Float32Array
    ) -> None:
        self._left, self._right = prepared.first[left], right.columns
        self._prepared, self._rows = prepared, (left, right.rows)
        size = len(self._left), len(self._right)
        self.product = room[: size[0] * size[1]].reshape(size)
        np.matmul(self._left, self._right.T, out=self.product)

    def ask_further_of_all(self) -> NDArray[np.bool_]:
        """Which of all pairs may be within the limit by the further axes too: bool (rows, columns)."""
        further_left, further_right = (self._prepared.further[rows] for rows in self._rows)
        self.product -= np.multiply.outer(self._left[:, -3], self._right[:, -3])
        self.product += further_left @ further_right.T
        return self.product >= 0

    def ask_further(self, row: IndexArray, column: IndexArray) -> NDArray[np.bool_]:
        """Which of some pairs may be: bool (s,)."""
        further, (left, right) = self._prepared.further, self._rows
        value = self.product[row, column]
        value -= self._left[row, -3] * self._right[column, -3]
        for start in range(0, len(row), _PAIRS):
            part = slice(start, start + _PAIRS)
            here, there = further[places_in(left, row[part])], further[places_in(right, column[part])]
            value[part] += np.einsum("ij,ij->i", here, there)
        return value >= 0


def places_in(rows: slice | IndexArray, some: IndexArray) -> IndexArray:
    """Where some of the rows are: intp, as `some` that are counted from the first."""
    return some + rows.start if isinstance(rows, slice) else rows[some]


ON_OR_BELOW = np.tri(TILE, dtype=bool)


def pruning(vectors: Float32Array, axes: PrincipalAxes, limits: Float64Array, control: Control) -> Float32Pruning:
    """Make vectors ready, sorted by their limits. The first product has as many leading axes as pay.

    Args:
        vectors: float32 (m, d).
        axes: principal axes of them, as many as there are.
        limits: float64 (m,), squared distances up to which pairs will be asked for; inf for all.

    Cost: O(m·d²) multiplications, O(m·d) along axes as they are; a copy of the vectors.
    """
    m = len(vectors)
    most = axes.width
    order = np.argsort(limits, kind="stable")
    leading = most
    if axes.basis is not None:
        sample = sample_of(order)
        leading, _ = axes_of_first_product(*projection(vectors[sample], axes), limits[sample] * axes.power_of_two**2)
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
        all_along = axes.basis is None
        first[part, leading] = rounding_norms(squared) if all_along else residual_norms(along[:, :leading], squared)
        first[part, leading + 1] = np.nextafter((-reduced[part] / 2).astype(np.float32), np.float32(np.inf))
        first[part, leading + 2] = 1.0
        if leading < most:
            further[part, :-1] = along[:, leading:]
            further[part, -1] = residual_norms(along, squared)

    for_each_block(prepare, range(0, m, _ROWS), control)
    return Float32Pruning(order, first, further, reduced, axes.power_of_two**2, 2.0 * share)


def sample_of(order: IndexArray, size: int = _SAMPLE) -> IndexArray:
    """Which vectors tell how many pairs will survive: intp (s,), some of the order of their limits."""
    m = len(order)
    return order[np.linspace(0, m - 1, min(size, m)).astype(np.intp)]


def axes_of_first_product(
    along: Float32Array, squared: Float64Array, limits: Float64Array, *, multiply: float = _MULTIPLY
) -> tuple[int, float]:
    """How many leading axes the first product should have, judged by how many of a sample of pairs would survive it.

    Args:
        along: float32 (s, p), coordinates along all axes of a sample.
        squared: float64 (s,), its squared lengths.
        limits: float64 (s,), squared distances of projections up to which pairs are asked for.
        multiply: nanoseconds that a core takes for one column of one pair.

    Returns:
        That number, and the nanoseconds that a core takes for a pair then.
    """
    most = int(np.shape(along)[1])
    limit = np.maximum(limits[:, None], limits)
    total = (squared[:, None] + squared) / 2 - limit / 2
    product = np.zeros((len(along), len(along)))
    best, best_cost = most, np.inf
    for count in range(_STEP, most + _STEP, _STEP):
        here = slice(count - _STEP, min(count, most))
        product += along[:, here] @ along[:, here].T
        remaining = residual_norms(along[:, : min(count, most)], squared)
        share = float((product + remaining[:, None] * remaining >= total).mean())
        further = (_PAIR + _PAIR_AXIS * (most - count)) * share if count < most else 0.0
        cost = multiply * min(count, most) + further
        if cost < best_cost:
            best, best_cost = min(count, most), cost
    return int(best), best_cost
