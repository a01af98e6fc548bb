"""The exact engine against brute force in float64 on hard data; what the approximate one promises."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest

from sqlclust.core import engine_stages
from sqlclust.core import pipeline as hdbscan
from sqlclust.core.geometry.duplicates import distinct
from sqlclust.core.geometry.metrics import Float32Array
from sqlclust.core.geometry.mutual_reachability import MutualReachability
from sqlclust.core.geometry.principal_axes import principal_axes
from sqlclust.core.labellings.agreement import adjusted_rand_index
from sqlclust.core.neighbors import exact as neighbors
from sqlclust.core.neighbors.approximate import FULL, Effort, neighbors_and_lists
from sqlclust.core.neighbors.brute_force import brute_force_neighbors
from sqlclust.core.neighbors.core_distances import core_distances
from sqlclust.core.neighbors.exact import neighbors_and_pruning
from sqlclust.core.neighbors.pruning import pruning
from sqlclust.core.runtime import threads
from sqlclust.core.runtime.control import Control
from sqlclust.core.tree.component_search import exact_tree
from sqlclust.core.tree.listed_edges import ListedEdges
from tests.benchmarks.data import embeddings
from tests.core.brute import all_squared, minimum_spanning_tree, nearest

pytestmark = pytest.mark.slow

Random = np.random.Generator


def near_duplicates(random: Random) -> Float32Array:
    """Groups of vectors that differ by 1e-7 of their length."""
    centres = random.standard_normal((20, 48))
    return (np.repeat(centres, 30, axis=0) * (1 + 1e-7 * random.standard_normal((600, 48)))).astype(np.float32)


def huge(random: Random) -> Float32Array:
    return (random.standard_normal((500, 32)) * 1e15).astype(np.float32)


def mixed_norms(random: Random) -> Float32Array:
    """Lengths from 1e-3 to 1e6 at once."""
    return (random.standard_normal((600, 24)) * 10.0 ** random.uniform(-3, 6, (600, 1))).astype(np.float32)


def far_from_the_origin(random: Random) -> Float32Array:
    return (random.standard_normal((500, 16)) + 3000.0).astype(np.float32)


def plane(random: Random) -> Float32Array:
    return random.standard_normal((800, 2)).astype(np.float32)


def line(random: Random) -> Float32Array:
    return random.standard_normal((400, 1)).astype(np.float32)


def wide(random: Random) -> Float32Array:
    return random.standard_normal((300, 4096)).astype(np.float32)


def grid(random: Random) -> Float32Array:
    """Integers: nearly every distance ties."""
    return random.integers(0, 7, (900, 3)).astype(np.float32)


def signs(random: Random) -> Float32Array:
    """Corners of a cube."""
    return np.sign(random.standard_normal((600, 12))).astype(np.float32)


def densities(random: Random) -> Float32Array:
    """Clusters a million times as dense as others, and noise."""
    spread = np.repeat(10.0 ** np.arange(-6, 1), 100)[:, None]
    centres = np.repeat(random.standard_normal((7, 20)) * 3, 100, axis=0)
    return (centres + spread * random.standard_normal((700, 20))).astype(np.float32)


def like_embeddings(random: Random) -> Float32Array:
    return embeddings(900, 96, seed=int(random.integers(1000)))


def two(random: Random) -> Float32Array:
    return random.standard_normal((2, 8)).astype(np.float32)


def three(random: Random) -> Float32Array:
    return random.standard_normal((3, 8)).astype(np.float32)


HARD = (
    near_duplicates, huge, mixed_norms, far_from_the_origin, plane, line, wide, grid, signs, densities, like_embeddings,
    two, three,
)  # fmt: skip


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists and panels so small that a few hundred vectors make many."""
    monkeypatch.setattr(neighbors, "SEED", Effort(lists_per_vector=3, list_size=40))
    monkeypatch.setattr(engine_stages, "FULL", Effort(lists_per_vector=6, list_size=60))


def distinct_vectors(make: Callable[[Random], Float32Array]) -> Float32Array:
    return distinct(make(np.random.default_rng(7)), normalize=False).vectors


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("make", HARD, ids=lambda make: make.__name__)
@pytest.mark.parametrize("k", [1, 6, 10_000])
def test_exact_neighbors_are_those_of_brute_force(make: Callable[[Random], Float32Array], k: int) -> None:
    vectors = distinct_vectors(make)
    k = min(k, len(vectors) - 1)
    if k > 100 and vectors.shape[1] > 1000:
        pytest.skip("the same code as in fewer dimensions, and slow")
    found, _ = neighbors_and_pruning(vectors, k, Control())
    indices, squared = nearest(all_squared(vectors), k)
    np.testing.assert_array_equal(found.squared, squared)
    np.testing.assert_array_equal(found.indices, indices)


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("make", HARD, ids=lambda make: make.__name__)
@pytest.mark.parametrize(("min_samples", "scale"), [(1, 1.0), (4, 1.0), (4, 1.7), (4, 0.3)])
def test_exact_tree_is_the_only_minimum_one(
    make: Callable[[Random], Float32Array], min_samples: int, scale: float
) -> None:
    vectors = distinct_vectors(make)
    min_samples = min(min_samples, len(vectors) - 1)
    found, prepared = neighbors_and_pruning(vectors, min_samples, Control())
    counts = np.ones(len(vectors), dtype=np.intp)
    core = core_distances(found.squared, found.indices, counts, min_samples=min_samples)
    reach = MutualReachability(vectors, core, scale, Control())
    tree = exact_tree(reach, prepared, ListedEdges(reach, found.indices, found.squared))
    left, right, weight = minimum_spanning_tree(all_squared(vectors), core, scale)
    np.testing.assert_array_equal(tree.weight, weight)
    np.testing.assert_array_equal(tree.left, left)
    np.testing.assert_array_equal(tree.right, right)


@pytest.mark.usefixtures("small_tiles")
def test_pruning_loses_no_pair_within_the_limit() -> None:
    for make in HARD:
        vectors = distinct_vectors(make)
        squared = all_squared(vectors)
        limits = np.sort(squared, axis=1)[:, min(5, len(vectors) - 2)]
        prepared = pruning(vectors, principal_axes(vectors, vectors.shape[1]), limits, Control())
        inside = squared[np.ix_(prepared.order, prepared.order)] <= limits[prepared.order]
        values = np.empty(len(vectors) * 512, dtype=np.float32)
        for start in range(0, len(vectors), 512):
            part = slice(start, min(start + 512, len(vectors)))
            right = prepared.right(part, limits[prepared.order][part])
            for low in range(0, len(vectors), 512):
                pairs = prepared.survivors(slice(low, low + 512), right, values)
                if pairs is None:  # all of them
                    continue
                row, column = pairs
                survived = np.zeros((min(512, len(vectors) - low), len(right.columns)), dtype=bool)
                survived[row, column] = True
                assert survived[inside[low : low + 512, part]].all(), make.__name__


def test_a_tight_ball_takes_neither_the_memory_nor_the_time_of_all_pairs() -> None:
    random = np.random.default_rng(3)
    ball = 1 + 1e-6 * random.standard_normal((3000, 64))
    vectors = np.concatenate([ball, random.standard_normal((500, 64))]).astype(np.float32)
    started = time.process_time()
    tracemalloc.start()
    fitted = _fit(vectors, "exact")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.process_time() - started < 60
    assert peak < 400e6
    assert (fitted.tree.weight[:2999] < 1e-3).all()
    assert (fitted.tree.weight[2999:] > 1).all()


def test_exact_agrees_with_brute_force_through_real_tiles() -> None:
    vectors = distinct(embeddings(3000, 64, seed=5), normalize=True).vectors
    found, prepared = neighbors_and_pruning(vectors, 12, Control())
    squared = all_squared(vectors)
    indices, distances = nearest(squared, 12)
    np.testing.assert_array_equal(found.indices, indices)
    np.testing.assert_array_equal(found.squared, distances)
    reach = MutualReachability(vectors, distances[:, 4].copy(), 1.0, Control())
    tree = exact_tree(reach, prepared, ListedEdges(reach, found.indices, found.squared))
    left, right, weight = minimum_spanning_tree(squared, distances[:, 4], 1.0)
    np.testing.assert_array_equal(tree.left, left)
    np.testing.assert_array_equal(tree.right, right)
    np.testing.assert_array_equal(tree.weight, weight)


@pytest.mark.parametrize("engine", hdbscan.ENGINES)
def test_order_of_rows_and_number_of_cores_change_nothing(
    engine: hdbscan.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbors, "SEED", Effort(lists_per_vector=4, list_size=100))
    monkeypatch.setattr(engine_stages, "FULL", Effort(lists_per_vector=6, list_size=100))
    vectors = embeddings(2500, 48, seed=2, identical=0.15)
    order = np.random.default_rng(1).permutation(len(vectors))
    plain = _fit(vectors, engine)
    monkeypatch.setattr(threads, "worker_count", lambda: 5)
    shuffled = _fit(vectors[order], engine)
    np.testing.assert_array_equal(shuffled.tree.weight, plain.tree.weight)
    np.testing.assert_array_equal(shuffled.core, plain.core[order])
    assert shuffled.recall == plain.recall
    first = hdbscan.cut(plain, hdbscan.CutParameters(10), control=Control()).labels
    second = hdbscan.cut(shuffled, hdbscan.CutParameters(10), control=Control()).labels
    assert adjusted_rand_index(first[order], second) == 1.0


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("make", HARD, ids=lambda make: make.__name__)
def test_approximate_tree_is_a_spanning_tree_of_true_distances(make: Callable[[Random], Float32Array]) -> None:
    vectors = make(np.random.default_rng(7))
    fitted = _fit(vectors, "approximate")
    tree, n = fitted.tree, len(vectors)
    assert len(tree.weight) == n - 1
    root = np.arange(n)
    for left, right in zip(tree.left.tolist(), tree.right.tolist(), strict=True):
        assert root[left] != root[right]
        root[root == root[left]] = root[right]
    difference = vectors[tree.left].astype(np.float64) - vectors[tree.right]
    distance = np.sqrt((difference**2).sum(axis=1))
    weight = np.maximum(distance, np.maximum(fitted.core[tree.left], fitted.core[tree.right]))
    np.testing.assert_allclose(tree.weight, weight, rtol=1e-5)
    assert fitted.engine == "approximate"
    assert 0.0 <= fitted.recall <= 1.0


def test_approximate_keeps_identical_vectors_together() -> None:
    vectors = embeddings(3000, 48, seed=8, identical=0.3)
    fitted = _fit(vectors, "approximate")
    labels = hdbscan.cut(fitted, hdbscan.CutParameters(5), control=Control()).labels
    groups = fitted.points.group_of_row()
    for group in np.flatnonzero(fitted.points.counts > 1):
        assert len(set(labels[groups == group].tolist())) == 1


def test_approximate_finds_nearly_all_neighbors_and_measures_that() -> None:
    vectors = embeddings(6000, 96, seed=4)
    exact, approximate_ = _fit(vectors, "exact"), _fit(vectors, "approximate")
    assert exact.recall == 1.0
    assert approximate_.recall > 0.9
    distinct_ = exact.points.vectors
    found = neighbors_and_lists(distinct_, 15, FULL, 0, Control()).indices
    true, _ = neighbors_and_pruning(distinct_, 15, Control())
    share = np.mean([len(np.intersect1d(a, b)) / 15 for a, b in zip(found, true.indices, strict=True)])
    assert abs(share - approximate_.recall) < 0.02
    labels = [
        hdbscan.cut(fitted, hdbscan.CutParameters(15), control=Control()).labels for fitted in (exact, approximate_)
    ]
    assert adjusted_rand_index(*labels) > 0.9


def test_parts_that_the_neighbors_leave_apart_are_joined_where_they_are_nearest() -> None:
    random = np.random.default_rng(0)
    centres = random.standard_normal((12, 16)) * 50
    vectors = (np.repeat(centres, 60, axis=0) + random.standard_normal((720, 16))).astype(np.float32)
    exact, approximate_ = _fit(vectors, "exact"), _fit(vectors, "approximate")
    np.testing.assert_allclose(approximate_.tree.weight[-11:], exact.tree.weight[-11:], rtol=0.1)
    assert (approximate_.tree.weight[-11:] >= exact.tree.weight[-11:] * (1 - 1e-6)).all()


def test_nearest_of_some_rows() -> None:
    vectors = distinct_vectors(like_embeddings)
    rows = np.array([0, 5, 17, len(vectors) - 1])
    indices, squared = brute_force_neighbors(vectors, rows, 7, Control())
    expected, distances = nearest(all_squared(vectors), 7)
    np.testing.assert_array_equal(np.sort(indices), np.sort(expected[rows]))
    np.testing.assert_allclose(squared, distances[rows], rtol=1e-5)


def _fit(vectors: Float32Array, engine: hdbscan.Engine) -> hdbscan.Fit:
    return hdbscan.fit(vectors, hdbscan.ReachabilityParameters(5), control=Control(), engine=engine)
