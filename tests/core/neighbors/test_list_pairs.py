from __future__ import annotations

import numpy as np
import pytest

from sqlclust.core.geometry.float32_range import into_float32_range
from sqlclust.core.geometry.metrics import Float32Array
from sqlclust.core.neighbors.list_pairs import pairs_of_list
from sqlclust.core.runtime.control import Control
from tests.core.brute import all_squared
from tests.core.hard_vectors import every

TIMES = (1e-22, 1e-19, 1e-18, 1e-17, 1e-15, 1e-10, 1.0)


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("dimension", [1, 3, 64])
def test_distances_in_a_tight_list_are_as_wrong_as_they_may_be(times: float, dimension: int) -> None:
    """A list around the origin, of vectors whose squares float32 hardly holds, or not at all."""
    vectors = (np.random.default_rng(0).standard_normal((50, dimension)) * times).astype(np.float32)
    for limit in (np.inf, times**2):
        of_all_pairs(vectors, np.float32(limit))


@pytest.mark.parametrize("name", every())
def test_distances_are_as_wrong_as_they_may_be(name: str) -> None:
    vectors, _ = into_float32_range(every()[name](np.random.default_rng(2))[:80])
    of_all_pairs(vectors, np.float32(np.inf))


def of_all_pairs(vectors: Float32Array, limit: np.float32) -> None:
    m, squared, seen = len(vectors), all_squared(vectors), 0
    found = pairs_of_list(vectors, np.arange(m, dtype=np.int32), np.full(m, limit, dtype=np.float32), m - 1, Control())
    for owner, other, near in found.pairs:
        assert (np.abs(np.maximum(near, 0.0) - squared[owner, other]) <= found.rounded).all()
        seen += len(owner)
    if np.isinf(limit):
        assert seen == m * (m - 1)
