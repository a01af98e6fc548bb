"""What a fit will take, said before it starts: memory and time.

Memory is a formula over shapes.

Time is counted in float32 multiplications. How many an engine needs was measured on generated and real embeddings
(`tests/benchmarks/engine.py`); how fast they are on this machine, a product of a few milliseconds tells. Data without a low
intrinsic dimension takes the exact engine longer, since it can rule out less.
"""

from __future__ import annotations

import time

import numpy as np

from sqlclust.core.engines import engine_of
from sqlclust.core.neighbors.approximate import FULL, LIST_AXES
from sqlclust.core.runtime.threads import single_threaded_blas, worker_count

_EXACT_SHARE = 0.5
"""Of a full product, at 384 dimensions: ruling out by a half of the axes, one triangle, and comparing."""
_EXACT_EACH, _APPROXIMATE_EACH, _APPROXIMATE_DIMENSION = 130e-6, 40e-6, 0.17e-6
"""Seconds a core takes for each vector, and for each dimension of it, besides multiplying: lists, selecting, measuring."""
_FIXED = 200 << 20


def memory_bytes(n: int, dimension: int, min_samples: int, engine: str) -> int:
    """Peak memory of a fit beyond the vectors given, all of them distinct: bytes.

    The distinct vectors are a copy. The exact engine adds another, turned to the principal axes; the approximate one a third of
    one. Neighbours found take 32 bytes each for both ends of a pair and again as much while they are sorted.

    Args:
        n: vectors.
        min_samples: what is kept of neighbours grows with it: 1,000 takes 64 KB a vector with the exact engine.
        engine: one of ENGINES.

    Raises:
        UnknownEngineError
    """
    vectors = 4 * n * dimension
    # the axes: a sample in float64 and float32, and the covariances, or what spans few vectors
    sample = min(n, max(4096, 4 * dimension))
    axes = 12 * sample * dimension + 32 * dimension * min(dimension, 2 * n)
    neighbors = n * (min(min_samples, n - 1) + 5)
    if engine_of(engine).exact:
        # where components are many and far apart, half a copy for the table of them, and bytes that mark its entries
        return _FIXED + axes + 2 * vectors + max(64 * neighbors, vectors * 5 // 8 + 40 * neighbors)
    return _FIXED + axes + vectors + vectors // 3 + n * 4 * LIST_AXES + 40 * neighbors


def fit_seconds(n: int, dimension: int, engine: str, *, multiplications_per_second: float) -> float:
    """About how long a fit takes on this machine, from vectors to spanning tree.

    Args:
        engine: one of ENGINES.
        multiplications_per_second: of `multiplications_per_second`.

    Raises:
        UnknownEngineError
    """
    workers = worker_count()
    if engine_of(engine).exact:
        return n * n * dimension * _EXACT_SHARE / multiplications_per_second + n * _EXACT_EACH / workers
    within = n * FULL.lists_per_vector * FULL.list_size * dimension
    assigning = n * (n * FULL.lists_per_vector / FULL.list_size) * LIST_AXES
    return (within + assigning) / multiplications_per_second + n * (
        _APPROXIMATE_EACH + dimension * _APPROXIMATE_DIMENSION
    ) / workers


def multiplications_per_second() -> float:
    """Float32 multiplications a second of all cores together, from a product of some milliseconds."""
    random = np.random.Generator(np.random.PCG64(0))
    left = random.standard_normal((512, 384), dtype=np.float32)
    out = np.empty((512, 512), dtype=np.float32)
    with single_threaded_blas():
        best = np.inf
        for _ in range(5):
            started = time.perf_counter()
            np.matmul(left, left[::-1].T, out=out)
            best = min(best, time.perf_counter() - started)
    return float(worker_count() * out.size * left.shape[1] / best)
