"""The plane of largest variance: principal component analysis with two axes, of all vectors and in float64.

`geometry/principal_axes.py` has axes of a sample in float32, which is enough for its bound. A picture is looked at, so that here
axes are those of all vectors, and point one way.

Source: Jolliffe, Principal Component Analysis; for many dimensions Halko, Martinsson, Tropp 2011, algorithm 4.4.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sqlclust.core.geometry.metrics import Float32Array, Float64Array
from sqlclust.core.runtime.control import Control
from sqlclust.core.runtime.threads import single_threaded_blas

_ROWS = 2048
"""Vectors at a time: they are brought to float64."""
_FULL = 1024
"""Up to so many dimensions all covariances are made. An eigendecomposition of more could not be stopped."""
_STARTED, _ROUNDS, _SETTLED = 12, 60, 1e-10
"""Else: axes that are followed, rounds at the most, and what the two axes may still turn by in one of them."""


def principal_plane(vectors: Float32Array, control: Control | None = None) -> Float64Array:
    """Coordinates of vectors along their two principal axes, less their mean: float64 (m, 2), finite.

    The component of an axis that is largest is positive. An axis along which nothing varies has zeros.

    Args:
        vectors: float32 (m, d), m >= 1, finite.

    Cost: O(m·d²) for d up to 1,024, else O(m·d) for each of some rounds; no copy of the vectors. The same to the last bit for the
    same vectors in the same order, whatever the number of threads.
    """
    control = control or Control()
    with single_threaded_blas():
        centre = _sum(vectors, lambda part: part.sum(axis=0), control.part(0.0, 0.1)) / len(vectors)
        axes = _axes(vectors, centre, control.part(0.1, 0.9))
        along = np.empty((len(vectors), 2))
        for start in range(0, len(vectors), _ROWS):
            control.at(0.9 + 0.1 * start / len(vectors))
            along[start : start + _ROWS] = (vectors[start : start + _ROWS] - centre) @ axes
    spread = np.abs(along).max(axis=0)
    along[:, spread <= spread[0] * 1e-12] = 0.0  # what rounding leaves
    return along


def _sum(vectors: Float32Array, of: Callable[[Float64Array], Float64Array], control: Control) -> Float64Array:
    """The sum of what `of` makes of some vectors at a time, as float64."""
    total: Float64Array | None = None
    for start in range(0, len(vectors), _ROWS):
        control.at(start / len(vectors))
        part = of(vectors[start : start + _ROWS].astype(np.float64))
        total = part if total is None else total + part
    assert total is not None
    return total


def _axes(vectors: Float32Array, centre: Float64Array, control: Control) -> Float64Array:
    """Two orthonormal axes, float64 (d, 2); the second is zero where there is one dimension."""
    dimension = vectors.shape[1]

    def covariances(part: Float64Array) -> Float64Array:
        part -= centre
        return part.T @ part

    if dimension <= _FULL:
        basis = np.linalg.eigh(_sum(vectors, covariances, control))[1][:, ::-1]
    else:
        basis = _by_subspace_iteration(vectors, centre, control)
    axes = np.zeros((dimension, 2))
    for column in range(min(2, dimension)):
        axis = basis[:, column]
        axes[:, column] = axis if axis[np.abs(axis).argmax()] > 0 else -axis
    return axes


def _by_subspace_iteration(vectors: Float32Array, centre: Float64Array, control: Control) -> Float64Array:
    start = np.random.Generator(np.random.PCG64(20130401)).standard_normal((vectors.shape[1], _STARTED))
    basis: Float64Array = np.linalg.qr(start)[0]
    before = basis[:, :2]
    for turn in range(_ROUNDS):

        def covary(part: Float64Array, followed: Float64Array = basis) -> Float64Array:
            part -= centre
            return part.T @ (part @ followed)

        covaried = _sum(vectors, covary, control.part(turn / _ROUNDS, (turn + 1) / _ROUNDS))
        turned = np.linalg.eigh(basis.T @ covaried)[1][:, ::-1]
        leading: Float64Array = (basis @ turned)[:, :2]
        if np.linalg.norm(leading - before @ (before.T @ leading)) <= _SETTLED:
            return leading
        before, basis = leading, np.linalg.qr(covaried @ turned)[0]
    return before
