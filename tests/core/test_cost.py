"""Estimates held against fits: how long they take, and that they stay below the memory."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest

from sqlclust.core import cost
from sqlclust.core import pipeline as hdbscan
from sqlclust.core.cost import fit_seconds, memory_bytes, multiplications_per_second, update_seconds
from sqlclust.core.runtime.control import Control
from sqlclust.core.runtime.threads import single_threaded_blas, worker_count
from sqlclust.core.update.updating import Refusal, old_fit, updated
from sqlclust.errors import UnknownEngineError
from tests.benchmarks.data import embeddings
from tests.core.update.matching import places

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("engine", hdbscan.ENGINES)
@pytest.mark.parametrize(("rows", "dimension", "min_samples"), [(20_000, 32, 5), (4_000, 256, 5), (5_000, 32, 200)])
def test_memory_stays_below_the_estimate(engine: hdbscan.Engine, rows: int, dimension: int, min_samples: int) -> None:
    vectors = embeddings(rows, dimension, seed=1, identical=0.0)
    tracemalloc.start()
    parameters = hdbscan.ReachabilityParameters(min_samples, normalize=True)
    hdbscan.fit(vectors, parameters, keep_lists=True, control=Control(), engine=engine)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < memory_bytes(rows, dimension, min_samples, engine)


def processor_seconds(work: Callable[[], object]) -> float:
    """The least of two: of all cores, so that neither their number nor other programs count for much."""
    seconds = []
    for _ in range(2):
        started = time.process_time()
        work()
        seconds.append(time.process_time() - started)
    return min(seconds)


def test_seconds_are_those_of_fits() -> None:
    """Held against fits of two sizes by each engine, and a product, in processor time of one run.

    It is an estimate of how long to wait: a factor of four either way is right, and one of ten is not.
    """
    left = np.random.default_rng(0).standard_normal((512, 384), dtype=np.float32)
    with single_threaded_blas():
        product = processor_seconds(lambda: [left @ left.T for _ in range(20)]) / 20
    speed = left.size * len(left) / product  # of one core
    took, expected = {}, {}
    for engine in hdbscan.ENGINES:
        for n in (100, 2000, 6000):  # the first imports what is imported late
            vectors = embeddings(n, 384, seed=1)
            how = hdbscan.ReachabilityParameters(10, normalize=True)
            started = time.process_time()
            hdbscan.fit(vectors, how, control=Control(), engine=engine)
            took[engine, n] = time.process_time() - started
            cores = worker_count()
            expected[engine, n] = cores * fit_seconds(n, 384, engine, multiplications_per_second=cores * speed)
    for case in ((engine, n) for engine, n in took if n > 100):
        assert 0.25 < took[case] / expected[case] < 4, (case, took, expected)
    for engine in hdbscan.ENGINES:
        grown = took[engine, 6000] / took[engine, 2000]
        estimated = expected[engine, 6000] / expected[engine, 2000]
        assert 0.4 < grown / estimated < 2.5, (engine, grown, estimated)


def test_speed_is_that_of_a_product() -> None:
    left = np.random.default_rng(0).standard_normal((512, 384), dtype=np.float32)
    with single_threaded_blas():
        product = processor_seconds(lambda: [left @ left.T for _ in range(20)]) / 20
    by_hand = worker_count() * left.size * len(left) / product
    assert 0.1 < multiplications_per_second() / by_hand < 4  # measured on the clock: a loaded machine is slower


def test_approximate_wins_only_with_many_vectors() -> None:
    speed = multiplications_per_second()
    assert speed > 1e8

    def share(n: int) -> float:
        seconds = [fit_seconds(n, 384, engine, multiplications_per_second=speed) for engine in hdbscan.ENGINES]
        return seconds[1] / seconds[0]

    assert share(1_000_000) < share(100_000) < share(10_000)
    assert share(1_000_000) < 0.1


def test_an_update_pays_where_little_changes() -> None:
    """Measured: with a few per cent it takes a fraction of a fit, and with a third replaced more than a fit."""
    for rows, dimension in ((20_000, 384), (140_000, 384), (10_000, 1536)):
        anew = fit_seconds(rows, dimension, "exact", multiplications_per_second=1e11)

        def ratio(new: float, gone: float, rows: int = rows, dimension: int = dimension, anew: float = anew) -> float:
            comes, goes = int(new * rows), int(gone * rows)
            return update_seconds(rows, dimension, 14, new=comes, gone=goes, multiplications_per_second=1e11) / anew

        assert (
            0.0 < ratio(0.0, 0.0) < ratio(0.001, 0.0) < ratio(0.01, 0.0) < ratio(0.01, 0.01) < ratio(0.05, 0.05) < 1.0
        )
        assert ratio(0.01, 0.0) < 0.15
        assert ratio(0.33, 0.33) > 1.0
        assert ratio(1.0, 1.0) > 1.0


@pytest.mark.parametrize("min_samples", [1, 2, 14])
def test_more_vectors_that_go_than_there_were_count_as_all(min_samples: int) -> None:
    """Parallel vectors are one where they are scaled to length one."""
    all_go, more = (
        update_seconds(100, 8, min_samples, new=0, gone=gone, multiplications_per_second=1e11) for gone in (100, 150)
    )
    assert more == all_go > 0.0


def test_an_approximate_update_pays_where_few_are_new() -> None:
    """Measured too: of 30,000 × 384 with 1 % added a fifth of a fit, with 5 % added and 4 % removed more than half of one. New
    vectors are compared with all, and a fit's are not: so the more there are, the fewer of a hundred."""

    def ratio(rows: int, new: float, gone: float) -> float:
        anew = fit_seconds(rows, 384, "approximate", multiplications_per_second=1e11)
        came, went, speed = int(new * rows), int(gone * rows), 1e11
        update = update_seconds(
            rows, 384, 14, new=came, gone=went, multiplications_per_second=speed, engine="approximate"
        )
        return update / anew

    assert (
        0.0 < ratio(30_000, 0, 0) < ratio(30_000, 0.01, 0) < ratio(30_000, 0.01, 0.01) < ratio(30_000, 0.05, 0.04) < 1
    )
    assert ratio(30_000, 0.0, 0.01) > ratio(30_000, 0.0, 0.0)
    assert 0.05 < ratio(30_000, 0.01, 0.0) < 0.3
    assert ratio(30_000, 0.01, 0.0) < ratio(200_000, 0.01, 0.0) < 1 < ratio(2_000_000, 0.01, 0.0)
    with pytest.raises(UnknownEngineError):
        update_seconds(100, 8, 5, new=1, gone=0, multiplications_per_second=1e11, engine="auto")


def test_an_update_takes_no_more_memory_than_a_fit_is_said_to() -> None:
    """Also without what the estimate has for small fits. Of 20,000 × 96 it is just as much: the fewer dimensions, the more lists
    and candidates weigh beside the vectors."""
    vectors = embeddings(8_000, 384, seed=1, identical=0.0)
    parameters = hdbscan.ReachabilityParameters(5, normalize=True)
    old = hdbscan.fit(vectors[:7_960], parameters, keep_lists=True, control=Control())
    points = hdbscan.collapsed(vectors[40:], parameters, None, Control())
    was, place = old_fit(old, parameters), places(old.points.vectors, points.vectors)
    tracemalloc.start()
    assert not isinstance(updated(was, points, place, parameters, Control()), Refusal)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < memory_bytes(len(vectors), 384, 5, "exact") - cost._FIXED
