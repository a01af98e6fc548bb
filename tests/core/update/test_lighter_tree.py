"""Whom an old tree lets search, against every pair in memory."""

from __future__ import annotations

import numpy as np
import pytest

from sqlclust.core.geometry.metrics import Float64Array, IndexArray
from sqlclust.core.tree.components import every_vector_alone
from sqlclust.core.tree.edges import Edges, edges_between, no_edges
from sqlclust.core.update.candidates import LighterTree
from sqlclust.core.update.rising import _at_least
from sqlclust.core.update.state import State, empty_lists
from tests.core.brute import all_squared, minimum_spanning_tree

pytestmark = pytest.mark.slow

MIN_SAMPLES = 3


def weights(squared: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Core distances, and the weights of all pairs, inf on the diagonal; squared."""
    core = np.sort(squared, axis=1)[:, MIN_SAMPLES - 1]
    return core, np.maximum(np.maximum(core[:, None], core), squared)


@pytest.mark.parametrize("seed", range(60))
def test_whoever_has_a_lighter_edge_may_search(seed: int) -> None:
    random = np.random.default_rng(seed)
    centres = 5 * random.standard_normal((5, 2))
    vectors = (centres[random.integers(5, size=60)] + random.standard_normal((60, 2))).astype(np.float32)
    squared = all_squared(vectors)
    remaining = np.flatnonzero(random.random(60) < 0.85)
    place = np.full(60, -1)
    place[remaining] = np.arange(len(remaining))
    core_was, was = weights(squared)
    left, right, _ = minimum_spanning_tree(squared, core_was, 1.0)
    gone = (place[left] < 0) | (place[right] < 0)
    distance = np.where(gone & (random.random(59) < 0.5), np.inf, squared[left, right])  # of some it is not known
    tree = edges_between(np.where(np.isinf(distance), np.inf, was[left, right]), distance, left, right)
    old = State(np.ones(60, dtype=np.int64), empty_lists(60, 1), core_was, tree)
    lighter = LighterTree(place[left], place[right], _at_least(old))

    core, weight = weights(squared[np.ix_(remaining, remaining)])
    now_left, now_right, _ = minimum_spanning_tree(squared[np.ix_(remaining, remaining)], core, 1.0)
    joined = random.random(len(now_left)) < random.choice([0.5, 0.9])
    components = every_vector_alone(len(remaining)).joined_along(chosen(now_left[joined], now_right[joined]))
    outside = components.of_vector[:, None] != components.of_vector
    lightest = np.where(outside, weight, np.inf).min(axis=1)
    best = no_edges(components.total)
    # the least edge out of each component, or a heavier one that is known so far
    np.minimum.at(best.weight, components.of_vector, lightest * random.choice([1.0, 1.3, 3.0]))
    may = lighter.may_lead_out(np.arange(len(remaining)), components, best)
    must = np.flatnonzero(lightest < best.weight[components.of_vector])
    assert set(must.tolist()) <= set(may.tolist())


def chosen(left: IndexArray, right: IndexArray) -> Edges:
    none = np.zeros(len(left))
    return edges_between(none, none, left, right)
