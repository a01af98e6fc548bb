"""Updates of data on which products say little, in all the ways through the code; what is refused; being stopped."""

from __future__ import annotations

import numpy as np
import pytest

from sqlclust.core.geometry.metrics import Float32Array
from sqlclust.core.pipeline import Fit, ReachabilityParameters, collapsed, fit
from sqlclust.core.runtime.control import Control
from sqlclust.core.tree import component_search
from sqlclust.core.update import comparing, searching
from sqlclust.core.update.updating import OldFit, Refusal, old_fit, updated
from sqlclust.errors import Interrupted
from tests.benchmarks.data import embeddings
from tests.benchmarks.living import equal
from tests.core.neighbors.test_hard_for_exact import HARD as SEPARATED
from tests.core.test_engines import HARD
from tests.core.update.matching import places
from tests.core.watched import Watched

pytestmark = pytest.mark.slow

Random = np.random.Generator
PARAMETERS = ReachabilityParameters(4)


WAYS = ("as it comes", "turned", "in float64", "one by one", "rest at once")
EVERY = {make.__name__: make for make in (*HARD[:-2], *SEPARATED)}
IN_ALL_WAYS = ("near_duplicates", "grid", "separated", "groups_of_integers", "far_group")
CASES = [(make, way) for make in EVERY for way in (WAYS if make in IN_ALL_WAYS else WAYS[:1])]


def take(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Go a way through the code, on blocks so small that a few hundred vectors make many."""
    monkeypatch.setattr(component_search, "TILE", 16)
    monkeypatch.setattr(comparing, "_ROWS", 64)
    monkeypatch.setattr(comparing, "_COLUMNS", 32)
    if way == "turned":
        monkeypatch.setattr(searching, "_TURNING", 0.0)
        monkeypatch.setattr(searching, "_CHOOSING", 0.0)
    elif way == "in float64":
        monkeypatch.setattr(comparing, "_CROWDED", -1.0)
    elif way == "one by one":
        monkeypatch.setattr(comparing, "_CROWDED", 2.0)
    elif way == "rest at once":
        monkeypatch.setattr(component_search, "_BUDGET", -1.0)


@pytest.mark.parametrize(("make", "way"), CASES)
def test_hard_data(make: str, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    take(way, monkeypatch)
    random = np.random.default_rng(len(way))
    pool = EVERY[make](random)[:400]
    pool = pool[:150] if pool.shape[1] > 1000 else pool
    rows = np.flatnonzero(random.random(len(pool)) < 0.7)
    fitted = fit(pool[rows], PARAMETERS, keep_lists=True, control=Control())
    for goes, comes in ((0.1, 0.0), (0.0, 0.3), (0.2, 0.2)):
        out = np.setdiff1d(np.arange(len(pool)), rows)
        rows = np.append(rows[random.random(len(rows)) >= goes], out[random.random(len(out)) < comes])
        points = collapsed(pool[rows], PARAMETERS, None, Control())
        place = places(fitted.points.vectors, points.vectors)
        fresh = fit(pool[rows], PARAMETERS, keep_lists=True, control=Control())
        result = updated(old_fit(fitted, PARAMETERS), points, place, PARAMETERS, Control())
        if isinstance(result, Refusal):
            assert result.reason == "the largest number in the vectors is of another size"
            result = fresh
        assert equal(result, fresh)
        fitted = result


def some(count: int = 300, seed: int = 0) -> Float32Array:
    return embeddings(count, 24, seed=seed)


def update_of(
    old: OldFit, vectors: Float32Array, was: Float32Array, parameters: ReachabilityParameters, control: Control
) -> Fit | Refusal:
    points = collapsed(vectors, parameters, None, control)
    before = collapsed(was, parameters, None, control)
    return updated(old, points, places(before.vectors, points.vectors), parameters, control)


REFUSED: dict[str, tuple[ReachabilityParameters, ReachabilityParameters, Float32Array, str]] = {
    "alpha": (PARAMETERS._replace(alpha=1.5), PARAMETERS._replace(alpha=1.5), some(), "alpha is 1.5"),
    "another metric": (PARAMETERS, PARAMETERS._replace(metric="cosine"), some(), "the metric, normalize or alpha"),
    "another alpha": (PARAMETERS, PARAMETERS._replace(alpha=0.5), some(), "the metric, normalize or alpha"),
    "larger numbers": (PARAMETERS, PARAMETERS, np.append(some(), some(1) * 1e18, axis=0), "another size"),
    "few remain": (PARAMETERS, PARAMETERS, np.append(some()[:4], some(90, 1), axis=0), "4 rows remain of it"),
    "few there": (PARAMETERS, PARAMETERS._replace(min_samples=20), some()[:20], "20 rows remain of it"),
    "all others": (PARAMETERS, PARAMETERS, some(90, 1), "fewer than two different vectors remain"),
    "one vector": (PARAMETERS, PARAMETERS, np.repeat(some()[:1], 9, axis=0), "fewer than two different"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str) -> None:
    was, now, vectors, reason = REFUSED[name]
    old = old_fit(fit(some(), was, keep_lists=True, control=Control()), was)
    result = update_of(old, vectors, some(), now, Control())
    assert isinstance(result, Refusal)
    assert reason in result.reason


def test_too_few_rows_before_are_refused() -> None:
    was, parameters = some()[:9], ReachabilityParameters(20)
    old = old_fit(fit(was, parameters, keep_lists=True, control=Control()), parameters)
    result = update_of(old, some(), was, parameters, Control())
    assert result == Refusal("9 rows were in the fit, and an update needs more than min_samples, 20")


def test_lists_of_other_vectors_or_another_arithmetic_are_refused() -> None:
    old = old_fit(fit(some(), PARAMETERS, keep_lists=True, control=Control()), PARAMETERS)
    rounded = old.lists._replace(squared=np.nextafter(old.lists.squared, np.inf))
    result = update_of(old._replace(lists=rounded), some()[5:], some(), PARAMETERS, Control())
    assert isinstance(result, Refusal)
    assert "measured now" in result.reason
    m = len(old.lists.counts)
    shorter = old.lists._replace(starts=np.arange(m + 1) * 2, indices=old.lists.indices[: 2 * m])
    shorter = shorter._replace(squared=old.lists.squared[: 2 * m])
    result = update_of(old._replace(lists=shorter), some()[5:], some(), PARAMETERS, Control())
    assert isinstance(result, Refusal)
    assert "shorter than min_samples" in result.reason


def test_vectors_in_another_order_are_refused() -> None:
    fitted = fit(some(), PARAMETERS, keep_lists=True, control=Control())
    place = np.arange(len(fitted.points.counts))
    place[[3, 4]] = place[[4, 3]]
    result = updated(old_fit(fitted, PARAMETERS), fitted.points, place, PARAMETERS, Control())
    assert result == Refusal("the vectors stand in another order")


def test_a_vector_that_is_not_known_to_have_been_there_is_a_new_one() -> None:
    fitted = fit(some(), PARAMETERS, keep_lists=True, control=Control())
    place = np.arange(len(fitted.points.counts))
    place[::7] = -1
    result = updated(old_fit(fitted, PARAMETERS), fitted.points, place, PARAMETERS, Control())
    assert not isinstance(result, Refusal)
    assert equal(result, fitted)


def test_the_same_set_again() -> None:
    fitted = fit(some(), PARAMETERS, keep_lists=True, control=Control())
    result = update_of(old_fit(fitted, PARAMETERS), some(), some(), PARAMETERS, Control())
    assert not isinstance(result, Refusal)
    assert equal(result, fitted)


def test_a_fit_without_lists_is_no_old_fit() -> None:
    with pytest.raises(TypeError, match="keep_lists"):
        old_fit(fit(some(), PARAMETERS, control=Control()), PARAMETERS)


def test_an_update_stops_at_every_look() -> None:
    vectors = some()
    old = old_fit(fit(vectors[:280], PARAMETERS, keep_lists=True, control=Control()), PARAMETERS)
    unstopped = Watched()
    assert not isinstance(update_of(old, vectors[20:], vectors[:280], PARAMETERS, unstopped), Refusal)
    assert unstopped.looks > 40
    for look in range(1, unstopped.looks, 3):
        with pytest.raises(Interrupted):
            update_of(old, vectors[20:], vectors[:280], PARAMETERS, Watched(look))


def test_an_update_looks_often() -> None:
    """Every few hundredths of a second, in vectors enough to take a second."""
    vectors = embeddings(6000, 96)
    old = old_fit(fit(vectors[:5900], PARAMETERS, keep_lists=True, control=Control()), PARAMETERS)
    watched = Watched()
    update_of(old, vectors[100:], vectors[:5900], PARAMETERS, watched)
    assert watched.gap < 0.3
