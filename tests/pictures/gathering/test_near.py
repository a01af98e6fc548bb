"""Which medoids are near which, against all distances."""

from __future__ import annotations

import numpy as np
import pytest

from sqlclust.core.geometry.metrics import Metric, distance, unit
from sqlclust.core.runtime.control import Control
from sqlclust.pictures.gathering import near
from sqlclust.pictures.gathering.near import MOST, nearest


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("unit_length", [False, True])
@pytest.mark.parametrize("offset", [0.0, 1e4])
@pytest.mark.parametrize("n", [1, 2, 9, 70])
def test_the_nearest_are_those_of_brute_force(
    metric: Metric, unit_length: bool, offset: float, n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(near, "_BLOCK_BYTES", 8 * n * 3)
    vectors = (np.random.default_rng(n).normal(size=(n, 5)) + offset).astype(np.float32)
    vectors[n // 2] = vectors[0]
    unit_length = unit_length or metric == "cosine"
    rows, distances = nearest(vectors, metric, unit_length=unit_length, control=Control())
    compared = unit(vectors) if unit_length else vectors
    assert rows.shape == distances.shape == (n, min(MOST, n - 1))
    for row in range(n):
        every = sorted(
            (distance(compared[row], compared[other], "euclidean"), other) for other in range(n) if other != row
        )
        assert rows[row].tolist() == [other for _, other in every[:MOST]]
        expected = [d if metric == "euclidean" else d * d / 2 for d, _ in every[:MOST]]
        assert distances[row] == pytest.approx(expected, rel=1e-9, abs=1e-12)
