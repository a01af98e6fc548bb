"""Mutual reachability of pairs, and things in groups, held against loops over plain numbers."""

from __future__ import annotations

from itertools import groupby
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlclust.core.geometry.groups import first_of_groups, places_in_runs, run_starts
from sqlclust.core.geometry.mutual_reachability import MutualReachability
from sqlclust.core.runtime.control import Control


@pytest.mark.parametrize("factor", [1.0, 0.25, 3.0])
def test_weights_of_pairs(factor: float) -> None:
    random = np.random.default_rng(0)
    vectors = random.standard_normal((30, 4)).astype(np.float32)
    core = random.random(30) * 8
    reach = MutualReachability(vectors, core, factor, Control())
    here, there = random.integers(0, 30, (2, 10_000))
    squared = reach.squared_distances_by_all_cores(here, there, Control())
    np.testing.assert_array_equal(squared, reach.squared_distances(here, there))
    weights = reach.weights(squared, here, there)
    largest = set()
    for pair in range(0, 10_000, 7):
        a, b = int(here[pair]), int(there[pair])
        away = sum((x - y) ** 2 for x, y in zip(vectors[a].tolist(), vectors[b].tolist(), strict=True))
        assert squared[pair] == pytest.approx(away)
        of_pair = [core[a], core[b], factor * squared[pair]]
        assert weights[pair] == max(of_pair)
        largest.add(int(np.argmax(of_pair)))
    assert largest == {0, 1, 2}
    products = np.maximum(np.maximum(reach.half_core()[here], reach.half_core()[there]), squared / 2)
    np.testing.assert_allclose(products * 2 * factor, weights, rtol=1e-6)


@given(st.lists(st.integers(0, 4), max_size=40).map(sorted))
def test_runs_of_equal_numbers(numbers: list[int]) -> None:
    runs = [list(run) for _, run in groupby(numbers)]
    lengths = [len(run) for run in runs]
    starts, places = run_starts(np.array(numbers, dtype=np.intp)), places_in_runs(np.array(numbers, dtype=np.intp))
    assert starts.tolist() == [sum(lengths[:number]) for number in range(len(runs))]
    assert places.tolist() == [place for length in lengths for place in range(length)]


@given(st.lists(st.integers(0, 3), min_size=4, max_size=30), st.randoms(use_true_random=False))
def test_the_first_of_each_group(groups: list[int], random: Random) -> None:
    groups[:4] = range(4)  # none is empty
    rank = random.sample(range(len(groups)), len(groups))
    first = first_of_groups(np.array(groups), 4, np.array(rank)).tolist()
    for group in range(4):
        assert first[group] == min((row for row in range(len(groups)) if groups[row] == group), key=rank.__getitem__)
