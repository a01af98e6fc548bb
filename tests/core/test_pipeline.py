"""The whole pipeline: independent of the order of rows and of the number of threads; few rows; limit cases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sqlclust.core.pipeline as core
import sqlclust.core.runtime.threads
from sqlclust.core.geometry.metrics import Float32Array, IndexArray
from sqlclust.core.runtime.control import Control
from sqlclust.core.tree import confirmation
from sqlclust.errors import Interrupted
from sqlclust.store.clustering import cluster
from tests.core.oracle import ours, resolved, same_labels
from tests.core.test_hdbscan_oracle import assert_as_defined, blobs, embeddings, grids, selections

pytestmark = pytest.mark.slow


def assert_same_rows(a: core.Clustering, b: core.Clustering, order: IndexArray) -> None:
    """b is of the rows `order` of a: the same row for row, cluster numbers and last bits included; the medoids' vectors too."""
    for column in ("labels", "probabilities", "outlier_scores"):
        np.testing.assert_array_equal(getattr(b, column), getattr(a, column)[order], err_msg=column)
    np.testing.assert_array_equal(b.sizes, a.sizes)
    np.testing.assert_array_equal(b.persistence, a.persistence)


@settings(max_examples=100, deadline=None)
@given(st.data(), grids(), selections)
def test_order_of_rows_on_grids(data: st.DataObject, vectors: Float32Array, options: dict[str, Any]) -> None:
    order = np.array(data.draw(st.permutations(range(len(vectors)))), dtype=np.intp)
    _, clustering = ours(vectors, **options)
    _, permuted = ours(vectors[order], **options)
    assert_same_rows(clustering, permuted, order)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 200), selections)
def test_order_of_rows_on_real_numbers(seed: int, n: int, options: dict[str, Any]) -> None:
    rng = np.random.default_rng(seed)
    vectors = embeddings(rng, n)
    vectors[rng.random(n) < 0.3] = vectors[0]
    order = rng.permutation(n)
    _, clustering = ours(vectors, **options)
    _, permuted = ours(vectors[order], **options)
    assert_same_rows(clustering, permuted, order)


def test_medoids_follow_ids_not_rows() -> None:
    """With the rank of ids given, the medoid is the same id whatever the order of the rows, ties included."""
    rng = np.random.default_rng(2)
    vectors = np.repeat(10 * np.eye(3, dtype=np.float32), 12, axis=0) + rng.integers(-1, 2, (36, 3)).astype(np.float32)
    options = {"min_samples": 2, "min_cluster_size": 4}
    ids = np.arange(36)
    expected = None
    for _ in range(5):
        order = rng.permutation(36)
        fitted = core.fit(vectors[order], core.ReachabilityParameters(2), control=Control())
        clustering = core.cut(fitted, core.CutParameters(options["min_cluster_size"]), rank=order, control=Control())
        medoid_ids = ids[order][clustering.medoids].tolist()
        expected = expected or medoid_ids
        assert medoid_ids == expected
    assert expected is not None
    assert len(expected) >= 3


@pytest.mark.parametrize("workers", [2, 5])
def test_number_of_threads(workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = embeddings(np.random.default_rng(8), 1300)
    vectors[100:160] = vectors[:60]
    outcomes = []
    for count in (1, workers):
        monkeypatch.setattr(sqlclust.core.runtime.threads, "worker_count", lambda count=count: count)
        outcomes.append(ours(vectors, min_cluster_size=5, min_samples=4))
    (one, alone), (other, together) = outcomes
    for field in ("left", "right", "weight"):
        np.testing.assert_array_equal(getattr(one.tree, field), getattr(other.tree, field))
    assert_same_rows(alone, together, np.arange(1300))
    np.testing.assert_array_equal(alone.medoids, together.medoids)


def outcome(clustering: core.Clustering) -> tuple[list[Any], ...]:
    return tuple(column.tolist() for column in clustering)


NOTHING: list[float] = []


@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_rows_are_noise(n: int, single: bool) -> None:
    """Fewer than min_cluster_size: no cluster, unless one of everything is allowed, as hdbscan has it."""
    vectors = np.array([[1, 0], [0, 1], [-1, 0]], dtype=np.float32)[:n]
    _, clustering = ours(vectors, min_cluster_size=5, min_samples=1, allow_single_cluster=single)
    if n == 1 or not single:
        assert outcome(clustering) == ([-1] * n, [0.0] * n, [0.0] * n, NOTHING, NOTHING, NOTHING)
    else:
        assert outcome(clustering) == ([0] * n, [1.0] * n, [0.0] * n, [n // 3], [n], [1.0])


def test_a_pair_and_a_pair() -> None:
    line = np.array([[0], [1], [10], [11]], dtype=np.float32)
    _, clustering = ours(line, min_cluster_size=2, min_samples=1, normalize=False)
    labels = clustering.labels.tolist()
    assert labels in ([0, 0, 1, 1], [1, 1, 0, 0])
    assert clustering.probabilities.tolist() == [1.0] * 4
    assert sorted(clustering.medoids.tolist()) == [0, 2]
    # born at 1/9, ended at 1, the longest there is
    assert clustering.persistence.tolist() == pytest.approx([8 / 9] * 2, rel=1e-15)


@pytest.mark.parametrize("n", [2, 3, 50])
def test_all_rows_equal(n: int) -> None:
    vectors = np.full((n, 4), 0.1, dtype=np.float32)
    _, clustering = ours(vectors, min_cluster_size=2)
    assert outcome(clustering) == ([-1] * n, [0.0] * n, [0.0] * n, NOTHING, NOTHING, NOTHING)
    fitted, clustering = ours(vectors, min_cluster_size=2, allow_single_cluster=True)
    assert outcome(clustering) == ([0] * n, [1.0] * n, [0.0] * n, [0], [n], [1.0])
    assert fitted.tree.weight.tolist() == [0.0] * (n - 1)
    assert fitted.core.tolist() == [0.0] * n


def test_one_cluster() -> None:
    vectors = np.random.default_rng(1).normal(size=(60, 3)).astype(np.float32)
    options = {"min_cluster_size": 20, "min_samples": 5, "normalize": False}
    assert set(ours(vectors, **options)[1].labels.tolist()) == {-1}
    labels = ours(vectors, **options, allow_single_cluster=True, cluster_selection_epsilon=100.0)[1].labels
    assert set(labels.tolist()) == {0}


def test_all_noise() -> None:
    vectors = np.eye(30, dtype=np.float32)
    _, clustering = ours(vectors)
    assert outcome(clustering) == ([-1] * 30, [0.0] * 30, [0.0] * 30, NOTHING, NOTHING, NOTHING)


@pytest.mark.parametrize("min_samples", [39, 40, 1000])
def test_min_samples_of_all_rows_and_more(min_samples: int) -> None:
    vectors = blobs(np.random.default_rng(1), 40)
    fitted, clustering = ours(vectors, min_samples=min_samples, normalize=False)
    reference, expected = ours(vectors, min_samples=39, normalize=False)
    np.testing.assert_array_equal(fitted.tree.weight, reference.tree.weight)
    assert outcome(clustering) == outcome(expected)


def test_a_cluster_of_nobody_is_no_cluster() -> None:
    """hdbscan selects the root, and then nobody is dense enough for it."""
    vectors = np.random.default_rng(1).normal(size=(40, 2)).astype(np.float32)
    _, clustering = ours(
        vectors, normalize=False, min_cluster_size=15, allow_single_cluster=True, cluster_selection_epsilon=1e-6
    )
    assert clustering.labels.tolist() == [-1] * 40
    assert (len(clustering.medoids), len(clustering.sizes), len(clustering.persistence)) == (0, 0, 0)


@settings(max_examples=150, deadline=None)
@given(grids(), selections)
def test_invariants(vectors: Float32Array, options: dict[str, Any]) -> None:
    n = len(vectors)
    fitted, clustering = ours(vectors, **options)
    labels, probabilities, scores, medoids, sizes, persistence = clustering
    assert labels.shape == probabilities.shape == scores.shape == (n,)
    assert set(labels.tolist()) - {-1} == set(range(len(sizes)))
    assert len(medoids) == len(sizes) == len(persistence)
    assert labels[medoids].tolist() == list(range(len(sizes)))
    assert sizes.tolist() == [(labels == number).sum() for number in range(len(sizes))]
    for values in (probabilities, scores, persistence):
        assert ((values >= 0) & (values <= 1)).all()
    assert (probabilities[labels < 0] == 0).all()
    tree = fitted.tree
    assert len(tree.weight) == n - 1
    assert (np.diff(tree.weight) >= 0).all()
    assert (tree.weight >= np.maximum(fitted.core[tree.left], fitted.core[tree.right])).all()


@pytest.mark.parametrize("scale", [1e-30, 1e-20, 1e-12, 1e12, 1e17, 1e20, 1e35])
def test_scale_changes_nothing(scale: float) -> None:
    vectors = blobs(np.random.default_rng(4), 120)
    power = np.float32(2.0 ** round(np.log2(scale)))
    plain = ours(vectors, normalize=False, min_samples=3, alpha=0.15)  # so that no edges tie
    scaled = ours(vectors * power, normalize=False, min_samples=3, alpha=0.15)
    assert same_labels(plain[1].labels, scaled[1].labels)
    np.testing.assert_allclose(scaled[0].tree.weight, plain[0].tree.weight * float(power), rtol=1e-12)


@pytest.mark.parametrize("engine", core.ENGINES)
def test_phases_and_their_progress(engine: core.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confirmation, "_PANEL", 64)  # so that the last step reports several times
    seen: list[tuple[str, float]] = []
    control = Control(lambda phase, fraction: seen.append((phase, fraction)))
    fitted = core.fit(
        embeddings(np.random.default_rng(3), 1500),
        core.ReachabilityParameters(5, normalize=True),
        engine=engine,
        control=control,
    )
    core.cut(fitted, core.CutParameters(5), control=control)
    phases = ["duplicates", "neighbors", "spanning tree", "clusters", "medoids"]
    assert list(control.seconds) == phases
    assert list(dict.fromkeys(phase for phase, _ in seen)) == phases
    for phase in phases:
        fractions = [fraction for name, fraction in seen if name == phase]
        assert (fractions[0], fractions[-1]) == (0.0, 1.0)
        assert fractions == sorted(fractions)


@pytest.mark.parametrize("phase", ["duplicates", "neighbors", "spanning tree", "clusters", "medoids"])
def test_stops_in_every_phase(phase: str) -> None:
    def progress(name: str, _: float) -> None:
        if name == phase:
            control.stop()

    control = Control(progress)
    vectors = blobs(np.random.default_rng(3), 100)
    with pytest.raises(Interrupted):
        cluster(vectors, resolved(vectors), control)
    assert phase not in control.seconds


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 4), st.integers(1, 5), st.sampled_from(["euclidean", "cosine"]))
def test_two_three_and_four_vectors(seed: int, n: int, dimension: int, metric: str) -> None:
    """Where there is nothing to prune and nearly nothing to round."""
    vectors = np.random.default_rng(seed).integers(1, 6, size=(n, dimension)).astype(np.float32)
    assert_as_defined(vectors, {"metric": metric, "normalize": False, "min_samples": 1, "min_cluster_size": 2})


def test_two_directions() -> None:
    vectors = np.array([[2, 3], [3, 2]], dtype=np.float32)
    fitted, _ = ours(vectors, metric="cosine")
    assert fitted.tree.weight.tolist() == pytest.approx([1 / 13], rel=1e-6)
