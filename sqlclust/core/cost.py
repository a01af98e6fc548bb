"""What a fit will take, said before it starts: memory and time.

Memory is a formula over shapes.

Time is counted in float32 multiplications. How many an engine needs was measured on generated and real embeddings
(`tests/benchmarks/engine.py`); how fast they are on this machine, a product of a few milliseconds tells. Data without a low
intrinsic dimension takes the exact engine longer, since it can rule out less. With products of 8-bit integers it takes half of
what is said, and the approximate one three quarters; whether they are used is known only once it has begun.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from math import comb
from typing import NamedTuple

import numpy as np

from sqlclust.core.engines import Engine, engine_of
from sqlclust.core.neighbors.approximate import FULL, LIST_AXES
from sqlclust.core.neighbors.k_nearest_lists import SPARE_NEIGHBORS
from sqlclust.core.runtime.threads import single_threaded_blas, worker_count
from sqlclust.core.update.approximate_searches import OF_EDGES

_EXACT_SHARE = 0.5
"""Of a full product, at 384 dimensions: ruling out by a half of the axes, one triangle, and comparing."""
_EXACT_EACH, _APPROXIMATE_EACH, _APPROXIMATE_DIMENSION = 130e-6, 40e-6, 0.17e-6
"""Seconds a core takes for each vector, and for each dimension of it, besides multiplying: lists, selecting, measuring."""
_NEW_EACH, _GONE_EACH, _GONE_MOST, _SHORT_EACH = 2.5, 0.65, 0.2, 1.5
_UPDATE_EACH, _UPDATE_NEW = 2.5e-6, 300e-6
"""Of an exact update, by `tests/benchmarks/living.py`. Products with all vectors for each new one; products of all pairs where
all lists have changed by vectors that went, and at most; products with all for each list that is searched for anew; seconds of a
core for each vector besides, and for each new one."""
_COMPARED, _COMPARING, _PASSING = 3.0, 10e-9, 4e-6
"""Of an approximate one: products with all for each new vector, seconds of a core for each pair of them, and for each vector."""
_ASKED, _ASKING, _LISTING = 0.3, 55e-6, 22e-9
"""Share of the vectors that ask at most where some have gone; seconds of a core for each that does; and for each number in the
vectors, to make lists of them."""
_SAMPLED, _MEASURING = 600, 4.5e-6
"""Products with all for the samples that measure an approximate fit; seconds of a core for each vector besides."""
_FIXED = 200 << 20
_TERMS = 20
"""Bytes for each vector besides its numbers, where they are integers."""


def memory_bytes(n: int, dimension: int, min_samples: int, engine: str) -> int:
    """Peak memory of a fit beyond the vectors given, all of them distinct: bytes.

    The distinct vectors are a copy. The exact engine adds another, turned to the principal axes; the approximate one a third of
    one. Products of integers add a quarter of one to either. Neighbours found take 32 bytes each for both ends of a pair and
    again as much while they are sorted.

    Args:
        n: vectors.
        min_samples: what is kept of neighbours grows with it: 1,000 takes 64 KB a vector with the exact engine.
        engine: one of ENGINES.

    Raises:
        UnknownEngineError
    """
    return COSTS[engine_of(engine).name].memory_bytes(n, dimension, min(min_samples, n - 1) + 5)


def fit_seconds(n: int, dimension: int, engine: str, *, multiplications_per_second: float) -> float:
    """About how long a fit takes on this machine, from vectors to spanning tree.

    Args:
        engine: one of ENGINES.
        multiplications_per_second: of `multiplications_per_second`.

    Raises:
        UnknownEngineError
    """
    multiplications, core_seconds = COSTS[engine_of(engine).name].work(n, dimension)
    return multiplications / multiplications_per_second + core_seconds / worker_count()


def update_seconds(
    m: int,
    dimension: int,
    min_samples: int,
    *,
    new: int,
    gone: int,
    larger: bool = False,
    multiplications_per_second: float,
    engine: str = "exact",
) -> float:
    """About how long it takes to bring a fit up to date (`core/update`), from distinct vectors to spanning tree.

    Args:
        m: distinct vectors of the old fit.
        min_samples: of the old fit.
        new, gone: how many distinct vectors come, and how many of the old ones go. More than m count as m: whoever counts vectors
            as they were before they were scaled may find more.
        larger: whether min_samples becomes larger, by no more than the spare neighbours.
        multiplications_per_second: of `multiplications_per_second`.
        engine: that made the fit, one of ENGINES.

    An exact update of embeddings takes as long as a fit where about a fifth of the vectors are replaced; an approximate one of
    384 dimensions where some thousands are new, however many there are.

    Raises:
        UnknownEngineError
    """
    share = min(1.0, gone / m)
    listed = min_samples + SPARE_NEIGHBORS
    changed = 1.0 if larger else 1.0 - (1.0 - share) ** listed
    # a list is searched for anew when more go than it has to spare
    enough = sum(comb(listed, k) * share**k * (1.0 - share) ** (listed - k) for k in range(SPARE_NEIGHBORS + 1))
    what = Changes(m, dimension, new, changed, 1.0 - enough)
    multiplications, core_seconds = COSTS[engine_of(engine).name].update_work(what)
    return multiplications / multiplications_per_second + core_seconds / worker_count()


class Changes(NamedTuple):
    """What changes in an update.

    Attributes:
        m: distinct vectors of the old fit.
        dimension: of them.
        new: distinct vectors that come.
        changed, short: share of the lists that lose a vector, and of those that lose more than they have to spare.
    """

    m: int
    dimension: int
    new: int
    changed: float
    short: float


class EngineCost(NamedTuple):
    """What an engine takes for n vectors.

    Attributes:
        memory_bytes: (n, dimension, neighbours of each vector) → peak memory beyond the vectors given.
        work: (n, dimension) → float32 multiplications; and seconds that a core takes for the rest.
        update_work: the same of an update.
    """

    memory_bytes: Callable[[int, int, int], int]
    work: Callable[[int, int], tuple[float, float]]
    update_work: Callable[[Changes], tuple[float, float]]


def _exact_memory(n: int, dimension: int, neighbors: int) -> int:
    vectors = 4 * n * dimension
    # where components are many and far apart, half a copy for the table of them, and bytes that mark its entries
    found = max(64 * n * neighbors, vectors * 5 // 8 + 40 * n * neighbors)
    integers = n * (dimension + _TERMS)
    return _FIXED + _axes_memory(n, dimension) + 2 * vectors + integers + found


def _approximate_memory(n: int, dimension: int, neighbors: int) -> int:
    vectors = 4 * n * dimension
    lists = vectors // 3 + n * 4 * LIST_AXES
    integers = n * (dimension + _TERMS)
    return _FIXED + _axes_memory(n, dimension) + vectors + lists + integers + 40 * n * neighbors


def _axes_memory(n: int, dimension: int) -> int:
    """A sample in float64 and float32, and the covariances, or what spans few vectors."""
    sample = min(n, max(4096, 4 * dimension))
    return 12 * sample * dimension + 32 * dimension * min(dimension, 2 * n)


def _exact_work(n: int, dimension: int) -> tuple[float, float]:
    return n * n * dimension * _EXACT_SHARE, n * _EXACT_EACH


def _approximate_work(n: int, dimension: int) -> tuple[float, float]:
    within = n * FULL.lists_per_vector * FULL.list_size * dimension
    assigning = n * (n * FULL.lists_per_vector / FULL.list_size) * LIST_AXES
    return within + assigning, n * (_APPROXIMATE_EACH + dimension * _APPROXIMATE_DIMENSION)


def _exact_update(what: Changes) -> tuple[float, float]:
    m, dimension, new, changed, short = what
    products = min(_GONE_EACH * changed, _GONE_MOST) + _SHORT_EACH * short
    pairs = products * m * m + _NEW_EACH * new * (m + new)
    return pairs * dimension, _UPDATE_EACH * m + _UPDATE_NEW * new


def _approximate_update(what: Changes) -> tuple[float, float]:
    m, dimension, new, changed, short = what
    compared = new + short * m
    multiplications = (_COMPARED * compared + _SAMPLED) * m * dimension
    core_seconds = _COMPARING * compared * m + (_MEASURING + _PASSING * (compared > 0)) * m
    if changed > 0.0:
        multiplications += m * (m * OF_EDGES.lists_per_vector / OF_EDGES.list_size) * LIST_AXES
        core_seconds += m * (_LISTING * dimension + _ASKING * min(changed, _ASKED))
    return multiplications, core_seconds


COSTS: dict[Engine, EngineCost] = {
    "exact": EngineCost(_exact_memory, _exact_work, _exact_update),
    "approximate": EngineCost(_approximate_memory, _approximate_work, _approximate_update),
}
"""By the engines' names."""


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
