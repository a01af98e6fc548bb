"""Sides of float32 products that give a lower bound of squared distances, made whenever they are asked for, without a copy.

    (x, −|x|²/2, 1) · (y, 1, −|y|²/2) · (−2) <= |x − y|²

where x and y are centred, and their lengths are smaller by what rounding may take.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sqlclust.core.geometry.metrics import Float32Array, Float64Array, IndexArray
from sqlclust.core.geometry.principal_axes import PrincipalAxes

_ROUNDED = 2.0**-20
"""More than a last rounding to float32 takes, as a share."""
_TINY = np.float32(2.0**-100)
"""Covers underflow in a product of vectors whose numbers are of the order of one."""


class CentredSides(NamedTuple):
    """Vectors whose sides are asked for.

    Attributes:
        vectors: float32 (m, d).
        centre: float32 (d,), what is taken from them, multiplied by `power_of_two`.
        power_of_two: vectors are multiplied by it, so that no square over- or underflows.
    """

    vectors: Float32Array
    centre: Float32Array
    power_of_two: float

    @property
    def scale(self) -> float:
        """Factor from squared distances to those of products."""
        return self.power_of_two**2

    def left(self, rows: IndexArray) -> Float32Array:
        """Left sides: float32 (r, d + 2), centred vectors, −|x|²/2, 1.

        |x|² is smaller by the share that all rounding may take: of coordinates once, and of as many terms as there are in a
        product and in both lengths.
        """
        sides = np.empty((len(rows), len(self.centre) + 2), dtype=np.float32)
        centred = sides[:, :-2]
        np.multiply(self.vectors[rows], np.float32(self.power_of_two), out=centred)
        centred -= self.centre
        share = 4.0 * (len(self.centre) + 32) * 2.0**-24
        sides[:, -2] = np.einsum("ij,ij->i", centred, centred) * np.float32(-0.5 * (1.0 - share)) + _TINY
        sides[:, -1] = 1.0
        return sides

    def right(self, rows: IndexArray) -> Float32Array:
        """Right sides: the last two columns are exchanged."""
        sides = self.left(rows)
        sides[:, -2:] = sides[:, :-3:-1].copy()
        return sides

    def at_least(self, products: Float32Array) -> Float64Array:
        """What squared distances are at least, of the products of left sides and right ones times −2."""
        return np.asarray(np.maximum(products, 0.0) * ((1.0 - _ROUNDED) / self.scale), dtype=np.float64)

    def of_products(self, limits: Float64Array) -> Float32Array:
        """Limits of squared distances as limits of those products, float32 of the same shape; −inf stays."""
        with np.errstate(over="ignore"):
            narrow = (limits * (self.scale * (1.0 + 2.0 * _ROUNDED))).astype(np.float32)
        return np.where(np.isfinite(narrow), np.nextafter(narrow, np.float32(np.inf)), narrow)


def centred_sides(vectors: Float32Array, axes: PrincipalAxes) -> CentredSides:
    """Of vectors float32 (m, d), centred as some axes of theirs are."""
    return CentredSides(vectors, axes.centre.astype(np.float32), axes.power_of_two)
