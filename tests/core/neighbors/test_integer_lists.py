"""Lists whose members are compared by products of 8-bit integers: as good as by float32, with any number of threads."""

from __future__ import annotations

import numpy as np
import pytest

from sqlclust.core.geometry import integer_products, integer_vectors
from sqlclust.core.geometry.duplicates import distinct
from sqlclust.core.geometry.float32_range import into_float32_range
from sqlclust.core.geometry.integer_vectors import IntegerVectors, vectors_in_integers
from sqlclust.core.geometry.metrics import Float32Array
from sqlclust.core.neighbors import approximate, list_pairs
from sqlclust.core.neighbors.approximate import Effort, NeighborsAndLists, neighbors_and_lists
from sqlclust.core.runtime import threads
from sqlclust.core.runtime.control import Control
from tests.benchmarks.data import embeddings
from tests.core.brute import all_squared
from tests.core.geometry.test_integer_products import available
from tests.core.hard_vectors import every

pytestmark = pytest.mark.slow

EFFORT = Effort(lists_per_vector=5, list_size=60)
MAKE = every()


@pytest.fixture(autouse=True)
def integers(monkeypatch: pytest.MonkeyPatch) -> None:
    available()
    monkeypatch.setattr(integer_vectors, "WANTED", True)
    monkeypatch.setattr(approximate, "_MORE_LISTS", 0)


def by_float32(vectors: Float32Array, k: int, monkeypatch: pytest.MonkeyPatch) -> NeighborsAndLists:
    with monkeypatch.context() as patch:
        patch.setattr(integer_vectors, "WANTED", False)
        found = neighbors_and_lists(vectors, k, EFFORT, 0, Control())
    assert found.products == "float32"
    return found


def in_integers(vectors: Float32Array) -> IntegerVectors:
    made = vectors_in_integers(vectors, 0.0, 0.0, Control())
    assert made is not None
    return made


@pytest.mark.parametrize("name", MAKE)
def test_neighbours_are_about_those_by_float32(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of tight groups, which integers do not tell apart, and of vectors that steps do not hold."""
    given = distinct(MAKE[name](np.random.default_rng(9)), normalize=False).vectors[:500]
    vectors, _ = into_float32_range(given)
    k = min(6, len(vectors) - 1)
    found, expected = neighbors_and_lists(vectors, k, EFFORT, 0, Control()), by_float32(vectors, k, monkeypatch)
    assert (np.diff(found.squared, axis=1) >= 0).all()
    assert (found.indices != np.arange(len(vectors))[:, None]).all()
    # products of float32 tell tight groups hardly better: then either is nearer, by chance
    farther, nearer = (found.squared > expected.squared * 1.001), (expected.squared > found.squared * 1.001)
    assert farther.mean() <= nearer.mean() + 0.002


def test_most_of_ordinary_vectors_are_compared_in_integers(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the tests here are of what they seem to be; and those that are found beyond k are measured, too."""
    vectors = distinct(embeddings(4000, 128, seed=2), normalize=True).vectors
    lists: list[bool] = []
    in_list = list_pairs._in_integers
    monkeypatch.setattr(list_pairs, "_in_integers", lambda *given: lists.append(True) or in_list(*given))  # type: ignore[func-returns-value]
    found = neighbors_and_lists(vectors, 14, EFFORT, 0, Control())
    assert found.products == "int8"
    assert len(lists) > 0.7 * (len(found.lists.bounds) - 1)
    assert found.indices.shape == found.squared.shape == (len(vectors), 14)
    expected = by_float32(vectors, 14, monkeypatch)
    assert (found.indices == expected.indices).mean() > 0.99
    np.testing.assert_array_equal(
        found.squared[found.indices == expected.indices], expected.squared[found.indices == expected.indices]
    )


def test_vectors_that_steps_do_not_hold_have_their_neighbours() -> None:
    """A thousandth of the vectors, far from the others and from each other."""
    random = np.random.default_rng(3)
    vectors = random.standard_normal((5000, 24)).astype(np.float32)
    sample = np.linspace(0, 4999, integer_vectors._SAMPLE).astype(np.intp)  # what the steps are chosen by
    far = np.setdiff1d(np.arange(5000), sample)[100::800]
    vectors[far] *= np.float32(40.0)
    np.testing.assert_array_equal(in_integers(vectors).cut_short, far)
    found = neighbors_and_lists(vectors, 5, EFFORT, 0, Control())
    true = np.sort(((vectors[far, None].astype(np.float64) - vectors) ** 2).sum(axis=2), axis=1)[:, 1:6]
    np.testing.assert_allclose(found.squared[far], true, rtol=1e-5)


@pytest.mark.parametrize("dimension", [1, 100, 128, 300])
def test_squared_distances_are_about_right(dimension: int) -> None:
    vectors = np.random.default_rng(dimension).standard_normal((400, dimension)).astype(np.float32)
    vectors[:, 0] *= 20.0  # one coordinate that varies more than all others
    made = in_integers(vectors)
    products = made.products(made.numbers, made.numbers)
    squared = (made.norms[:, None] + made.norms - 2 * products) * made.step**2
    true = all_squared(vectors)
    told = np.isfinite(true) & (true > (100 * made.step) ** 2)
    assert told.mean() > 0.05
    assert np.abs(squared[told] / true[told] - 1.0).max() < 0.05


def test_vectors_of_one_place_have_no_steps() -> None:
    assert vectors_in_integers(np.ones((3, 5), dtype=np.float32), 0.0, 0.0, Control()) is None


def test_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = distinct(embeddings(2500, 64, seed=6), normalize=True).vectors
    found = []
    for count in (1, 3):
        monkeypatch.setattr(threads, "worker_count", lambda count=count: count)
        found.append(neighbors_and_lists(vectors, 9, EFFORT, 0, Control()))
    np.testing.assert_array_equal(found[0].indices, found[1].indices)
    np.testing.assert_array_equal(found[0].squared, found[1].squared)


def test_they_are_used_where_there_is_much_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever they cost at the moment: what is found must not hang on a clock. And not where there are none."""
    vectors = embeddings(600, 64)
    monkeypatch.setattr(integer_vectors, "WANTED", None)
    monkeypatch.setattr(
        integer_products.IntegerProduct, "costs", lambda self, columns: pytest.fail("a clock was asked")
    )

    def used(work: float) -> bool:
        return vectors_in_integers(vectors, 1e6, work, Control()) is not None

    assert [used(1e6), used(1e9)] == [True, False]
    monkeypatch.setattr(integer_vectors, "integer_product", lambda: None)
    assert not used(1e6)
