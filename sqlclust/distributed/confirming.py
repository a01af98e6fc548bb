"""How good the tree of a fit in several shards is, by workers: what `core.tree.confirmation` measures, of the same sample.

The heaviest edge on the tree's path between two vectors is the largest gap between them in the order of the leaves, which the
client finds. Workers compare the sample with the vectors of their shards.
"""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.metrics import Float32Array
from sqlclust.core.runtime.control import Control
from sqlclust.core.tree.boruvka import SpanningTree
from sqlclust.core.tree.confirmation import Sample, leaves_of, sampled_vectors
from sqlclust.core.tree.edges import Edges
from sqlclust.distributed import asking
from sqlclust.distributed.division import shard_sizes
from sqlclust.distributed.merging import core_of
from sqlclust.distributed.numbering import read_copies
from sqlclust.distributed.plan import Plan, read_plan
from sqlclust.distributed.routing import load_shard
from sqlclust.distributed.spool import SpoolFile, write_spool
from sqlclust.distributed.tasks import Task
from sqlclust.distributed.ways_out import Run

_NAME = "confirm"
LEAVES = "leaves"
"""The order of the leaves: `place` and `gaps` as `core.tree.confirmation.Leaves` has them."""
_PANEL = 1024
_AT_A_TIME = 64 << 20
"""Bytes of heaviest edges that a worker holds."""


def measured_confirmation(spool: str, tree: Edges, run: Run, control: Control) -> float:
    """Share of a sample of vectors, 0..1, that see no lighter edge than the tree has: see `core.tree.confirmation.confirmed`.

    Args:
        run: runs tasks that need nothing of each other.

    Cost: a single linkage by the client, with some 150 bytes a vector of memory; and by workers O(sample·m·d) multiplications,
    one read of the shards, and 8 bytes for each vector of all shards.
    """
    plan, distinct = read_plan(spool), read_copies(spool).distinct
    having = asking.ask_for(spool, _NAME, sampled_vectors(distinct, plan.seed))
    run([Task(f"pick {_NAME} {s}", asking.pick, (_NAME, s), (asking.picked_path(spool, _NAME, s),)) for s in having])
    run([Task(f"collect {_NAME}", asking.collect, (_NAME,), (asking.asking_path(spool, _NAME),), local=True)])
    _write_leaves(spool, plan, tree, control)
    shards = range(len(shard_sizes(spool)))
    answers = [asking.answer_path(spool, _NAME, s) for s in shards]
    run([Task(f"{_NAME} {s}", confirm, (_NAME, s), (answers[s],)) for s in shards])
    doubted = np.zeros(len(asking.read_asking(spool, _NAME).numbers), dtype=bool)
    for answer in answers:
        with SpoolFile(answer) as file:
            doubted |= file.array("doubted").astype(bool)
    return float(1.0 - doubted.mean())


def _write_leaves(spool: str, plan: Plan, tree: Edges, control: Control) -> None:
    leaves = leaves_of(SpanningTree(tree.left, tree.right, tree.weight), plan.parameters.distance_factor, control)
    write_spool(os.path.join(spool, LEAVES), {"place": leaves.place.astype(np.int32), "gaps": leaves.gaps})


def confirm(spool: str, name: str, shard: int) -> None:
    """Write which vectors of the sample see a lighter edge to one of a shard: `doubted` uint8 (q,).

    Raises:
        SpoolFileError, SpoolFullError
    """
    plan, ask = read_plan(spool), asking.read_asking(spool, name)
    factor, distinct = 2 * plan.parameters.distance_factor, read_copies(spool).distinct
    there = load_shard(spool, plan, shard, only_primary=True)
    half_core = (core_of(spool, plan, there.members, distinct) / factor).astype(np.float32)
    by_number = np.argsort(ask.numbers)
    of_sample = np.empty(len(by_number), dtype=np.float32)
    of_sample[by_number] = (core_of(spool, plan, ask.numbers[by_number], distinct) / factor).astype(np.float32)
    doubted = np.zeros(len(of_sample), dtype=bool)
    if len(there.members):
        centre = there.vectors[:: max(1, len(there.vectors) // 4096)].mean(axis=0)
        leaves, paths = _read_paths(spool, there.members, ask.numbers)
        at_a_time = max(1, _AT_A_TIME // (4 * len(there.members)))
        for low in range(0, len(doubted), at_a_time):
            some = slice(low, low + at_a_time)
            sample = Sample(ask.vectors[some], of_sample[some], centre)
            heaviest = np.stack([paths.heaviest(place) for place in leaves[some].tolist()])
            for first in range(0, len(there.members), _PANEL):
                panel = slice(first, first + _PANEL)
                doubted[some] |= sample.sees_lighter(there.vectors[panel], half_core[panel], heaviest[:, panel])
    write_spool(asking.answer_path(spool, name, shard), {"doubted": doubted.astype(np.uint8)})


def _read_paths(spool: str, members: NDArray[np.int32], sample: NDArray[np.int32]) -> tuple[NDArray[np.int32], _Paths]:
    """The places of the sample's vectors among the leaves, and the paths to the members of a shard."""
    with SpoolFile(os.path.join(spool, LEAVES)) as file:
        place = file.array("place")
        of_sample, places = place[sample], place[members]
        del place
        return of_sample, _Paths(file.array("gaps"), places)


class _Paths:
    """The tree's paths to some vectors.

    Args:
        gaps: float32 (m,), of all leaves.
        places: int32 (s,), 1 <= s, of these vectors among the leaves, in any order.
    """

    def __init__(self, gaps: Float32Array, places: NDArray[np.int32]) -> None:
        self._gaps, self._order = gaps, np.argsort(places)
        self._places = places[self._order]
        self._between = np.maximum.reduceat(gaps, self._places)[:-1]  # from each to the next

    def heaviest(self, place: int) -> Float32Array:
        """The heaviest edge on the path from a leaf to each, half of its squared weight: float32 (s,); 0 to itself."""
        after = int(np.searchsorted(self._places, place))
        along = np.empty(len(self._places), dtype=np.float32)
        if after < len(along):
            first = self._gaps[place : self._places[after]].max(initial=0.0)
            along[after:] = np.maximum.accumulate(np.append(first, self._between[after:]))
        if after > 0:
            last = self._gaps[self._places[after - 1] : place].max(initial=0.0)
            along[:after] = np.maximum.accumulate(np.append(last, self._between[: after - 1][::-1]))[::-1]
        result = np.empty_like(along)
        result[self._order] = along
        return result
