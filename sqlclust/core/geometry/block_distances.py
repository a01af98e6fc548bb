"""Arrays only: squared distances of whole blocks by one product, with a bound on how wrong they are. No SQL.

|x − y|² = |x|² + |y|² − 2·x·y. Of many pairs of the same rows and columns this takes a hundredth of the time that measuring
each from its difference takes. What `pruning` lets through by the thousand is asked here again; few are left to measure.
The product is in float64, or in float32 where that has no rounding.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.metrics import Float32Array, Float64Array, IndexArray

_UNIT_ROUNDOFF = 2.0**-53
_LATTICE_ROWS = 1024


class Side(NamedTuple):
    """The columns of blocks: (c, d) centred vectors, their centre, float64 (c,) squared lengths and how far those are wrong."""

    vectors: Float32Array | Float64Array
    centre: Float64Array
    squared: Float64Array
    slack: Float64Array


class Block(NamedTuple):
    """Squared distances of some rows to some columns.

    Attributes:
        squared: float64 (r, c), >= 0.
        row_slack, column_slack: float64 (r,), (c,): |squared − true| <= row_slack + column_slack, where true is what
            `metrics.squared_distances` gives; all 0 where the products are exact.
    """

    squared: Float64Array
    row_slack: Float64Array
    column_slack: Float64Array

    @property
    def slack(self) -> Float64Array:
        """float64 (c,), how wrong anything in each column is at most."""
        return np.asarray(self.column_slack + self.row_slack.max(initial=0.0))


class Blocks(NamedTuple):
    """Vectors whose distances are asked block by block.

    Attributes:
        vectors: float32 (m, d).
        exact_in: the type in which products of them have no rounding at all, as of integers that are not too large; or None.
    """

    vectors: Float32Array
    exact_in: type[np.float32] | type[np.float64] | None

    @property
    def exact(self) -> bool:
        """Whether distances have no rounding at all."""
        return self.exact_in is not None

    def side(self, columns: IndexArray) -> Side:
        """Some vectors as columns; blocks are centred on their mean, unless they are exact."""
        centre = np.zeros(0) if self.exact else self.vectors[columns].mean(axis=0, dtype=np.float64)
        return self._side(columns, centre)

    def block(self, rows: IndexArray, side: Side) -> Block:
        """Squared distances of some vectors to a side's. O(r·c·d) multiplications."""
        here = self._side(rows, side.centre)
        distances = (here.vectors @ side.vectors.T).astype(np.float64, copy=False)
        distances *= -2.0
        distances += here.squared[:, None]
        distances += side.squared
        np.maximum(distances, 0.0, out=distances)
        return Block(distances, here.slack, side.slack)

    def _side(self, rows: IndexArray, centre: Float64Array) -> Side:
        if self.exact_in is not None:
            vectors: Any = self.vectors[rows].astype(self.exact_in, copy=False)
            squared = np.einsum("ij,ij->i", vectors, vectors).astype(np.float64)
            return Side(vectors, centre, squared, np.zeros(len(rows)))
        wide = self.vectors[rows].astype(np.float64)
        wide -= centre
        squared = np.einsum("ij,ij->i", wide, wide)
        # a sum of d products loses at most d roundings of |x|·|y|: in the product, in both lengths, and in the distance it
        # is compared with; 2·|x|·|y| <= |x|² + |y|²
        return Side(wide, centre, squared, (5.0 * wide.shape[1] + 64.0) * _UNIT_ROUNDOFF * squared)


def blocks_of(vectors: Float32Array) -> Blocks:
    """Vectors float32 (m, d), finite, m >= 1, for blocks of distances. O(m·d) for integers and the like, else O(d)."""
    if _sums_fit(vectors, 24):
        return Blocks(vectors, np.float32)
    return Blocks(vectors, np.float64 if _sums_fit(vectors, 53) else None)


def _sums_fit(vectors: Float32Array, digits: int) -> bool:
    """Whether all numbers are multiples of a power of two, so large that so many digits hold every sum of their products."""
    longest = known = 0.0
    for start in range(0, len(vectors), _LATTICE_ROWS):
        part = vectors[start : start + _LATTICE_ROWS]
        longest = max(longest, float(np.einsum("ij,ij->i", part, part, dtype=np.float64).max()))
        known = known or longest
        # what is no multiple of the step for the longest so far, is none for a longer one
        if not _are_multiples(part, longest, digits):
            return False
    return known == longest or all(
        _are_multiples(vectors[start : start + _LATTICE_ROWS], longest, digits)
        for start in range(0, len(vectors), _LATTICE_ROWS)
    )


def _are_multiples(vectors: Float32Array, longest: float, digits: int) -> bool:
    """Whether the numbers are multiples of a step; 2**digits of its squares are over four times the longest squared length."""
    if longest == 0.0:
        return True
    exponent = -((digits - 3 - int(np.frexp(longest)[1])) // 2)
    steps: NDArray[np.float64] = np.ldexp(vectors.astype(np.float64), -exponent)
    return bool((steps == np.rint(steps)).all())


def nearest_of_rows(
    squared: Float64Array, slack: Float64Array, limits: Float64Array, k: int, *, exact: bool
) -> NDArray[np.bool_]:
    """Which of a block's pairs may be among the k nearest of their rows: bool (r, c).

    Args:
        squared: float64 (r, c); inf for pairs that do not count.
        slack: float64 (r,), how wrong the distances of each row are at most.
        limits: float64 (r,), what the k-th nearest of each row certainly does not exceed.
        exact: the distances have no error, and the columns ascend by index: of equally far ones the first are taken.
    """
    near: NDArray[np.bool_] = squared <= np.minimum(limits + slack, np.finfo(np.float64).max)[:, None]
    many = np.flatnonzero(near.sum(axis=1) > k)
    if len(many) == 0:
        return near
    some = squared[many]
    last = np.partition(some, k - 1, axis=1)[:, k - 1 : k]
    if exact:
        nearer, tied = some < last, some == last
        tied &= np.cumsum(tied, axis=1) <= k - nearer.sum(axis=1)[:, None]
        near[many] &= nearer | tied
    else:
        near[many] &= some <= last + 2 * slack[many, None]
    return near
