"""The numbers that everything else is settled by, against exact fractions: squared distances, unit vectors, distinct vectors."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sqlclust.core.geometry.duplicates import distinct
from sqlclust.core.geometry.metrics import METRICS, Float32Array, distance, squared_distances, squared_lengths, unit

pytestmark = pytest.mark.slow

ROUNDING = Fraction(1, 2**53)

numbers = st.floats(width=32, allow_nan=False, allow_infinity=False, min_value=-(2.0**60), max_value=2.0**60)
small_ones = st.sampled_from([0.0, -0.0, 1.0, -1.0, 3.0, 2.0**-149, 1.1754943508222875e-38, 1e-20, 2.0**24 + 2, 0.1])
matrices = arrays.arrays(np.float32, st.tuples(st.integers(2, 6), st.integers(1, 9)), elements=numbers | small_ones)


def exact(row: Float32Array) -> list[Fraction]:
    return [Fraction(float(number)) for number in row]


def squared_length(row: list[Fraction]) -> Fraction:
    return sum((number * number for number in row), Fraction(0))


def near(found: float, expected: Fraction, share: Fraction) -> bool:
    """Whether a number is right but for a share of itself, and for what float64 cannot hold."""
    return abs(Fraction(found) - expected) <= share * expected + Fraction(1, 2**1000)


@settings(max_examples=200, deadline=None)
@given(matrices)
def test_squared_distances(vectors: Float32Array) -> None:
    """A rounding for the difference, one for the square, and one for each addition."""
    n, dimension = vectors.shape
    left, right = (indices.ravel() for indices in np.indices((n, n)))
    found = squared_distances(vectors, left, right)
    for value, a, b in zip(found.tolist(), left.tolist(), right.tolist(), strict=True):
        difference = [x - y for x, y in zip(exact(vectors[a]), exact(vectors[b]), strict=True)]
        assert near(value, squared_length(difference), (dimension + 4) * ROUNDING)
        assert (value == 0.0) == (exact(vectors[a]) == exact(vectors[b]))
    np.testing.assert_array_equal(found.reshape(n, n), found.reshape(n, n).T)


@settings(max_examples=100, deadline=None)
@given(matrices)
def test_squared_lengths(vectors: Float32Array) -> None:
    for value, row in zip(squared_lengths(vectors.astype(np.float64)).tolist(), vectors, strict=True):
        assert near(value, squared_length(exact(row)), (vectors.shape[1] + 2) * ROUNDING)


@pytest.mark.parametrize("dimension", [4095, 4096, 4097, 9000])
def test_long_rows_are_summed_alike_however_many_there_are(dimension: int) -> None:
    vectors = np.random.default_rng(dimension).normal(size=(5, dimension)).astype(np.float32)
    every = squared_lengths(vectors.astype(np.float64))
    for row, vector in enumerate(vectors):
        assert squared_lengths(vector[None].astype(np.float64))[0] == every[row]
        assert near(float(every[row]), squared_length(exact(vector)), dimension * ROUNDING)


@settings(max_examples=200, deadline=None)
@given(matrices)
def test_unit_vectors(vectors: Float32Array) -> None:
    """Each number is its share of the length, rounded once to float32: wrong by half a unit in its last place."""
    vectors = vectors[vectors.any(axis=1)]
    found = unit(vectors) if len(vectors) else vectors
    for row, result in zip(vectors, found, strict=True):
        squared = squared_length(exact(row))
        for number, share in zip(exact(row), result, strict=True):
            unit_in_last_place = Fraction(float(np.spacing(np.abs(share))))
            assert (share >= 0) == (number >= 0) or share == 0
            # |share − number / length| <= 0.501 units, squared to be free of roots
            low = max(Fraction(0), abs(Fraction(float(share))) - Fraction(501, 1000) * unit_in_last_place)
            high = abs(Fraction(float(share))) + Fraction(501, 1000) * unit_in_last_place
            assert low * low * squared <= number * number <= high * high * squared


@settings(max_examples=40, deadline=None)
@given(matrices, st.data())
def test_distinct_vectors(vectors: Float32Array, data: st.DataObject) -> None:
    """By the numbers alone; -0.0 is 0.0."""
    chosen = data.draw(st.lists(st.integers(0, len(vectors) - 1), min_size=1, max_size=20))
    rows = vectors[chosen]
    points = distinct(rows, normalize=False)
    expected: dict[tuple[Fraction, ...], int] = {}
    for row in rows:
        expected[tuple(exact(row))] = expected.get(tuple(exact(row)), 0) + 1
    found = {tuple(exact(row)): int(count) for row, count in zip(points.vectors, points.counts, strict=True)}
    assert found == expected
    assert len(points.counts) == len(expected)
    groups = points.group_of_row()
    assert all(exact(points.vectors[group]) == exact(row) for group, row in zip(groups, rows, strict=True))
    order = data.draw(st.permutations(range(len(rows))))
    again = distinct(rows[order], normalize=False)  # the same canonical order, whatever order they come in
    np.testing.assert_array_equal(again.vectors, points.vectors)
    np.testing.assert_array_equal(again.counts, points.counts)


def test_distances_by_hand() -> None:
    a, b = np.array([1, 2, 2], dtype=np.float32), np.array([2, 4, 4], dtype=np.float32)
    assert {metric: distance(a, b, metric) for metric in METRICS} == {"euclidean": 3.0, "cosine": 0.0}
    assert distance(a, -a, "cosine") == pytest.approx(2.0, rel=1e-15)
