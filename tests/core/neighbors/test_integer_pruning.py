"""Ruling out pairs by products of 8-bit integers: no pair within a limit is lost, and fits are the same to the last bit."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from sqlclust.core import pipeline
from sqlclust.core.geometry import integer_products
from sqlclust.core.geometry.duplicates import distinct
from sqlclust.core.geometry.integer_images import Images, images
from sqlclust.core.geometry.metrics import (
    Float32Array,
    Float64Array,
    Metric,
    nearly_squared_distances,
    squared_distances,
)
from sqlclust.core.geometry.principal_axes import PrincipalAxes, axes_as_they_are, axes_that_pay, principal_axes
from sqlclust.core.neighbors import exact, integer_pruning
from sqlclust.core.neighbors import pruning as float32_pruning
from sqlclust.core.neighbors.approximate import Effort
from sqlclust.core.neighbors.exact import neighbors_and_pruning
from sqlclust.core.neighbors.integer_pruning import IntegerPruning, pruning_that_pays
from sqlclust.core.neighbors.pruning import Float32Pruning
from sqlclust.core.runtime.control import Control
from sqlclust.core.runtime.threads import single_threaded_blas
from sqlclust.core.tree import component_search, contraction
from sqlclust.errors import Interrupted
from tests.benchmarks.data import embeddings
from tests.core.brute import all_squared
from tests.core.geometry.test_integer_products import available
from tests.core.hard_vectors import every

pytestmark = pytest.mark.slow

MAKE = every()


@pytest.fixture(autouse=True)
def integers(monkeypatch: pytest.MonkeyPatch) -> None:
    available()
    monkeypatch.setattr(integer_pruning, "WANTED", True)


def vectors_of(name: str) -> Float32Array:
    return distinct(MAKE[name](np.random.default_rng(7)), normalize=False).vectors


def spread_out(vectors: Float32Array, count: int) -> Float32Array:
    """So many of them, from the first to the last: of what a set has of each kind."""
    return vectors[np.linspace(0, len(vectors) - 1, min(count, len(vectors))).astype(np.intp)]


def axes_of(vectors: Float32Array) -> Iterator[tuple[PrincipalAxes, int]]:
    """Axes of all kinds, and how many of them are used."""
    yield axes_as_they_are(vectors), vectors.shape[1]
    turned = principal_axes(vectors, min(vectors.shape[1], 200))
    for width in sorted({1, min(turned.width, 40), turned.width}):
        yield turned, width


@pytest.mark.parametrize("name", MAKE)
def test_images_are_never_farther_apart_than_they_may_be(name: str) -> None:
    vectors = vectors_of(name)[: 60 if name == "wide" else 200]
    with np.errstate(over="ignore"):
        distance = np.sqrt(all_squared(vectors))
    np.fill_diagonal(distance, 0.0)
    for axes, count in axes_of(vectors):
        how = images(vectors[::3], axes, count)
        if how is None:
            assert len(np.unique(vectors[::3], axis=0)) == 1 or name == "subnormal"
            continue
        not_farther_apart(how, vectors, distance)


def not_farther_apart(how: Images, vectors: Float32Array, distance: Float64Array) -> None:
    steps, left_over = how.of(vectors)
    assert (np.abs(steps) <= 127).all()
    assert (steps == np.rint(steps)).all()
    between = np.sqrt(((steps[:, None] - steps) ** 2).sum(axis=2))
    most = distance * (how.axes.power_of_two / how.step) * (1 + 1e-9) + left_over[:, None] + left_over
    assert (between <= most).all()


def test_what_axes_leave_of_vectors_along_them_is_not_known_well() -> None:
    """Rounding leaves more of them than steps are that others chose."""
    random = np.random.default_rng(0)
    far = 1000.0 * (1.0 + 1e-6 * np.arange(100))
    lengths = np.concatenate([random.standard_normal(100), far, -far])
    vectors = np.outer(lengths, random.standard_normal(5)).astype(np.float32)
    how = images(vectors[:100], principal_axes(vectors, 1), 1)
    assert how is not None
    distance = np.sqrt(all_squared(vectors))
    np.fill_diagonal(distance, 0.0)
    not_farther_apart(how, vectors, distance)


@pytest.mark.parametrize("name", MAKE)
def test_differences_in_float32_are_as_near_as_they_say(name: str) -> None:
    vectors = vectors_of(name)[:100]
    left, right = np.triu_indices(len(vectors), 1)
    near, share, least = nearly_squared_distances(vectors, left, right)
    true = squared_distances(vectors, left, right)
    told = np.isfinite(near)
    assert (near[told] * (1 - share) - least <= true[told]).all()
    assert (near[told] * (1 + share) + least >= true[told]).all()
    assert (true[~told] > 1e38).all()


@pytest.mark.parametrize("name", MAKE)
def test_no_pair_within_the_limit_is_lost(name: str) -> None:
    vectors, random = spread_out(vectors_of(name), 60 if name == "wide" else 300), np.random.default_rng(3)
    squared = all_squared(vectors)
    kth = np.sort(squared, axis=1)[:, min(5, len(vectors) - 2)]
    axes = axes_that_pay(vectors)
    some = np.where(random.random(len(kth)) < 0.1, np.inf, kth)
    for limits in (kth, some, squared.min(axis=1), np.full(len(kth), np.inf), 0.0 * kth):
        prepared = pruning_that_pays(vectors, axes, limits, Control())
        if not isinstance(prepared, IntegerPruning):  # all images are the same
            assert name == "subnormal"
            continue
        asked = limits[prepared.order]
        room = np.empty(150 * 200, dtype=np.float32)
        inside = squared[np.ix_(prepared.order, prepared.order)] <= asked
        for start in range(0, len(vectors), 150):
            for columns in (np.arange(start, min(start + 150, len(vectors))), random.permutation(len(vectors))[:100]):
                right = prepared.right(columns, asked[columns])
                for low in range(0, len(vectors), 200):
                    with single_threaded_blas():
                        pairs = prepared.survivors(slice(low, low + 200), right, room)
                    if pairs is not None:
                        survived = np.zeros((min(200, len(vectors) - low), len(columns)), dtype=bool)
                        survived[pairs] = True
                        assert survived[inside[low : low + 200, columns]].all()


def none_is_lost(prepared: IntegerPruning, squared: Float64Array, limits: Float64Array) -> None:
    """Of all pairs within the limits of their columns."""
    order, rows = prepared.order, slice(0, len(limits))
    right = prepared.right(rows, limits[order])
    possible = prepared._product(prepared._left, right.columns) >= right.threshold
    prepared._let_all_through(rows, right, possible)
    assert possible[squared[np.ix_(order, order)] <= limits[order]].all()


SHARES = (0.3, 0.9, 0.97, 0.999)
"""Of the others, which are within the limit."""


@pytest.mark.parametrize("apart", [50, 170])
@pytest.mark.parametrize("times", [3.0, 20.0, 1e5, 1e12])
def test_vectors_that_steps_do_not_hold_are_not_lost(times: float, apart: int) -> None:
    """Steps that were chosen without them, and limits that reach them: cutting off brings no two of them farther apart."""
    random = np.random.default_rng(4)
    vectors = random.standard_normal((500, 24)).astype(np.float32)
    vectors[::apart] *= np.float32(times)
    axes = axes_as_they_are(vectors)
    ordinary = np.delete(vectors, np.arange(0, 500, apart), axis=0)
    how = images(ordinary, axes, 24)
    assert how is not None
    squared = all_squared(vectors)
    for share in SHARES:
        limits = np.quantile(squared, share, axis=1, method="lower")
        none_is_lost(IntegerPruning(available(), vectors, axes, limits, how, Control()), squared, limits)


class Coarse(Images):
    """Images of which a few leave much."""

    def of(self, vectors: Float32Array) -> tuple[Float64Array, Float64Array]:
        numbers, left_over = super().of(vectors)
        some = np.flatnonzero(vectors[:, 0] > 1.5)
        coarse = np.clip(np.rint(numbers[some] / 60.0) * 60.0, -127, 127)
        left_over[some] += np.sqrt(((coarse - numbers[some]) ** 2).sum(axis=1))
        numbers[some] = coarse
        return numbers, left_over


def test_what_images_leave_counts_on_both_sides() -> None:
    """Also where it is more than of most."""
    vectors = np.random.default_rng(4).standard_normal((500, 24)).astype(np.float32)
    axes = axes_as_they_are(vectors)
    how = images(vectors, axes, 24)
    assert how is not None
    squared = all_squared(vectors)
    for share in (0.01, *SHARES):
        limits = np.quantile(squared, share, axis=1, method="lower")
        none_is_lost(IntegerPruning(available(), vectors, axes, limits, Coarse(*how), Control()), squared, limits)


def test_vectors_whose_terms_no_columns_hold_are_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shortest of vectors of all lengths."""
    monkeypatch.setattr(integer_pruning, "_WILD", 0.2)
    vectors = np.random.default_rng(2).standard_normal((300, 700)).astype(np.float32)
    vectors *= np.linspace(0.01, 1.0, 300, dtype=np.float32)[:, None]
    squared = all_squared(vectors)
    limits = np.sort(squared, axis=1)[:, 20]
    prepared = pruning_that_pays(vectors, axes_as_they_are(vectors), limits, Control())
    assert isinstance(prepared, IntegerPruning)
    assert 0 < len(prepared.wild) < 0.3 * len(vectors)
    none_is_lost(prepared, squared, limits)


def test_most_pairs_beyond_the_limit_are_ruled_out() -> None:
    """So that the tests here are of what they seem to be."""
    vectors = distinct(embeddings(2000, 96, seed=3), normalize=True).vectors
    kth = np.sort(all_squared(vectors), axis=1)[:, 5]
    prepared = pruning_that_pays(vectors, axes_that_pay(vectors), kth, Control())
    assert isinstance(prepared, IntegerPruning)
    order, room = prepared.order, np.empty(2000 * 2000, dtype=np.float32)
    right = prepared.right(slice(0, len(order)), kth[order])
    product = prepared._product(prepared._left, right.columns) >= right.threshold
    assert np.count_nonzero(product) < 0.03 * product.size
    pairs = prepared.survivors(slice(0, len(order)), right, room)
    assert pairs is not None
    within = np.count_nonzero(all_squared(vectors) <= kth)  # a pair for each end that it is near to
    assert within <= len(pairs[0]) - len(order) < 1.01 * within  # each meets itself, too


def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists and tiles so small that a few hundred vectors make many."""
    monkeypatch.setattr(exact, "SEED", Effort(lists_per_vector=3, list_size=40))
    for module in (exact, component_search, contraction):
        monkeypatch.setattr(module, "TILE", 64)


PARAMETERS: tuple[tuple[Metric, int, float], ...] = (("euclidean", 1, 1.0), ("euclidean", 4, 0.7), ("cosine", 4, 0.7))
WAYS = ("as it comes", "tiles in float64", "table at once")
IN_ALL_WAYS = ("mixed_norms", "grid", "signs", "separated", "far_group", "in_steps", "few_far_ones")
CASES = [(name, way) for name in MAKE for way in (WAYS if name in IN_ALL_WAYS else WAYS[:1])]


def same(one: pipeline.Fit, other: pipeline.Fit) -> None:
    assert one.lists is not None
    assert other.lists is not None
    for mine, theirs in zip((one.core, *one.tree, *one.lists), (other.core, *other.tree, *other.lists), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize(("name", "way"), CASES)
def test_fits_are_those_with_float32(name: str, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    small_tiles(monkeypatch)
    if way == "tiles in float64":
        for module in (float32_pruning, integer_pruning):
            monkeypatch.setattr(module, "CROWDED", -1.0)
        monkeypatch.setattr(component_search, "_BUDGET", np.inf)
    elif way == "table at once":
        monkeypatch.setattr(component_search, "_BUDGET", -1.0)
    vectors = spread_out(MAKE[name](np.random.default_rng(5)), 70 if name == "wide" else 250)
    nonzero = vectors[(vectors != 0).any(axis=1)]
    for metric, min_samples, alpha in PARAMETERS:
        if way != WAYS[0] and min_samples == 1:
            continue
        parameters = pipeline.ReachabilityParameters(min_samples, metric, alpha=alpha)
        fitted = []
        for wanted in (True, False):
            monkeypatch.setattr(integer_pruning, "WANTED", wanted)
            given = vectors if metric == "euclidean" else nonzero
            fitted.append(pipeline.fit(given, parameters, keep_lists=True, control=Control()))
        same(*fitted)


@pytest.mark.parametrize("dimension", [48, 64])
def test_fits_through_real_tiles_are_the_same(dimension: int, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = embeddings(3000, dimension, seed=dimension, identical=0.1)
    used: list[type] = []
    prepare = integer_pruning.pruning_that_pays

    def noted(*args: object) -> object:
        prepared = prepare(*args)  # type: ignore[arg-type]
        used.append(type(prepared))
        return prepared

    monkeypatch.setattr(exact, "pruning_that_pays", noted)
    fitted = []
    for wanted in (True, False):
        monkeypatch.setattr(integer_pruning, "WANTED", wanted)
        parameters = pipeline.ReachabilityParameters(9, normalize=True)
        fitted.append(pipeline.fit(vectors, parameters, keep_lists=True, control=Control()))
    same(*fitted)
    assert used == [IntegerPruning, Float32Pruning]


@pytest.mark.parametrize(
    ("vectors", "integers_pay"),
    [(embeddings(4000, 256, seed=1), True), (np.eye(2000, dtype=np.float32), False)],
    ids=["embeddings", "all equally far"],
)
def test_integers_are_used_where_they_pay(
    vectors: Float32Array, integers_pay: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a processor on which they cost a quarter, and nowhere if they cost more."""
    monkeypatch.setattr(integer_pruning, "WANTED", None)
    monkeypatch.setattr(integer_pruning, "_LEAST_WORK", 0.0)
    vectors = distinct(vectors, normalize=False).vectors
    axes = axes_that_pay(vectors)
    for ratio, expected in ((0.25, integers_pay), (2.0, False)):
        monkeypatch.setattr(
            integer_products.IntegerProduct,
            "costs",
            lambda self, columns, ratio=ratio: (0.1 * columns * ratio, 0.1 * columns),
        )
        limits = (
            exact._limits(vectors, axes, 14, Control()) if axes.basis is not None else np.full(len(vectors), np.inf)
        )
        prepared = pruning_that_pays(vectors, axes, limits, Control())
        assert isinstance(prepared, IntegerPruning) is expected


def test_it_stops_when_asked() -> None:
    vectors = embeddings(3000, 64, seed=2)
    control = Control()

    def stop(number: int) -> Callable[[], None]:
        seen = [0]

        def check() -> None:
            seen[0] += 1
            if seen[0] > number:
                raise Interrupted

        return check

    before = threading.active_count()
    for number in (0, 3, 30, 60):
        control.check = stop(number)  # type: ignore[method-assign]
        with pytest.raises(Interrupted):
            neighbors_and_pruning(vectors, 5, control)
    assert threading.active_count() == before
