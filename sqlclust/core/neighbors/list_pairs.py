"""Pairs within a list: the members of one inverted list are multiplied with each other, and near ones are kept.

The limit of a member is a squared distance beyond which it wants no neighbour. A pair is kept if it is within the limit of either
end. The members are ordered by their limits: of x before y, the limit L² of y is the larger one. So the question |x − y|² <= L²
is the sign of one dot product of d + 2 columns:

    (x, −|x|²/2, 1) · (y, 1, (L² − |y|²)/2) >= 0

So a tile costs one product and one comparison with zero.

By products of integers (`integer_vectors`) the question is whether q(x)·q(y) − |q(x)|²/2 − (|q(y)|² − L²/s²)/2 >= 0.
What follows the product is subtracted from it, and the rest is the same.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.integer_products import Uint8Array
from sqlclust.core.geometry.integer_vectors import IntegerVectors
from sqlclust.core.geometry.metrics import Float32Array, IndexArray
from sqlclust.core.neighbors.k_nearest import Int32Array, NeighborPairs, Number
from sqlclust.core.runtime.control import Control

_ROWS, _COLUMNS = 2048, 128
"""Narrow tiles, so that little of what is computed is on the wrong side of the diagonal."""
_CROWDED = 4
"""Times as many pairs in a tile as its members want neighbours, from which on only the nearest are kept: where all pairs are
about equally far."""
_LEAST_BOUND = np.float32(1e-30)
"""Added to bounds, so that there is one where all squares underflow."""
_ON_OR_BELOW = np.tri(_COLUMNS, dtype=bool)


class _OrderedMembers(NamedTuple):
    """A list's members in the order of their limits.

    Attributes:
        number: int32 (l,), which vectors they are.
        limits: float32 (l,), ascending.
        bounds: float32 (l,), the limits, but none larger than any distance in the list.
        half: float32 (l,), |x|²/2.
        left: float32 (l, d + 2), left sides of the product: centred vectors, −|x|²/2, 1.
    """

    number: Int32Array
    limits: Float32Array
    bounds: Float32Array
    half: Float32Array
    left: Float32Array

    def right(self, columns: slice) -> Float32Array:
        """Right sides of the product, float32 (c, d + 2)."""
        side = self.left[columns].copy()
        side[:, -2], side[:, -1] = 1.0, self.bounds[columns] / 2 - self.half[columns]
        return side

    def values(self, rows: slice, right: Float32Array, room: Float32Array) -> Float32Array:
        """What is >= 0 for pairs within the limit of the right side, float32 (r, c)."""
        product = room[: (rows.stop - rows.start) * len(right)].reshape(-1, len(right))
        return np.matmul(self.left[rows], right.T, out=product)

    def squared(self, column: IndexArray, values: Float32Array) -> Float32Array:
        """Squared distances of pairs, of their right sides and values."""
        return np.asarray(self.bounds[column] - 2 * values)

    def rounded(self) -> float:
        """How wrong squared distances from the products are at most.

        With u = 2⁻²⁴ and h = |x|²/2 of the longest, a product of d + 2 terms is wrong by at most (d + 2)·u times the sum of their
        sizes, which is at most 8.1·h: 2·h of x·y, h of −|x|²/2, 5.1·h of the right side's last column. Twice that, and d·u·h for
        each of both |x|²/2, and some u·h for centring and the last steps. What is added to bounds is rounded like h, and u times
        it is more than underflow takes from a term.
        """
        return float(self.left.shape[1] + 16) * 2.0**-24 * 24.0 * float(self.half.max() + _LEAST_BOUND)


class _OrderedIntegers(NamedTuple):
    """A list's members in the order of their limits, in integers: as `_OrderedMembers`.

    Attributes:
        bounds: int32 (l,), the limits in squared steps.
        half: int32 (l,), |q|²/2.
        left: uint8 (l, p), q + 128.
        integers: of all vectors.
    """

    number: Int32Array
    limits: Float32Array
    bounds: Int32Array
    half: Int32Array
    left: Uint8Array
    integers: IntegerVectors

    def right(self, columns: slice) -> _IntegerRight:
        """Right sides of the product: their numbers; and what is to be subtracted, int32 (c,)."""
        return _IntegerRight(self.left[columns], self.half[columns] - (self.bounds[columns] >> 1))

    def values(self, rows: slice, right: _IntegerRight, room: Float32Array) -> Int32Array:
        """As `_OrderedMembers` has it, int32 (r, c)."""
        values = self.integers.products(self.left[rows], right.numbers)
        values -= self.half[rows, None]
        values -= right.half
        return values

    def squared(self, column: IndexArray, values: Int32Array) -> Float32Array:
        """As `_OrderedMembers` has it."""
        return (self.bounds[column] - 2 * values).astype(np.float32) * np.float32(self.integers.step**2)

    def rounded(self) -> float:
        """No bound is known of what rounding to integers takes."""
        return np.inf


class _IntegerRight(NamedTuple):
    numbers: Uint8Array
    half: Int32Array

    def __len__(self) -> int:
        return len(self.half)


class ListPairs(NamedTuple):
    """Pairs found in a list.

    Attributes:
        pairs: with float32 distances from products; some may be a rounding too far, or have a distance below 0.
        rounded: how wrong those squared distances are at most.
    """

    pairs: list[NeighborPairs]
    rounded: float


def pairs_of_list(
    vectors: Float32Array,
    members: Int32Array,
    limits: Float32Array,
    k: int,
    control: Control,
    integers: IntegerVectors | None = None,
) -> ListPairs:
    """Pairs of a list's members that are within the limit of either end, as seen from the ends that want them.

    Args:
        vectors: float32 (m, d).
        members: int32 (l,), which of them are in the list.
        limits: float32 (m,), squared distances.
        k: neighbours wanted. Of very many pairs only those are kept that are among the k nearest of either end in their tile.
        integers: the m vectors in integers, for products where these tell the members apart.

    Cost: O(l²·d) multiplications.
    """
    if len(members) < 2:
        return ListPairs([], 0.0)
    limit = limits[members]
    order = np.argsort(limit, kind="stable")
    members, limit = members[order], limit[order]
    ordered: Any = None  # the one or the other
    if integers is not None and integers.tell(limit):
        ordered = _in_integers(integers, members, limit)
    else:
        ordered = _centred(vectors, members, limit)
    room = np.empty(_ROWS * _COLUMNS, dtype=np.float32)
    found: list[NeighborPairs] = []
    for start in range(0, len(members), _COLUMNS):
        control.check()
        columns = slice(start, min(start + _COLUMNS, len(members)))
        right = ordered.right(columns)
        for low in range(0, columns.stop, _ROWS):
            rows = slice(low, min(low + _ROWS, columns.stop))
            values = ordered.values(rows, right, room)
            if rows.stop > start:  # of the columns' own rows only those before
                own = values[max(start - low, 0) :]
                own[_ON_OR_BELOW[max(low - start, 0) :, : len(right)][: len(own)]] = -1
            found += _pairs_of_tile(ordered, rows, columns, values, k)
    return ListPairs(found, ordered.rounded())


def _in_integers(integers: IntegerVectors, members: Int32Array, limit: Float32Array) -> _OrderedIntegers:
    norms = integers.norms[members]
    # no two members are farther apart than twice the longest
    bounds = np.minimum(limit / np.float32(integers.step**2), 4.1 * float(norms.max())).astype(np.int32)
    return _OrderedIntegers(members, limit, bounds, norms >> 1, integers.numbers[members], integers)


def _centred(vectors: Float32Array, members: Int32Array, limit: Float32Array) -> _OrderedMembers:
    left = np.empty((len(members), vectors.shape[1] + 2), dtype=np.float32)
    left[:, :-2] = vectors[members]
    left[:, :-2] -= left[:: max(1, len(members) // 64), :-2].mean(axis=0)
    half = np.einsum("ij,ij->i", left[:, :-2], left[:, :-2]) / 2
    left[:, -2], left[:, -1] = -half, 1.0
    # no two members are farther apart than twice the longest
    bounds = np.minimum(limit, 8.1 * half.max() + _LEAST_BOUND)
    return _OrderedMembers(members, limit, bounds, half, left)


def _pairs_of_tile(
    ordered: Any, rows: slice, columns: slice, values: NDArray[Number], k: int
) -> tuple[NeighborPairs, NeighborPairs]:
    """The pairs of a tile whose value is >= 0: as the columns see them all, and as the rows see those they want too."""
    flat = values.ravel()
    at = np.flatnonzero(flat >= 0)
    if len(at) > _CROWDED * k * sum(values.shape):
        at = _largest(values, k)
    row, column = np.divmod(at, values.shape[1])
    squared = ordered.squared(columns.start + column, flat[at])
    here, other = ordered.number[rows.start + row], ordered.number[columns][column]
    mutual = np.flatnonzero(squared <= ordered.limits[rows.start + row])
    return NeighborPairs(other, here, squared), NeighborPairs(here[mutual], other[mutual], squared[mutual])


def _largest(values: NDArray[Number], k: int) -> IndexArray:
    """Where the k largest values of each row and of each column are, of those >= 0: flat indices, ascending."""
    kept = np.zeros(values.shape, dtype=bool)
    for axis, size in enumerate(values.shape):
        few = min(k, size)
        largest = np.argpartition(values, size - few, axis=axis).take(range(size - few, size), axis=axis)
        np.put_along_axis(kept, largest, True, axis=axis)
    kept &= values >= 0
    return np.flatnonzero(kept)
