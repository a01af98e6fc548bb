"""Pruning by products of 8-bit integers, where they are to be had and pay: `pruning` with another first product.

With q, r and s of `integer_images`, a pair can be within the limit L of y only if s·|q(x) − q(y)| <= L + r(x) + r(y). Let R be
what hardly any r(x) exceeds, e(x) what it exceeds it by, and B = (L + r(y) + R)/s. No B is above the largest, M. So

    q(x)·q(y) >= (|q(x)|² − e(x)·(2·M + e(x)))/2 + (|q(y)|² − B²)/2 = a(x) + b(y)

a and b, less the middle of all, become columns of the product: eight columns of numbers up to 127, with 127 in those of the other
side, hold up to 8·127·127, and a last one holds what remains. What is above may be cut off, and loses nothing. So a tile costs
one product, and one comparison with a number.

The pairs that survive are asked again by differences in float32, of which the bound is known too. Where a tile has many, by a
product in float32.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.centred_sides import centred_sides
from sqlclust.core.geometry.integer_images import Images, images
from sqlclust.core.geometry.integer_products import (
    LARGEST,
    MOST_COLUMNS,
    ZERO,
    Int8Array,
    IntegerProduct,
    Products,
    integer_product,
)
from sqlclust.core.geometry.metrics import Float32Array, Float64Array, IndexArray, nearly_squared_distances
from sqlclust.core.geometry.principal_axes import PrincipalAxes, projection
from sqlclust.core.neighbors.pruning import (
    CROWDED,
    ON_OR_BELOW,
    Costs,
    Float32Pruning,
    Pruning,
    Worth,
    axes_of_first_product,
    places_in,
    pruning,
    sample_of,
)
from sqlclust.core.runtime.control import Control
from sqlclust.core.runtime.threads import for_each_block, single_threaded_blas

_LEAST_WORK = 5e10
"""Multiplications of all pairs from which on products of integers are looked for: importing takes some tenths of a second."""
_STEP = 64
_TERM = 9
"""Columns of a term."""
_REACH = float(LARGEST * LARGEST * (_TERM - 1))
"""The largest number that they hold. Terms of embeddings differ by up to three quarters of twice that."""
_ROWS = 1024
_PAIR, _LOOK = 90.0, 0.6
"""Nanoseconds a core takes for a surviving pair, and for each dimension of it, until float32 has measured it."""
_IN_PASSING = 1.5
"""Times a float32 product that one takes whose sides are made in passing."""
_ENLARGED = 1.0 + 2.0**-20
"""More than rounding takes from a limit and from axes that are not quite orthonormal."""
_WILD, _LARGE = 5e-4, 2.0**31
"""Share of the vectors that may be too large for the columns of terms; what is too large in any case."""
_USUAL = 0.9
"""Share of the vectors whose r is not above R."""
_ORDINARY = 0.99
"""Share of the vectors of which no two are farther apart than M."""
_SAMPLE, _SMALL_SAMPLE = 512, 256
"""Vectors whose pairs tell what products of integers would take, and what those of float32."""


WANTED: bool | None = None
"""Whether integers are to be used: True wherever they can be, False nowhere, None where they pay. Only tests set it."""


class IntegerRight(NamedTuple):
    """Right sides of the product: some vectors with their limits.

    Attributes:
        rows: which vectors, as places in the order of `IntegerPruning`.
        columns: int8 (p, c), q(y) and b(y).
        threshold: products below it are of pairs beyond the limit.
        limits: float64 (c,), as given.
        unlimited: intp, those of the c that any vector may be within the limit of.
    """

    rows: IndexArray | slice
    columns: Int8Array
    threshold: int
    limits: Float64Array
    unlimited: IndexArray


class IntegerPruning:
    """Vectors made ready for ruling out pairs; see `pruning.Pruning`, which it stands for.

    Attributes:
        order: intp (m,), which vector each row is.
        wild: intp, ascending, rows that are too large to be ruled out.
    """

    def __init__(
        self,
        product: IntegerProduct,
        vectors: Float32Array,
        axes: PrincipalAxes,
        limits: Float64Array,
        how: Images,
        control: Control,
    ) -> None:
        m = len(vectors)
        self.order = np.argsort(limits, kind="stable")
        self._product, self._vectors, self._axes, self._limits, self._how = product, vectors, axes, limits, how
        self._sides = centred_sides(vectors, axes)
        self._scale = axes.power_of_two / how.step
        self._norms, self._left_over = np.empty(m), np.empty(m)
        self._left = np.empty((m, how.width + 2 * _TERM), dtype=np.uint8)

        def prepare(start: int) -> None:
            part = slice(start, min(start + _ROWS, m))
            numbers, self._left_over[part] = how.of(vectors[self.order[part]])
            self._norms[part] = np.einsum("ij,ij->i", numbers, numbers)
            numbers += ZERO
            self._left[part, : how.width] = numbers

        for_each_block(prepare, range(0, m, _ROWS), control)
        self._usual = float(np.quantile(self._left_over, _USUAL))
        lengths = float(np.quantile(np.sqrt(self._norms) + self._left_over, _ORDINARY))
        self._most = (2.0 * lengths + 2.0 * self._usual) * _ENLARGED
        exceeding = np.maximum(self._left_over - self._usual, 0.0)
        terms = np.floor((self._norms - exceeding * (2.0 * self._most + exceeding)) / 2.0) - 1.0
        self._middle, self.wild = _middle_of(terms)
        own, other = self._left[:, how.width : -_TERM], self._left[:, -_TERM:]
        own[...] = _in_columns(terms - self._middle) + ZERO
        other[:, :-1], other[:, -1] = ZERO + LARGEST, ZERO + 1

    @property
    def products(self) -> Products:
        """Of integers."""
        return "int8"

    @property
    def first_columns(self) -> int:
        """About how many columns a float32 product would have. One of integers takes less time, but where hardly anything can be
        ruled out, what comes after it takes more.
        """
        return max(1, self._how.width // 2)

    def in_float32(self, control: Control) -> Float32Pruning:
        """The same vectors made ready for products in float32; a copy of them."""
        return pruning(self._vectors, self._axes, self._limits, control)

    def _right_terms(self, rows: IndexArray | slice, limits: Float64Array) -> Float64Array:
        """b of some rows, with their limits; −inf for those that everything may be within the limit of."""
        with np.errstate(over="ignore"):
            bounds = (np.sqrt(limits) * self._scale + self._left_over[rows] + self._usual) * _ENLARGED
        terms = np.floor((self._norms[rows] - np.minimum(bounds, self._most) ** 2) / 2.0) - 1.0
        return np.where(bounds < self._most, terms, -np.inf)

    def right(self, rows: IndexArray | slice, limits: Float64Array) -> IntegerRight:
        """Right sides of c rows with their limits float64 (c,), squared distances; inf for none."""
        terms = self._right_terms(rows, limits)
        unlimited = np.isinf(terms)
        middle = float(terms[~unlimited].min(initial=np.inf)) + _REACH
        middle = middle if np.isfinite(middle) else 0.0
        columns = (self._left[rows] ^ np.uint8(ZERO)).view(np.int8)
        own, other = columns[:, -_TERM:], columns[:, self._how.width : -_TERM]
        own[...] = -_in_columns(terms - middle)
        other[:, :-1], other[:, -1] = -LARGEST, -1
        threshold = int(self._middle + middle)
        return IntegerRight(rows, np.ascontiguousarray(columns.T), threshold, limits, np.flatnonzero(unlimited))

    def survivors(
        self,
        left: slice | IndexArray,
        right: IntegerRight,
        room: Float32Array,
        *,
        triangle: bool = False,
        differences: bool = True,
        worth: Worth | None = None,
        spend: Callable[[float], object] | None = None,
    ) -> tuple[IndexArray, IndexArray] | None:
        """As `Pruning.survivors` has it."""
        product = self._product(self._left[left], right.columns)
        possible: NDArray[np.bool_] = room.view(np.bool_)[: product.size].reshape(product.shape)
        np.greater_equal(product, right.threshold, out=possible)
        self._let_all_through(left, right, possible)
        if triangle:
            possible &= ~ON_OR_BELOW[: len(possible), : len(right.limits)]
        places = _places(possible)
        if worth is not None and len(places) > CROWDED * possible.size:
            possible &= worth(np.arange(len(possible))[:, None], np.arange(len(right.limits)))
            places = _places(possible)
        if len(places) > CROWDED * possible.size:
            if spend is not None:
                spend(_IN_PASSING * Costs(self._vectors.shape[1]).product(possible.size))
            possible &= self._may_be_by_product(left, right)
            places = _places(possible)
            if len(places) > CROWDED * possible.size:
                return None
        row, column = np.divmod(places, len(right.limits))
        if worth is not None:
            wanted = worth(row, column)
            row, column = row[wanted], column[wanted]
        if differences and len(row):
            if spend is not None:
                spend(len(row) * (_PAIR + _LOOK * self._vectors.shape[1]))
            keep = self._may_be(left, right, row, column)
            row, column = row[keep], column[keep]
        return row, column

    def _let_all_through(self, left: slice | IndexArray, right: IntegerRight, possible: NDArray[np.bool_]) -> None:
        """Mark the pairs of vectors whose terms no columns hold."""
        if len(self.wild):
            possible[np.isin(places_in(left, np.arange(len(possible))), self.wild)] = True
        if len(right.unlimited):
            possible[:, right.unlimited] = True

    def _may_be(
        self, left: slice | IndexArray, right: IntegerRight, row: IndexArray, column: IndexArray
    ) -> NDArray[np.bool_]:
        """Which of some pairs may be within the limit, by their differences in float32: bool (s,)."""
        nearly, share, least = nearly_squared_distances(
            self._vectors, self.order[places_in(left, row)], self.order[places_in(right.rows, column)]
        )
        # what overflows tells nothing
        return ~(nearly * (1.0 - share) - least > right.limits[column]) | np.isinf(nearly)

    def _may_be_by_product(self, left: slice | IndexArray, right: IntegerRight) -> NDArray[np.bool_]:
        """Which of all pairs may be within the limit, by a product in float32: bool (rows, columns)."""
        product = self._sides.left(self.order[left]) @ self._sides.right(self.order[right.rows]).T
        product *= np.float32(-2.0)
        return np.asarray(product <= self._sides.of_products(right.limits))


def _places(possible: NDArray[np.bool_]) -> IndexArray:
    """Where a contiguous array is true, of which little is: as `np.flatnonzero`, in a quarter of the time."""
    flat = possible.reshape(-1)
    if len(flat) % 8:
        return np.flatnonzero(flat)
    words = np.flatnonzero(flat.view(np.uint64) != 0)
    word, byte = np.nonzero(flat.reshape(-1, 8)[words])
    return np.asarray(8 * words[word] + byte)


def _middle_of(terms: Float64Array) -> tuple[float, IndexArray]:
    """What is taken from terms, so that columns hold all but a few that are below; and where those few are."""
    low = float(terms.min())
    if float(terms.max()) - low > 2.0 * _REACH:
        low = max(float(np.quantile(terms, _WILD, method="lower")), -_LARGE)
    return low + _REACH, np.flatnonzero(terms < low)


def _in_columns(terms: Float64Array) -> NDArray[np.int16]:
    """Integers as columns v, int16 (n, 9): 127·(v₀ + v₁ + …) + the last one; those that are too large for it as the largest."""
    columns = np.empty((len(terms), _TERM), dtype=np.int16)
    terms = np.clip(terms, -_REACH, _REACH)
    left = np.floor(terms / LARGEST)
    columns[:, -1] = terms - left * LARGEST
    for column in range(_TERM - 1):
        columns[:, column] = part = np.clip(left, -LARGEST, LARGEST)
        left -= part
    return columns


# --- whether it pays -----------------------------------------------------------------------------------------------------------


def pruning_that_pays(vectors: Float32Array, axes: PrincipalAxes, limits: Float64Array, control: Control) -> Pruning:
    """Make vectors ready for ruling out pairs, sorted by their limits: by products of integers where these are to be had and take
    less time, as a sample of the pairs tells.

    Args:
        vectors: float32 (m, d).
        axes: principal axes of them, as many as there are; or axes as they are.
        limits: float64 (m,), squared distances up to which pairs will be asked for; inf for all.

    Cost: O(m·d·p) multiplications and m·p bytes for integers along p axes; else that of `pruning`.
    """
    with single_threaded_blas():  # for products this small, more threads only wait for each other
        how = _how_it_pays(vectors, axes, limits, control)
    if how is not None:
        made = IntegerPruning(how[0], vectors, axes, limits, how[1], control)
        if WANTED or len(made.wild) <= 2 * _WILD * len(vectors):
            return made
    return pruning(vectors, axes, limits, control)


def _how_it_pays(
    vectors: Float32Array, axes: PrincipalAxes, limits: Float64Array, control: Control
) -> tuple[IntegerProduct, Images] | None:
    m, dimension = vectors.shape
    if WANTED is False or axes.width + 2 * _TERM > MOST_COLUMNS:
        return None
    if WANTED is None and (float(m) * m * dimension < _LEAST_WORK or np.isinf(limits).all()):
        return None
    product = integer_product()
    if product is None:
        return None
    order = np.argsort(limits, kind="stable")
    chosen = sample_of(order, _SAMPLE)
    sample, limit = vectors[chosen], limits[chosen]
    best, least = None, np.inf
    if WANTED is None:
        few = sample_of(order, _SMALL_SAMPLE)
        wide, scaled = product.costs(dimension)[1], limits[few] * axes.power_of_two**2
        least = axes_of_first_product(*projection(vectors[few], axes), scaled, multiply=wide / dimension)[1]
    counts = [axes.width] if axes.basis is None else [axes.width, *range((axes.width - 1) // _STEP * _STEP, 0, -_STEP)]
    before = np.inf
    for count in counts:
        control.check()
        how = images(sample, axes, count)
        cost = np.inf if how is None else _cost(product, how, sample, limit)
        if how is not None and cost < least:
            best, least = how, cost
        if cost > before:  # with fewer axes only more pairs survive
            break
        before = cost
    return None if best is None else (product, best)


def _cost(product: IntegerProduct, how: Images, sample: Float32Array, limits: Float64Array) -> float:
    """Nanoseconds of a core that a pair of vectors like some takes, with their limits: float64 (s,), ascending."""
    limits = np.sqrt(limits) * (how.axes.power_of_two / how.step)
    numbers, left_over = how.of(sample)
    narrow, norms = numbers.astype(np.float32), np.einsum("ij,ij->i", numbers, numbers)
    squared = norms[:, None] + norms - 2.0 * (narrow @ narrow.T)
    bounds = limits + left_over + float(np.quantile(left_over, _USUAL))
    near = np.triu(squared <= bounds**2, 1)
    share = float(np.count_nonzero(near)) / max(1.0, len(near) * (len(near) - 1) / 2)
    dimension = sample.shape[1]
    columns = (how.width + 2 * _TERM) / dimension
    return float(product.costs(dimension)[0] * columns + share * (_PAIR + _LOOK * dimension))
