"""What the words say of max_cluster_size and allow_single_cluster: held against hdbscan, whose labels ours are, and against ours.

Each test has the same assertions on both, so that neither our words nor our labels can drift from hdbscan's.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import sqlclust.core.pipeline as core
from sqlclust.core.geometry.metrics import Float32Array
from sqlclust.core.runtime.control import Control
from tests.core import oracle

pytestmark = pytest.mark.slow

Labels = NDArray[np.int64]


def _ours(vectors: Float32Array, **options: Any) -> Labels:
    chosen = oracle.resolved(vectors, normalize=False, **options)
    fitted = _fit(vectors.tobytes(), vectors.shape, chosen.min_samples or 1)
    return core.cut(fitted, core.CutParameters(**chosen.selecting(len(vectors))), control=Control()).labels


@cache
def _fit(content: bytes, shape: tuple[int, int], min_samples: int) -> core.Fit:
    vectors = np.frombuffer(content, dtype=np.float32).reshape(shape)
    return core.fit(vectors, core.ReachabilityParameters(min_samples), control=Control())


def _theirs(vectors: Float32Array, **options: Any) -> Labels:
    return oracle.theirs(vectors, normalize=False, **options).labels


BOTH = pytest.mark.parametrize("labels_of", [_ours, _theirs], ids=["sqlclust", "hdbscan"])
LabelsOf = Callable[..., Labels]


def groups(seed: int, n: int = 150) -> Float32Array:
    """Groups within groups, so that clusters of many sizes split into others."""
    random = np.random.default_rng(seed)
    large, small = random.normal(size=(3, 2)) * 20, random.normal(size=(4, 2)) * 3
    centres = large[random.integers(0, 3, n)] + small[random.integers(0, 4, n)]
    return (centres + random.normal(size=(n, 2)) * random.uniform(0.1, 1.2, (n, 1))).astype(np.float32)


def sizes(labels: Labels) -> list[int]:
    return [int(size) for size in np.bincount(labels[labels >= 0])]


def clusters(labels: Labels) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in range(labels.max(initial=-1) + 1)}


@BOTH
@pytest.mark.parametrize("limit", [8, 20, 45])
def test_eom_takes_the_parts_of_a_larger_cluster(labels_of: LabelsOf, limit: int) -> None:
    split = lost = 0
    for seed in range(12):
        options = {"min_cluster_size": 6, "min_samples": 3}
        free = clusters(labels_of(groups(seed), **options))
        limited = clusters(labels_of(groups(seed), **options, max_cluster_size=limit))
        assert all(len(cluster) <= limit for cluster in limited)
        assert {cluster for cluster in free if len(cluster) <= limit} <= limited
        for cluster in limited - free:
            [whole] = [other for other in free if cluster < other]
            assert len(whole) > limit
            split += 1
        lost += sum(len(cluster) for cluster in free) - sum(len(cluster) for cluster in limited)
        assert sum(len(cluster) for cluster in free) >= sum(len(cluster) for cluster in limited)
    assert lost > 0, "no row became noise: nothing is shown"
    assert split > 0, "no cluster was split: nothing is shown"


@BOTH
def test_what_does_not_split_is_noise(labels_of: LabelsOf) -> None:
    """100 rows and 20: a limit of 60 leaves the hundred nothing to split into two of at least 40."""
    random = np.random.default_rng(2)
    vectors = np.concatenate([random.normal(size=(100, 2)), random.normal(size=(50, 2)) + 40]).astype(np.float32)
    options = {"min_cluster_size": 40, "min_samples": 3}
    assert sorted(sizes(labels_of(vectors, **options))) == [50, 100]
    labels = labels_of(vectors, **options, max_cluster_size=60)
    assert sizes(labels) == [50]
    assert (labels[:100] == -1).all()


@BOTH
def test_an_epsilon_joins_to_clusters_above_the_limit(labels_of: LabelsOf) -> None:
    above = 0
    for seed in range(12):
        options = {"min_cluster_size": 6, "min_samples": 3, "max_cluster_size": 20}
        above += max(sizes(labels_of(groups(seed), **options, cluster_selection_epsilon=3.0)), default=0) > 20
    assert above > 3


@BOTH
def test_leaf_has_no_limit(labels_of: LabelsOf) -> None:
    above = 0
    for seed in range(12):
        options = {"min_cluster_size": 6, "min_samples": 3, "cluster_selection_method": "leaf"}
        free = labels_of(groups(seed), **options)
        assert clusters(labels_of(groups(seed), **options, max_cluster_size=8)) == clusters(free)
        above += max(sizes(free)) > 8
    assert above > 3


def one_group(n: int) -> Float32Array:
    return np.random.default_rng(n).normal(size=(n, 3)).astype(np.float32)


@BOTH
@pytest.mark.parametrize("limit", [0, 3])
@pytest.mark.parametrize(("n", "min_cluster_size"), [(2, 5), (9, 17), (16, 17), (9, 1000)])
def test_the_whole_counts_whatever_its_size(labels_of: LabelsOf, n: int, min_cluster_size: int, limit: int) -> None:
    """Nor has a limit any effect on a whole that does not split."""
    options = {"min_cluster_size": min_cluster_size, "min_samples": min(n - 1, 3), "max_cluster_size": limit}
    assert sizes(labels_of(one_group(n), **options, allow_single_cluster=True)) == [n]
    assert sizes(labels_of(one_group(n), **options)) == []
    leaf = {**options, "allow_single_cluster": True, "cluster_selection_method": "leaf"}
    assert sizes(labels_of(one_group(n), **leaf)) == []


@BOTH
def test_of_enough_rows_no_cluster_has_fewer_than_the_smallest(labels_of: LabelsOf) -> None:
    whole = 0
    for seed in range(12):
        for vectors in (groups(seed, 40), one_group(20 + seed)):
            labels = labels_of(vectors, min_cluster_size=8, min_samples=3, allow_single_cluster=True)
            assert all(size >= 8 for size in sizes(labels))
            whole += len(sizes(labels)) == 1
            split = labels_of(vectors, min_cluster_size=8, min_samples=3)
            assert len(sizes(split)) != 1, "one cluster is the whole or has a sibling"
    assert whole > 3


@BOTH
def test_of_a_single_cluster_the_less_dense_rows_are_noise(labels_of: LabelsOf) -> None:
    vectors = one_group(60)
    options = {"min_cluster_size": 25, "min_samples": 3, "allow_single_cluster": True}
    found = labels_of(vectors, **options)
    assert len(sizes(found)) == 1
    assert 25 <= sizes(found)[0] < 60
    assert sizes(labels_of(vectors, **options, cluster_selection_epsilon=100.0)) == [60]


@BOTH
def test_the_limit_counts_the_members_of_a_whole_that_splits(labels_of: LabelsOf) -> None:
    splits = 0
    for n in range(40, 60):
        vectors = one_group(
            n
        )  # and no ties: a row that leaves just where the whole splits is a member and in neither part
        options = {"min_cluster_size": 5, "min_samples": 1, "allow_single_cluster": True}
        free = clusters(labels_of(vectors, **options))
        if len(free) == 1 and clusters(labels_of(vectors, **options, max_cluster_size=1)) != free:
            [members] = map(len, free)
            assert members < n, "those before the split are noise"
            assert clusters(labels_of(vectors, **options, max_cluster_size=members)) == free
            assert clusters(labels_of(vectors, **options, max_cluster_size=members - 1)) != free
            splits += 1
    assert splits > 5
