"""The same answer, to the last bit, whatever the order of the rows, the number of threads, the order in which they happen to
work, and whatever else the process does: of both engines, with each metric, on data where everything ties.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import sqlclust
from sqlclust.core.geometry.metrics import Float32Array, IndexArray, squared_distances
from sqlclust.core.neighbors import approximate
from sqlclust.core.neighbors import inverted_lists as lists
from sqlclust.core.pipeline import Clustering
from sqlclust.core.runtime import threads
from tests.small import add_embeddings
from tests.trust.same_answer import LARGE, database, hard, of_array, of_result, of_rows

pytestmark = pytest.mark.slow

ENGINES = ("exact", "approximate")
METRICS: dict[str, dict[str, Any]] = {
    "euclidean": {"normalize": False},
    "euclidean of unit vectors": {"normalize": True},
    "cosine": {"metric": "cosine", "normalize": False},
}
CASES = [pytest.param(engine, metric, id=f"{engine}, {metric}") for engine in ENGINES for metric in METRICS]
SELECTING: dict[str, Any] = {"min_cluster_size": 6, "min_samples": 4}

data = functools.cache(lambda: hard(LARGE))


def answer(engine: str, metric: str, vectors: Any) -> Clustering:
    return sqlclust.hdbscan(vectors, engine=engine, **METRICS[metric], **SELECTING)


@functools.cache
def reference(engine: str, metric: str) -> Clustering:
    return answer(engine, metric, data())


def assert_identical(found: Clustering, expected: Clustering, order: IndexArray | None = None) -> None:
    """The same bits; the rows of `found` are the rows `order` of `expected`, and then medoids are compared elsewhere, by id."""
    rows = np.arange(len(expected.labels)) if order is None else order
    for name in ("labels", "probabilities", "outlier_scores"):
        assert getattr(found, name).tobytes() == getattr(expected, name)[rows].tobytes(), name
    for name in ("sizes", "persistence", *(("medoids",) if order is None else ())):
        assert getattr(found, name).tobytes() == getattr(expected, name).tobytes(), name


@pytest.mark.parametrize(("engine", "metric"), CASES)
def test_the_data_is_hard_and_its_lists_are_several(engine: str, metric: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the other tests of this file stand on."""
    counts = []
    several = lists.inverted_lists

    def counting(points: Float32Array, count: int, *args: Any, **kwargs: Any) -> Any:
        counts.append(count)
        return several(points, count, *args, **kwargs)

    monkeypatch.setattr(approximate, "inverted_lists", counting)
    clustering = answer(engine, metric, data())
    assert [count > 1 for count in counts] == [True]
    assert len(clustering.sizes) >= 8
    assert 0.1 < np.mean(clustering.labels < 0) < 0.9
    assert_identical(clustering, reference(engine, metric))  # and the same twice in one process


@pytest.mark.parametrize(("engine", "metric"), CASES)
def test_order_of_rows(engine: str, metric: str) -> None:
    order = np.random.default_rng(1).permutation(LARGE)
    assert_identical(answer(engine, metric, data()[order]), reference(engine, metric), order)


@pytest.mark.parametrize(("engine", "metric"), CASES)
@pytest.mark.parametrize(("workers", "blas"), [(1, 3), (3, 1)], ids=["1 worker", "3 workers"])
def test_number_of_threads(engine: str, metric: str, workers: int, blas: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours, and those of the BLAS library."""
    monkeypatch.setattr(threads, "worker_count", lambda: workers)
    with threadpool_limits(limits=blas, user_api="blas"):
        assert_identical(answer(engine, metric, data()), reference(engine, metric))


@pytest.fixture
def in_other_order(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Blocks of work in another order, as a busy machine would have it; the numbers of blocks."""
    rng = np.random.default_rng(2)
    counts = []

    def for_each_block(work: Callable[[Any], None], blocks: Sequence[Any], *args: Any, **kwargs: Any) -> None:
        counts.append(len(blocks))
        threads.for_each_block(work, [blocks[i] for i in rng.permutation(len(blocks))], *args, **kwargs)

    for name, module in list(sys.modules.items()):
        if name.startswith("sqlclust.core.") and module is not threads and hasattr(module, "for_each_block"):
            monkeypatch.setattr(module, "for_each_block", for_each_block)
    return counts


@pytest.mark.parametrize(("engine", "metric"), CASES)
def test_order_in_which_threads_happen_to_work(engine: str, metric: str, in_other_order: list[int]) -> None:
    expected = reference(engine, metric)
    in_other_order.clear()
    assert_identical(answer(engine, metric, data()), expected)
    assert max(in_other_order) > 1


@pytest.mark.parametrize("metric", METRICS)
def test_several_rounds(metric: str, in_other_order: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """The approximate engine merges what it finds round by round where there is much; and list by list."""
    monkeypatch.setattr(approximate, "_ROUND_BYTES", 1 << 16)
    monkeypatch.setattr(approximate, "_LISTS_AT_A_TIME", 1)
    expected = answer("approximate", metric, data())
    in_other_order.clear()
    for _ in range(2):
        assert_identical(answer("approximate", metric, data()), expected)
    assert len(in_other_order) > 40
    assert max(in_other_order) > 1


def test_two_fits_at_once() -> None:
    """They share the limit of the BLAS library's threads; each gives what it gives alone."""
    cases = [("exact", "euclidean"), ("approximate", "cosine")]
    expected = [reference(engine, metric) for engine, metric in cases]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda case: answer(case[0], case[1], data()), cases))
    for one, other in zip(found, expected, strict=True):
        assert_identical(one, other)


LAYOUTS: dict[str, Callable[[Float32Array], Any]] = {
    "float64": lambda vectors: vectors.astype(np.float64),
    "big-endian": lambda vectors: vectors.astype(">f4"),
    "by columns": np.asfortranarray,
    "every second row": lambda vectors: np.repeat(vectors, 2, axis=0)[::2],
    "columns backwards": lambda vectors: np.ascontiguousarray(vectors[:, ::-1])[:, ::-1],
    "read-only": lambda vectors: np.frombuffer(vectors.tobytes(), dtype=np.float32).reshape(vectors.shape),
    "lists": lambda vectors: vectors.tolist(),
}


@pytest.mark.parametrize("metric", METRICS)
def test_how_an_array_lies_in_memory(metric: str) -> None:
    """Sums over numbers that lie elsewhere may round differently."""
    vectors = hard(240, 33)
    expected = answer("exact", metric, vectors)
    assert len(expected.sizes) > 1
    for layout in LAYOUTS.values():
        assert_identical(answer("exact", metric, layout(vectors)), expected)


def test_minus_zero_is_zero() -> None:
    vectors = hard(240)
    vectors[vectors == vectors.min()] = 0.0
    vectors[::3, 0] = 0.0
    negative = np.where(vectors == 0, np.float32(-0.0), vectors)
    assert negative.tobytes() != vectors.tobytes()
    for options in METRICS.values():
        assert_identical(
            sqlclust.hdbscan(negative, **options, **SELECTING), sqlclust.hdbscan(vectors, **options, **SELECTING)
        )


@pytest.mark.parametrize("dimension", [3, 768, 8192, 9000])
def test_a_distance_does_not_depend_on_what_else_is_measured(dimension: int) -> None:
    vectors = np.random.default_rng(3).normal(size=(8, dimension)).astype(np.float32)
    left, right = np.triu_indices(8, 1)
    together = squared_distances(vectors, left, right)
    alone = [squared_distances(vectors, left[i : i + 1], right[i : i + 1])[0] for i in range(len(left))]
    assert together.tolist() == alone


SCRIPT = """
import hashlib, sys
import numpy as np
import sqlclust
from tests.trust.test_same_answer_engines import METRICS, answer, data
for engine in sys.argv[1:]:
    for metric in METRICS:
        print(engine, metric, *(hashlib.sha256(part.tobytes()).hexdigest() for part in answer(engine, metric, data())))
"""


def of_process(*engines: str, **environment: str) -> list[str]:
    """What a process of its own with this environment finds."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *engines], env={**os.environ, **environment}, cwd=Path(__file__).parents[2],
        capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    return done.stdout.splitlines()


def of_this_process(*engines: str) -> list[str]:
    from hashlib import sha256

    return [
        " ".join([engine, metric, *(sha256(part.tobytes()).hexdigest() for part in reference(engine, metric))])
        for engine in engines
        for metric in METRICS
    ]


def test_another_process() -> None:
    """With other hash seeds, and other numbers of threads in the environment."""
    environment = {"PYTHONHASHSEED": "1", "OPENBLAS_NUM_THREADS": "4", "OMP_NUM_THREADS": "3"}
    assert of_process(*ENGINES, **environment) == of_this_process(*ENGINES)


def test_another_processor() -> None:
    """OpenBLAS multiplies in another order on another kind of processor, here on the oldest. The exact engine only rules out
    pairs with products. The approximate one may find other neighbours then: it is the same on the same kind of processor.
    """
    assert of_process("exact", OPENBLAS_CORETYPE="Prescott") == of_this_process("exact")


@pytest.mark.parametrize("engine", ENGINES)
def test_large_enough_for_several_lists_in_a_database(engine: str) -> None:
    """Rows inserted in another order, with ids in yet another: fitted, cut, reused, as a table function, as an array."""
    rng = np.random.default_rng(4)
    names = [f"{i:05}" for i in rng.permutation(LARGE)]
    options = {"engine": engine, **METRICS["euclidean"]}
    with database(data(), names, order=rng.permutation(LARGE)) as con:
        add_embeddings(con, np.ones((1, 8), np.float32), model="another", ids=["x"])
        fitted = of_result(con, sqlclust.fit(con, "demo", **options, **SELECTING))
        larger = of_result(con, sqlclust.fit(con, "demo", **options, **{**SELECTING, "min_cluster_size": 9}))
        assert con.execute("SELECT count(*) FROM ClusteringFit").get == 1
        points = "(SELECT clust_points(id, vector) FROM Embedding WHERE embedding_model = 'demo')"
        assert of_rows(con, f"clust_hdbscan({points}, '{json.dumps({**options, **SELECTING})}')") == fitted
        assert of_rows(con, f"clust_labels(1, '{json.dumps(SELECTING)}')") == fitted
        assert of_rows(con, "clust_labels(1, '{\"min_cluster_size\": 9}')") == larger
    for found, expected in (
        (fitted, reference(engine, "euclidean")),
        (larger, sqlclust.hdbscan(data(), **options, **{**SELECTING, "min_cluster_size": 9})),
    ):
        assert found.without_medoids() == of_array(expected, names).without_medoids()
