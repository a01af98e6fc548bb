"""A warning for vectors that all lie on one line through zero. Scaled to length one, at most two different ones are left."""

from __future__ import annotations

import logging

import numpy as np

from sqlclust.core.geometry.metrics import Float32Array, Float64Array, squared_lengths

logger = logging.getLogger("sqlclust")

_FIRST_BLOCK, _BLOCK = 64, 4096
_SQUARED_SINE = 1e-12
"""Squared sine of the largest angle that still is one direction: 1e-6. Rounding to float32 turns a vector by a tenth of that."""


def warn_of_one_direction(vectors: Float32Array) -> None:
    """Log a warning if scaling to length one takes away what the vectors differ in.

    Args:
        vectors: float32 (n, d), finite, no zero vector.

    Cost: O(d) for vectors of several directions, as embeddings are; O(n·d) for others.
    """
    n, dimension = vectors.shape
    if n < 3 or not _is_one_line(vectors) or not _lengths_differ(vectors):
        return
    why = "have one dimension" if dimension == 1 else "lie on one line through zero"
    logger.warning(
        "all %s vectors %s: scaled to length one (normalize, cosine), they differ in sign at the most; cluster them as they "
        'are, with metric "euclidean" and normalize: false (--no-normalize)',
        f"{n:,}",
        why,
    )


def _blocks(n: int) -> list[slice]:
    starts = [0, *range(_FIRST_BLOCK, n, _BLOCK)]
    return [slice(start, stop) for start, stop in zip(starts, [*starts[1:], n], strict=True)]


def _scaled(vectors: Float32Array) -> Float64Array:
    """float64 (n, d), each vector scaled so that squares neither overflow nor vanish."""
    wide = vectors.astype(np.float64)
    wide /= np.abs(wide).max(axis=1, keepdims=True)
    return wide


def _is_one_line(vectors: Float32Array) -> bool:
    direction = _scaled(vectors[:1])[0]
    direction /= np.sqrt(direction @ direction)
    for block in _blocks(len(vectors)):
        rows = _scaled(vectors[block])
        beside = rows - (rows @ direction)[:, None] * direction
        if (squared_lengths(beside) > _SQUARED_SINE * squared_lengths(rows)).any():
            return False
    return True


def _lengths_differ(vectors: Float32Array) -> bool:
    """Whether there is a size to lose: of vectors on one line their largest component says it."""
    first = np.abs(vectors[0]).max()
    return any((np.abs(vectors[block]).max(axis=1) != first).any() for block in _blocks(len(vectors)))
