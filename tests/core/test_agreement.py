from __future__ import annotations

import numpy as np
import pytest

from sqlclust.core.agreement import adjusted_mutual_information, adjusted_rand_index


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


def test_chance_gives_about_zero() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 5, size=(2, 3000))
    assert abs(adjusted_rand_index(a, b)) < 0.005
    assert abs(adjusted_mutual_information(a, b)) < 0.005


def test_one_label_each() -> None:
    assert adjusted_rand_index(labelling(3), labelling(-1)) == 1.0
    assert adjusted_mutual_information(labelling(3), labelling(-1)) == 1.0
