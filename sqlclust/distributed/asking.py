"""Questions about a few vectors to all shards, a task for each: the nearest members, and the lightest edges to them.

The client names vectors by number (`ask_for`). Workers give their contents, each those of its shard (`pick`). The client puts
them into one file (`collect`), which every worker reads. Answers are about the
vectors whose first shard it is, so each is asked once.
"""

from __future__ import annotations

import os
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.metrics import Float32Array, Float64Array, IndexArray, squared_lengths
from sqlclust.core.neighbors.k_nearest import KNearest
from sqlclust.core.runtime.threads import single_threaded_blas
from sqlclust.core.tree.edges import Edges, edges_between, lightest
from sqlclust.distributed.division import destinations_path, shard_sizes
from sqlclust.distributed.merging import core_of
from sqlclust.distributed.numbering import read_copies
from sqlclust.distributed.plan import Plan, read_plan
from sqlclust.distributed.routing import Shard, load_shard, routed_path
from sqlclust.distributed.spool import SpoolFile, write_spool

_PANEL = 4096
_SPARE = 8
_LIKELIEST = 16
ANY = -1
"""Instead of a part: any but that of the vector that asks."""


class Asking(NamedTuple):
    """Vectors that ask.

    Attributes:
        numbers: int32 (q,), ascending within each shard.
        vectors: float32 (q, d).
        part: int32 (q,), the part that each is in, which it wants no edge to.
        wanted: int32 (q,), the part that it wants an edge to; ANY.
    """

    numbers: NDArray[np.int32]
    vectors: Float32Array
    part: NDArray[np.int32]
    wanted: NDArray[np.int32]


def picked_path(spool: str, name: str, shard: int) -> str:
    """What `pick` writes."""
    return os.path.join(spool, f"picked-{name}-{shard:06d}")


def answer_path(spool: str, name: str, shard: int) -> str:
    """What `nearest` and `lightest_to` write."""
    return os.path.join(spool, f"answer-{name}-{shard:06d}")


def request_path(spool: str, name: str) -> str:
    """What `ask_for` writes."""
    return os.path.join(spool, f"request-{name}")


def asking_path(spool: str, name: str) -> str:
    """What `collect` writes."""
    return os.path.join(spool, f"asking-{name}")


def first_shards(spool: str, plan: Plan) -> NDArray[np.int32]:
    """int32 (m,), the first shard of each vector."""
    result = np.empty(read_copies(spool).distinct, dtype=np.int32)
    for number in range(len(plan.ranges)):
        with SpoolFile(destinations_path(spool, number)) as file:
            numbers, shards = file.array("numbers"), file.array("shards")
        known = numbers >= 0
        result[numbers[known]] = shards[known, 0]
    return result


def ask_for(
    spool: str, name: str, numbers: IndexArray, *, part: IndexArray | None = None, wanted: IndexArray | None = None
) -> list[int]:
    """Name the vectors that ask; `part` and `wanted` as `Asking` has them.

    Returns:
        The shards that have them, which `pick` is to be run for.
    """
    shard = first_shards(spool, read_plan(spool))[numbers]
    order = np.lexsort((numbers, shard))
    bounds = np.searchsorted(shard[order], np.arange(len(shard_sizes(spool)) + 1))
    none = np.full(len(numbers), ANY)
    arrays = {"numbers": numbers, "part": none if part is None else part, "wanted": none if wanted is None else wanted}
    arrays = {column: array[order].astype(np.int32) for column, array in arrays.items()}
    write_spool(request_path(spool, name), arrays, parts={"numbers": bounds})
    having: list[int] = np.unique(shard).tolist()
    return having


def pick(spool: str, name: str, shard: int) -> None:
    """Write the contents of the vectors that were asked for and are in a shard."""
    plan = read_plan(spool)
    with SpoolFile(request_path(spool, name)) as file:
        wanted, place_of = np.unique(file.part("numbers", shard), return_inverse=True)
    vectors = np.empty((len(wanted), plan.dimension), dtype=np.float32)
    for number in range(len(plan.ranges)):
        with SpoolFile(routed_path(spool, number)) as file:
            members = file.part("members", shard)
            place = np.flatnonzero(np.isin(members, wanted))
            if len(place):
                vectors[np.searchsorted(wanted, members[place])] = file.part("vectors", shard)[place]
    write_spool(picked_path(spool, name, shard), {"vectors": vectors[place_of]})


def collect(spool: str, name: str) -> None:
    """Put together what was picked."""
    with SpoolFile(request_path(spool, name)) as file:
        arrays = {column: file.array(column) for column in ("numbers", "part", "wanted")}
        sizes = file.part_sizes("numbers")
    vectors = []
    for shard in np.flatnonzero(sizes).tolist():
        with SpoolFile(picked_path(spool, name, shard)) as file:
            vectors.append(file.array("vectors"))
    write_spool(asking_path(spool, name), {**arrays, "vectors": np.concatenate(vectors)})


def read_asking(spool: str, name: str) -> Asking:
    """The vectors that ask."""
    with SpoolFile(asking_path(spool, name)) as file:
        return Asking(*(file.array(column) for column in Asking._fields))


def nearest(spool: str, name: str, shard: int, k: int) -> None:
    """Write the squared distances of each asking vector to its k nearest others in a shard: `squared` float32 (q, k), ascending,
    inf where there are fewer."""
    plan, asking = read_plan(spool), read_asking(spool, name)
    there = load_shard(spool, plan, shard, only_primary=True)
    candidates = _likeliest(asking, there, k + _SPARE, np.zeros(len(there.members), dtype=np.float32))
    squared = np.full((len(asking.numbers), k), np.inf, dtype=np.float32)
    for number, row in enumerate(candidates):
        known = row[row >= 0]
        difference = there.vectors[known] - asking.vectors[number]
        found = np.sort(np.einsum("ij,ij->i", difference, difference))[:k]
        squared[number, : len(found)] = found
    write_spool(answer_path(spool, name, shard), {"squared": squared})


def lightest_to(spool: str, name: str, shard: int, part: int) -> None:
    """Write the lightest edge of each asking vector to a shard of a part: columns of `Edges`, weight inf where none is wanted."""
    plan, asking = read_plan(spool), read_asking(spool, name)
    distinct = read_copies(spool).distinct
    wants = np.flatnonzero((asking.part != part) & ((asking.wanted == ANY) | (asking.wanted == part)))
    there = load_shard(spool, plan, shard, only_primary=True)
    factor = plan.parameters.distance_factor
    core_there = core_of(spool, plan, there.members, distinct)
    some = Asking(asking.numbers[wants], asking.vectors[wants], asking.part[wants], asking.wanted[wants])
    by_number = np.argsort(some.numbers)
    core_here = np.empty(len(wants))
    core_here[by_number] = core_of(spool, plan, some.numbers[by_number], distinct)
    candidates = _likeliest(some, there, _LIKELIEST, (core_there / (2 * factor)).astype(np.float32))
    row, column = np.nonzero(candidates >= 0)
    other = candidates[row, column]
    distance = _squared(some.vectors[row], there.vectors[other])
    weight = np.maximum(np.maximum(core_here[row], core_there[other]), distance * factor)
    ends = some.numbers[row].astype(np.intp), there.members[other].astype(np.intp)
    best = lightest(edges_between(weight, distance, *ends), row, len(wants))
    result = Edges(*(np.full(len(asking.numbers), empty) for empty in (np.inf, np.inf, 0, 0)))
    result = Edges(result.weight, result.distance, result.left.astype(np.intp), result.right.astype(np.intp))
    result.put(wants, best)
    write_spool(answer_path(spool, name, shard), result._asdict())


def _squared(here: Float32Array, there: Float32Array) -> Float64Array:
    difference = here.astype(np.float64)
    difference -= there
    return squared_lengths(difference)


def _likeliest(asking: Asking, there: Shard, count: int, half_core: Float32Array) -> NDArray[np.int32]:
    """For each asking vector the members of a shard that seem nearest: int32 (q, count), places in it; −1 where there are fewer.

    Args:
        half_core: float32 (s,), half the squared distance of each member below which being nearer does not count.
    """
    kept = KNearest(len(asking.numbers), max(1, min(count, len(there.members))))
    if len(asking.numbers) == 0 or len(there.members) == 0:
        return kept.indices
    centre = there.vectors[:: max(1, len(there.vectors) // 4096)].mean(axis=0)
    here = asking.vectors - centre
    half = np.einsum("ij,ij->i", here, here) / 2
    place = np.minimum(np.searchsorted(there.members, asking.numbers), len(there.members) - 1)
    itself = np.where(there.members[place] == asking.numbers, place, -1)
    with single_threaded_blas():
        for low in range(0, len(there.members), _PANEL):
            columns = there.vectors[low : low + _PANEL] - centre
            values = here @ columns.T
            values -= np.einsum("ij,ij->i", columns, columns) / 2
            values -= half[:, None]
            np.minimum(values, -half_core[low : low + _PANEL], out=values)
            inside = np.flatnonzero((itself >= low) & (itself < low + len(columns)))
            values[inside, itself[inside] - low] = -np.inf
            kept.add_panel(values, low)
    return kept.indices
