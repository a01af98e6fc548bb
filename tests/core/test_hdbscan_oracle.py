"""Against hdbscan, and against the definition in float64 with every pair in memory.

Mutual reachability ties by construction: all that lies within a point's core distance is equally far from it. hdbscan
sorts its spanning tree with an unstable sort, so that on most data it disagrees with itself when the rows come in another
order. Where no two edges of the spanning tree weigh the same, what is joined when is one fact: there hdbscan agrees with
itself, and we have to agree with it. With an alpha well below 1 that is the usual case, as distances outgrow core
distances. Where edges tie, only the definition with a strict order of the ties tells right from wrong.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlclust.core.geometry.metrics import Float32Array, IndexArray
from tests.core.oracle import Outcome, definition, definition_tree, facts, ours, same, same_labels, theirs

pytestmark = pytest.mark.slow


def blobs(rng: np.random.Generator, n: int) -> Float32Array:
    """Six clusters of very different density in five dimensions."""
    centers, spread = 4 * rng.normal(size=(6, 5)), 10.0 ** rng.uniform(-1.5, 0.3, size=6)
    of = rng.integers(0, 6, size=n)
    return (centers[of] + spread[of, None] * rng.normal(size=(n, 5))).astype(np.float32)


def moons(rng: np.random.Generator, n: int) -> Float32Array:
    angle, upper = np.pi * rng.random(n), rng.random(n) < 0.5
    x, y = np.where(upper, np.cos(angle), 1 - np.cos(angle)), np.where(upper, np.sin(angle), 0.5 - np.sin(angle))
    return (np.column_stack([x, y]) + 0.06 * rng.normal(size=(n, 2))).astype(np.float32)


def uniform(rng: np.random.Generator, n: int) -> Float32Array:
    return rng.random((n, 3)).astype(np.float32)


def manifold(rng: np.random.Generator, n: int) -> Float32Array:
    """A rolled-up sheet in fifty dimensions."""
    turn, height = 1.5 * np.pi * (1 + 2 * rng.random(n)), 10 * rng.random(n)
    sheet = np.column_stack([turn * np.cos(turn), height, turn * np.sin(turn)])
    return (sheet @ rng.normal(size=(3, 50)) + 0.05 * rng.normal(size=(n, 50))).astype(np.float32)


def embeddings(rng: np.random.Generator, n: int) -> Float32Array:
    """Of low intrinsic dimension, unit length, most of it noise, a few dense topics of different density."""
    axes = rng.normal(size=(64, 64)) * (0.9 ** np.arange(64))
    vectors = rng.normal(size=(n, 64)) @ axes + 2 * axes[0]
    topics = rng.integers(0, 12, size=n)
    dense = topics < 4
    centers = rng.normal(size=(4, 64)) @ axes
    vectors[dense] = (
        centers[topics[dense]] + (0.1 + 0.1 * topics[dense])[:, None] * rng.normal(size=(dense.sum(), 64)) @ axes
    )
    result: Float32Array = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return result


SHAPES: dict[str, tuple[Callable[[np.random.Generator, int], Float32Array], dict[str, Any]]] = {
    "blobs": (blobs, {"normalize": False}),
    "moons": (moons, {"normalize": False}),
    "uniform": (uniform, {"normalize": False}),
    "manifold": (manifold, {"normalize": False}),
    "embeddings": (embeddings, {}),
    "embeddings by cosine": (embeddings, {"metric": "cosine"}),
    "blobs by cosine": (blobs, {"metric": "cosine", "normalize": False}),
    "blobs normalised": (blobs, {"normalize": True}),
}

PARAMETERS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "mcs 5 ms 1": {"min_cluster_size": 5, "min_samples": 1},
    "mcs 2 ms 2": {"min_cluster_size": 2, "min_samples": 2},
    "mcs 15 ms 5": {"min_cluster_size": 15, "min_samples": 5},
    "mcs 8 ms 30": {"min_cluster_size": 8, "min_samples": 30},
    "leaf": {"min_cluster_size": 10, "min_samples": 3, "cluster_selection_method": "leaf"},
    "epsilon": {"min_cluster_size": 5, "min_samples": 3, "cluster_selection_epsilon": 0.3},
    "leaf epsilon": {
        "min_cluster_size": 5,
        "min_samples": 2,
        "cluster_selection_epsilon": 0.5,
        "cluster_selection_method": "leaf",
    },
    "max size": {"min_cluster_size": 5, "min_samples": 2, "max_cluster_size": 40},
    "persistence": {"min_cluster_size": 5, "min_samples": 2, "cluster_selection_persistence": 0.5},
    "single": {"min_cluster_size": 10, "min_samples": 5, "allow_single_cluster": True},
    "single epsilon": {
        "min_cluster_size": 10,
        "min_samples": 5,
        "allow_single_cluster": True,
        "cluster_selection_epsilon": 0.4,
    },
}
ALPHAS = (1.0, 0.15)
"""With the second hardly a distance is below a core distance, and so hardly an edge ties."""


@pytest.mark.parametrize("shape", SHAPES)
def test_hdbscan(shape: str) -> None:
    """The tree's weight always; where no edges tie also labels, probabilities, outlier scores and persistence."""
    make, metric = SHAPES[shape]
    rng = np.random.default_rng(20260101)
    vectors = make(rng, 200)
    order = rng.permutation(200)
    tie_free = []
    for alpha, (name, parameters) in itertools.product(ALPHAS, PARAMETERS.items()):
        options = {**metric, **parameters, "alpha": alpha}
        fitted, clustering = ours(vectors, **options)
        reference = theirs(vectors, **options)
        weight = fitted.tree.weight
        assert weight.sum() == pytest.approx(reference.tree_weight, rel=1e-6), name
        if (np.diff(weight) > 1e-9 * weight[1:]).all():
            assert same(in_order(theirs(vectors[order], **options), order), reference), (
                f"hdbscan itself, {alpha} {name}"
            )
            assert same(clustering, reference), (alpha, name)
            tie_free.append((alpha, name))
    assert len(tie_free) > len(PARAMETERS) / 2, tie_free


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("name", ["defaults", "leaf", "epsilon", "leaf epsilon", "persistence"])
def test_hdbscan_on_clear_clusters(name: str, normalize: bool) -> None:
    """With ties, as data has them: the same clusters, where there is no doubt about them."""
    rng = np.random.default_rng(11)
    truth = np.arange(160) % 4
    vectors = (20 * np.eye(4, 6)[truth] + rng.uniform(-1, 1, size=(160, 6))).astype(np.float32)
    options = {**PARAMETERS[name], "min_samples": 10, "min_cluster_size": 20, "normalize": normalize}
    labels = ours(vectors, **options)[1].labels
    assert same_labels(labels, truth)
    assert same_labels(theirs(vectors, **options).labels, truth)


def in_order(outcome: Outcome, order: IndexArray) -> Outcome:
    """Of rows `order`, back in the order of the rows."""
    back = np.argsort(order)
    return outcome._replace(
        labels=outcome.labels[back],
        probabilities=outcome.probabilities[back],
        outlier_scores=outcome.outlier_scores[back],
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_definition(shape: str) -> None:
    """The same on all parameters, ties included: the tree edge by edge, then what hdbscan makes of it."""
    make, metric = SHAPES[shape]
    vectors = make(np.random.default_rng(7), 150)
    for alpha, parameters in itertools.product(ALPHAS, PARAMETERS.values()):
        options = {**metric, **parameters, "alpha": alpha}
        assert_as_defined(vectors, options)


def assert_as_defined(vectors: Float32Array, options: dict[str, Any]) -> None:
    fitted, clustering = ours(vectors, **options)
    expected_tree = definition_tree(vectors, **options)
    np.testing.assert_array_equal(fitted.tree.left, expected_tree.left)
    np.testing.assert_array_equal(fitted.tree.right, expected_tree.right)
    np.testing.assert_array_equal(fitted.tree.weight, expected_tree.weight)
    assert same(clustering, definition(vectors, **options), tolerance=1e-12)
    independent = facts(vectors, **options)
    np.testing.assert_allclose(fitted.core, independent.core, rtol=1e-9)
    np.testing.assert_allclose(fitted.tree.weight, independent.weights, rtol=1e-9)


selections = st.fixed_dictionaries(
    {
        "min_cluster_size": st.integers(2, 8),
        "min_samples": st.integers(1, 12),
        "cluster_selection_method": st.sampled_from(["eom", "leaf"]),
        "cluster_selection_epsilon": st.sampled_from([0.0, 0.0, 0.3, 1.0, 2.5]),
        "cluster_selection_persistence": st.sampled_from([0.0, 0.0, 0.1, 1.0]),
        "max_cluster_size": st.sampled_from([0, 0, 6, 20]),
        "allow_single_cluster": st.booleans(),
        "alpha": st.sampled_from([1.0, 1.0, 0.5, 2.0]),
        "metric": st.sampled_from(["euclidean", "cosine"]),
        "normalize": st.booleans(),
    }
)


@st.composite
def grids(draw: st.DrawFn, *, largest: int = 40) -> Float32Array:
    """Small positive integers: distances tie, directions and rows repeat."""
    n, dimension, top = draw(st.integers(1, largest)), draw(st.integers(1, 3)), draw(st.integers(1, 5))
    cells = st.lists(st.integers(1, top), min_size=dimension, max_size=dimension)
    return np.array(draw(st.lists(cells, min_size=n, max_size=n)), dtype=np.float32)


@settings(max_examples=150, deadline=None)
@given(grids(), selections)
def test_definition_on_grids(vectors: Float32Array, options: dict[str, Any]) -> None:
    if len(vectors) > 1:
        assert_as_defined(vectors, options)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32),
    st.integers(2, 60),
    st.integers(1, 40),
    st.sampled_from([1e-40, 1e-18, 1e-3, 1.0, 1e6, 1e25]),
    selections,
)
def test_definition_on_real_numbers(seed: int, n: int, dimension: int, scale: float, options: dict[str, Any]) -> None:
    """Also far from the origin, where float32 keeps few digits of the differences."""
    rng = np.random.default_rng(seed)
    vectors = (scale * (rng.normal(size=dimension) * 3 + rng.normal(size=(n, dimension)))).astype(np.float32)
    vectors[rng.random(n) < 0.2] = vectors[0]
    assert_as_defined(vectors, options)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_near_duplicates(metric: str) -> None:
    """Differences in the last bits of float32, which 2 − 2·x·y loses altogether."""
    rng = np.random.default_rng(3)
    base = rng.normal(size=(12, 24)).astype(np.float32)
    vectors = np.repeat(base, 10, axis=0)
    vectors *= (1 + rng.integers(-3, 4, size=vectors.shape) * 2.0**-23).astype(np.float32)
    options = {"metric": metric, "normalize": True, "min_cluster_size": 4, "min_samples": 3}
    assert_as_defined(vectors, options)
    assert set(ours(vectors, **options)[1].labels.tolist()) >= set(range(12))


@pytest.mark.parametrize("n", [700, 1500])
def test_more_rows_than_a_block(n: int) -> None:
    vectors = embeddings(np.random.default_rng(n), n)
    reference = theirs(vectors, min_cluster_size=8, min_samples=4)
    fitted, _ = ours(vectors, min_cluster_size=8, min_samples=4)
    assert fitted.tree.weight.sum() == pytest.approx(reference.tree_weight, rel=1e-6)
    tree = definition_tree(vectors, min_cluster_size=8, min_samples=4)
    np.testing.assert_array_equal(fitted.tree.weight, tree.weight)
    np.testing.assert_array_equal(fitted.tree.left, tree.left)
