"""Arrays only: principal axes, and what a few of them certify about distances in all of them. No SQL.

Embeddings vary little along most axes. In the first p principal axes, with the length of the rest as one more
coordinate, every vector has an image whose distances are never longer than the true ones (the rest of a difference is at least
the difference of the rests' lengths). A product over p + 3 columns so rules out most pairs at p/d of the price.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sqlclust.core.control import Control
from sqlclust.core.metrics import Float32Array, Float64Array
from sqlclust.core.threads import single_threaded_blas

_SAMPLE = 4096
_FULL = 512
"""Up to so many dimensions all principal axes are computed; above, at most half of them, and any axes that complete them."""
_COMPLETE = 2048
"""Up to so many dimensions axes are completed."""
_PANEL = 128
_AT_ONCE = 1 << 33
"""Multiplications of one call of BLAS: a tenth of a second or two."""


class Axes(NamedTuple):
    """Orthonormal axes, the one of largest variance first.

    Attributes:
        centre: float64 (d,), the vectors' mean.
        basis: float64 (d, p), orthonormal columns, p <= d.
        scale: float, a power of two: images are of vectors multiplied by it, so that no square over- or underflows.
    """

    centre: Float64Array
    basis: Float64Array
    scale: float

    def leading(self, count: int) -> Axes:
        """The first `count` axes."""
        return self._replace(basis=np.ascontiguousarray(self.basis[:, :count]))


def principal_axes(vectors: Float32Array, count: int, control: Control | None = None) -> Axes:
    """The leading principal axes of a sample; any orthonormal axes serve, these serve best.

    Args:
        vectors: float32 (m, d).
        count: axes wanted, at most d.

    Cost: O(d³), and O(d²) for each of some 4,096 vectors; of m < d / 2 vectors O(m²·d). No step of it is longer than an
    eigendecomposition of 1,024 × 1,024: what LAPACK would do in one call is done in panels.
    """
    control = control or Control()
    m, dimension = vectors.shape
    count = min(count, dimension if dimension <= _COMPLETE else min(_COMPLETE // 2, max(m, 64)))
    every = max(1, m // max(_SAMPLE, 4 * dimension))
    sample = np.empty((-(-m // every), dimension))
    for start in range(0, len(sample), _SAMPLE):
        control.check()
        sample[start : start + _SAMPLE] = vectors[start * every : (start + _SAMPLE) * every : every]
    largest = 0.0
    for start in range(0, m, _SAMPLE):
        control.check()
        block = vectors[start : start + _SAMPLE]
        largest = max(largest, float(block.max()), -float(block.min()))
    scale = 2.0 ** -float(np.frexp(largest)[1]) if largest > 0 else 1.0
    sample *= scale
    control.check()
    centre = sample.mean(axis=0)
    control.check()
    sample -= centre
    control.check()
    with single_threaded_blas():
        few = len(sample) < dimension // 2
        basis = _of_few(sample, count, control) if few else _of_many(sample, count, control)
    return Axes(centre, np.ascontiguousarray(basis), scale)


def _of_few(sample: Float64Array, count: int, control: Control) -> Float64Array:
    """Principal axes of fewer vectors than half the dimensions: float64 (d, at most that many). No more are needed to hold
    every one of them, and nothing of the size d² is made."""
    spanning = _orthonormal(sample.T, len(sample), control)
    within = _product(sample, spanning, control)
    gram = _product(within.T, within, control)
    turned = _leading(gram, count, control) if len(gram) > _COMPLETE // 2 else np.linalg.eigh(gram)[1][:, ::-1]
    control.check()
    return _orthonormal(_product(spanning, turned[:, :count], control), min(count, len(sample)), control)


def _of_many(sample: Float64Array, count: int, control: Control) -> Float64Array:
    dimension = sample.shape[1]
    covariance = np.zeros((dimension, dimension), dtype=np.float32)
    step = max(1, _AT_ONCE // dimension**2)
    for start in range(0, len(sample), step):
        part = sample[start : start + step].astype(np.float32)
        covariance += part.T @ part
        control.check()
    if dimension <= _FULL:
        return np.asarray(np.linalg.eigh(covariance.astype(np.float64))[1][:, ::-1][:, :count])
    basis = _leading(covariance.astype(np.float64), min(count, dimension // 2), control)
    return basis if count <= basis.shape[1] else _orthonormal(basis, count, control)


def _leading(covariance: Float64Array, count: int, control: Control) -> Float64Array:
    """Leading axes by subspace iteration: float64 (d, count)."""
    start = np.random.Generator(np.random.PCG64(20130401)).standard_normal((len(covariance), count))
    basis = _orthonormal(_product(covariance, start, control), count, control)
    basis = _orthonormal(_product(covariance, basis, control), count, control)
    turned = np.linalg.eigh(_product(basis.T, _product(covariance, basis, control), control))[1][:, ::-1]
    control.check()
    # again orthonormal to the last bit, as the bound asks
    return _orthonormal(_product(basis, turned, control), count, control)


def _product(left: Float64Array, right: Float64Array, control: Control) -> Float64Array:
    """A matrix product in portions of rows."""
    result = np.empty((left.shape[0], right.shape[1]))
    step = max(1, _AT_ONCE // max(1, 2 * right.size))
    for start in range(0, len(left), step):
        control.check()
        np.matmul(left[start : start + step], right, out=result[start : start + step])
    return result


def _orthonormal(matrix: Float64Array, count: int, control: Control) -> Float64Array:
    """Orthonormal columns float64 (d, count), the first of which span those of the matrix (d, p), p <= count <= d.

    Householder's QR in panels, as LAPACK does it in one call (Schreiber and Van Loan 1989, the compact WY form): orthonormal
    to rounding for whatever matrix, columns that depend on each other included.
    """
    remaining = matrix.copy()
    reflectors: list[tuple[int, Float64Array, Float64Array]] = []
    for start in range(0, matrix.shape[1], _PANEL):
        control.check()
        raw, tau = np.linalg.qr(remaining[start:, start : start + _PANEL], mode="raw")
        below = np.tril(raw.T, -1)
        np.fill_diagonal(below, 1.0)
        factor, inner = np.zeros((len(tau), len(tau))), below.T @ below
        for column in range(len(tau)):
            factor[column, column] = tau[column]
            factor[:column, column] = -tau[column] * (factor[:column, :column] @ inner[:column, column])
        later = remaining[start:, start + _PANEL :]
        later -= below @ (factor.T @ (below.T @ later))
        reflectors.append((start, below, factor))
    result = np.eye(len(matrix), count)
    for start, below, factor in reversed(reflectors):
        control.check()
        part = result[start:, start:]
        part -= below @ (factor @ (below.T @ part))
    return result


def image(vectors: Float32Array, axes: Axes) -> tuple[Float32Array, Float64Array]:
    """Coordinates along the axes of some vectors, float32 (b, d).

    Returns:
        along: float32 (b, p), the coordinates, each rounded once.
        squared: float64 (b,), squared lengths of the centred vectors: of all of them, not only of the part along the axes.
    """
    scaled = vectors * np.float32(axes.scale) - axes.centre
    return (scaled @ axes.basis).astype(np.float32), np.einsum("ij,ij->i", scaled, scaled)


def rest(along: Float32Array, squared: Float64Array) -> Float64Array:
    """At least the length of what the coordinates leave of each vector, float64 (b,).

    With w the part of x that its rounded coordinates z leave, |w|² = |x|² − |z|² − 2·(a − z)·z for the unrounded a; the last
    term is at most 2·2⁻²⁴·|x|², which is added here. So x·y <= z·z' + rest·rest' up to a few roundings of |x|·|y|.
    """
    head = along.astype(np.float64)
    left = squared - np.einsum("ij,ij->i", head, head)
    return np.asarray(np.sqrt(np.maximum(left, 0.0) + 2.0**-22 * squared))
