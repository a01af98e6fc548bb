from __future__ import annotations

import numpy as np
import pytest

from sqlclust.core.neighbors.inverted_lists import inverted_lists, one_list
from sqlclust.core.neighbors.list_limits import limits_in_lists
from sqlclust.core.runtime.control import Control
from tests.benchmarks.data import embeddings
from tests.core.brute import all_squared


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
