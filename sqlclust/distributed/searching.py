"""Neighbours inside a shard, a task for each: the approximate engine, or the exact one, on the shard's vectors."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.metrics import IndexArray
from sqlclust.core.neighbors.approximate import FULL, neighbors_and_lists
from sqlclust.core.neighbors.exact import neighbors_and_pruning
from sqlclust.core.neighbors.inverted_lists import InvertedLists
from sqlclust.core.runtime.control import Control
from sqlclust.distributed.numbering import read_copies
from sqlclust.distributed.plan import read_plan
from sqlclust.distributed.routing import load_shard
from sqlclust.distributed.spool import SpoolFile, write_spool


def found_path(spool: str, shard: int) -> str:
    """What `search` writes."""
    return os.path.join(spool, f"found-{shard:06d}")


def search(spool: str, shard: int) -> None:
    """The k nearest of each of a shard's vectors among the shard's.

    The file has `members` int32 (s,), `indices` int32 (s, k), numbers of vectors, and `squared` (s, k), float32 or of the exact
    engine float64: each in parts, one for each range of owners. And the approximate engine's inverted lists.

    Raises:
        SpoolFileError, SpoolFullError
    """
    plan = read_plan(spool)
    members, _, vectors = load_shard(spool, plan, shard)
    k = min(plan.k, len(members) - 1)
    squared: NDArray[Any]
    lists: dict[str, NDArray[Any]] = {}
    if plan.engine == "exact":
        exact, _ = neighbors_and_pruning(vectors, k, Control())
        indices, squared = exact.indices, exact.squared
    else:
        near = neighbors_and_lists(vectors, k, FULL, plan.seed, Control())
        indices, squared = near.indices, near.squared
        lists = {f"lists.{name}": column for name, column in near.lists._asdict().items()}
    del vectors
    bounds = np.searchsorted(members, plan.owner_bounds(read_copies(spool).distinct))
    of_owners: dict[str, NDArray[Any]] = {"members": members, "indices": members[indices], "squared": squared}
    write_spool(found_path(spool, shard), {**of_owners, **lists}, parts=dict.fromkeys(of_owners, bounds))


class Found(NamedTuple):
    """What a search found.

    Attributes:
        indices: intp (s, k), places in the shard, ascending by (distance, index).
        squared: (s, k), squared distances.
        lists: the inverted lists of the approximate engine; None of the exact one.
    """

    indices: IndexArray
    squared: NDArray[np.float32] | NDArray[np.float64]
    lists: InvertedLists | None


def read_found(spool: str, shard: int, *, with_lists: bool) -> Found:
    """What `search` wrote."""
    with SpoolFile(found_path(spool, shard)) as file:
        members = file.array("members")
        indices = np.searchsorted(members, file.array("indices")).astype(np.intp)
        lists = None
        if with_lists:
            lists = InvertedLists(*(file.array(f"lists.{name}") for name in InvertedLists._fields))
        return Found(indices, file.array("squared"), lists)
