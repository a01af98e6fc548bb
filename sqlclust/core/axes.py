"""NumPy-only core: principal axes, and what a few of them certify about distances in all of them. No SQL.

Embeddings vary little along most axes. In the first p principal axes, with the length of the rest as one more
coordinate, every vector has an image whose distances are never longer than the true ones (the rest of a difference is at least
the difference of the rests' lengths). A product over p + 3 columns so rules out most pairs at p/d of the price.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from sqlclust.core.metrics import Float32Array, Float64Array
from sqlclust.core.threads import single_threaded_blas

_SAMPLE = 4096
_FULL = 512
"""Up to so many dimensions all principal axes are computed; above, at most half of them, and any axes that complete them."""
_COMPLETE = 2048
"""Up to so many dimensions axes are completed."""
_TURNED = 8
"""Vectors for each dimension from which on they are turned to principal axes."""


class Axes(NamedTuple):
    """Orthonormal axes, the one of largest variance first.

    Attributes:
        centre: float64 (d,), the vectors' mean.
        basis: float64 (d, p), orthonormal columns, p <= d; None for the d axes as they are.
        scale: float, a power of two: images are of vectors multiplied by it, so that no square over- or underflows.
    """

    centre: Float64Array
    basis: Float64Array | None
    scale: float

    @property
    def width(self) -> int:
        """How many axes there are."""
        return len(self.centre) if self.basis is None else self.basis.shape[1]

    def leading(self, count: int) -> Axes:
        """The first `count` axes, of principal ones."""
        assert self.basis is not None
        return self._replace(basis=np.ascontiguousarray(self.basis[:, :count]))


def axes_that_pay(vectors: Float32Array) -> Axes:
    """As many principal axes as there are, for vectors float32 (m, d); the axes as they are where m is less than 8·d.

    There turning the vectors would cost as much as it could spare.
    """
    m, dimension = vectors.shape
    if m >= _TURNED * dimension:
        return principal_axes(vectors, dimension)
    scale = _scale(vectors)
    centre = vectors[:: max(1, m // _SAMPLE)].mean(axis=0, dtype=np.float64) * scale
    return Axes(centre, None, scale)


def principal_axes(vectors: Float32Array, count: int) -> Axes:
    """The leading principal axes of a sample; any orthonormal axes serve, these serve best.

    Args:
        vectors: float32 (m, d).
        count: axes wanted, at most d.

    Cost: O(d³), and O(d²) for each of some 4,096 vectors; of m < d / 2 vectors O(m²·d); of few axes O(d·count) for each.
    """
    m, dimension = vectors.shape
    count = min(count, dimension if dimension <= _COMPLETE else min(_COMPLETE // 2, max(m, 64)))
    few = dimension > _FULL and count <= dimension // 8
    most = min(_SAMPLE, max(16 * count, m // 8)) if few else max(_SAMPLE, 4 * dimension)
    sample = vectors[:: max(1, m // most)].astype(np.float64)
    scale = _scale(vectors)
    sample *= scale
    centre = sample.mean(axis=0)
    sample -= centre
    with single_threaded_blas():
        if few:
            narrow = sample.astype(np.float32)
            basis = _leading(lambda axes: narrow.T @ (narrow @ axes.astype(np.float32)), dimension, count)
        else:
            basis = _of_few(sample, count) if len(sample) < dimension // 2 else _of_many(sample, count)
    return Axes(centre, np.ascontiguousarray(basis), scale)


def _scale(vectors: Float32Array) -> float:
    """The power of two by which the largest number is brought to the order of one."""
    largest = float(max(vectors.max(), -vectors.min()))
    return float(2.0 ** -float(np.frexp(largest)[1])) if largest > 0 else 1.0


def _of_few(sample: Float64Array, count: int) -> Float64Array:
    """Principal axes of fewer vectors than half the dimensions: float64 (d, at most that many). No more are needed to hold
    every one of them, and nothing of the size d² is made."""
    spanning = np.linalg.qr(sample.T)[0]
    within = sample @ spanning
    turned = np.linalg.eigh(within.T @ within)[1][:, ::-1]
    return np.asarray(np.linalg.qr(spanning @ turned)[0][:, :count])


def _of_many(sample: Float64Array, count: int) -> Float64Array:
    dimension = sample.shape[1]
    narrow = sample.astype(np.float32)
    covariance = (narrow.T @ narrow).astype(np.float64)
    if dimension <= _FULL:
        return np.asarray(np.linalg.eigh(covariance)[1][:, ::-1][:, :count])
    basis = _leading(lambda axes: covariance @ axes, dimension, min(count, dimension // 2))
    return basis if count <= basis.shape[1] else np.asarray(np.linalg.qr(basis, mode="complete")[0][:, :count])


def _leading(covary: Callable[[Float64Array], Any], dimension: int, count: int) -> Float64Array:
    """Leading axes by subspace iteration: float64 (d, count). `covary` multiplies axes (d, count) with the covariances."""
    start = np.random.Generator(np.random.PCG64(20130401)).standard_normal((dimension, count))
    basis = np.linalg.qr(covary(start).astype(np.float64))[0]
    basis = np.linalg.qr(covary(basis).astype(np.float64))[0]
    turned = np.linalg.eigh(basis.T @ covary(basis))[1][:, ::-1]
    # again orthonormal to the last bit, as the bound asks
    return np.asarray(np.linalg.qr(basis @ turned)[0])


def image(vectors: Float32Array, axes: Axes) -> tuple[Float32Array, Float64Array]:
    """Coordinates along the axes of some vectors, float32 (b, d).

    Returns:
        along: float32 (b, p), the coordinates, each rounded once.
        squared: float64 (b,), squared lengths of the centred vectors: of all of them, not only of the part along the axes.
    """
    scaled = vectors * np.float32(axes.scale) - axes.centre
    along = scaled if axes.basis is None else scaled @ axes.basis
    return along.astype(np.float32), np.einsum("ij,ij->i", scaled, scaled)


def rest(along: Float32Array, squared: Float64Array) -> Float64Array:
    """At least the length of what the coordinates leave of each vector, float64 (b,).

    With w the part of x that its rounded coordinates z leave, |w|² = |x|² − |z|² − 2·(a − z)·z for the unrounded a; the last
    term is at most 2·2⁻²⁴·|x|², which is added here. So x·y <= z·z' + rest·rest' up to a few roundings of |x|·|y|.
    """
    head = along.astype(np.float64)
    left = squared - np.einsum("ij,ij->i", head, head)
    return np.asarray(np.sqrt(np.maximum(left, 0.0) + 2.0**-22 * squared))
