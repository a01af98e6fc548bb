from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

from sqlclust.core.labellings.agreement import adjusted_mutual_information, adjusted_rand_index


def labelling(*labels: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(labels, dtype=np.int64)


@pytest.mark.parametrize("agreement", [adjusted_rand_index, adjusted_mutual_information])
def test_names_do_not_matter(agreement: object) -> None:
    assert callable(agreement)
    value = agreement(labelling(0, 0, 1, 1, -1), labelling(5, 5, -1, -1, 2))
    assert type(value) is float
    assert value == pytest.approx(1.0, abs=1e-15)


def test_rand_index_by_hand() -> None:
    """Pairs of rows that are together in both, in a, in b; of 15 pairs."""
    a, b = labelling(0, 0, 0, 1, 1, 1), labelling(0, 0, 1, 1, 2, 3)
    together, in_a, in_b = 1, 6, 2
    expected = in_a * in_b / 15
    assert adjusted_rand_index(a, b) == pytest.approx((together - expected) / ((in_a + in_b) / 2 - expected), abs=1e-15)


@given(st.integers(2, 60), st.integers(1, 40), st.integers(1, 40), st.integers(0, 10**6), st.sampled_from([1, 10**15]))
def test_rand_index_as_scikit_learn(n: int, groups_a: int, groups_b: int, seed: int, spread: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.integers(-1, groups_a, size=n) * spread, rng.integers(-1, groups_b, size=n)
    assert adjusted_rand_index(a, b) == pytest.approx(adjusted_rand_score(a, b), abs=1e-12)


def test_chance_gives_about_zero() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 5, size=(2, 3000))
    assert abs(adjusted_rand_index(a, b)) < 0.005
    assert abs(adjusted_mutual_information(a, b)) < 0.005


def test_one_label_each() -> None:
    assert adjusted_rand_index(labelling(3), labelling(-1)) == 1.0
    assert adjusted_mutual_information(labelling(3), labelling(-1)) == 1.0


def test_one_label_against_many_says_nothing() -> None:
    assert adjusted_mutual_information(labelling(3, 3, 3, 3), labelling(0, 0, 1, -1)) == pytest.approx(0.0, abs=1e-15)


pairs = st.lists(st.tuples(st.integers(-1, 4), st.integers(-1, 9)), min_size=1, max_size=60)


@given(pairs)
def test_mutual_information_like_scikit_learn(rows: list[tuple[int, int]]) -> None:
    a, b = labelling(*(a for a, _ in rows)), labelling(*(b for _, b in rows))
    alike = len(set(rows)) == len(set(a.tolist())) == len(set(b.tolist()))
    expected = 1.0 if alike else adjusted_mutual_info_score(a, b)  # some versions say 0 for two alike of single rows
    assert adjusted_mutual_information(a, b) == pytest.approx(expected, abs=1e-10)


def test_mutual_information_of_large_clusters_like_scikit_learn() -> None:
    """Where the overlaps that are left out are many."""
    rng = np.random.default_rng(1)
    a = rng.integers(-1, 30, size=50_000) ** 2 // 30
    b = np.where(rng.random(len(a)) < 0.6, a, rng.integers(-1, 40, size=len(a)))
    assert adjusted_mutual_information(a, b) == pytest.approx(adjusted_mutual_info_score(a, b), abs=1e-10)


def test_mutual_information_of_thousands_of_clusters_takes_no_time() -> None:
    a, b = np.random.default_rng(2).integers(0, 3_000, size=(2, 200_000))
    started = time.process_time()
    assert abs(adjusted_mutual_information(a, b)) < 0.001
    assert time.process_time() - started < 5  # a few hundredths; scikit-learn needs half a minute
