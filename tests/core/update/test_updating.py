"""An updated fit is the fresh fit of the new set, to the last bit: random histories, on data where nearly everything ties."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlclust.core.geometry.duplicates import Distinct
from sqlclust.core.geometry.float32_range import into_float32_range
from sqlclust.core.geometry.metrics import Float32Array, IndexArray
from sqlclust.core.neighbors.core_distances import core_distances
from sqlclust.core.neighbors.k_nearest_lists import KNearestLists
from sqlclust.core.pipeline import Fit, ReachabilityParameters, collapsed, fit
from sqlclust.core.runtime.control import Control
from sqlclust.core.update.state import table
from sqlclust.core.update.updating import Refusal, old_fit, updated
from tests.benchmarks.data import embeddings
from tests.core.brute import all_squared, minimum_spanning_tree, nearest
from tests.core.update.matching import places

pytestmark = pytest.mark.slow

Random = np.random.Generator
Make = Callable[[Random], Float32Array]
POOL = 150
"""Vectors that the rows of a history have; several rows may have the same one."""


def grid(random: Random) -> Float32Array:
    return random.integers(1, 5, (POOL, 3)).astype(np.float32)


def thirds(random: Random) -> Float32Array:
    """Ties but for rounding."""
    return (random.integers(1, 5, (POOL, 3)) / 3).astype(np.float32)


def near_duplicates(random: Random) -> Float32Array:
    centres = random.standard_normal((6, 5))
    jitter = 1 + 1e-7 * random.standard_normal((POOL, 5))
    return (centres[random.integers(6, size=POOL)] * jitter).astype(np.float32)


def densities(random: Random) -> Float32Array:
    """Groups far apart: no list leads out of them."""
    centres, spread = 10 * random.standard_normal((4, 4)), 10.0 ** random.integers(-4, 1, (POOL, 1))
    return (centres[random.integers(4, size=POOL)] + spread * random.standard_normal((POOL, 4))).astype(np.float32)


def like_embeddings(random: Random) -> Float32Array:
    return embeddings(POOL, 24, seed=int(random.integers(1000)), identical=0.15)


def few(random: Random) -> Float32Array:
    """Many rows of some seven vectors: fewer than a list has room for."""
    return random.integers(1, 4, (POOL, 2)).astype(np.float32)


DATA = (grid, thirds, near_duplicates, densities, like_embeddings, few)
CHANGES = ("add", "add one", "remove", "remove one", "replace", "mix", "all but few go", "all go", "nothing")
MORE_MIN_SAMPLES = (0, 0, 0, 0, -1, -4, 1, 3, 8)
PARAMETERS = st.builds(
    ReachabilityParameters,
    st.integers(1, 8),
    st.sampled_from(["euclidean", "cosine"]),
    st.booleans(),
    st.sampled_from([1.0, 1.0, 0.7]),
)


class Rows(NamedTuple):
    """Rows as they come: ids, and which vector of the pool each has, intp (n,) both."""

    ids: IndexArray
    vector: IndexArray


def changed(rows: Rows, change: str, random: Random) -> Rows:
    """What the rows are after a change. Ids that have gone may come back, with the same vector or another."""
    n = len(rows.ids)
    goes: dict[str, int] = {
        "remove": n // 4,
        "remove one": min(1, n - 1),
        "mix": n // 5,
        "replace": n // 6,
        "all but few go": max(n - 12, 0),
        "all go": n,
    }
    comes: dict[str, int] = {"add": n // 3, "add one": 1, "mix": 20, "all go": 50}
    order = random.permutation(n)[goes.get(change, 0) :]
    ids, vector = rows.ids[order], rows.vector[order]
    if change == "replace":
        vector[: n // 6] = random.integers(POOL, size=len(vector[: n // 6]))
    free = np.setdiff1d(np.arange(3 * POOL), ids)
    more = random.choice(free, max(0, min(comes.get(change, 0), 90 - len(ids))), replace=False)
    return Rows(np.append(ids, more), np.append(vector, random.integers(POOL, size=len(more))))


def followed(
    old: Fit, was: ReachabilityParameters, vectors: Float32Array, now: ReachabilityParameters, rank: IndexArray
) -> Fit | Refusal:
    points = collapsed(vectors, now, rank, Control())
    return updated(old_fit(old, was), points, places(old.points.vectors, points.vectors), now, Control())


def assert_same(fitted: Fit, fresh: Fit) -> None:
    """Equal to the last bit, in all that clusters are selected from; the lists are complete as far as they go."""
    np.testing.assert_array_equal(fitted.core, fresh.core)
    for mine, theirs in zip(fitted.tree, fresh.tree, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    for name in Distinct._fields:
        np.testing.assert_array_equal(getattr(fitted.points, name), getattr(fresh.points, name), err_msg=name)
    assert (fitted.engine, fitted.recall, fitted.tree_confirmed, fitted.exponent) == ("exact", 1.0, 1.0, fresh.exponent)
    assert_complete(fitted)


def assert_complete(fitted: Fit) -> None:
    """Each list is the beginning of what brute force gives, by (distance, index)."""
    assert fitted.lists is not None
    np.testing.assert_array_equal(fitted.lists.counts, fitted.points.counts)
    vectors, _ = into_float32_range(fitted.points.vectors)
    if len(vectors) == 1:
        return
    indices, squared = nearest(all_squared(vectors), len(vectors) - 1)
    listed = table(fitted.lists, POOL)
    width = listed.indices.shape[1]
    known = listed.indices >= 0
    assert known[:, 0].all()
    np.testing.assert_array_equal(listed.indices[known], indices[:, :width][known])
    np.testing.assert_array_equal(listed.squared[known], squared[:, :width][known])


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 2**32),
    st.sampled_from(DATA),
    PARAMETERS,
    st.lists(st.tuples(st.sampled_from(CHANGES), st.sampled_from(MORE_MIN_SAMPLES)), min_size=1, max_size=20),
)
def test_histories(seed: int, make: Make, parameters: ReachabilityParameters, history: list[tuple[str, int]]) -> None:
    random = np.random.default_rng(seed)
    pool = make(random)
    rows = Rows(random.permutation(60), random.integers(POOL, size=60))
    fitted = fit(
        pool[rows.vector], parameters, rank=np.argsort(np.argsort(rows.ids)), keep_lists=True, control=Control()
    )
    for change, more in history:
        rows, was = changed(rows, change, random), parameters
        parameters = parameters._replace(min_samples=max(1, min(11, parameters.min_samples + more)))
        vectors, rank = pool[rows.vector], np.argsort(np.argsort(rows.ids))
        fresh = fit(vectors, parameters, rank=rank, keep_lists=True, control=Control())
        result = followed(fitted, was, vectors, parameters, rank)
        if isinstance(result, Refusal):
            assert "remain" in result.reason or "in the fit" in result.reason or "now" in result.reason
            fitted = fresh
        else:
            assert_same(result, fresh)
            fitted = result
    assert_tree_of_brute_force(fitted, parameters)


def assert_tree_of_brute_force(fitted: Fit, parameters: ReachabilityParameters) -> None:
    """The tree's weights, from every pair in memory."""
    vectors, _ = into_float32_range(fitted.points.vectors)
    if len(vectors) == 1:
        return
    squared, least = all_squared(vectors), min(parameters.min_samples, len(fitted.core) - 1)
    indices, distances = nearest(squared, len(vectors) - 1)
    core = core_distances(distances, indices, fitted.points.counts, min_samples=least)
    weight = minimum_spanning_tree(squared, core, parameters.distance_factor)[2]
    ours = np.concatenate([weight, np.repeat(core, fitted.points.counts - 1)])
    from_squared = ours / 2 if parameters.metric == "cosine" else np.sqrt(ours)
    np.testing.assert_array_equal(np.sort(from_squared), fitted.tree.weight)


@pytest.mark.parametrize("seed", range(12))
def test_ties_at_the_ends_of_lists_that_have_become_shorter(seed: int) -> None:
    """A new vector as far as a list's last one may not be put behind it: others as far are not listed."""
    random = np.random.default_rng(seed)
    pool = np.unique(random.integers(0, 9, (300, 2)), axis=0).astype(np.float32)
    parameters, rows = ReachabilityParameters(2), random.permutation(len(pool))
    kept, later = rows[:50], rows[50:65]
    fitted = fit(pool[kept], parameters, keep_lists=True, control=Control())
    for part in (kept[8:], np.append(kept[8:], later[:7]), np.append(kept[8:], later)):
        result = followed(fitted, parameters, pool[part], parameters, np.arange(len(part)))
        assert not isinstance(result, Refusal)
        assert_same(result, fit(pool[part], parameters, keep_lists=True, control=Control()))
        fitted = result


@pytest.mark.parametrize("make", DATA)
@pytest.mark.parametrize("known", [6, 100])
def test_where_nothing_was_removed_lists_are_those_of_a_fresh_fit(make: Make, known: int) -> None:
    pool, parameters = make(np.random.default_rng(known)), ReachabilityParameters(3)
    fitted = fit(pool[:known], parameters, keep_lists=True, control=Control())
    result = followed(fitted, parameters, pool, parameters, np.arange(POOL))
    fresh = fit(pool, parameters, keep_lists=True, control=Control())
    assert isinstance(result, Fit)
    assert result.lists is not None
    assert fresh.lists is not None
    for name in KNearestLists._fields:
        np.testing.assert_array_equal(getattr(result.lists, name), getattr(fresh.lists, name), err_msg=name)


@pytest.mark.parametrize("make", DATA)
@pytest.mark.parametrize("more", [-6, -1, 4, 9])
def test_rows_and_min_samples_change_at_once(make: Make, more: int) -> None:
    """Half of it makes core distances rise, and half of it fall: in one step neither theorem holds."""
    was = ReachabilityParameters(7, alpha=0.7)
    now = was._replace(min_samples=was.min_samples + more)
    for seed in range(3):
        random = np.random.default_rng(seed)
        pool, rows = make(random), random.permutation(POOL)
        fitted = fit(pool[rows[:110]], was, keep_lists=True, control=Control())
        for part in (rows[15:110], rows[:140], rows[15:140]):
            result = followed(fitted, was, pool[part], now, np.arange(len(part)))
            assert isinstance(result, Fit)
            assert_same(result, fit(pool[part], now, keep_lists=True, control=Control()))
