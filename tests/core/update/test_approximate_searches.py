"""Approximate updates: what they find where lists do not lead, what they refuse, measure and take; being stopped."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from sqlclust.core import cost, engine_stages
from sqlclust.core.geometry.mutual_reachability import MutualReachability
from sqlclust.core.neighbors import brute_force
from sqlclust.core.neighbors.approximate import Effort, lists_of
from sqlclust.core.pipeline import Fit, ReachabilityParameters, collapsed, fit
from sqlclust.core.runtime.control import Control
from sqlclust.core.tree.axis_search import AxisSearch
from sqlclust.core.update import approximate_searches
from sqlclust.core.update.state import table
from sqlclust.core.update.updating import OldFit, Refusal, old_fit, updated
from sqlclust.errors import Interrupted
from tests.benchmarks.data import embeddings
from tests.core.brute import all_squared, nearest
from tests.core.update.matching import places
from tests.core.update.test_approximate_updates import FEW, ROUNDED, approximate, followed
from tests.core.watched import Watched

pytestmark = pytest.mark.slow


def test_new_groups_are_joined_where_they_are_nearest() -> None:
    """No list leads out of them."""
    random = np.random.default_rng(0)
    groups = random.standard_normal((3, 15, 4)) + 30 * random.standard_normal((3, 1, 4))
    old = random.standard_normal((500, 4))
    every = np.concatenate([old, groups.reshape(-1, 4)]).astype(np.float32)
    fitted, exact = approximate(every[:500], FEW), fit(every, FEW, control=Control())
    result = followed(fitted, FEW, every)
    assert isinstance(result, Fit)
    np.testing.assert_allclose(result.tree.weight, exact.tree.weight, rtol=ROUNDED)
    again = followed(result, FEW, every[20:])  # and a part of what they hang on goes
    assert isinstance(again, Fit)
    exact = fit(every[20:], FEW, control=Control())
    np.testing.assert_allclose(again.tree.weight, exact.tree.weight, rtol=ROUNDED)


def test_what_old_lists_miss_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists of an engine that looks at little: as many neighbours are missing after an update, but none of the new vectors."""
    monkeypatch.setattr(engine_stages, "FULL", Effort(lists_per_vector=1, list_size=60))
    vectors, parameters = embeddings(1500, 64, identical=0.0), ReachabilityParameters(5, normalize=True)
    fitted = approximate(vectors[:1450], parameters)
    assert fitted.recall < 0.9
    result = followed(fitted, parameters, vectors[50:])
    assert isinstance(result, Fit)
    assert result.lists is not None
    kth = nearest(all_squared(result.points.vectors), 5)[1][:, -1:]
    found = table(result.lists, 99).squared[:, :5] <= kth * 1.00001
    assert abs(found.mean() - result.recall) < 0.05
    assert result.recall < 0.95
    assert 0.0 < result.tree_confirmed < 1.0
    is_new = places(result.points.vectors, fitted.points.vectors) < 0
    assert np.count_nonzero(is_new) == 50
    assert found[is_new].all()


def test_an_infinite_core_distance_makes_a_vector_nobodys_way_out() -> None:
    """Of a component all that is near may be such: new vectors, in the half of an update in which they are not there yet."""
    random = np.random.default_rng(0)
    vectors = (random.standard_normal((90, 4)) + np.repeat([0.0, 9.0, 99.0], 30)[:, None]).astype(np.float32)
    core = np.repeat([1.0, np.inf, 1.0], 30)
    reach = MutualReachability(vectors, core, 1.0, Control())
    component, points = np.repeat([0, 1, 2], 30), np.arange(30)
    found = AxisSearch(reach, Control()).lightest_out(points[:3], points, component, Control())
    best = found.right[np.isfinite(found.weight)]
    assert len(best) == 1
    assert best[0] >= 60


def test_much_change_is_refused() -> None:
    vectors = embeddings(330, 24, identical=0.0)
    fitted = approximate(vectors[:300], FEW)
    result = followed(fitted, FEW, vectors[16:315])
    assert isinstance(result, Refusal)
    assert result.reason.startswith("16 of 300 vectors are gone, 15 have come, and 0 have lists that are too short; ")
    assert "at most 10%" in result.reason
    assert isinstance(followed(fitted, FEW, vectors[15:315]), Fit)
    more = FEW._replace(min_samples=FEW.min_samples + 5)
    assert isinstance(followed(fitted, FEW, vectors[:301], more), Fit)  # the lists hold so many
    result = followed(fitted, FEW, vectors[:301], more._replace(min_samples=more.min_samples + 1))
    assert isinstance(result, Refusal)
    assert "1 have come, and 300 have lists that are too short" in result.reason


def test_lists_of_other_vectors_are_refused() -> None:
    vectors = embeddings(300, 24)
    fitted = approximate(vectors[:290], FEW)
    assert fitted.lists is not None
    points = collapsed(vectors, FEW, None, Control())
    place = places(fitted.points.vectors, points.vectors)
    old = old_fit(fitted, FEW)
    assert old.engine == "approximate"
    for factor, refused in ((1.0 + 1e-7, False), (1.001, True)):
        lists = old.lists._replace(squared=old.lists.squared * factor)
        result = updated(old._replace(lists=lists), points, place, FEW, Control())
        assert isinstance(result, Refusal) == refused
        assert not refused or "measured now" in result.reason  # type: ignore[union-attr]
    exactly = updated(old._replace(engine="exact"), points, place, FEW, Control())
    assert isinstance(exactly, Refusal)  # an approximate fit's distances are rounded to float32


def test_an_exact_fit_is_what_is_meant_where_no_engine_is_said() -> None:
    fields = old_fit(approximate(embeddings(30, 8), FEW), FEW)[:-1]
    assert OldFit(*fields).engine == "exact"


def test_seeds_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = []
    monkeypatch.setattr(
        approximate_searches,
        "lists_of",
        lambda *given: seeds.append(given[2]) or lists_of(*given),  # type: ignore[func-returns-value]
    )
    vectors = embeddings(1000, 24, identical=0.0)
    fitted = approximate(vectors, FEW)
    points = collapsed(vectors[90:], FEW, None, Control())
    place = places(fitted.points.vectors, points.vectors)
    for seed in (0, 7):
        assert isinstance(updated(old_fit(fitted, FEW), points, place, FEW, Control(), seed=seed), Fit)
    assert seeds == [0, 7]


def test_an_update_stops_at_every_look() -> None:
    vectors = embeddings(300, 24)
    fitted = approximate(vectors[:290], FEW)
    unstopped = Watched()
    assert isinstance(followed(fitted, FEW, vectors[10:], control=unstopped), Fit)
    assert unstopped.looks > 40
    for look in range(1, unstopped.looks, 5):
        with pytest.raises(Interrupted):
            followed(fitted, FEW, vectors[10:], control=Watched(look))


def test_an_update_looks_often() -> None:
    vectors = embeddings(6000, 96)
    fitted = approximate(vectors[:5900], FEW)
    watched = Watched()
    assert isinstance(followed(fitted, FEW, vectors[100:], control=watched), Fit)
    assert watched.gap < 0.3


def test_it_takes_no_more_memory_than_a_fit_is_said_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also without what the estimate has for small fits. Recall is measured in blocks of one size, larger than so few vectors."""
    monkeypatch.setattr(brute_force, "recall", lambda *given, **options: 1.0)
    vectors, parameters = embeddings(10_000, 256, seed=1, identical=0.0), ReachabilityParameters(5, normalize=True)
    fitted = approximate(vectors[:9_900], parameters)
    points = collapsed(vectors[100:], parameters, None, Control())
    was, place = old_fit(fitted, parameters), places(fitted.points.vectors, points.vectors)
    tracemalloc.start()
    assert isinstance(updated(was, points, place, parameters, Control()), Fit)
    peak = tracemalloc.get_traced_memory()[1] + points.vectors.nbytes
    tracemalloc.stop()
    assert peak < cost.memory_bytes(len(vectors), 256, 5, "approximate") - cost._FIXED
