from __future__ import annotations

import numpy as np
import pytest

from sqlclust.core.geometry.centred_sides import centred_sides
from sqlclust.core.geometry.float32_range import into_float32_range
from sqlclust.core.geometry.metrics import Float32Array
from sqlclust.core.geometry.principal_axes import axes_as_they_are
from tests.core.brute import all_squared
from tests.core.hard_vectors import every


@pytest.mark.parametrize("name", every())
def test_products_are_not_above_distances(name: str) -> None:
    vectors, _ = into_float32_range(every()[name](np.random.default_rng(4))[:150])
    not_above(vectors)


@pytest.mark.parametrize("times", [1e-25, 1e-23, 1e-22, 1e-21, 1e-19])
def test_products_are_not_above_distances_whose_squares_underflow(times: float) -> None:
    """A tight group in the middle, and two far off on both sides."""
    vectors = np.random.default_rng(5).standard_normal((60, 3))
    vectors[2:] *= times
    vectors[1] = -vectors[0]
    vectors[2:] -= vectors[2:].mean(axis=0)
    not_above(vectors.astype(np.float32))


def not_above(vectors: Float32Array) -> None:
    squared, rows = all_squared(vectors), np.arange(len(vectors))
    np.fill_diagonal(squared, 0.0)
    sides = centred_sides(vectors, axes_as_they_are(vectors))
    products = sides.left(rows) @ sides.right(rows).T * np.float32(-2.0)
    assert (sides.at_least(products) <= squared).all()
    assert (products <= sides.of_products(squared)).all()
