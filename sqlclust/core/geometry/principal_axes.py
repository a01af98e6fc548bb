"""Principal axes, and a lower bound for distances from a vector's first few coordinates along them.

Embeddings vary little along most axes. Let x' be the first p coordinates of x along the principal axes, and r(x) the length of
what they leave of x, the residual. Then

    |x − y|² >= |x' − y'|² + (r(x) − r(y))²

because two residuals are never nearer than their lengths differ. The right side takes a product over p + 3 columns instead of d,
and is enough to rule out most pairs.

Source: Jolliffe, Principal Component Analysis; the bound is the triangle inequality for the residuals.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from sqlclust.core.geometry.metrics import Float32Array, Float64Array
from sqlclust.core.runtime.control import Control
from sqlclust.core.runtime.threads import for_each_block, single_threaded_blas

_SAMPLE = 4096
_FULL = 512
"""Up to so many dimensions, all principal axes are computed. Above, at most half are; any others complete the basis."""
_COMPLETE = 2048
"""Up to so many dimensions, the basis is completed."""
_TURNED = 8
"""From so many vectors for each dimension on, turning them to principal axes pays."""
_ROWS = 2048
_PANEL = 128
_AT_ONCE = 1 << 33
"""Multiplications of one call of BLAS: a tenth of a second or two."""


class PrincipalAxes(NamedTuple):
    """Orthonormal axes, the one of largest variance first.

    Attributes:
        centre: float64 (d,), the mean of the vectors, multiplied by `power_of_two`.
        basis: float64 (d, p), orthonormal columns, p <= d; None for the d axes as they are.
        power_of_two: float; vectors are multiplied by it before they are projected, so that no square over- or underflows.
    """

    centre: Float64Array
    basis: Float64Array | None
    power_of_two: float

    @property
    def width(self) -> int:
        """How many axes there are."""
        return len(self.centre) if self.basis is None else self.basis.shape[1]

    def leading(self, count: int) -> PrincipalAxes:
        """The first `count` axes, of principal ones."""
        assert self.basis is not None
        return self._replace(basis=np.ascontiguousarray(self.basis[:, :count]))


def axes_that_pay(vectors: Float32Array, control: Control | None = None) -> PrincipalAxes:
    """All principal axes of vectors float32 (m, d); the d axes as they are where m < 8·d.

    For so few vectors, turning them to the principal axes would cost as much as it could save.
    """
    m, dimension = vectors.shape
    if m >= _TURNED * dimension:
        return principal_axes(vectors, dimension, control)
    return axes_as_they_are(vectors, control)


def axes_as_they_are(vectors: Float32Array, control: Control | None = None) -> PrincipalAxes:
    """The d axes of vectors float32 (m, d), not turned: all of their length is along them. O(m·d)."""
    factor = _power_of_two(vectors, control or Control())
    centre = vectors[:: max(1, len(vectors) // _SAMPLE)].mean(axis=0, dtype=np.float64) * factor
    return PrincipalAxes(centre.astype(np.float32).astype(np.float64), None, factor)


def principal_axes(vectors: Float32Array, count: int, control: Control | None = None) -> PrincipalAxes:
    """The leading principal axes of a sample of vectors. The bound holds for any orthonormal axes; with these it is tightest.

    Args:
        vectors: float32 (m, d).
        count: axes wanted, at most d.

    Cost: O(d³) and O(d²) for each of some 4,096 vectors. Of m < d / 2 vectors O(m²·d); of few axes O(d·count) for each vector. No
    single call takes longer than an eigendecomposition of 1,024 × 1,024: longer ones are done in panels, so that they can stop.
    """
    control = control or Control()
    m, dimension = vectors.shape
    count = min(count, dimension if dimension <= _COMPLETE else min(_COMPLETE // 2, max(m, 64)))
    few = dimension > _FULL and count <= dimension // 8
    most = min(_SAMPLE, max(16 * count, m // 8)) if few else max(_SAMPLE, 4 * dimension)
    factor = _power_of_two(vectors, control)
    sample, centre = _centred_sample(vectors, max(1, m // most), factor, control)
    with single_threaded_blas():
        if few:
            basis = _few_axes(sample, count, control)
        elif len(sample) < dimension // 2:
            basis = _axes_of_few_vectors(sample, count, control)
        else:
            basis = _axes_of_many_vectors(sample, count, control)
    return PrincipalAxes(centre, np.ascontiguousarray(basis), factor)


def _centred_sample(
    vectors: Float32Array, every: int, factor: float, control: Control
) -> tuple[Float64Array, Float64Array]:
    """Every so many-th vector times `factor`, less the mean of all those, float64 (s, d); and that mean, float64 (d,)."""
    sample = np.empty((-(-len(vectors) // every), vectors.shape[1]))
    for start in range(0, len(sample), _SAMPLE):
        control.check()
        sample[start : start + _SAMPLE] = vectors[start * every : (start + _SAMPLE) * every : every]
    sample *= factor
    control.check()
    centre = sample.mean(axis=0)
    control.check()
    sample -= centre
    control.check()
    return sample, centre


def _power_of_two(vectors: Float32Array, control: Control) -> float:
    """The power of two by which the largest number is brought to the order of one."""
    largest = 0.0
    for start in range(0, len(vectors), _SAMPLE):
        control.check()
        block = vectors[start : start + _SAMPLE]
        largest = max(largest, float(block.max()), -float(block.min()))
    return float(2.0 ** -float(np.frexp(largest)[1])) if largest > 0 else 1.0


def _few_axes(sample: Float64Array, count: int, control: Control) -> Float64Array:
    """A few leading axes, without the covariances of all dimensions."""
    narrow = sample.astype(np.float32)

    def covary(axes: Float64Array) -> Float64Array:
        result, single = np.zeros(axes.shape), axes.astype(np.float32)
        for start in range(0, len(narrow), _SAMPLE):
            control.check()
            part = narrow[start : start + _SAMPLE]
            result += part.T @ (part @ single)
        return result

    return _by_subspace_iteration(covary, sample.shape[1], count, control)


def _axes_of_few_vectors(sample: Float64Array, count: int, control: Control) -> Float64Array:
    """Principal axes of s < d / 2 vectors: float64 (d, at most s). All the vectors lie within s axes; no d × d matrix is made."""
    spanning = _orthonormal(sample.T, len(sample), control)
    within = _product(sample, spanning, control)
    gram = _product(within.T, within, control)
    turned = (
        _by_subspace_iteration(lambda axes: _product(gram, axes, control), len(gram), count, control)
        if len(gram) > _COMPLETE // 2
        else np.linalg.eigh(gram)[1][:, ::-1]
    )
    control.check()
    return _orthonormal(_product(spanning, turned[:, :count], control), min(count, len(sample)), control)


def _axes_of_many_vectors(sample: Float64Array, count: int, control: Control) -> Float64Array:
    """Principal axes from the d × d covariances: float64 (d, count)."""
    dimension = sample.shape[1]
    covariance = np.zeros((dimension, dimension), dtype=np.float32)
    step = max(1, _AT_ONCE // dimension**2)
    for start in range(0, len(sample), step):
        part = sample[start : start + step].astype(np.float32)
        covariance += part.T @ part
        control.check()
    if dimension <= _FULL:
        return np.asarray(np.linalg.eigh(covariance.astype(np.float64))[1][:, ::-1][:, :count])
    wide = covariance.astype(np.float64)
    basis = _by_subspace_iteration(
        lambda axes: _product(wide, axes, control), dimension, min(count, dimension // 2), control
    )
    return basis if count <= basis.shape[1] else _orthonormal(basis, count, control)


def _by_subspace_iteration(
    covary: Callable[[Float64Array], Float64Array], dimension: int, count: int, control: Control
) -> Float64Array:
    """Leading axes by subspace iteration, float64 (d, count). `covary` multiplies axes (d, count) with the covariances.

    Source: Halko, Martinsson, Tropp 2011, algorithm 4.4.
    """
    start = np.random.Generator(np.random.PCG64(20130401)).standard_normal((dimension, count))
    basis = _orthonormal(covary(start), count, control)
    basis = _orthonormal(covary(basis), count, control)
    turned = np.linalg.eigh(_product(basis.T, covary(basis), control))[1][:, ::-1]
    control.check()
    # once more: the bound needs axes that are orthonormal to rounding
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
    """Orthonormal columns float64 (d, count). The first p span the p columns of the matrix (d, p); p <= count <= d.

    QR by Householder reflections, in panels, so that it can be stopped. The columns are orthonormal to rounding for every matrix,
    also where its columns depend on each other.

    Source: Schreiber and Van Loan 1989, the compact WY form, as in LAPACK.
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


def projection(vectors: Float32Array, axes: PrincipalAxes) -> tuple[Float32Array, Float64Array]:
    """Coordinates of some vectors along the axes.

    Args:
        vectors: float32 (b, d).

    Returns:
        along: float32 (b, p), the coordinates, each rounded once.
        squared: float64 (b,), squared lengths of the whole centred vectors, not only of their parts along the axes. Along axes as
            they are, of the rounded coordinates: up to 2⁻²³ of it more or less.
    """
    if axes.basis is None:
        along = vectors * np.float32(axes.power_of_two)
        along -= axes.centre.astype(np.float32)  # which it is exactly
        return along, np.einsum("ij,ij->i", along, along, dtype=np.float64)
    scaled = vectors * np.float32(axes.power_of_two) - axes.centre
    return (scaled @ axes.basis).astype(np.float32), np.einsum("ij,ij->i", scaled, scaled)


def projections(vectors: Float32Array, axes: PrincipalAxes, control: Control) -> tuple[Float32Array, Float64Array]:
    """As `projection`, for many vectors, float32 (m, d), on all cores. O(m·d·p) multiplications."""
    along = np.empty((len(vectors), axes.width), dtype=np.float32)
    squared = np.empty(len(vectors))

    def project(start: int) -> None:
        part = slice(start, start + _ROWS)
        along[part], squared[part] = projection(vectors[part], axes)

    for_each_block(project, range(0, len(vectors), _ROWS), control)
    return along, squared


def residual_norms(along: Float32Array, squared: Float64Array) -> Float64Array:
    """At least the length of each vector's residual, the part that its coordinates along some axes leave: float64 (b,).

    Let a be the coordinates of x, z the rounded ones, and w what z leaves of x. Then |w|² = |x|² − |z|² − 2·(a − z)·z. The last
    term is at most 2·2⁻²⁴·|x|²; that much is added here. So x·y <= z·z' + r(x)·r(y), up to a few roundings of |x|·|y|.
    """
    head = along.astype(np.float64)
    left = squared - np.einsum("ij,ij->i", head, head)
    return np.asarray(np.sqrt(np.maximum(left, 0.0) + 2.0**-22 * squared))


def rounding_norms(squared: Float64Array) -> Float64Array:
    """As `residual_norms`, of coordinates along all axes as they are: rounding leaves at most 2⁻²⁴ of each. Room to spare."""
    return np.asarray(np.sqrt(squared) * 2.0**-11)
