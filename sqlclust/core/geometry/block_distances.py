"""Squared distances of whole blocks by one product, with a bound on how wrong they are.

    |x − y|² = |x|² + |y|² − 2·x·y

For many pairs of the same rows and columns this takes a hundredth of the time of measuring each pair from its difference. Where
`pruning` leaves thousands of pairs of a block, they are asked here again, and few are left to measure. The product is in float64,
or in float32 where that has no rounding.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.metrics import Float32Array, Float64Array, IndexArray

_UNIT_ROUNDOFF = 2.0**-53
_LATTICE_ROWS = 1024


class Side(NamedTuple):
    """The columns of blocks.

    Attributes:
        vectors: (c, d), centred.
        centre: float64 (d,), what was taken from them; (0,) where they are not centred.
        squared: float64 (c,), squared lengths.
        slack: float64 (c,), how wrong distances to each are at most.
    """

    vectors: Float32Array | Float64Array
    centre: Float64Array
    squared: Float64Array
    slack: Float64Array


class Block(NamedTuple):
    """Squared distances of some rows to some columns.

    Attributes:
        squared: float64 (r, c), >= 0.
        row_slack, column_slack: float64 (r,), (c,): |squared − true| <= row_slack + column_slack, where true is what
            `metrics.squared_distances` gives. All 0 where products have no rounding.
    """

    squared: Float64Array
    row_slack: Float64Array
    column_slack: Float64Array

    @property
    def slack(self) -> Float64Array:
        """float64 (c,), how wrong the distances in each column are at most."""
        return np.asarray(self.column_slack + self.row_slack.max(initial=0.0))


class Blocks(NamedTuple):
    """Vectors whose distances are asked block by block.

    Attributes:
        vectors: float32 (m, d).
        exact_in: the type in which their products have no rounding at all, as for integers that are not too large; None where
            there is no such type.
    """

    vectors: Float32Array
    exact_in: type[np.float32] | type[np.float64] | None

    @property
    def exact(self) -> bool:
        """Whether distances have no rounding at all."""
        return self.exact_in is not None

    def side(self, columns: IndexArray) -> Side:
        """Some vectors, intp (c,), as columns. Blocks are centred on the columns' mean, unless products have no rounding."""
        centre = np.zeros(0) if self.exact else self.vectors[columns].mean(axis=0, dtype=np.float64)
        return self._side(columns, centre)

    def block(self, rows: IndexArray, side: Side) -> Block:
        """Squared distances of some vectors, intp (r,), to a side's. O(r·c·d) multiplications."""
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
        # a sum of d products is wrong by at most d roundings of |x|·|y|. There are such sums in the product, in both lengths, and
        # in the true distance; and 2·|x|·|y| <= |x|² + |y|²
        return Side(wide, centre, squared, (5.0 * wide.shape[1] + 64.0) * _UNIT_ROUNDOFF * squared)


def blocks_of(vectors: Float32Array) -> Blocks:
    """Vectors made ready for blocks of distances.

    Args:
        vectors: float32 (m, d), finite, m >= 1.

    Cost: O(m·d) for integers and the like, which are looked at one and all; else O(d).
    """
    if _sums_fit(vectors, 24):
        return Blocks(vectors, np.float32)
    return Blocks(vectors, np.float64 if _sums_fit(vectors, 53) else None)


def _sums_fit(vectors: Float32Array, digits: int) -> bool:
    """Whether so many binary digits hold every sum of products of the numbers; they do if all are multiples of a large step."""
    longest = known = 0.0
    for start in range(0, len(vectors), _LATTICE_ROWS):
        part = vectors[start : start + _LATTICE_ROWS]
        longest = max(longest, float(np.einsum("ij,ij->i", part, part, dtype=np.float64).max()))
        known = known or longest
        # the longer the longest vector, the larger the step: what is no multiple now is none later
        if not _are_multiples(part, longest, digits):
            return False
    return known == longest or all(
        _are_multiples(vectors[start : start + _LATTICE_ROWS], longest, digits)
        for start in range(0, len(vectors), _LATTICE_ROWS)
    )


def _are_multiples(vectors: Float32Array, longest: float, digits: int) -> bool:
    """Whether all numbers are multiples of a step, a power of two with 2**digits · step² > 4 · longest.

    Args:
        longest: the largest squared length.
    """
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
        limits: float64 (r,), squared distances that the k-th nearest of each row does not exceed.
        exact: the distances have no error, and the columns ascend by index. Of equally far ones the first are taken then.
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
