"""Prediction against brute force in float64, and against hdbscan's where the two mean the same."""

from __future__ import annotations

from typing import Any

import hdbscan
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import sqlclust.core.pipeline as core
from sqlclust.core.clusters.clustered_rows import ClusteredRows
from sqlclust.core.clusters.prediction import Prediction, predict
from sqlclust.core.clusters.selection import flat_clusters
from sqlclust.core.geometry.metrics import Float32Array, Float64Array, from_squared, unit
from sqlclust.core.geometry.mutual_reachability import ReachabilityParameters
from sqlclust.core.runtime.control import Control
from sqlclust.core.tree.condensed_tree import condense
from sqlclust.core.tree.single_linkage import single_linkage


def blobs(seed: int, n: int, dimension: int = 4) -> Float32Array:
    random = np.random.default_rng(seed)
    centers = np.random.default_rng(0).normal(size=(5, dimension)) * 4
    spread = np.array([0.2, 0.4, 0.8, 1.0, 3.0])
    of = random.integers(0, 5, size=n)
    return (centers[of] + spread[of, None] * random.normal(size=(n, dimension))).astype(np.float32)


def grid(seed: int, n: int) -> Float32Array:
    """Copies and equal distances everywhere."""
    return np.random.default_rng(seed).integers(1, 6, size=(n, 2)).astype(np.float32)


def fitted(
    vectors: Float32Array, parameters: ReachabilityParameters, min_cluster_size: int, **options: Any
) -> ClusteredRows:
    fit = core.fit(vectors, parameters, control=Control())
    condensed = condense(single_linkage(fit.tree), min_cluster_size=min_cluster_size)
    flat = flat_clusters(condensed, core.CutParameters(min_cluster_size, **options))
    return ClusteredRows(fit.points, fit.core, np.random.default_rng(1).permutation(len(vectors)), flat)


def labels_of(held: ClusteredRows) -> tuple[NDArray[np.int64], Float64Array]:
    assert held.flat is not None
    return held.flat.of_points()


def by_definition(
    new: Float32Array, vectors: Float32Array, held: ClusteredRows, parameters: ReachabilityParameters
) -> Prediction:
    """Every pair in float64."""
    metric = parameters.metric
    if parameters.normalize or metric == "cosine":
        new, vectors = unit(new), unit(vectors)
    difference = new[:, None, :].astype(np.float64) - vectors[None, :, :]
    squared = np.einsum("ijk,ijk->ij", difference, difference)
    distance = from_squared(squared, metric)
    k = min(parameters.min_samples, len(vectors))
    own = np.sort(distance, axis=1)[:, k - 1].astype(np.float32)
    scale = parameters.alpha ** (-2 if metric == "euclidean" else -1)
    away = from_squared(squared * scale, metric).astype(np.float32)
    reach = np.maximum(np.maximum(own[:, None], held.core[None, :].astype(np.float32)), away)
    flat = held.flat
    assert flat is not None
    member_labels, member_probabilities = labels_of(held)
    births = flat.clusters.birth[flat.cluster_of_label]
    labels, probabilities, neighbors = [], [], []
    for row in range(len(new)):
        near = np.lexsort((held.rank, squared[row], reach[row], squared[row] > 0))[0]
        neighbors.append(near)
        label = member_labels[near]
        density = 1 / float(reach[row, near]) if reach[row, near] > 0 else np.inf
        if squared[row, near] == 0:
            labels.append(label)
            probabilities.append(member_probabilities[near])
        elif label < 0 or reach[row, near] > widest(max(births[label], flat.least_density)):
            labels.append(-1)
            probabilities.append(0.0)
        else:
            death = flat.clusters.death[flat.cluster_of_label[label]]
            labels.append(label)
            probabilities.append(min(density, death) / death)
    at = np.arange(len(new))
    return Prediction(np.array(labels), np.array(probabilities), np.array(neighbors), distance[at, neighbors])


def widest(density: float) -> np.float32:
    return np.float32(1 / density if density > 0 else np.inf)


FITS = {
    "plain": ReachabilityParameters(4),
    "directions": ReachabilityParameters(3, normalize=True),
    "cosine": ReachabilityParameters(5, "cosine", alpha=0.7),
    "alpha": ReachabilityParameters(2, alpha=1.6),
    "many samples": ReachabilityParameters(100),
}
SELECTIONS: list[dict[str, Any]] = [
    {},
    {"cluster_selection_epsilon": 0.8},
    {"cluster_selection_method": "leaf"},
    {"cluster_selection_method": "leaf", "cluster_selection_epsilon": 0.5},
    {"max_cluster_size": 12},
    {"cluster_selection_persistence": 0.4},
    {"allow_single_cluster": True, "cluster_selection_epsilon": 1.0},
    {"allow_single_cluster": True},
]


def same(a: Prediction, b: Prediction) -> None:
    assert np.array_equal(a.neighbors, b.neighbors)
    assert np.array_equal(a.labels, b.labels)
    assert np.allclose(a.probabilities, b.probabilities, rtol=0, atol=1e-12)
    assert np.allclose(a.distances, b.distances, rtol=1e-12, atol=0)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 1000),
    make=st.sampled_from([blobs, grid]),
    n=st.integers(3, 80),
    fit_name=st.sampled_from(sorted(FITS)),
    options=st.sampled_from(SELECTIONS),
    min_cluster_size=st.sampled_from([2, 3, 5]),
)
def test_definition(
    seed: int, make: Any, n: int, fit_name: str, options: dict[str, Any], min_cluster_size: int
) -> None:
    vectors, new = make(seed, n), make(seed + 1, 30)
    held = fitted(vectors, FITS[fit_name], min_cluster_size, **options)
    found = predict(new, held, FITS[fit_name], Control())
    same(found, by_definition(new, vectors, held, FITS[fit_name]))


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 1000),
    make=st.sampled_from([blobs, grid]),
    n=st.integers(3, 80),
    fit_name=st.sampled_from(sorted(FITS)),
    options=st.sampled_from(SELECTIONS),
    min_cluster_size=st.sampled_from([2, 3, 5]),
)
def test_members_get_their_own_labels(
    seed: int, make: Any, n: int, fit_name: str, options: dict[str, Any], min_cluster_size: int
) -> None:
    vectors = make(seed, n)
    held = fitted(vectors, FITS[fit_name], min_cluster_size, **options)
    found = predict(vectors, held, FITS[fit_name], Control())
    labels, probabilities = labels_of(held)
    assert np.array_equal(found.labels, labels)
    assert np.array_equal(found.probabilities, probabilities)
    assert not found.distances.any()


@pytest.mark.slow
def test_many_members_in_tiles() -> None:
    """More than one panel of members and block of new vectors; and some that the list does not settle."""
    vectors, new = blobs(1, 8500), blobs(2, 270)
    held = fitted(vectors, FITS["plain"], 20)
    found = predict(new, held, FITS["plain"], Control())
    parts = [by_definition(new[s : s + 30], vectors, held, FITS["plain"]) for s in range(0, 270, 30)]
    same(found, Prediction(*(np.concatenate(part) for part in zip(*parts, strict=True))))


def test_the_most_reachable_member_need_not_be_near() -> None:
    """Loners all around are near, but far from each other; the cluster behind them is dense."""
    angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    loners = 5 * np.column_stack([np.cos(angle), np.sin(angle)])
    cluster = np.array([6.5, 0.6]) + 0.01 * np.random.default_rng(0).normal(size=(30, 2))
    vectors = np.vstack([loners, cluster]).astype(np.float32)
    options = ReachabilityParameters(2, alpha=20.0)
    held = fitted(vectors, options, 5)
    new = np.array([[0.0, 0.0], [3.0, 0.2]], dtype=np.float32)
    found = predict(new, held, options, Control())
    same(found, by_definition(new, vectors, held, options))


@pytest.mark.parametrize("make", [blobs, grid])
@pytest.mark.parametrize("scale", [1e36, 1e20, 1e-20, 1e-36])
def test_numbers_whose_squares_float32_cannot_hold(make: Any, scale: float) -> None:
    vectors, new = (part * np.float32(scale) for part in (make(3, 300), make(4, 60)))
    held = fitted(vectors, FITS["alpha"], 3)
    same(predict(new, held, FITS["alpha"], Control()), by_definition(new, vectors, held, FITS["alpha"]))


@pytest.mark.parametrize("scale", [1e30, 1e-30])
def test_new_vectors_of_quite_another_size_than_the_members(scale: float) -> None:
    vectors, new = blobs(3, 300), blobs(4, 20) * np.float32(scale)
    held = fitted(vectors, FITS["alpha"], 3)
    for both in (new, np.concatenate([new, blobs(4, 20)])):
        same(predict(both, held, FITS["alpha"], Control()), by_definition(both, vectors, held, FITS["alpha"]))


@pytest.mark.parametrize("seed", range(3))
def test_as_hdbscan_predicts(seed: int) -> None:
    """With epsilon 0. hdbscan counts its own core distances otherwise, so that single points on the border may differ."""
    vectors, new = blobs(seed, 800), blobs(seed + 100, 400)
    options = ReachabilityParameters(5)
    model = hdbscan.HDBSCAN(min_cluster_size=15, min_samples=5, prediction_data=True, approx_min_span_tree=False)
    model.fit(vectors.astype(np.float64))
    # ties are broken otherwise, so that a few members may differ
    theirs, _ = hdbscan.approximate_predict(model, new.astype(np.float64))
    held = fitted(vectors, options, 15)
    ours = predict(new, held, options, Control())
    assert (labels_of(held)[0] == model.labels_).mean() > 0.99
    assert (ours.labels == theirs).mean() > 0.97
    both = (ours.labels >= 0) & (theirs >= 0)
    assert both.mean() > 0.5
    assert np.array_equal(ours.labels[both], theirs[both])


def test_epsilon_and_size_are_honoured() -> None:
    """Two halves of one cluster, merged by epsilon: hdbscan's prediction knows the halves only."""
    random = np.random.default_rng(4)
    halves = [np.array([x, 0]) + 0.05 * random.normal(size=(40, 2)) for x in (0.0, 1.0)]
    other = np.array([9, 0]) + 0.05 * random.normal(size=(40, 2))
    vectors = np.vstack([*halves, other]).astype(np.float32)
    new = np.array([[0.1, 0.0], [0.9, 0.0], [0.5, 3.0], [9.0, 0.1], [0.0, 30.0]], dtype=np.float32)
    expected = {0.0: [0, 1, -1, 2, -1], 2.0: [0, 0, 0, 1, -1]}
    for epsilon, labels in expected.items():
        held = fitted(vectors, FITS["plain"], 10, cluster_selection_epsilon=epsilon, cluster_selection_method="leaf")
        found = predict(new, held, FITS["plain"], Control())
        names = {int(label): place for place, label in enumerate(dict.fromkeys(labels_of(held)[0][::40].tolist()))}
        assert [names.get(label, -1) for label in found.labels.tolist()] == labels
    held = fitted(vectors, FITS["plain"], 10, max_cluster_size=50)
    sizes = np.bincount(labels_of(held)[0])
    found = predict(new, held, FITS["plain"], Control())
    assert sizes.max() <= 50
    assert found.labels[0] != found.labels[1]


def test_nothing_to_predict_and_nothing_selected() -> None:
    one = np.ones((1, 3), dtype=np.float32)
    points = core.fit(one, FITS["plain"], control=Control()).points
    held = ClusteredRows(points, np.zeros(1), np.zeros(1, dtype=np.intp), None)
    assert len(predict(np.empty((0, 3), dtype=np.float32), held, FITS["plain"], Control()).labels) == 0
    found = predict(np.zeros((2, 3), dtype=np.float32), held, FITS["plain"], Control())
    assert found.labels.tolist() == [-1, -1]
    assert found.neighbors.tolist() == [0, 0]
    assert found.distances.tolist() == pytest.approx([3**0.5] * 2)
