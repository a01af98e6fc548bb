"""The principal plane, beside a singular value decomposition in float64."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from threadpoolctl import threadpool_limits

from sqlclust.core.geometry.metrics import Float32Array
from sqlclust.core.layout import plane
from sqlclust.core.layout.plane import principal_plane
from sqlclust.core.runtime.control import Control
from sqlclust.errors import Interrupted


def vectors(m: int, dimension: int) -> Float32Array:
    """Spread along some axes more than along others."""
    random = np.random.default_rng(m + dimension)
    turned = np.linalg.qr(random.normal(size=(dimension, dimension)))[0]
    spread = 0.7 ** np.arange(dimension)
    found: Float32Array = (random.normal(size=(m, dimension)) * spread @ turned + 3.0).astype(np.float32)
    return found


@pytest.mark.parametrize(("m", "dimension"), [(2, 3), (3, 2), (40, 8), (500, 30), (30, 500), (5000, 3)])
@pytest.mark.parametrize("full", [1024, 1])
def test_as_singular_vectors_have_it(m: int, dimension: int, full: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """By all covariances, and by following a few axes."""
    monkeypatch.setattr(plane, "_FULL", full)
    given = vectors(m, dimension)
    found = principal_plane(given)
    centred = given.astype(np.float64) - given.mean(axis=0, dtype=np.float64)
    left, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    for column in range(min(2, m - 1)):
        axis = axes[column]
        sign = 1.0 if axis[np.abs(axis).argmax()] > 0 else -1.0
        assert found[:, column] == pytest.approx(sign * left[:, column] * sizes[column], abs=1e-6 * sizes[0])


@given(
    arrays.arrays(
        np.float32,
        st.tuples(st.integers(1, 6), st.integers(1, 4)),
        elements=st.floats(width=32, allow_nan=False, allow_infinity=False),
    )
)
def test_finite_whatever_the_numbers(given: Float32Array) -> None:
    found = principal_plane(given)
    assert found.shape == (len(given), 2)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("given", [np.ones((1, 3)), np.ones((5, 3)), np.zeros((4, 1))], ids=["1 row", "equal", "zeros"])
def test_where_nothing_varies(given: Float32Array) -> None:
    assert principal_plane(given.astype(np.float32)).tolist() == [[0.0, 0.0]] * len(given)


def test_along_one_axis_alone() -> None:
    line = np.arange(5, dtype=np.float32)[:, None]
    assert principal_plane(line).tolist() == [[-2.0, 0.0], [-1.0, 0.0], [0.0, 0.0], [1.0, 0.0], [2.0, 0.0]]
    for wider in (np.hstack([line, line]), np.hstack([line, 0 * line, 0 * line])):
        assert (principal_plane(wider)[:, 1] == 0).all()


def test_the_same_with_any_number_of_threads() -> None:
    given = vectors(9000, 60)
    with threadpool_limits(limits=1, user_api="blas"):
        one = principal_plane(given)
    with threadpool_limits(limits=3, user_api="blas"):
        assert principal_plane(given).tobytes() == one.tobytes()


def test_it_can_be_stopped() -> None:
    control = Control()
    control.stop()
    with pytest.raises(Interrupted):
        principal_plane(vectors(40, 4), control)
