"""The lists that a fit keeps: brute force in float64 gives the same, and so do rows made of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sqlclust.core import pipeline as hdbscan
from sqlclust.core.geometry.metrics import METRICS, Float32Array, Metric
from sqlclust.core.neighbors.k_nearest_lists import KNearestLists, equal_lists
from sqlclust.core.neighbors.row_neighbors import listed_neighbors, row_neighbors
from sqlclust.core.runtime.control import Control
from tests.core.brute import all_squared, nearest
from tests.core.test_engines import HARD

pytestmark = pytest.mark.slow

Random = np.random.Generator
Rows = list[tuple[int, list[int], list[float]]]


def fitted(
    vectors: Float32Array, min_samples: int, *, metric: Metric = "euclidean", normalize: bool = False
) -> hdbscan.Fit:
    parameters = hdbscan.ReachabilityParameters(min_samples, metric, normalize=normalize)
    return hdbscan.fit(vectors, parameters, keep_lists=True, control=Control())


def lists_of(found: hdbscan.Fit) -> KNearestLists:
    assert found.lists is not None
    return found.lists


def assert_brute_force(found: hdbscan.Fit, k: int) -> None:
    """The lists are the k nearest by (squared distance, canonical place), of the vectors as they were compared."""
    lists, m = lists_of(found), len(found.points.counts)
    k = min(k, m - 1)
    compared = np.ldexp(found.points.vectors, found.exponent)
    indices, squared = nearest(all_squared(compared), k)
    np.testing.assert_array_equal(lists.counts, found.points.counts)
    np.testing.assert_array_equal(lists.starts, np.arange(m + 1) * k)
    np.testing.assert_array_equal(lists.indices.reshape(m, k), indices)
    np.testing.assert_array_equal(lists.squared.reshape(m, k), squared)
    assert [str(array.dtype) for array in lists] == ["int64", "int64", "int32", "float64"]


@pytest.mark.parametrize("make", HARD, ids=lambda make: make.__name__)
@pytest.mark.parametrize(("min_samples", "exponent"), [(1, 0), (6, 0), (3, 90), (3, -90)])
def test_they_are_those_of_brute_force(make: Callable[[Random], Float32Array], min_samples: int, exponent: int) -> None:
    vectors = make(np.random.default_rng(3))
    if exponent and (vectors.shape[1] > 1000 or make.__name__ == "huge"):
        pytest.skip("slow, or as large as can be already")
    scaled = np.ldexp(vectors, exponent)
    found = fitted(np.concatenate([scaled, scaled[::3], scaled[:2], scaled[:2]]), min_samples)
    assert found.exponent != 0 or exponent == 0
    assert_brute_force(found, min_samples + 5)


@given(
    vectors=arrays.arrays(
        np.float32,
        st.tuples(st.integers(1, 40), st.integers(1, 3)),
        elements=st.sampled_from([-2, -1, 0, 1, 2, 2.0000002]),
    ),
    min_samples=st.integers(1, 45),
)
@settings(max_examples=80, deadline=None)
def test_ties_are_resolved_by_canonical_order(vectors: Float32Array, min_samples: int) -> None:
    assert_brute_force(fitted(vectors, min_samples), min(min_samples, max(len(vectors) - 1, 1)) + 5)


def test_all_rows_alike() -> None:
    found = fitted(np.full((7, 3), 1e30, dtype=np.float32), 3)
    assert [array.tolist() for array in lists_of(found)] == [[7], [0, 0], [], []]
    assert found.exponent != 0
    assert rows_of(found, 8) == [(row, [o for o in range(7) if o != row], [0.0] * 6) for row in range(7)]


def test_nothing_is_kept_unasked() -> None:
    parameters = hdbscan.ReachabilityParameters(2, normalize=False)
    vectors = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    for each in (vectors, np.ones_like(vectors)):
        assert hdbscan.fit(each, parameters, control=Control()).lists is None


def test_keeping_them_changes_no_fit() -> None:
    vectors = np.random.default_rng(0).normal(size=(300, 6)).round(1).astype(np.float32)
    parameters = hdbscan.ReachabilityParameters(4, normalize=False)
    for engine in hdbscan.ENGINES:
        with_lists = hdbscan.fit(vectors, parameters, engine=engine, keep_lists=True, control=Control())
        without = hdbscan.fit(vectors, parameters, engine=engine, control=Control())
        np.testing.assert_array_equal(with_lists.core, without.core)
        for one, other in zip(with_lists.tree, without.tree, strict=True):
            np.testing.assert_array_equal(one, other)
        lists = lists_of(with_lists)
        assert set(lists.lengths().tolist()) == {9}
        np.testing.assert_array_equal(lists.counts, with_lists.points.counts)


# --- as rows -----------------------------------------------------------------------------------------------------------


def rows_of(found: hdbscan.Fit, k: int, *, metric: Metric = "euclidean") -> Rows:
    rows = listed_neighbors(lists_of(found), found.points.group_of_row(), k, metric=metric, exponent=found.exponent)
    return [(row, others.tolist(), distances.tolist()) for row, others, distances in rows]


def searched(vectors: Float32Array, k: int, *, metric: Metric = "euclidean", normalize: bool = False) -> Rows:
    rank = np.arange(len(vectors))
    rows = row_neighbors(vectors, k, metric=metric, normalize=normalize, rank=rank, control=Control())
    return [(row, others.tolist(), distances.tolist()) for row, others, distances in rows]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("exponent", [0, 100, -100])
def test_rows_are_those_of_a_search(metric: Metric, normalize: bool, exponent: int) -> None:
    vectors = np.ldexp(np.random.default_rng(1).normal(size=(120, 5)).astype(np.float32), exponent)
    vectors = np.concatenate([vectors, vectors[:30], vectors[:5], np.repeat(vectors[7:8], 12, axis=0)])
    found = fitted(vectors, 4, metric=metric, normalize=normalize)
    assert rows_of(found, 9, metric=metric) == searched(vectors, 9, metric=metric, normalize=normalize)


@given(
    vectors=arrays.arrays(np.float32, st.tuples(st.integers(2, 30), st.just(2)), elements=st.integers(-2, 2)),
    min_samples=st.integers(1, 5),
)
@settings(max_examples=80, deadline=None)
def test_of_equally_far_rows_only_those_of_the_last_may_be_others(vectors: Float32Array, min_samples: int) -> None:
    k = min(min_samples, len(vectors) - 1) + 5
    kept, right = rows_of(fitted(vectors, min_samples), k), searched(vectors, k)
    for (row, others, distances), (same, expected, exact) in zip(kept, right, strict=True):
        nearer = sum(distance < exact[-1] for distance in exact)
        assert (row, distances, others[:nearer]) == (same, exact, expected[:nearer])
        assert len({row, *others}) == len(others) + 1


def test_lists_of_different_lengths() -> None:
    lists = KNearestLists(
        np.array([2, 1, 1]), np.array([0, 2, 2, 3]), np.array([1, 2, 0], dtype=np.int32), np.array([1.0, 4.0, 4.0])
    )
    rows = listed_neighbors(lists, np.array([1, 0, 2, 0]), 3, metric="euclidean", exponent=1)
    assert [(row, others.tolist(), distances.tolist()) for row, others, distances in rows] == [
        (0, [], []),
        (1, [3, 0, 2], [0.0, 0.5, 1.0]),
        (2, [1, 3], [1.0, 1.0]),
        (3, [1, 0, 2], [0.0, 0.5, 1.0]),
    ]


def test_types_are_not_copied_where_they_are_right() -> None:
    indices, squared = np.array([[1], [0]], dtype=np.int32), np.ones((2, 1))
    lists = equal_lists(np.ones(2, dtype=np.intp), indices, squared)
    assert np.shares_memory(lists.indices, indices)
    assert np.shares_memory(lists.squared, squared)
