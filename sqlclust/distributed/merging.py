"""The lists of all shards put together, a task for each range of owners: the nearest k of each vector, and its core distance."""

from __future__ import annotations

import os
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.groups import places_in_runs, run_starts
from sqlclust.core.geometry.metrics import Float64Array
from sqlclust.core.neighbors.core_distances import core_distances
from sqlclust.distributed.division import shard_sizes
from sqlclust.distributed.numbering import Copies, read_copies
from sqlclust.distributed.plan import Plan, read_plan
from sqlclust.distributed.searching import found_path
from sqlclust.distributed.spool import SpoolFile, write_spool

_OWNERS = 8192
"""Vectors whose lists are sorted at a time."""


def merged_path(spool: str, number: int) -> str:
    """What `merge` writes."""
    return os.path.join(spool, f"merged-{number:06d}")


def merge(spool: str, number: int) -> None:
    """The k nearest of the vectors of a range, from all shards that have them, and their squared core distances.

    The file has `indices` int32 (r, k) and `squared` (r, k), ascending by (distance, index), −1 and inf where fewer were found;
    and `core` float64 (r,).

    Raises:
        SpoolFileError, SpoolFullError
    """
    plan, copies = read_plan(spool), read_copies(spool)
    start, stop = plan.owner_bounds(copies.distinct)[number : number + 2]
    k = min(plan.k, copies.distinct - 1)
    lists = _lists(spool, number)
    indices = np.full((stop - start, k), -1, dtype=np.int32)
    squared = np.full((stop - start, k), np.inf, dtype=np.float64 if plan.engine == "exact" else np.float32)
    core = np.empty(stop - start)
    for low in range(start, stop, _OWNERS):
        high = min(low + _OWNERS, stop)
        part = slice(low - start, high - start)
        _nearest(lists, low, high, indices[part], squared[part])
        core[part] = _core(plan, copies, low, indices[part], squared[part])
    write_spool(merged_path(spool, number), {"indices": indices, "squared": squared, "core": core})


class _Lists(NamedTuple):
    """The lists of one shard for a range of owners."""

    owners: NDArray[np.int32]
    indices: NDArray[np.int32]
    squared: NDArray[np.float32]


def _lists(spool: str, number: int) -> list[_Lists]:
    found = []
    for shard in range(len(shard_sizes(spool))):
        with SpoolFile(found_path(spool, shard)) as file:
            owners = file.part("members", number)
            if len(owners):
                found.append(_Lists(owners, file.part("indices", number), file.part("squared", number)))
    return found


def _nearest(
    lists: list[_Lists], low: int, high: int, indices: NDArray[np.int32], squared: NDArray[np.float32]
) -> None:
    """Fill in the k nearest of the owners from `low` to `high`."""
    owner, other, distance = [], [], []
    for shard in lists:
        part = slice(*np.searchsorted(shard.owners, [low, high]))
        owner.append(np.repeat(shard.owners[part] - low, shard.indices.shape[1]))
        other.append(shard.indices[part].ravel())
        distance.append(shard.squared[part].ravel())
    owners, others, distances = (np.concatenate(column) for column in (owner, other, distance))
    order = np.lexsort((distances, others, owners))
    owners, others, distances = owners[order], others[order], distances[order]
    once = run_starts((owners.astype(np.int64) << 32) + others)  # two shards may have found the same one
    owners, others, distances = owners[once], others[once], distances[once]
    order = np.lexsort((others, distances, owners))
    place = places_in_runs(owners[order])
    kept = place < indices.shape[1]
    order, place = order[kept], place[kept]
    indices[owners[order], place] = others[order]
    squared[owners[order], place] = distances[order]


def _core(
    plan: Plan, copies: Copies, low: int, indices: NDArray[np.int32], squared: NDArray[np.float32]
) -> Float64Array:
    """Squared core distances of the owners from `low`; `core_distances` needs to know how often their neighbours occur."""
    others, place = np.unique(indices, return_inverse=True)
    own = copies.of(np.arange(low, low + len(indices)))
    return core_distances(
        squared.astype(np.float64),
        place.reshape(indices.shape),
        copies.of(others),
        min_samples=plan.min_samples,
        own=own,
    )


def core_of(spool: str, plan: Plan, members: NDArray[np.int32], distinct: int) -> Float64Array:
    """float64, the squared core distances of some vectors, ascending numbers."""
    bounds = plan.owner_bounds(distinct)
    result = np.empty(len(members))
    places = np.searchsorted(members, bounds)
    for number in range(len(bounds) - 1):
        part = slice(places[number], places[number + 1])
        if part.start < part.stop:
            with SpoolFile(merged_path(spool, number)) as file:
                result[part] = file.array("core")[members[part] - bounds[number]]
    return result
