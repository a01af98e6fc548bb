"""Fits in shards against the engines, Kruskal and brute force."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlclust.core.geometry.metrics import Float32Array, Float64Array
from sqlclust.core.pipeline import CutParameters, Engine, Fit, ReachabilityParameters, fit, select_clusters
from sqlclust.core.runtime.control import Control
from sqlclust.core.tree.edges import Edges
from sqlclust.core.tree.minimum_forest import minimum_forest
from sqlclust.distributed.fit import ShardedFit
from sqlclust.distributed.forests import forest_path, read_edges
from sqlclust.distributed.lists import SpooledLists
from sqlclust.distributed.searching import found_path
from sqlclust.distributed.spool import SpoolFile
from tests.distributed.small_jobs import PARAMETERS, fitted, real_like


def assert_same(found: Fit, expected: Fit) -> None:
    """To the last bit."""
    assert np.array_equal(found.core, expected.core)
    for mine, theirs in zip(found.tree, expected.tree, strict=True):
        assert np.array_equal(mine, theirs)


@pytest.mark.parametrize("engine", ["approximate", "exact"])
@pytest.mark.parametrize(
    "parameters",
    [
        PARAMETERS,
        ReachabilityParameters(9, "euclidean", alpha=1.3),
        ReachabilityParameters(3, "euclidean", normalize=True),
        ReachabilityParameters(10_000, "euclidean"),
    ],
)
def test_one_shard_is_the_engine(tmp_path: Path, engine: Engine, parameters: ReachabilityParameters) -> None:
    n = 120 if parameters.min_samples > 100 else 1200
    vectors = real_like(n)
    sharded = fitted(tmp_path, vectors, parameters=parameters, engine=engine)
    expected = fit(vectors, parameters, engine=engine, keep_lists=True, control=Control())
    assert sharded.shards == [len(expected.points.counts)]
    assert_same(sharded.fit(), expected)
    assert (sharded.recall, sharded.tree_confirmed) == (expected.recall, expected.tree_confirmed)
    lists = SpooledLists(sharded)
    assert expected.lists is not None
    for name in ("counts", "starts"):
        assert np.array_equal(getattr(lists, name), getattr(expected.lists, name)), name
    assert np.array_equal(lists.lengths(), expected.lists.lengths())
    m = len(lists.counts)
    for first, last in ((0, m), (0, 0), (m // 3, m // 2), (m - 1, m)):
        (indices, squared), wanted = lists.between(first, last), expected.lists.between(first, last)
        assert [each.dtype for each in (indices, squared)] == ["int32", "float64"]
        assert np.array_equal(indices, wanted[0])
        assert np.array_equal(squared, wanted[1])


def test_numbers_beyond_float32s_squares(tmp_path: Path) -> None:
    vectors, parameters = real_like(500) * np.float32(1e30), ReachabilityParameters(5)
    expected = fit(vectors, parameters, engine="approximate", control=Control())
    assert expected.exponent < 0
    assert_same(fitted(tmp_path / "one", vectors, parameters=parameters).fit(), expected)
    three = fitted(tmp_path / "three", vectors, parameters=parameters, shards=3)
    assert len(three.shards) == 3
    assert three.fit().tree.weight.sum() == pytest.approx(expected.tree.weight.sum(), rel=0.01)


def found_edges(sharded: ShardedFit) -> list[tuple[float, float, int, int]]:
    """All edges that any shard has in its lists or its forest, as (weight, distance, left, right)."""
    core, factor = sharded.squared_core, sharded.plan.parameters.distance_factor
    edges = []
    for shard in range(len(sharded.shards)):
        with SpoolFile(found_path(sharded.folder, shard)) as file:
            members, indices, squared = (file.array(name) for name in ("members", "indices", "squared"))
        for here, others, distances in zip(members.tolist(), indices.tolist(), squared.tolist(), strict=True):
            for there, distance in zip(others, distances, strict=True):
                weight = max(core[here], core[there], distance * factor)
                edges.append((weight, distance, min(here, there), max(here, there)))
        forest = read_edges(forest_path(sharded.folder, shard))
        edges += zip(*(column.tolist() for column in forest), strict=True)
    return edges


def kruskal(edges: list[tuple[float, float, int, int]], m: int) -> list[tuple[float, float, int, int]]:
    """By the book."""
    parent = list(range(m))

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    kept = []
    for edge in sorted(edges):
        left, right = root(edge[2]), root(edge[3])
        if left != right:
            parent[left] = right
            kept.append(edge)
    return kept


@pytest.mark.parametrize(
    ("shards", "overlap", "engine"), [(2, 4, "approximate"), (4, 2, "approximate"), (3, 3, "exact")]
)
def test_the_tree_is_that_of_all_found_edges(tmp_path: Path, shards: int, overlap: int, engine: Engine) -> None:
    sharded = fitted(tmp_path, real_like(1500), shards=shards, overlap=overlap, engine=engine)
    assert len(sharded.shards) == shards
    m = len(sharded.corpus.starts)
    expected = kruskal(found_edges(sharded), m)
    assert len(expected) == m - 1
    assert [*zip(*(column.tolist() for column in sharded.edges), strict=True)] == expected


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 9), st.integers(0, 9)), max_size=40))
def test_minimum_forest_is_kruskals(given_edges: list[tuple[int, int, int, int]]) -> None:
    edges = [(float(w), float(d), min(a, b), max(a, b)) for w, d, a, b in given_edges if a != b]
    columns = [*zip(*edges, strict=True)] or [(), (), (), ()]
    found = minimum_forest(
        Edges(np.array(columns[0]), np.array(columns[1]), *(np.array(each, dtype=np.intp) for each in columns[2:])), 10
    )
    assert [*zip(*(column.tolist() for column in found), strict=True)] == kruskal(edges, 10)


def brute_core(vectors: Float32Array, min_samples: int) -> Float64Array:
    """Cosine core distances of all rows, from all pairs."""
    wide = vectors.astype(np.float64)
    wide /= np.linalg.norm(wide, axis=1, keepdims=True)
    distances = np.sort(1.0 - wide @ wide.T, axis=1)
    return np.asarray(distances[:, min_samples])


@pytest.mark.parametrize("shards", [3, 6])
def test_recall_is_what_brute_force_says(tmp_path: Path, shards: int) -> None:
    vectors = real_like(2500)
    sharded = fitted(tmp_path, vectors, shards=shards)
    assert len(sharded.shards) == shards
    assert max(sharded.shards) < 0.9 * len(sharded.corpus.starts)
    core, best = sharded.fit().core, brute_core(vectors, 5)
    assert (core >= best - 1e-6).all()
    right = (core <= best + 1e-6).mean()
    assert sharded.recall > 0.97
    assert right > 0.9
    clusters = select_clusters(sharded.fit().tree, CutParameters(min_cluster_size=5)).labels
    whole = fit(vectors, PARAMETERS, engine="exact", control=Control())
    expected = select_clusters(whole.tree, CutParameters(min_cluster_size=5)).labels
    same = (clusters[:, None] == clusters) == (expected[:, None] == expected)
    assert same.mean() > 0.99


def test_recall_is_measured_and_not_promised(tmp_path: Path) -> None:
    """Without overlap neighbours across the borders are lost, and recall says how many."""
    vectors = real_like(2500)
    sharded = fitted(tmp_path, vectors, shards=8, overlap=1)
    assert sum(sharded.shards) == len(sharded.corpus.starts)
    _, squared = SpooledLists(sharded).between(0, len(sharded.corpus.starts))
    exact = fit(vectors, PARAMETERS, engine="exact", keep_lists=True, control=Control()).lists
    assert exact is not None
    listed, best = squared.reshape(-1, 10)[:, :5], exact.squared.reshape(-1, 10)[:, 4:5]
    truth = (listed <= best * 1.00001).mean()
    assert 0.3 < truth < 0.95
    assert sharded.recall == pytest.approx(truth, abs=0.05)


def groups_far_apart(count: int, each: int) -> Float32Array:
    rng = np.random.default_rng(3)
    vectors = np.repeat(np.eye(count, 12) * 50, each, axis=0) + rng.normal(size=(count * each, 12))
    return np.asarray(rng.permutation(vectors), dtype=np.float32)


@pytest.mark.parametrize("groups", [2, 5])
def test_parts_that_no_shard_joins(tmp_path: Path, groups: int) -> None:
    """Without overlap no shard has a way out; the ways that are found are those of the exact tree, or hardly longer."""
    vectors, parameters = groups_far_apart(groups, 300), ReachabilityParameters(5)
    sharded = fitted(tmp_path, vectors, shards=groups, overlap=1, parameters=parameters)
    assert (len(sharded.shards), sum(sharded.shards)) == (groups, 300 * groups)  # none shares a vector with another
    exact = fit(vectors, parameters, engine="exact", control=Control()).tree
    tree = sharded.fit().tree
    assert len(tree.weight) == len(vectors) - 1
    found, expected = tree.weight[-(groups - 1) :], exact.weight[-(groups - 1) :]
    assert (expected > 40).all()
    assert (found >= expected * (1 - 1e-9)).all()
    assert (found <= expected * 1.03).all()
    labels = select_clusters(tree, CutParameters(min_cluster_size=50)).labels
    assert len(np.unique(labels[labels >= 0])) == groups


def test_identical_vectors_stay_together(tmp_path: Path) -> None:
    vectors = real_like(900)
    vectors = np.concatenate([vectors, vectors[:300], vectors[:100] * np.float32(2)])
    sharded = fitted(tmp_path, vectors, shards=4)
    result = sharded.fit()
    copies = np.isin(np.arange(len(vectors)), [*range(900, 1300)])
    assert sharded.corpus.counts.sum() == 1300
    assert np.array_equal(result.core[900:1200], result.core[:300])
    labels = select_clusters(result.tree, CutParameters(min_cluster_size=5)).labels
    assert np.array_equal(labels[copies], np.concatenate([labels[:300], labels[:100]]))


@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_order_of_rows_changes_nothing(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    path = tmp_path_factory.mktemp("order")
    vectors = real_like(1300)
    order = np.random.default_rng(seed).permutation(len(vectors))
    one = fitted(path / "one", vectors, shards=3, threads=1)
    other = fitted(path / "other", vectors[order], shards=3, threads=3, range_rows=250)
    assert np.array_equal(one.squared_core, other.squared_core)
    assert one.shards == other.shards
    for mine, theirs in zip(one.edges, other.edges, strict=True):
        assert np.array_equal(mine, theirs)


def test_few_vectors_that_occur_often(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chance may take none of them into the sample that cells are learnt from."""
    monkeypatch.setattr("sqlclust.distributed.plan._LEAST_SAMPLED", 1)
    monkeypatch.setattr("sqlclust.distributed.plan._SAMPLED_PER_CELL", 0)
    vectors = np.random.default_rng(0).normal(size=(3, 8)).astype(np.float32).repeat(1000, axis=0)
    for name, rows in (("one", vectors), ("other", vectors[::-1].copy())):
        sharded = fitted(tmp_path / name, rows, shards=3)
        assert sharded.plan.shards > 1
        assert_same(sharded.fit(), fit(rows, PARAMETERS, engine="approximate", control=Control()))


@pytest.mark.parametrize("vectors", [np.ones((7, 3)), np.eye(2), np.eye(9)])
def test_few_vectors(tmp_path: Path, vectors: Float32Array) -> None:
    vectors = vectors.astype(np.float32)
    sharded = fitted(tmp_path, vectors, shards=4)
    expected = fit(vectors, PARAMETERS, engine="approximate", control=Control())
    assert_same(sharded.fit(), expected)
