"""Identical vectors: collapsed, counted as neighbours, and put back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import sqlclust.core.geometry.duplicates
import sqlclust.core.pipeline as core
from sqlclust.core.geometry.duplicates import distinct
from sqlclust.core.geometry.metrics import Float32Array, unit
from sqlclust.core.runtime.control import Control
from tests.core.oracle import ours, resolved, theirs
from tests.core.test_hdbscan_oracle import assert_as_defined, blobs, embeddings, grids, selections

pytestmark = pytest.mark.slow


def assert_collapsed(vectors: Float32Array, *, normalize: bool) -> None:
    n = len(vectors)
    points = distinct(vectors, normalize=normalize)
    contents = (unit(vectors) if normalize else vectors) + np.float32(0)
    assert sorted(points.order.tolist()) == list(range(n))
    assert points.counts.sum() == n
    np.testing.assert_array_equal(points.starts, np.cumsum(points.counts) - points.counts)
    np.testing.assert_array_equal(points.vectors[points.group_of_row()], contents)
    assert len({row.tobytes() for row in contents}) == len(points.counts) == len({r.tobytes() for r in points.vectors})
    for start, count in zip(points.starts, points.counts, strict=True):
        rows = points.order[start : start + count]
        assert (np.diff(rows) > 0).all()


@settings(max_examples=100, deadline=None)
@given(grids(), st.booleans())
def test_collapsing(vectors: Float32Array, normalize: bool) -> None:
    assert_collapsed(vectors, normalize=normalize)


def test_exact_values() -> None:
    vectors = np.array([[1, 2], [3, 4], [1, 2], [1, 2]], dtype=np.float32)
    points = distinct(vectors, normalize=False)
    by_content = sorted(zip(points.vectors.tolist(), points.counts.tolist(), strict=True))
    assert by_content == [([1.0, 2.0], 3), ([3.0, 4.0], 1)]
    groups = points.group_of_row()
    assert groups[0] == groups[2] == groups[3] != groups[1]


def test_directions_of_different_length_are_one_vector_when_normalised() -> None:
    vectors = np.array([[1, 2], [2, 4], [-1, -2], [0.25, 0.5]], dtype=np.float32)
    assert sorted(distinct(vectors, normalize=True).counts.tolist()) == [1, 3]
    assert distinct(vectors, normalize=False).counts.tolist() == [1, 1, 1, 1]


def test_negative_zero_is_zero() -> None:
    vectors = np.array([[0.0, 1.0], [-0.0, 1.0], [0.0, -1.0]], dtype=np.float32)
    points = distinct(vectors, normalize=False)
    assert sorted(points.counts.tolist()) == [1, 2]
    assert not np.signbit(points.vectors[points.vectors == 0]).any()
    _, clustering = ours(np.tile(vectors, (5, 1)), min_cluster_size=5, min_samples=2)
    assert sorted(clustering.sizes.tolist()) == [5, 10]


def few_hashes(
    vectors: Float32Array, *, normalize: bool, only: NDArray[np.intp] | None, **_: object
) -> NDArray[np.uint64]:
    """Two hashes for everything, of the contents as a hash has to be."""
    contents = sqlclust.core.geometry.duplicates._rows(vectors, slice(None) if only is None else only, normalize)
    hashes: NDArray[np.uint64] = (contents[:, 0] > 0.75).astype(np.uint64)
    return hashes


@settings(max_examples=60, deadline=None)
@given(data=st.data(), vectors=grids(), normalize=st.booleans())
def test_colliding_hashes(data: st.DataObject, vectors: Float32Array, normalize: bool) -> None:
    order = np.array(data.draw(st.permutations(range(len(vectors)))), dtype=np.intp)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlclust.core.geometry.duplicates, "content_hashes", few_hashes)
        assert_collapsed(vectors, normalize=normalize)
        points, permuted = distinct(vectors, normalize=normalize), distinct(vectors[order], normalize=normalize)
    np.testing.assert_array_equal(points.vectors, permuted.vectors)  # the canonical order
    np.testing.assert_array_equal(points.counts, permuted.counts)


def test_one_hash_for_all_gives_the_same_clusters(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = np.repeat(blobs(np.random.default_rng(1), 60), 2, axis=0)
    options = {"min_cluster_size": 5, "min_samples": 3, "normalize": False, "alpha": 0.15}
    fitted, _ = ours(vectors, **options)
    monkeypatch.setattr(
        sqlclust.core.geometry.duplicates,
        "content_hashes",
        lambda vectors, **_: np.zeros(len(vectors), dtype=np.uint64),
    )
    collided, _ = ours(vectors, **options)
    np.testing.assert_array_equal(np.sort(fitted.tree.weight), np.sort(collided.tree.weight))
    assert_as_defined(vectors, options)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), vectors=grids(), normalize=st.booleans(), collide=st.booleans())
def test_some_rows_are_collapsed_as_if_there_were_no_others(
    data: st.DataObject, vectors: Float32Array, normalize: bool, collide: bool
) -> None:
    rows = np.array(data.draw(st.lists(st.sampled_from(range(len(vectors))), unique=True)), dtype=np.intp)
    with pytest.MonkeyPatch.context() as patch:
        if collide:
            patch.setattr(sqlclust.core.geometry.duplicates, "content_hashes", few_hashes)
        alone = distinct(vectors[rows], normalize=normalize)
        for found, expected in zip(distinct(vectors, normalize=normalize, only=rows), alone, strict=True):
            np.testing.assert_array_equal(found, expected)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), vectors=grids(), options=selections)
def test_clusters_of_rows_that_are_not_collapsed_yet(
    data: st.DataObject, vectors: Float32Array, options: dict[str, Any]
) -> None:
    """What a stored fit is cut by: the same as of the fit itself, to the last bit, and whatever the order of ids."""
    chosen = resolved(vectors, **options)
    rank = np.array(data.draw(st.permutations(range(len(vectors)))), dtype=np.intp)
    reachability = core.ReachabilityParameters(
        chosen.min_samples or 1, chosen.metric, normalize=chosen.normalize, alpha=chosen.alpha
    )
    fitted = core.fit(vectors, reachability, rank=rank, control=Control())
    parameters = core.CutParameters(**chosen.selecting(len(vectors)))
    labelled = core.select_clusters(fitted.tree, parameters)
    found = core.with_medoids_of_rows(
        labelled, vectors, normalize=reachability.unit_length, rank=rank, control=Control()
    )
    for one, other in zip(found, core.cut(fitted, parameters, rank=rank, control=Control()), strict=True):
        np.testing.assert_array_equal(one, other)


@settings(max_examples=80, deadline=None)
@given(grids(), selections)
def test_identical_vectors_share_everything(vectors: Float32Array, options: dict[str, Any]) -> None:
    _, clustering = ours(vectors, **options)
    unit_length = options["normalize"] or options["metric"] == "cosine"
    contents = unit(vectors) if unit_length else vectors
    seen: dict[bytes, tuple[int, float, float]] = {}
    for row, vector in enumerate(contents):
        values = (
            int(clustering.labels[row]),
            float(clustering.probabilities[row]),
            float(clustering.outlier_scores[row]),
        )
        assert seen.setdefault(vector.tobytes(), values) == values


@pytest.mark.parametrize("copies", [2, 5, 20])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_weight_as_hdbscan_has_it(copies: int, metric: str) -> None:
    """Copies count as neighbours: fewer, as many and more of them than min_samples."""
    rng = np.random.default_rng(copies)
    vectors = embeddings(rng, 80)
    vectors = np.concatenate([vectors, np.repeat(vectors[:10], copies - 1, axis=0)])
    vectors = vectors[rng.permutation(len(vectors))]
    options = {"min_samples": 5, "min_cluster_size": 4, "metric": metric}
    fitted, _ = ours(vectors, **options)
    # by cosine hdbscan's copies are 1e-16 from each other
    assert fitted.tree.weight.sum() == pytest.approx(theirs(vectors, **options).tree_weight, rel=1e-6)
    assert (fitted.tree.weight == 0).sum() == (10 * (copies - 1) if copies > 5 else 0)
    assert_as_defined(vectors, options)


def test_more_copies_than_min_samples() -> None:
    """Clusters of identical vectors: infinitely dense, and each other's neighbours at core distance 0."""
    corners = np.array([[0, 0], [1, 0], [0, 3]], dtype=np.float32)
    vectors = np.concatenate([np.repeat(corners, 12, axis=0), [[9, 9]]]).astype(np.float32)
    fitted, clustering = ours(vectors, min_samples=4, min_cluster_size=5, normalize=False)
    assert fitted.core.tolist() == [0.0] * 36 + [pytest.approx(np.sqrt(9**2 + 6**2))]
    assert sorted(fitted.tree.weight.tolist()) == [0.0] * 33 + [1.0, 3.0, pytest.approx(np.sqrt(117))]
    assert len(set(clustering.labels[:36].tolist())) == 3
    assert clustering.labels[36] == -1
    assert clustering.probabilities.tolist() == [1.0] * 36 + [0.0]
    assert clustering.outlier_scores.tolist() == [0.0] * 36 + [1.0]
    assert clustering.sizes.tolist() == [12] * 3
    assert clustering.persistence.tolist() == [1.0] * 3
    assert sorted(clustering.medoids.tolist()) == [0, 12, 24]


INFINITE: list[dict[str, Any]] = [
    {"cluster_selection_persistence": 0.2},
    {"cluster_selection_epsilon": 2.0},
    {"cluster_selection_method": "leaf"},
    {"allow_single_cluster": True},
    {"max_cluster_size": 20},
]


@pytest.mark.parametrize("options", INFINITE, ids=str)
def test_infinite_densities_give_numbers(options: dict[str, Any]) -> None:
    corners = np.array([[0, 0], [1, 0], [0, 1e-3], [5, 5]], dtype=np.float32)
    _, clustering = ours(np.repeat(corners, 12, axis=0), min_samples=4, min_cluster_size=5, normalize=False, **options)
    for column in (clustering.probabilities, clustering.outlier_scores, clustering.persistence):
        assert ((column >= 0) & (column <= 1)).all()
    assert len(clustering.sizes) >= 1


def test_two_equal_rows() -> None:
    fitted, clustering = ours(np.ones((2, 3), dtype=np.float32), min_cluster_size=2)
    assert fitted.tree.weight.tolist() == [0.0]
    assert clustering.labels.tolist() == [-1, -1]
