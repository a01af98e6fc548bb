"""A float32 screen: matrix products that say which pairs may be close, with a bound on how wrong they are.

For vectors x and y the value is x·y − |y|²/2, and for unit vectors only x·y. Then |x − y|² = offset(x) − 2·value, so for one x
a larger value means a smaller distance. The value is rounded. So it only screens: whoever uses it keeps every pair whose value is
within `slack` of a limit, and measures those with `metrics.squared_distances`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sqlclust.core.geometry.metrics import Float32Array, IndexArray
from sqlclust.core.runtime.control import Control

_UNIT_ROUNDOFF = 2.0**-24
_BLOCK = 4096


class Float32Screen(NamedTuple):
    """Vectors made ready for screening.

    Attributes:
        vectors: float32 (m, d), centred on their mean unless they have unit length.
        half_norms: float32 (m,), |y|²/2; None for unit vectors, where it is the same for all.
        slack: float32 (m,), for each row x: no value of its products is wrong by more than this.
        offset: float32 (m,), |x|², and 2 for unit vectors.
    """

    vectors: Float32Array
    half_norms: Float32Array | None
    slack: Float32Array
    offset: Float32Array

    def values(self, rows: IndexArray | slice, columns: slice, out: Float32Array | None = None) -> Float32Array:
        """float32 (len(rows), len(columns)): the values for x in `rows`, y in `columns`."""
        result = np.matmul(self.vectors[rows], self.vectors[columns].T, out=out)
        if self.half_norms is not None:
            result -= self.half_norms[columns]
        return result


def float32_screen(vectors: Float32Array, *, unit_length: bool, control: Control | None = None) -> Float32Screen:
    """Make vectors ready for screening.

    Args:
        vectors: float32 (m, d), finite.
        unit_length: they have length one; they are then used as they are, and otherwise a centred copy is.

    The bound: with u = 2⁻²⁴, a float32 dot product of d terms is wrong by at most d·u·|x|·|y|, in whatever order it is summed.
    Centring and the norms add a few u·(|x| + |y|)².

    Source: Higham, Accuracy and Stability of Numerical Algorithms, section 3.1.
    """
    control = control or Control()
    m, dimension = vectors.shape
    if unit_length:
        slack = np.full(m, (dimension + 16) * _UNIT_ROUNDOFF, dtype=np.float32)
        return Float32Screen(vectors, None, slack, np.full(m, 2.0, dtype=np.float32))
    centre = np.zeros(dimension)
    for start in range(0, m, _BLOCK):
        control.check()
        centre += vectors[start : start + _BLOCK].sum(axis=0, dtype=np.float64) / m
    centred = np.empty_like(vectors, order="C")
    norms = np.empty(m, dtype=np.float64)
    for start in range(0, m, _BLOCK):
        control.check()
        part = slice(start, start + _BLOCK)
        centred[part] = vectors[part] - centre
        norms[part] = np.einsum("ij,ij->i", centred[part], centred[part], dtype=np.float64)
    lengths = np.sqrt(norms)
    slack = (dimension + 16) * _UNIT_ROUNDOFF * (lengths + lengths.max()) * lengths.max()
    return Float32Screen(
        centred, (norms / 2).astype(np.float32), np.nextafter(slack.astype(np.float32), np.float32(np.inf)),
        norms.astype(np.float32),
    )  # fmt: skip
