"""The tree over approximate neighbours: near copies, the search within lists, and the figure that says how good a tree is."""

from __future__ import annotations

import threading
import time
from types import FrameType
from typing import Any

import numpy as np
import pytest

from sqlclust.core import pipeline as hdbscan
from sqlclust.core.geometry.metrics import Float32Array, Float64Array, squared_distances
from sqlclust.core.geometry.mutual_reachability import MutualReachability
from sqlclust.core.labellings.agreement import adjusted_rand_index
from sqlclust.core.neighbors.inverted_lists import InvertedLists
from sqlclust.core.runtime import threads
from sqlclust.core.runtime.control import Control
from sqlclust.core.tree import confirmation, list_search
from sqlclust.core.tree.boruvka import SpanningTree
from sqlclust.core.tree.confirmation import confirmed
from sqlclust.core.tree.list_search import lightest_nearby
from tests.benchmarks.data import embeddings, near_copies
from tests.core.brute import all_squared, minimum_spanning_tree

pytestmark = pytest.mark.slow

Random = np.random.Generator


def _fit(vectors: Float32Array, engine: hdbscan.Engine, alpha: float = 1.0) -> hdbscan.Fit:
    return hdbscan.fit(
        vectors, hdbscan.ReachabilityParameters(5, normalize=True, alpha=alpha), control=Control(), engine=engine
    )


@pytest.mark.parametrize("alpha", [1.0, 1.2])
def test_near_copies_are_clustered_as_exactly(alpha: float) -> None:
    """Their lists of neighbours end within small groups; the lightest edges out of these are in no list."""
    vectors = near_copies(embeddings(800, 48, seed=2, identical=0.0), 7, seed=2)
    exact, approximate = _fit(vectors, "exact", alpha), _fit(vectors, "approximate", alpha)
    assert approximate.recall > 0.99
    assert approximate.tree_confirmed > 0.98
    assert exact.tree_confirmed == 1.0
    for size in (10, 40):
        labels = [
            hdbscan.select_clusters(fitted.tree, hdbscan.CutParameters(size)).labels for fitted in (exact, approximate)
        ]
        assert len(set(labels[0].tolist())) > 5
        assert adjusted_rand_index(*labels) >= 0.98


def _lists(random: Random, m: int, count: int, over: int) -> InvertedLists:
    """Every one of m vectors in `over` lists, by chance."""
    nearest = np.argsort(random.random((m, count)), axis=1)[:, :over]
    by_list = np.argsort(nearest.ravel(), kind="stable")
    bounds = np.searchsorted(nearest.ravel()[by_list], np.arange(count + 1))
    members, rank = np.divmod(by_list, over)
    return InvertedLists(members.astype(np.int32), bounds, nearest[:, 0].astype(np.int32), rank.astype(np.int8))


@pytest.mark.parametrize("scale", [1.0, 0.5])
@pytest.mark.parametrize("parts", [2, 9])
def test_the_lightest_edge_within_the_nearest_lists(scale: float, parts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(list_search, "_ROWS", 7)
    monkeypatch.setattr(list_search, "_COLUMNS", 11)
    random = np.random.default_rng(parts)
    m = 200
    vectors = random.standard_normal((m, 6)).astype(np.float32)
    core = np.partition(all_squared(vectors), 3, axis=1)[:, 3]
    component = random.integers(0, parts, m)
    lists = _lists(random, m, 8, 3)
    lists.members[lists.bounds[2] : lists.bounds[3]] = np.flatnonzero(component == 0)[0]  # a list of one component
    points = np.sort(random.permutation(m)[:60])
    reach = MutualReachability(vectors, core, scale, Control())
    found = lightest_nearby(reach, lists, points, component, Control())
    weight = np.maximum(np.maximum(core[:, None], core), scale * all_squared(vectors))
    shared = np.zeros((m, m), dtype=bool)
    for number in range(8):
        part = slice(lists.bounds[number], lists.bounds[number + 1])
        asking = lists.members[part][lists.rank[part] < list_search.NEAREST_LISTS]
        shared[np.ix_(asking, lists.members[part])] = True
    weight[~shared | (component[:, None] == component)] = np.inf
    np.testing.assert_allclose(found.weight, weight[points].min(axis=1), rtol=1e-6)
    ends = np.sort([found.left, found.right], axis=0)
    np.testing.assert_array_equal(ends, [found.left, found.right])
    known = np.isfinite(found.weight)
    assert ((found.left == points) | (found.right == points))[known].all()
    assert (component[found.left] != component[found.right])[known].all()
    np.testing.assert_array_equal(found.distance[known], squared_distances(vectors, found.left, found.right)[known])


def test_threads_that_find_at_once_do_not_mix_what_they_find(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every line of a search gives way to the other threads."""

    def every_line(frame: FrameType, event: str, argument: Any) -> Any:
        if frame.f_code.co_name != "search":
            return None
        time.sleep(1e-4)
        return every_line

    random = np.random.default_rng(4)
    m = 300
    vectors = random.standard_normal((m, 4)).astype(np.float32)
    component = random.integers(0, 30, m)
    lists = _lists(random, m, 64, 3)
    monkeypatch.setattr(list_search, "_LISTS_AT_A_TIME", 1)
    found = []
    for workers in (1, 8):
        monkeypatch.setattr(threads, "worker_count", lambda workers=workers: workers)
        before = threading.gettrace()
        threading.settrace(every_line)
        try:
            reach = MutualReachability(vectors, np.zeros(m), 1.0, Control())
            found.append(lightest_nearby(reach, lists, np.arange(m), component, Control()))
        finally:
            threading.settrace(before)
    np.testing.assert_array_equal(found[0], found[1])


def test_components_that_share_no_list_are_joined_where_they_are_nearest() -> None:
    """Groups so far apart that every list is within one of them."""
    random = np.random.default_rng(3)
    centres = np.repeat(random.standard_normal((12, 8)) * 100, 200, axis=0)
    vectors = (centres + random.standard_normal((2400, 8))).astype(np.float32)
    trees = [
        hdbscan.fit(vectors, hdbscan.ReachabilityParameters(4), control=Control(), engine=engine).tree
        for engine in hdbscan.ENGINES
    ]
    np.testing.assert_allclose(trees[1].weight[-11:], trees[0].weight[-11:], rtol=0.02)


@pytest.fixture
def small_panels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confirmation, "_PANEL", 16)
    monkeypatch.setattr(confirmation, "_PANELS_AT_A_TIME", 2)


def _mutual(vectors: Float32Array, scale: float) -> tuple[Float64Array, Float64Array]:
    """Squared core distances, and the weight of every pair."""
    squared = all_squared(vectors)
    core = np.partition(squared, min(3, len(vectors) - 2), axis=1)[:, min(3, len(vectors) - 2)]
    return core, np.maximum(np.maximum(core[:, None], core), scale * squared)


def _share_by_brute_force(tree: SpanningTree, weight: Float64Array) -> float:
    """Of vectors that see no edge that is lighter than the heaviest on the tree's path."""
    m = len(weight)
    heaviest = np.zeros((m, m))
    part = np.arange(m)
    for left, right, height in zip(*tree, strict=True):
        here, there = np.flatnonzero(part == part[left]), np.flatnonzero(part == part[right])
        heaviest[np.ix_(here, there)] = height
        heaviest[np.ix_(there, here)] = height
        part[there] = part[left]
    return float((weight >= heaviest * (1 - 1e-4)).all(axis=1).mean())


def _with_wrong_edges(tree: SpanningTree, weight: Float64Array, wrong: int, random: Random) -> SpanningTree:
    """Another spanning tree: some edges replaced by any that join the same two sides."""
    left, right = tree.left.copy(), tree.right.copy()
    m = len(weight)
    for edge in random.choice(m - 1, wrong, replace=False):
        side = np.zeros(m, dtype=bool)
        side[left[edge]] = True
        for _ in range(m):
            reached = side.copy()
            others = np.arange(m - 1) != edge
            reached[right[others & side[left]]] = reached[left[others & side[right]]] = True
            if (reached == side).all():
                break
            side = reached
        left[edge], right[edge] = random.choice(np.flatnonzero(side)), random.choice(np.flatnonzero(~side))
    order = np.argsort(weight[left, right], kind="stable")
    return SpanningTree(left[order], right[order], weight[left, right][order])


@pytest.mark.usefixtures("small_panels")
@pytest.mark.parametrize("m", [2, 3, 16, 17, 150])
@pytest.mark.parametrize("scale", [1.0, 0.25])
def test_a_minimum_spanning_tree_is_confirmed(m: int, scale: float) -> None:
    vectors = np.random.default_rng(m).standard_normal((m, 5)).astype(np.float32)
    core, _ = _mutual(vectors, scale)
    tree = SpanningTree(*minimum_spanning_tree(all_squared(vectors), core, scale))
    assert confirmed(MutualReachability(vectors, core, scale, Control()), tree, 0, Control()) == 1.0


@pytest.mark.usefixtures("small_panels")
@pytest.mark.parametrize("wrong", [1, 2, 4, 30])
def test_the_share_that_is_confirmed_is_that_of_brute_force(wrong: int, monkeypatch: pytest.MonkeyPatch) -> None:
    shares = []
    for seed in range(25):
        random = np.random.default_rng((wrong, seed))
        vectors = random.standard_normal((60, 12)).astype(np.float32)
        core, weight = _mutual(vectors, 1.0)
        best = SpanningTree(*minimum_spanning_tree(all_squared(vectors), core, 1.0))
        tree = _with_wrong_edges(best, weight, wrong, random)
        shares.append(_share_by_brute_force(tree, weight))
        monkeypatch.setattr(threads, "worker_count", lambda seed=seed: 1 + seed % 3)
        assert confirmed(MutualReachability(vectors, core, 1.0, Control()), tree, 0, Control()) == pytest.approx(
            shares[-1]
        )
    assert min(shares) < 0.9
