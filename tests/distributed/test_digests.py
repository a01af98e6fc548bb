"""The digest of vectors in the order of their ids, from a read in another order."""

from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlclust.core.geometry.metrics import Float32Array
from sqlclust.core.runtime.control import Control
from sqlclust.distributed import digests
from sqlclust.distributed.digests import corpus_hash
from sqlclust.errors import SpoolFullError
from sqlclust.store.embeddings.points import Points, points_of


def in_ranges(vectors: Float32Array, rows: int) -> list[tuple[int, Float32Array]]:
    return [(start, vectors[start : start + rows]) for start in range(0, len(vectors), rows)]


def points_without_vectors(ids: list[str]) -> Points:
    return points_of(ids, np.empty((len(ids), 0), dtype=np.float32))


@given(st.permutations(range(23)), st.integers(1, 24), st.integers(1, 400))
def test_it_is_that_of_the_points(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], rows: int, piece: int
) -> None:
    """Whatever the orders, however it is read, and however little is put in order at a time."""
    vectors = np.random.default_rng(0).normal(size=(23, 3)).astype(np.float32)
    ids = [f"id {number:02}" for number in order]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(digests, "_PIECE", piece)
        folder = str(tmp_path_factory.getbasetemp())
        found = corpus_hash(points_without_vectors(ids), in_ranges(vectors, rows), 3, folder, Control())
    assert found == points_of(ids, vectors).fingerprint().corpus_hash


def test_nothing_is_put_aside_where_the_orders_are_the_same() -> None:
    vectors = np.ones((9, 3), dtype=np.float32)
    ids = [f"id {number}" for number in range(9)]
    found = corpus_hash(points_without_vectors(ids), in_ranges(vectors, 4), 3, "/no such folder", Control())
    assert found == points_of(ids, vectors).fingerprint().corpus_hash


def test_a_full_disk(tmp_path: Path) -> None:
    """It says how much room the vectors need, and leaves nothing."""
    vectors = np.ones((900, 30), dtype=np.float32)
    points = points_without_vectors([f"id {900 - number:03}" for number in range(900)])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 14, before[1]))
    try:
        with pytest.raises(SpoolFullError, match="108,000 bytes"):
            corpus_hash(points, in_ranges(vectors, 100), 30, str(tmp_path), Control())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not [*tmp_path.iterdir()]
