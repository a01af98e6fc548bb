"""What a fit in shards takes: memory of workers and client, spool folder, time. README.md works it out for large ones."""

from __future__ import annotations

from typing import NamedTuple

from sqlclust.core.cost import COSTS
from sqlclust.core.engines import Engine
from sqlclust.core.neighbors.k_nearest_lists import SPARE_NEIGHBORS
from sqlclust.errors import MemoryPerWorkerError

_PROCESS = 100 << 20
"""Of a process with NumPy and SciPy, besides what `core.cost` counts."""
RESERVED = 350 << 20
"""Address space that libraries and threads reserve and do not use; a limit of address space counts it."""
_LEAST = 1024
"""Vectors of the smallest shard that is worth a task."""
_CLIENT_FIXED, _CLIENT_ROW, _CLIENT_MEMBER = 200 << 20, 150, 100
"""Bytes of the client: for each row while rows are numbered, for each member of a shard while forests are joined."""
_RESULT_ROW, _RESULT_NEIGHBOR = 840, 13
"""Bytes of the client for each row, and for each neighbour that is kept of it, while clusters are cut and published: measured
with rows of a source, in a file with a rollback journal, whose changed pages stay in memory until COMMIT."""
SPREAD = 0.75
"""A vector is in about so many shards for each cell of its overlap."""
_READS = 6
"""Times that the vectors are read where they are: scanned, assigned, routed; for the digest; for the medoids twice."""


def worker_bytes(members: int, dimension: int, min_samples: int, engine: Engine = "approximate") -> int:
    """Peak memory of a worker with a shard of so many vectors, these included: bytes."""
    neighbors = min(min_samples, max(1, members - 1)) + SPARE_NEIGHBORS
    # beyond the vectors given, and with a copy of them; a shard has one of both
    return _PROCESS + COSTS[engine].memory_bytes(members, dimension, neighbors)


def most_members(memory: int, dimension: int, min_samples: int, engine: Engine = "approximate") -> int:
    """How many vectors a worker with so much memory can have in a shard.

    Raises:
        MemoryPerWorkerError: not even some hundred.
    """
    least = RESERVED + worker_bytes(_LEAST, dimension, min_samples, engine)
    if memory < least:
        raise MemoryPerWorkerError(given=memory, needed=least, reserved=RESERVED)
    low, high = _LEAST, 1 << 31
    while high - low > 1:
        middle = (low + high) // 2
        if RESERVED + worker_bytes(middle, dimension, min_samples, engine) <= memory:
            low = middle
        else:
            high = middle
    return low


def shards_for(n: int, most: int, overlap: int) -> int:
    """About how many shards n vectors are divided into, of at most so many members each."""
    return 1 if n <= most else -(-int(n * max(1.0, overlap * SPREAD)) // most)


def shards_of(size: tuple[int, int], min_samples: int, memory: int | None, overlap: int) -> int:
    """As `shards_for`, for n vectors of some dimension and the memory of a worker; None: one shard.

    Raises:
        MemoryPerWorkerError
    """
    n, dimension = size
    return 1 if memory is None else shards_for(n, most_members(memory, dimension, min_samples), overlap)


class Estimate(NamedTuple):
    """What a fit in shards will take.

    Attributes:
        shards: how many.
        members: vectors in all of them together: those in several count several times.
        worker_bytes, client_bytes: peak memory.
        spool_bytes: in the spool folder at the end.
        aside_bytes: in the spool folder for as long as the digest takes, where rows are in another order than their ids.
        read_bytes: of the vectors where they are.
        spool_read_bytes: of the spool folder: shards are read to be searched, for their trees, for the recall and for the tree's.
        core_seconds: of all workers together.
    """

    shards: int
    members: int
    worker_bytes: int
    client_bytes: int
    spool_bytes: int
    aside_bytes: int
    read_bytes: int
    spool_read_bytes: int
    core_seconds: float


class Shape(NamedTuple):
    """What is fitted, and in what.

    Attributes:
        n, dimension: of the vectors.
        min_samples: neighbours.
        shards, overlap: as `Plan` has them.
    """

    n: int
    dimension: int
    min_samples: int
    shards: int
    overlap: int


def estimate(shape: Shape, *, multiplications_per_second: float) -> Estimate:
    """What a fit of this shape takes, where all vectors are distinct.

    Args:
        multiplications_per_second: of one core, in float32 products: see `core.cost`.
    """
    n, dimension, min_samples, shards, overlap = shape
    spread = 1.0 if shards == 1 else max(1.0, SPREAD * overlap)
    members = int(n * spread)
    each = -(-members // shards)
    k = min_samples + SPARE_NEIGHBORS
    numbering = 34 + (4 * overlap + 8)
    per_member = 4 * dimension + 8 * k + 60 + 9 + 24
    multiplications, core_seconds = COSTS["approximate"].work(each, dimension)
    routing = n * (96 * dimension + 8 * shards * 96) if shards > 1 else 0
    return Estimate(
        shards=shards,
        members=members,
        worker_bytes=worker_bytes(each, dimension, min_samples),
        client_bytes=_CLIENT_FIXED
        + max(n * _CLIENT_ROW + members * _CLIENT_MEMBER, n * (_RESULT_ROW + _RESULT_NEIGHBOR * k)),
        spool_bytes=n * (numbering + 8 * k + 8) + members * per_member,
        aside_bytes=4 * n * dimension,
        spool_read_bytes=2 * 4 * members * dimension + 2 * 4 * n * dimension + 3 * 8 * k * members,
        read_bytes=(_READS if shards > 1 else _READS - 1) * 4 * n * dimension,
        core_seconds=shards * (multiplications / multiplications_per_second + core_seconds)
        + routing / multiplications_per_second
        + n * (_EACH + _EACH_DIMENSION * dimension),
    )


_EACH, _EACH_DIMENSION = 10e-6, 0.14e-6
"""Seconds of a core for each row, and for each number of it, besides searching and trees: reading, hashing, merging, recall.
Measured at 141,600 × 384 (`tests/benchmarks/distributed.py`)."""
