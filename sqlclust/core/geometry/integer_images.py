"""Images of vectors in 8-bit integers, and what their rounding may take from a distance.

The image z(x) of a vector x is its coordinates along some orthonormal axes and, as one more, the length of what they leave. Two
images are never farther apart than their vectors (`principal_axes`), nor are they where their numbers are cut off at 127 steps
of s: c(x). Let q(x) be c(x) in steps, rounded to integers, and r(x) >= |c(x) − s·q(x)| what that leaves. Then

    |x − y| >= |z(x) − z(y)| >= |c(x) − c(y)| >= s·|q(x) − q(y)| − r(x) − r(y)

by the triangle inequality. At the end are integers, so nothing else is lost. r(x) is known for each vector.

The principal axes are mixed first: what varies much along some of them and little along others would waste most of the 8 bits.
Of mixed ones all numbers are of one size, and s may be so small that one in twenty thousand is cut off.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sqlclust.core.geometry.integer_products import LARGEST
from sqlclust.core.geometry.metrics import Float32Array, Float64Array
from sqlclust.core.geometry.principal_axes import PrincipalAxes, projection

_ROUNDED = 2.0**-21
"""More than the roundings of coordinates to float32, and of the axes to float64, take from a vector, as a share of its length."""
_CUT_OFF = 5e-5
"""Share of the numbers that are larger than 127 steps."""
_TINY = 2.0**-60


class Images(NamedTuple):
    """How images of vectors are made.

    Attributes:
        axes: mixed, with `power_of_two` by which vectors are multiplied first.
        middle: taken from the last number, the length of what the axes leave; None where they leave nothing.
        step: s.
    """

    axes: PrincipalAxes
    middle: float | None
    step: float

    @property
    def width(self) -> int:
        """How many numbers an image has."""
        return self.axes.width + (self.middle is not None)

    def of(self, vectors: Float32Array) -> tuple[Float64Array, Float64Array]:
        """Images of some vectors float32 (b, d).

        Returns:
            float64 (b, width), q, integers; float64 (b,), r, in units of `step`.
        """
        numbers, slack = _numbers(vectors, self.axes, self.middle)
        steps = np.clip(numbers / self.step, -LARGEST, LARGEST)
        rounded = np.rint(steps)
        steps -= rounded
        left = np.sqrt(np.einsum("ij,ij->i", steps, steps)) * (1.0 + 2.0**-30) + slack / self.step
        return rounded, np.asarray(left)


def images(sample: Float32Array, axes: PrincipalAxes, count: int) -> Images | None:
    """Images along the leading `count` axes, or along all as they are; None where all of a sample have the same.

    Args:
        sample: float32 (s, d), vectors like those that will be asked for.
        axes: principal axes; or axes as they are, of which all are taken.
    """
    middle: float | None = None
    mixed = axes
    if axes.basis is not None:
        leading = axes.leading(count)
        assert leading.basis is not None
        mixed = leading._replace(basis=np.ascontiguousarray(leading.basis @ mixing(count)))
        middle = 0.0
        if count == len(axes.centre):  # they leave nothing
            middle = None
    numbers, _ = _numbers(sample, mixed, middle)
    if middle is not None:
        middle = float((numbers[:, -1].max() + numbers[:, -1].min()) / 2)
        numbers[:, -1] -= middle
    sizes = np.abs(numbers).ravel()
    place = max(0, len(sizes) - 1 - int(_CUT_OFF * len(sizes)))
    largest = float(np.partition(sizes, place)[place]) or float(sizes.max())
    return Images(mixed, middle, largest / LARGEST) if largest > 0.0 else None


def _numbers(vectors: Float32Array, axes: PrincipalAxes, middle: float | None) -> tuple[Float64Array, Float64Array]:
    """z of some vectors, float64 (b, width); and how far it is from the true one at most, float64 (b,)."""
    along, squared = projection(vectors, axes)
    numbers = np.empty((len(along), along.shape[1] + (middle is not None)))
    numbers[:, : along.shape[1]] = along
    slack = np.sqrt(squared) * _ROUNDED + _TINY
    if middle is not None:
        head = numbers[:, :-1]
        left = np.sqrt(np.maximum(squared - np.einsum("ij,ij->i", head, head), 0.0))
        # |√a − √b| is at most √|a − b|, and at most |a − b|/√a
        wrong = squared * _ROUNDED + _TINY**2
        slack += np.minimum(np.sqrt(wrong), wrong / np.maximum(left, _TINY**2))
        numbers[:, -1] = left - middle
    return numbers, slack


def mixing(count: int) -> Float64Array:
    """An orthonormal matrix (count, count) all of whose numbers are small: a discrete cosine transform of signs at random.

    Source: Ailon and Chazelle 2009, who precondition with such a product.
    """
    signs = np.random.Generator(np.random.PCG64(20130401)).choice([-1.0, 1.0], count)
    place = np.arange(count)
    matrix = np.cos(np.pi * np.outer(place, 2 * place + 1) / (2 * count)) * np.sqrt(2.0 / count)
    matrix[0] /= np.sqrt(2.0)
    return np.asarray((matrix * signs).T)
