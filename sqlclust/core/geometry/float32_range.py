"""Vectors scaled so that float32 can hold the squares of their numbers."""

from __future__ import annotations

import numpy as np

from sqlclust.core.geometry.metrics import Float32Array

_LARGEST, _SMALLEST = 50, -40
"""Powers of two between which the largest number may lie. Then the squared lengths of vectors of a million dimensions are finite,
and squares of numbers a million times smaller than the largest are not lost.
"""


def into_float32_range(vectors: Float32Array) -> tuple[Float32Array, int]:
    """Vectors times a power of two, 2**exponent, and the exponent. A distance between them × 2**−exponent is the true one.

    Args:
        vectors: float32 (m, d), finite, m >= 1.

    Returns:
        (float32 (m, d), exponent); the given array and 0 unless its largest number is very large or very small.
    """
    largest = max(float(vectors.max()), -float(vectors.min()))
    magnitude = int(np.frexp(largest)[1])
    if largest == 0.0 or _SMALLEST <= magnitude <= _LARGEST:
        return vectors, 0
    exponent = (_LARGEST if magnitude > _LARGEST else 0) - magnitude
    return np.ldexp(vectors, exponent), exponent
