"""What a fit in shards takes, and how it is divided so that it takes no more."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlclust.core.engines import Engine
from sqlclust.distributed.cost import RESERVED, Shape, estimate, most_members, shards_of, worker_bytes
from sqlclust.distributed.division import destinations_path
from sqlclust.distributed.plan import plan_of
from sqlclust.distributed.spool import SpoolFile
from sqlclust.errors import MemoryPerWorkerError, ShardTooLargeError
from tests.benchmarks.distributed import model_table
from tests.distributed.small_jobs import PARAMETERS, files_in, fitted, folder_of, real_like, sharding
from tests.package_files import PACKAGE

DIMENSIONS = (384, 768, 1024, 1536)


@given(st.sampled_from(DIMENSIONS), st.integers(256, 100_000))
def test_a_worker_takes_three_times_its_vectors_at_most(dimension: int, megabytes: int) -> None:
    """And 300 MB; of smaller shards the sample for the principal axes is what counts."""
    members = megabytes * 1_000_000 // (4 * dimension)
    assert worker_bytes(members, dimension, 15) <= 3 * 4 * dimension * members + 300e6


@pytest.mark.parametrize("n", [1_000_000, 10_000_000, 100_000_000])
@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_the_client_takes_sixty_bytes_a_neighbour_at_most(n: int, dimension: int) -> None:
    shards = shards_of((n, dimension), 15, 2 << 30, 3)
    assert shards > 1
    taken = estimate(Shape(n, dimension, 15, shards, 3), multiplications_per_second=60e9)
    assert taken.client_bytes <= 60 * 20 * n + (
        200 << 20
    )  # libraries, a range of vectors, and the page cache beside it
    assert taken.worker_bytes <= 2 << 30
    assert taken.spool_bytes > 4 * dimension * n


@given(st.integers(900 << 20, 1 << 40), st.sampled_from(DIMENSIONS), st.sampled_from(["approximate", "exact"]))
def test_as_many_members_as_memory_holds(memory: int, dimension: int, engine: Engine) -> None:
    most = most_members(memory, dimension, 15, engine)
    assert RESERVED + worker_bytes(most, dimension, 15, engine) <= memory
    assert RESERVED + worker_bytes(most + 1, dimension, 15, engine) > memory


def test_too_little_memory_says_how_much() -> None:
    with pytest.raises(MemoryPerWorkerError, match="workers have 104 MB each, and the smallest shard needs") as caught:
        most_members(100 << 20, 384, 15)
    assert most_members(caught.value.needed, 384, 15) >= 1024


def test_the_paper_model_is_in_the_readme() -> None:
    assert model_table() in (PACKAGE / "distributed" / "README.md").read_text(encoding="utf-8")


def members_of(path: Path, ranges: int) -> list[tuple[int, list[int]]]:
    """Of each distinct vector its number and its shards."""
    found = []
    for number in range(ranges):
        with SpoolFile(destinations_path(str(files_in(path / "spool")), number)) as file:
            numbers, shards = file.array("numbers").tolist(), file.array("shards").tolist()
        found += [(vector, shard) for vector, shard in zip(numbers, shards, strict=True) if vector >= 0]
    return sorted(found)


@pytest.mark.parametrize("most", [400, 700, 1500])
def test_no_shard_is_larger_than_memory_allows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr("sqlclust.distributed.plan.most_members", lambda *_: most)
    sharded = fitted(tmp_path, real_like(1600), shards=None, memory=1 << 30)
    m = len(sharded.corpus.starts)
    assert max(sharded.shards) <= most
    assert (len(sharded.shards) == 1) == (m <= most)
    found = members_of(tmp_path, 4)
    assert [vector for vector, _ in found] == [*range(m)]
    counts = np.zeros(len(sharded.shards), dtype=int)
    for _, shards in found:
        own = [shard for shard in shards if shard >= 0]
        assert shards[0] >= 0
        assert len(set(own)) == len(own)
        counts[own] += 1
    assert counts.tolist() == sharded.shards


def test_vectors_that_cannot_be_divided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sqlclust.distributed.plan.most_members", lambda *_: 30)
    with pytest.raises(ShardTooLargeError, match="a worker's memory holds 30") as caught:
        fitted(tmp_path, real_like(600), shards=None, memory=1 << 30)
    assert caught.value.members > caught.value.most


def test_ranges_are_as_small_as_memory_asks_for(tmp_path: Path) -> None:
    source = folder_of(tmp_path / "vectors", real_like(3000, 256))
    of_memory = plan_of(source, PARAMETERS, 0, sharding(None, memory=900 << 20, range_rows=None))
    assert max(stop - start for start, stop in of_memory.ranges) * 4 * 256 <= 50 << 20
    assert plan_of(source, PARAMETERS, 0, sharding(None, range_rows=None)).ranges == [(0, 3000)]
