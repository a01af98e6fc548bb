"""Pairs measured in float32, of which only those that may be among the k nearest are measured in float64."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from sqlclust.core.geometry.metrics import Float32Array, IndexArray
from sqlclust.core.neighbors import approximate, exact, pruning
from sqlclust.core.neighbors.k_nearest import NeighborPairs
from sqlclust.core.runtime.control import Control
from tests.core.brute import all_squared, nearest


@pytest.mark.parametrize("crowded", [False, True])
def test_no_call_measures_so_many_pairs_that_it_cannot_be_stopped(
    crowded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many neighbours are wanted: a tight ball around the origin, of which products tell too little, and one far off."""
    vectors = np.random.default_rng(0).standard_normal((700, 6)).astype(np.float32)
    vectors[:-1] *= np.float32(1e-4)
    monkeypatch.setattr(pruning, "CROWDED", 2.0)  # no tile by a product in float64
    most: dict[str, int] = {}
    for module, name in ((exact, "squared_distances"), (approximate, "nearly_squared_distances")):
        measure = getattr(module, name)

        def counted(
            given: Float32Array,
            left: IndexArray,
            right: IndexArray,
            name: str = name,
            measure: Callable[..., object] = measure,
        ) -> object:
            most[name] = max(most.get(name, 0), len(left))
            return measure(given, left, right)

        monkeypatch.setattr(module, name, counted)
    if crowded:
        make = exact._PanelPairs.__init__

        def early(self: exact._PanelPairs, search: exact._ExactSearch) -> None:
            make(self, search)
            self._crowded = 1 << 17

        monkeypatch.setattr(exact._PanelPairs, "__init__", early)
    found, _ = exact.neighbors_and_pruning(vectors, 300, Control())
    np.testing.assert_array_equal(found.indices, nearest(all_squared(vectors), 300)[0])
    assert most.keys() == {"squared_distances", "nearly_squared_distances"}
    assert max(most.values()) <= 1 << 16


def test_a_distance_that_overflows_in_float32_may_be_the_nearest() -> None:
    largest = np.finfo(np.float32).max
    far = np.sqrt(float(largest))
    vectors = np.array([[0.0], [far * (1 + 2e-7)], [-far]], dtype=np.float32)
    owner, other = np.array([[0, 0], [1, 2]], dtype=np.int32)
    near = NeighborPairs(owner, other, np.array([largest, np.inf], dtype=np.float32))
    settled = exact._settled(vectors, near, 1, Control())
    assert settled.other[np.argmin(settled.squared)] == 2


def test_float32_does_not_tell_which_of_nearly_equal_distances_is_less(monkeypatch: pytest.MonkeyPatch) -> None:
    """A vector in the middle of a sphere of others."""
    monkeypatch.setattr(pruning, "CROWDED", 2.0)  # no tile by a product in float64
    sphere = np.random.default_rng(1).standard_normal((400, 32))
    sphere /= np.sqrt((sphere**2).sum(axis=1, keepdims=True))
    vectors = np.concatenate([np.zeros((1, 32)), sphere]).astype(np.float32)
    found, _ = exact.neighbors_and_pruning(vectors, 10, Control())
    indices, squared = nearest(all_squared(vectors), 10)
    np.testing.assert_array_equal(found.indices, indices)
    np.testing.assert_array_equal(found.squared, squared)
