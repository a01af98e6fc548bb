from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sqlclust.core.clusters.medoids import medoids
from sqlclust.core.geometry.duplicates import distinct
from sqlclust.core.geometry.metrics import Float32Array


def found(vectors: Float32Array, labels: list[int] | NDArray[np.int64], rank: list[int] | None = None) -> list[int]:
    points = distinct(vectors, normalize=False)
    places = np.arange(len(vectors)) if rank is None else np.array(rank, dtype=np.intp)
    rows = medoids(
        points.vectors,
        np.array(labels, dtype=np.int64),
        groups=points.group_of_row(),
        counts=points.counts,
        rank=places,
    )
    return [int(row) for row in rows]


def by_definition(vectors: Float32Array, labels: list[int], rank: list[int]) -> list[int]:
    """Every pair of members compared, in whole numbers."""
    whole = [[int(x) for x in vector] for vector in vectors]
    result = []
    for label in range(max(labels) + 1):
        members = [row for row, other in enumerate(labels) if other == label]
        cost = {a: sum((x - y) ** 2 for b in members for x, y in zip(whole[a], whole[b], strict=True)) for a in members}
        result.append(min(members, key=lambda row: (cost[row], rank[row])))
    return result


def test_exact_values() -> None:
    line = np.array([[0], [1], [5], [100], [101], [300], [40]], dtype=np.float32)
    assert found(line, [0, 0, 0, 1, 1, 1, -1]) == [1, 4]


def test_only_noise() -> None:
    assert found(np.ones((3, 2), dtype=np.float32), [-1, -1, -1]) == []


def test_ties_go_to_the_lowest_rank() -> None:
    pair = np.array([[0], [2]], dtype=np.float32)
    assert found(pair, [0, 0]) == [0]
    assert found(pair, [0, 0], rank=[1, 0]) == [1]


def test_the_first_of_identical_members_by_rank() -> None:
    rows = np.array([[1], [1], [1], [4]], dtype=np.float32)
    assert found(rows, [0, 0, 0, 0], rank=[3, 1, 2, 0]) == [1]


def test_copies_pull_the_middle() -> None:
    line = np.array([[0], [4], [9], [9], [9], [9]], dtype=np.float32)
    assert found(line[:3], [0, 0, 0]) == [1]
    assert found(line, [0] * 6) == [2]


@pytest.mark.slow
@pytest.mark.parametrize("offset", [0, 2**10, 2**20])
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_definition(offset: int, data: st.DataObject) -> None:
    """In small whole numbers, near the origin and far from it: members tie exactly, and rows repeat."""
    n, dimension = data.draw(st.integers(1, 20)), data.draw(st.integers(1, 4))
    cells = st.lists(st.integers(-3, 3), min_size=dimension, max_size=dimension)
    vectors = np.array(data.draw(st.lists(cells, min_size=n, max_size=n)), dtype=np.float32) + np.float32(offset)
    by_vector = {vector: data.draw(st.integers(0, 2)) for vector in sorted({row.tobytes() for row in vectors})}
    used = sorted(set(by_vector.values()))
    labels = [used.index(by_vector[row.tobytes()]) for row in vectors]
    rank = data.draw(st.permutations(range(n)))
    assert found(vectors, labels, rank) == by_definition(vectors, labels, rank)


def test_the_members_of_a_near_pair_tie() -> None:
    """Their mean is rounded, which must not decide."""
    rng = np.random.default_rng(1)
    base = rng.normal(size=(200, 48))
    base = (base / np.linalg.norm(base, axis=1, keepdims=True)).astype(np.float32)
    twins = base.copy()
    twins[:, 0] = np.nextafter(twins[:, 0], np.float32(9))
    vectors = np.concatenate([base, twins])
    labels = np.tile(np.arange(200), 2)
    assert found(vectors, labels) == list(range(200))
    assert found(vectors, labels, rank=list(range(400))[::-1]) == list(range(200, 400))


def test_definition_on_real_numbers() -> None:
    """More members than a block, with noise between."""
    rng = np.random.default_rng(2)
    vectors = rng.normal(size=(9000, 3)).astype(np.float32)
    labels = np.where(rng.random(9000) < 0.2, -1, rng.integers(0, 2, size=9000))
    for label, medoid in enumerate(found(vectors, labels)):
        members = vectors[labels == label].astype(np.float64)
        sums = [np.square(members - row).sum() for row in (vectors[medoid].astype(np.float64), *members[:500])]
        assert sums[0] <= min(sums[1:]) * (1 + 1e-12)
        mean = members.mean(axis=0)
        assert np.square(vectors[medoid] - mean).sum() == np.square(members - mean).sum(axis=1).min()
