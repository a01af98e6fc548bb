"""Vectors in 8-bit integers for searches that may miss a neighbour: their squared distances are about right.

    |x − y|² ≈ s²·|q(x) − q(y)|²

where q(x) is the centred vector, mixed, in steps of s, rounded to integers from −127 to 127. Each rounding takes half a step at
most, of either sign, so they nearly cancel out: a squared distance D² is wrong by about 0.8·s·D. What is not far above the steps
they do not tell (`IntegerVectors.tell`); `integer_images` has bounds instead, for searches that may miss nothing.

Mixing is by products with small orthonormal matrices, of coordinates in an order drawn at random: where few coordinates vary much
more than the others, steps that hold those would be too long for all others.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sqlclust.core.geometry.integer_images import mixing
from sqlclust.core.geometry.integer_products import (
    LARGEST,
    MOST_COLUMNS,
    ZERO,
    Int32Array,
    IntegerProduct,
    Uint8Array,
    integer_product,
)
from sqlclust.core.geometry.metrics import Float32Array, IndexArray
from sqlclust.core.runtime.control import Control
from sqlclust.core.runtime.threads import for_each_block, single_threaded_blas

_MIXED = 128
"""Coordinates that are mixed with each other, at most. More would cost more than the products save where there are thousands."""
_SAMPLE = 2048
_CUT_OFF = 1e-5
"""Share of the numbers that are larger than 127 steps, about."""
_CUT_SHORT = 16.0
"""Steps that a number may lose by that. Of 384 coordinates rounding takes 6 from a vector; neighbours are hundreds away."""
_MOST_CUT_SHORT = 1e-3
"""Share of the vectors that may lose more."""
_ROWS = 1024
_TOLD = 100.0
"""Steps from which on rounding takes hardly more than a hundredth of a squared distance."""
_NOT_TOLD = 0.02
"""Share of squared distances that may be smaller."""

WANTED: bool | None = None
"""Whether integers are to be used: True wherever they can be, False nowhere, None where there is much to multiply.
Only tests set it."""


class IntegerVectors(NamedTuple):
    """Vectors in 8-bit integers.

    Attributes:
        product: of them.
        numbers: uint8 (m, p), q + 128.
        norms: int32 (m,), |q|².
        step: s.
        cut_short: intp, ascending, those of the m that have numbers far above 127 steps. What is said of them is wrong.
    """

    product: IntegerProduct
    numbers: Uint8Array
    norms: Int32Array
    step: float
    cut_short: IndexArray

    def products(self, left: Uint8Array, right: Uint8Array) -> Int32Array:
        """q(x)·q(y) of some of the `numbers`: int32 (rows of left, rows of right)."""
        return self.product(left, np.ascontiguousarray((right ^ np.uint8(ZERO)).view(np.int8).T))

    def tell(self, squared: Float32Array) -> bool:
        """Whether integers tell vectors apart whose neighbours are at such squared distances; of nearly all of them."""
        too_small = np.count_nonzero(squared < (_TOLD * self.step) ** 2)
        return bool(too_small <= _NOT_TOLD * len(squared))


def vectors_in_integers(vectors: Float32Array, pairs: float, least: float, control: Control) -> IntegerVectors | None:
    """Vectors in integers; None where their products are not to be had, would be few, or would say too little.

    What is found with them is another approximation. So no clock decides: the same vectors on the same machine give the same
    answer, whatever else it does. Processors of x86-64 without fast products of integers have wrong ones, which are not used (see
    `integer_products`); other processors were not measured.

    Args:
        vectors: float32 (m, d), 1 <= m.
        pairs: how many will be multiplied.
        least: multiplications that are not few: from so many on ONNX Runtime is imported for them.

    Cost: O(m·d·128) multiplications; m·(w + 4) bytes, where w is d, rounded up to a multiple of the blocks' number.
    """
    dimension = vectors.shape[1]
    if WANTED is False or dimension + _MIXED > MOST_COLUMNS or (WANTED is None and pairs * dimension < least):
        return None
    product = integer_product()
    if product is None:
        return None
    with single_threaded_blas():
        return _integers(product, vectors, control)


def _integers(product: IntegerProduct, vectors: Float32Array, control: Control) -> IntegerVectors | None:
    m, dimension = vectors.shape
    sample = vectors[np.linspace(0, m - 1, min(m, _SAMPLE)).astype(np.intp)]
    centre = sample.mean(axis=0, dtype=np.float64).astype(np.float32)
    mixed = _Mixing.of(dimension)
    sizes = np.abs(mixed(sample - centre)).ravel()
    place = max(0, len(sizes) - 1 - int(_CUT_OFF * len(sizes)))
    step = float(np.partition(sizes, place)[place]) / LARGEST
    if step == 0.0:
        return None
    numbers = np.empty((m, mixed.width), dtype=np.uint8)
    norms, lost = np.empty(m, dtype=np.int32), np.empty(m, dtype=np.float32)

    def prepare(start: int) -> None:
        part = slice(start, min(start + _ROWS, m))
        steps = mixed(vectors[part] - centre)
        with np.errstate(over="ignore"):
            steps *= np.float32(1.0 / step)
        lost[part] = np.abs(steps).max(axis=1) - LARGEST
        np.rint(steps, out=steps)
        np.clip(steps, -LARGEST, LARGEST, out=steps)
        norms[part] = np.einsum("ij,ij->i", steps, steps, dtype=np.float64)
        steps += ZERO
        numbers[part] = steps

    for_each_block(prepare, range(0, m, _ROWS), control)
    cut_short = np.flatnonzero(~(lost <= _CUT_SHORT))
    if len(cut_short) > _MOST_CUT_SHORT * m:
        return None
    return IntegerVectors(product, numbers, norms, step, cut_short)


class _Mixing(NamedTuple):
    """Coordinates in blocks, each multiplied with an orthonormal matrix.

    Attributes:
        order: intp (d,), in which the coordinates are put into blocks.
        matrix: float32 (w, w).
        blocks: how many there are; the last ones are filled up with zeros.
    """

    order: IndexArray
    matrix: Float32Array
    blocks: int

    @staticmethod
    def of(dimension: int) -> _Mixing:
        """For vectors of so many coordinates."""
        blocks = -(-dimension // _MIXED)
        order = np.random.Generator(np.random.PCG64(dimension)).permutation(dimension)
        return _Mixing(order, mixing(-(-dimension // blocks)).astype(np.float32), blocks)

    @property
    def width(self) -> int:
        """How many numbers there are afterwards."""
        return self.blocks * len(self.matrix)

    def __call__(self, vectors: Float32Array) -> Float32Array:
        """Mixed vectors, float32 (b, width)."""
        ordered = np.zeros((len(vectors), self.width), dtype=np.float32)
        ordered[:, : len(self.order)] = vectors[:, self.order]
        return np.asarray((ordered.reshape(-1, len(self.matrix)) @ self.matrix).reshape(len(vectors), -1))
