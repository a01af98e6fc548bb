"""Estimates: they grow as they should, and the memory of a fit stays below its."""

from __future__ import annotations

import tracemalloc

import pytest

from sqlclust.core import hdbscan
from sqlclust.core.control import Control
from sqlclust.core.cost import fit_seconds, memory_bytes, multiplications_per_second
from tests.benchmarks.data import embeddings

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("engine", hdbscan.ENGINES)
@pytest.mark.parametrize(("rows", "dimension", "min_samples"), [(20_000, 32, 5), (4_000, 256, 5), (5_000, 32, 200)])
def test_memory_stays_below_the_estimate(engine: hdbscan.Engine, rows: int, dimension: int, min_samples: int) -> None:
    vectors = embeddings(rows, dimension, seed=1, identical=0.0)
    tracemalloc.start()
    hdbscan.fit(
        vectors,
        min_samples=min_samples,
        metric="euclidean",
        normalize=True,
        alpha=1.0,
        control=Control(),
        engine=engine,
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < memory_bytes(rows, dimension, min_samples, engine)


def test_approximate_wins_only_with_many_vectors() -> None:
    speed = multiplications_per_second()
    assert speed > 1e8

    def share(n: int) -> float:
        seconds = [fit_seconds(n, 384, engine, multiplications_per_second=speed) for engine in hdbscan.ENGINES]
        return seconds[1] / seconds[0]

    assert share(1_000_000) < share(100_000) < share(10_000)
    assert share(1_000_000) < 0.1
