from __future__ import annotations

import numpy as np
import pytest

from sqlclust.core.geometry.duplicates import distinct
from sqlclust.core.geometry.float32_range import into_float32_range
from sqlclust.core.geometry.principal_axes import axes_that_pay
from sqlclust.core.neighbors.approximate import Effort, kth_at_most
from sqlclust.core.neighbors.inverted_lists import inverted_lists, one_list
from sqlclust.core.neighbors.list_limits import limits_in_lists
from sqlclust.core.runtime.control import Control
from tests.benchmarks.data import embeddings
from tests.core.brute import all_squared
from tests.core.hard_vectors import every


@pytest.mark.parametrize("count", [1, 3, 12])
@pytest.mark.parametrize("k", [1, 4, 60])
def test_the_kth_neighbour_is_within_the_limit(count: int, k: int) -> None:
    """With groups of columns and without; inf where the nearest list is too short."""
    vectors = embeddings(600, 24, seed=count)
    lists = one_list(600) if count == 1 else inverted_lists(vectors, count, 2, 0, Control())
    limits = limits_in_lists(vectors, lists, k, Control())
    kth = np.sort(all_squared(vectors), axis=1)[:, k - 1]
    assert (limits >= kth).all()
    if count == 1:  # and not much beyond: of four vectors in a group the nearest counts
        assert (limits <= np.sort(all_squared(vectors), axis=1)[:, min(3 * k + 20, 598)]).all()
    long = np.diff(lists.bounds)[lists.primary] > k
    np.testing.assert_array_equal(np.isfinite(limits), long)


@pytest.mark.parametrize("name", every())
@pytest.mark.parametrize("size", [40, 1000])
def test_the_kth_is_at_most_as_far_as_is_said(name: str, size: int) -> None:
    """By products where rounding allows it, and measured where it does not."""
    vectors, _ = into_float32_range(distinct(every()[name](np.random.default_rng(1)), normalize=False).vectors[:200])
    for k in {1, min(6, len(vectors) - 1)}:
        most = kth_at_most(vectors, k, Effort(3, size), 0, Control(), axes=axes_that_pay(vectors))
        kth = np.sort(all_squared(vectors), axis=1)[:, k - 1]
        assert (most >= kth).all()
        all_seen = size > len(vectors)
        if all_seen and name in ("like_embeddings", "wide", "turned"):  # and products tell them
            assert (most <= kth * 1.0025).all()
