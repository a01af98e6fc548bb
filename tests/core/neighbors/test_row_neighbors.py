from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlclust.core.geometry.metrics import METRICS, Float32Array, Metric, squared_distances, unit
from sqlclust.core.neighbors.row_neighbors import row_neighbors
from sqlclust.core.runtime.control import Control
from sqlclust.errors import Interrupted


def found(
    vectors: Float32Array,
    k: int,
    *,
    metric: Metric = "euclidean",
    normalize: bool = False,
    rank: list[int] | None = None,
) -> list[tuple[int, list[int], list[float]]]:
    places = np.arange(len(vectors)) if rank is None else np.array(rank, dtype=np.intp)
    rows = row_neighbors(vectors, k, metric=metric, normalize=normalize, rank=places, control=Control())
    return [(row, others.tolist(), distances.tolist()) for row, others, distances in rows]


def by_definition(
    vectors: Float32Array, k: int, *, metric: Metric, unit_length: bool, rank: list[int]
) -> list[tuple[int, list[int], list[float]]]:
    wide = unit(vectors) if unit_length else vectors
    pairs = np.indices((len(wide), len(wide))).reshape(2, -1)
    squared = squared_distances(wide, *pairs).reshape(len(wide), len(wide))
    distance = np.sqrt(squared) if metric == "euclidean" else squared / 2
    result = []
    for row in sorted(range(len(vectors)), key=rank.__getitem__):
        others = sorted((o for o in range(len(vectors)) if o != row), key=lambda o: (distance[row, o], rank[o]))[:k]
        result.append((row, others, distance[row, others].tolist()))
    return result


def test_exact_values() -> None:
    line = np.array([[0], [1], [3], [7]], dtype=np.float32)
    assert found(line, 2) == [
        (0, [1, 2], [1.0, 3.0]),
        (1, [0, 2], [1.0, 2.0]),
        (2, [1, 0], [2.0, 3.0]),
        (3, [2, 1], [4.0, 6.0]),
    ]


def test_cosine_is_one_minus_the_cosine() -> None:
    axes = np.array([[2, 0], [0, 3], [-5, 0]], dtype=np.float32)
    assert found(axes, 2, metric="cosine") == [
        (0, [1, 2], [1.0, 2.0]),
        (1, [0, 2], [1.0, 1.0]),
        (2, [1, 0], [1.0, 2.0]),
    ]


@pytest.mark.parametrize("k", [3, 100])
def test_more_than_there_are_means_all(k: int) -> None:
    line = np.array([[0], [1], [3], [7]], dtype=np.float32)
    assert [len(others) for _, others, _ in found(line, k)] == [3, 3, 3, 3]


def test_one_row_has_no_neighbours() -> None:
    assert found(np.ones((1, 3), dtype=np.float32), 5) == [(0, [], [])]


def test_equal_rows_are_neighbours_at_distance_zero() -> None:
    equal = np.ones((4, 2), dtype=np.float32)
    assert found(equal, 2) == [(row, [o for o in range(4) if o != row][:2], [0.0, 0.0]) for row in range(4)]


def test_of_equally_far_rows_the_lowest_rank_comes_first() -> None:
    """All eleven axes are equally far from each other: whom a list names is for the rank alone to say."""
    axes = np.eye(11, dtype=np.float32)
    rank = [(4 * row) % 11 for row in range(11)]
    by_rank = sorted(range(11), key=rank.__getitem__)
    for row, others, distances in found(axes, 3, rank=rank):
        assert others == [o for o in by_rank if o != row][:3]
        assert distances == [np.sqrt(2.0)] * 3


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_definition_on_grids(data: st.DataObject) -> None:
    """Small integers: nearly every distance ties, and rows repeat."""
    metric = data.draw(st.sampled_from(METRICS))
    normalize = data.draw(st.booleans())
    n, dimension = data.draw(st.integers(1, 24)), data.draw(st.integers(1, 3))
    low = 1 if metric == "cosine" or normalize else -2
    cells = st.lists(st.integers(low, 3), min_size=dimension, max_size=dimension)
    vectors = np.array(data.draw(st.lists(cells, min_size=n, max_size=n)), dtype=np.float32)
    rank = data.draw(st.permutations(range(n)))
    k = data.draw(st.integers(1, 8))
    expected = by_definition(vectors, k, metric=metric, unit_length=normalize or metric == "cosine", rank=rank)
    assert found(vectors, k, metric=metric, normalize=normalize, rank=rank) == expected


def test_definition_on_many_equally_far() -> None:
    rng = np.random.default_rng(5)
    vectors = rng.integers(0, 2, size=(150, 7)).astype(np.float32)  # 128 different at most, distances √0 to √7
    rank = rng.permutation(150).tolist()
    expected = by_definition(vectors, 6, metric="euclidean", unit_length=False, rank=rank)
    assert found(vectors, 6, rank=rank) == expected


def test_definition_on_real_numbers() -> None:
    vectors = np.random.default_rng(6).normal(size=(80, 12)).astype(np.float32)
    expected = by_definition(vectors, 5, metric="euclidean", unit_length=False, rank=list(range(80)))
    for (row, others, distances), (_, expected_others, expected_distances) in zip(
        found(vectors, 5), expected, strict=True
    ):
        assert others == expected_others, row
        assert distances == pytest.approx(expected_distances, rel=1e-13)


@pytest.mark.parametrize("power", [-149, -100, 60, 123])
def test_very_small_and_very_large_numbers(power: int) -> None:
    line = np.ldexp(np.array([[0], [1], [3], [7]], dtype=np.float32), power)
    one = float(np.ldexp(1.0, power))
    assert found(line, 1) == [(0, [1], [one]), (1, [0], [one]), (2, [1], [2 * one]), (3, [2], [4 * one])]


def test_stops() -> None:
    control = Control()
    control.stop()
    rows = row_neighbors(
        np.eye(4, dtype=np.float32), 2, metric="euclidean", normalize=False, rank=np.arange(4), control=control
    )
    with pytest.raises(Interrupted):
        next(rows)
