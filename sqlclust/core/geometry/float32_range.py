"""Arrays only: numbers whose squares float32 can hold. No SQL."""

from __future__ import annotations

import numpy as np

from sqlclust.core.geometry.metrics import Float32Array

_LARGEST, _SMALLEST = 50, -40
"""Powers of two between which the largest number may lie: the squares of vectors of a million dimensions are finite then,
and those of numbers a million times smaller are not lost.
"""


def into_float32_range(vectors: Float32Array) -> tuple[Float32Array, int]:
    """Vectors times a power of two, and its exponent, with which distances are given back: × 2**−exponent.

    Args:
        vectors: float32 (m, d), finite, m >= 1.

    Returns:
        The vectors themselves and 0 for all but very large and very small numbers.
    """
    largest = max(float(vectors.max()), -float(vectors.min()))
    magnitude = int(np.frexp(largest)[1])
    if largest == 0.0 or _SMALLEST <= magnitude <= _LARGEST:
        return vectors, 0
    exponent = (_LARGEST if magnitude > _LARGEST else 0) - magnitude
    return np.ldexp(vectors, exponent), exponent
