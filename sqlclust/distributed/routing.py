"""Vectors go to their shards: a task for each range of rows writes one file, sorted by shard. And a shard is put together."""

from __future__ import annotations

import os
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.metrics import Float32Array
from sqlclust.distributed.division import destinations_path, shard_sizes
from sqlclust.distributed.numbering import exponent_of
from sqlclust.distributed.plan import Plan, read_plan
from sqlclust.distributed.scanning import read_again
from sqlclust.distributed.spool import SpoolFile, write_spool


def routed_path(spool: str, number: int) -> str:
    """What `route` writes."""
    return os.path.join(spool, f"routed-{number:06d}")


def route(spool: str, number: int) -> None:
    """Write the vectors of a range sorted by shard, each as often as it has shards.

    The file has `members` int32, the numbers of the vectors; `primary` uint8, whether the shard is a vector's first; `vectors`
    float32 as they are compared: each in parts, one for each shard.

    Raises:
        VectorsChangedError; as `VectorSource.read`; SpoolFileError, SpoolFullError
    """
    plan = read_plan(spool)
    vectors = read_again(spool, plan, number, exponent_of(spool))
    with SpoolFile(destinations_path(spool, number)) as file:
        numbers, shards = file.array("numbers"), file.array("shards")
    row, rank = np.nonzero(shards >= 0)
    shard = shards[row, rank]
    order = np.lexsort((numbers[row], shard))
    row, rank, shard = row[order], rank[order], shard[order]
    bounds = np.searchsorted(shard, np.arange(len(shard_sizes(spool)) + 1))
    arrays = {"members": numbers[row], "primary": (rank == 0).astype(np.uint8), "vectors": vectors[row]}
    write_spool(routed_path(spool, number), arrays, parts=dict.fromkeys(arrays, bounds))


class Shard(NamedTuple):
    """A shard's vectors, in canonical order.

    Attributes:
        members: int32 (s,), their numbers, ascending.
        primary: bool (s,), whether this is the first shard of each: every vector is in one shard so.
        vectors: float32 (s, d).
    """

    members: NDArray[np.int32]
    primary: NDArray[np.bool_]
    vectors: Float32Array


def load_shard(spool: str, plan: Plan, shard: int, *, only_primary: bool = False) -> Shard:
    """The vectors of a shard. Memory: they once, and the part of one range.

    Raises:
        SpoolMissingError, SpoolDamagedError
    """
    members, primary = _members(spool, plan, shard)
    place = np.argsort(members, kind="stable")
    of_member = np.empty(len(members), dtype=np.intp)
    of_member[place] = np.arange(len(members))
    kept = primary[place] if only_primary else np.ones(len(members), dtype=bool)
    row = np.cumsum(kept) - 1
    vectors = np.empty((int(kept.sum()), plan.dimension), dtype=np.float32)
    at = 0
    for number in range(len(plan.ranges)):
        with SpoolFile(routed_path(spool, number)) as file:
            part = file.part("vectors", shard)
        places = of_member[at : at + len(part)]
        wanted = kept[places]
        vectors[row[places[wanted]]] = part[wanted] if only_primary else part
        at += len(part)
    return Shard(members[place][kept], primary[place][kept], vectors)


def _members(spool: str, plan: Plan, shard: int) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    members, primary = [], []
    for number in range(len(plan.ranges)):
        with SpoolFile(routed_path(spool, number)) as file:
            members.append(file.part("members", shard))
            primary.append(file.part("primary", shard))
    return np.concatenate(members), np.concatenate(primary).astype(bool)
