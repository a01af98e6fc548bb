"""An approximate fit brought up to date: a spanning tree of true distances, about the best one, whatever happened before."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlclust.core.geometry.float32_range import into_float32_range
from sqlclust.core.geometry.metrics import Float32Array, squared_distances
from sqlclust.core.labellings.agreement import adjusted_rand_index
from sqlclust.core.neighbors.core_distances import core_distances
from sqlclust.core.pipeline import CutParameters, Fit, ReachabilityParameters, collapsed, cut, fit
from sqlclust.core.runtime import threads
from sqlclust.core.runtime.control import Control
from sqlclust.core.update import comparing, updating
from sqlclust.core.update.comparing import Compared, compared_with_all, made_in_passing
from sqlclust.core.update.state import table
from sqlclust.core.update.updating import Refusal, old_fit, updated
from tests.benchmarks.data import embeddings, near_copies
from tests.core.test_engines import HARD
from tests.core.update.matching import places
from tests.core.update.test_updating import (
    CHANGES,
    DATA,
    PARAMETERS,
    POOL,
    Make,
    Rows,
    changed,
    densities,
    near_duplicates,
)

pytestmark = pytest.mark.slow

FEW = ReachabilityParameters(4)
ROUNDED = 1e-4
"""Share that a squared distance measured in float32 may be wrong by."""


def approximate(vectors: Float32Array, parameters: ReachabilityParameters) -> Fit:
    return fit(vectors, parameters, engine="approximate", keep_lists=True, control=Control())


def followed(
    old: Fit,
    was: ReachabilityParameters,
    vectors: Float32Array,
    now: ReachabilityParameters | None = None,
    *,
    control: Control | None = None,
) -> Fit | Refusal:
    points = collapsed(vectors, now or was, None, Control())
    place = places(old.points.vectors, points.vectors)
    return updated(old_fit(old, was), points, place, now or was, control or Control())


@pytest.fixture
def any_change(monkeypatch: pytest.MonkeyPatch) -> None:
    """However much has changed, it is updated."""
    monkeypatch.setattr(updating, "MOST_CHANGED", np.inf)


def assert_sound(fitted: Fit, parameters: ReachabilityParameters) -> None:
    """Lists of true distances, core distances that follow from them, and a spanning tree that weighs what these say."""
    assert fitted.engine == "approximate"
    assert fitted.lists is not None
    m = len(fitted.points.counts)
    lists = table(fitted.lists, 99)
    vectors, exponent = into_float32_range(fitted.points.vectors)
    row, column = np.nonzero(lists.indices >= 0)
    there = lists.indices[row, column].astype(np.intp)
    assert (row != there).all()
    assert len(np.unique(row * m + there)) == len(row)
    np.testing.assert_allclose(lists.squared[row, column], squared_distances(vectors, row, there), rtol=ROUNDED)
    assert (lists.squared[:, 1:] >= lists.squared[:, :-1]).all()
    core = core_distances(lists.squared, lists.indices, fitted.lists.counts, min_samples=parameters.min_samples)
    group = fitted.points.group_of_row()
    in_metric = np.sqrt if parameters.metric == "euclidean" else lambda squared: squared / 2
    np.testing.assert_array_equal(fitted.core, np.ldexp(in_metric(core), -exponent)[group])
    left, right, weight = fitted.tree
    joined = np.arange(len(fitted.core))
    for one, other in zip(left.tolist(), right.tolist(), strict=True):
        assert joined[one] != joined[other]
        joined[joined == joined[one]] = joined[other]
    assert len(left) == len(joined) - 1
    ends = group[left], group[right]
    true = squared_distances(vectors, *ends) * parameters.distance_factor
    true = np.maximum(np.maximum(core[ends[0]], core[ends[1]]), true)
    np.testing.assert_allclose(weight, np.ldexp(in_metric(true), -exponent), rtol=ROUNDED)


@settings(max_examples=10, deadline=None)
@given(
    st.integers(0, 2**32),
    st.sampled_from(DATA),
    PARAMETERS,
    st.lists(st.tuples(st.sampled_from(CHANGES), st.sampled_from((0, 0, 0, -1, -3, 1, 2))), min_size=1, max_size=12),
)
def test_histories(seed: int, make: Make, parameters: ReachabilityParameters, history: list[tuple[str, int]]) -> None:
    """Of few vectors the approximate engine misses nothing, so the tree weighs what the exact one does; but for groups so tight
    that float32 products do not tell who is nearer."""
    finds_all = make not in (near_duplicates, densities)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(updating, "MOST_CHANGED", np.inf)
        random = np.random.default_rng(seed)
        pool = make(random)
        rows = Rows(random.permutation(60), random.integers(POOL, size=60))
        fitted = approximate(pool[rows.vector], parameters)
        for change, more in history:
            rows, was = changed(rows, change, random), parameters
            parameters = parameters._replace(min_samples=max(1, min(11, parameters.min_samples + more)))
            vectors = pool[rows.vector]
            result = followed(fitted, was, vectors, parameters)
            if isinstance(result, Refusal):
                assert "remain" in result.reason or "in the fit" in result.reason or "now" in result.reason
                fitted = approximate(vectors, parameters)
                continue
            fitted = result
            assert_sound(fitted, parameters)
            if finds_all:
                exact = fit(vectors, parameters, control=Control())
                np.testing.assert_allclose(fitted.core, exact.core, rtol=ROUNDED)
                np.testing.assert_allclose(fitted.tree.weight, exact.tree.weight, rtol=ROUNDED)
                assert fitted.tree_confirmed == 1.0


@pytest.mark.usefixtures("any_change")
@pytest.mark.parametrize("make", HARD[:-2], ids=lambda make: make.__name__)
def test_hard_data(make: Make) -> None:
    random = np.random.default_rng(5)
    pool = make(random)[:300]
    rows = np.flatnonzero(random.random(len(pool)) < 0.7)
    fitted = approximate(pool[rows], FEW)
    for goes, comes in ((0.1, 0.0), (0.0, 0.3), (0.2, 0.2)):
        out = np.setdiff1d(np.arange(len(pool)), rows)
        rows = np.append(rows[random.random(len(rows)) >= goes], out[random.random(len(out)) < comes])
        result = followed(fitted, FEW, pool[rows])
        if isinstance(result, Refusal):
            assert "another size" in result.reason or "rows" in result.reason
            result = approximate(pool[rows], FEW)
        else:
            assert_sound(result, FEW)
        fitted = result


POOLS = {
    "embeddings": lambda: embeddings(3400, 96, seed=3),
    "near copies": lambda: near_copies(embeddings(850, 96, seed=3, identical=0.0), 3, jitter=0.02),
}


@pytest.mark.parametrize("name", POOLS)
def test_ten_updates_find_what_a_fresh_fit_finds(name: str) -> None:
    """Of so many vectors the engine works with many overlapping lists, and misses some."""
    pool, random = POOLS[name](), np.random.default_rng(1)
    rows, parameters = np.arange(2500), ReachabilityParameters(5, normalize=True)
    fitted = approximate(pool[rows], parameters)
    for number in range(10):
        stays = random.random(len(rows)) >= (0.0, 0.02, 0.02)[number % 3]
        new = np.arange(2500 + 50 * number, 2550 + 50 * number) if number % 3 != 1 else rows[:0]
        rows = np.append(rows[stays], new)
        result = followed(fitted, parameters, pool[rows])
        assert isinstance(result, Fit)
        fitted = result
    assert_sound(fitted, parameters)
    anew, exact = approximate(pool[rows], parameters), fit(pool[rows], parameters, control=Control())
    assert anew.recall > 0.9
    assert fitted.recall > anew.recall - 0.02
    assert fitted.tree_confirmed >= anew.tree_confirmed - 0.05
    assert fitted.tree.weight.sum() < 1.002 * exact.tree.weight.sum()
    labels = [cut(each, CutParameters(10), control=Control()).labels.astype(np.int64) for each in (fitted, anew, exact)]
    assert adjusted_rand_index(labels[0], labels[2]) > adjusted_rand_index(labels[1], labels[2]) - 0.05


def test_order_of_rows_and_number_of_cores_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    pool, parameters = embeddings(3300, 48, seed=2), ReachabilityParameters(5, normalize=True)
    results = []
    for cores in (1, 3):
        monkeypatch.setattr(threads, "worker_count", lambda cores=cores: cores)
        # products of another shape are rounded in another way
        monkeypatch.setattr(comparing, "worker_count", lambda: pytest.fail("what is multiplied at once depends on it"))
        order = np.random.default_rng(cores).permutation(3000)
        fitted = approximate(pool[:3000][order], parameters)
        for part in (np.append(order[order >= 100], np.arange(3000, 3100)), np.arange(150, 3300)):
            result = followed(fitted, parameters, pool[part])
            assert isinstance(result, Fit)
            fitted = result
        results.append(fitted)
    for name in ("core", "recall", "tree_confirmed", "lists"):
        one, other = (getattr(each, name) for each in results)
        for mine, theirs in zip(*((each,) if name != "lists" else each for each in (one, other)), strict=True):
            np.testing.assert_array_equal(mine, theirs, err_msg=name)
    for mine, theirs in zip(results[0].tree, results[1].tree, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_the_same_set_again() -> None:
    vectors = embeddings(300, 24)
    fitted = approximate(vectors, FEW)
    result = followed(fitted, FEW, vectors)
    assert isinstance(result, Fit)
    np.testing.assert_array_equal(result.core, fitted.core)
    np.testing.assert_allclose(result.tree.weight, fitted.tree.weight, rtol=1e-6)
    assert (result.recall, result.tree_confirmed) == (1.0, 1.0)


@pytest.mark.parametrize("make", HARD, ids=lambda make: make.__name__)
def test_some_vectors_compared_with_others(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against brute force: nearest ones, the pairs within limits, and bounds."""
    monkeypatch.setattr(comparing, "_ROWS", 64)
    monkeypatch.setattr(comparing, "_COLUMNS", 32)
    random = np.random.default_rng(2)
    vectors, _ = into_float32_range(collapsed(make(random)[:300], FEW, None, Control()).vectors)
    among = np.flatnonzero(random.random(len(vectors)) < 0.7) if len(vectors) > 20 else np.arange(len(vectors))
    some = among[random.random(len(among)) < 0.2] if len(among) > 20 else among[:1]
    k = min(7, len(among) - 1)
    distances = np.full((len(vectors), len(some)), np.inf)
    for column, one in enumerate(some.tolist()):
        here = among[among != one]
        distances[here, column] = squared_distances(vectors, here, np.full(len(here), one))
    limits = np.full(len(vectors), -np.inf)
    limits[among] = np.median(distances[among], axis=1) * random.choice([0.5, 1.0, 2.0], len(among))
    limits[~np.isfinite(limits)] = -np.inf
    found = compared_with_all(made_in_passing(vectors, among, Control()), some, k, limits, Control())
    order = np.argsort(distances, axis=0, kind="stable")[:k]
    np.testing.assert_array_equal(found.lists.indices, order.T)
    np.testing.assert_array_equal(found.lists.squared, np.take_along_axis(distances, order, axis=0).T)
    within = np.argwhere(np.isfinite(distances) & (distances <= limits[:, None]))
    expected = {(int(row), int(some[column]), float(distances[row, column])) for row, column in within}
    assert pairs_of(found) == expected
    assert (found.nearest[among] <= distances[among].min(axis=1)).all()
    assert np.isinf(np.delete(found.nearest, among)).all()


def pairs_of(found: Compared) -> set[tuple[int, int, float]]:
    pairs = found.pairs
    return set(zip(pairs.owner.tolist(), pairs.other.tolist(), pairs.squared.tolist(), strict=True))
