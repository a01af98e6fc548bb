"""How good the tree of a fit in several shards is, by workers: what `core.tree.confirmation` measures, of the same sample.

The heaviest edge on the tree's path from a vector to each other one is, in the order of the leaves, steps that rise on both sides
of it. The client finds the steps of each sampled vector. Workers compare the sample with the vectors of their
shards.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.metrics import Float32Array, IndexArray
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
STEPS = "steps"
"""Where each vector stands among the leaves, and the steps of each vector of the sample."""
_PANEL = 1024


class _Steps(NamedTuple):
    """The heaviest edge on the path from a vector to each leaf, as a function of the leaf's place, half of its squared weight.

    Attributes:
        first: int64, ascending, the place that each step begins with; 0 is the first.
        heaviest: float32, from there on.
    """

    first: NDArray[np.int64]
    heaviest: Float32Array


def measured_confirmation(spool: str, tree: Edges, run: Run, control: Control) -> float:
    """Share of a sample of vectors, 0..1, that see no lighter edge than the tree has: see `core.tree.confirmation.confirmed`.

    Args:
        run: runs tasks that need nothing of each other.

    Cost: for each vector of the sample a look at all gaps between leaves, by the client, with some 150 bytes a vector of memory;
    and by workers O(sample·m·d) multiplications, one read of the shards.
    """
    plan, distinct = read_plan(spool), read_copies(spool).distinct
    having = asking.ask_for(spool, _NAME, sampled_vectors(distinct, plan.seed))
    run([Task(f"pick {_NAME} {s}", asking.pick, (_NAME, s), (asking.picked_path(spool, _NAME, s),)) for s in having])
    run([Task(f"collect {_NAME}", asking.collect, (_NAME,), (asking.asking_path(spool, _NAME),), local=True)])
    _write_steps(spool, plan, tree, control)
    shards = range(len(shard_sizes(spool)))
    answers = [asking.answer_path(spool, _NAME, s) for s in shards]
    run([Task(f"{_NAME} {s}", confirm, (_NAME, s), (answers[s],)) for s in shards])
    doubted = np.zeros(len(asking.read_asking(spool, _NAME).numbers), dtype=bool)
    for answer in answers:
        with SpoolFile(answer) as file:
            doubted |= file.array("doubted").astype(bool)
    return float(1.0 - doubted.mean())


def _write_steps(spool: str, plan: Plan, tree: Edges, control: Control) -> None:
    leaves = leaves_of(SpanningTree(tree.left, tree.right, tree.weight), plan.parameters.distance_factor, control)
    numbers = asking.read_asking(spool, _NAME).numbers
    each = [_steps(leaves.gaps[:-1], int(leaves.place[number])) for number in numbers.tolist()]
    bounds = np.cumsum([0, *(len(steps.first) for steps in each)])
    arrays = {
        "place": leaves.place.astype(np.int32),
        "first": np.concatenate([steps.first for steps in each]),
        "heaviest": np.concatenate([steps.heaviest for steps in each]),
        "bounds": bounds,
    }
    write_spool(os.path.join(spool, STEPS), arrays)


def _steps(gaps: Float32Array, place: int) -> _Steps:
    """The steps of the vector at a place; `gaps[i]` is between the leaves i and i + 1."""
    after = np.maximum.accumulate(gaps[place:])
    rises = np.flatnonzero(np.append(True, after[1:] > after[:-1])) if len(after) else np.empty(0, dtype=np.intp)
    before = np.maximum.accumulate(gaps[:place][::-1])[::-1]  # before[i] is that to the leaf i
    falls = np.flatnonzero(np.append(True, before[1:] < before[:-1])) if len(before) else np.empty(0, dtype=np.intp)
    first = np.concatenate([falls, [place], place + 1 + rises]).astype(np.int64)
    heaviest = np.concatenate([before[falls], [0], after[rises]]).astype(np.float32)
    return _Steps(first, heaviest)


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
        sample = Sample(ask.vectors, of_sample, centre)
        for panel, heaviest in _heaviest(spool, there.members.astype(np.intp)):
            doubted |= sample.sees_lighter(there.vectors[panel], half_core[panel], heaviest)
    write_spool(asking.answer_path(spool, name, shard), {"doubted": doubted.astype(np.uint8)})


def _heaviest(spool: str, members: IndexArray) -> Iterator[tuple[slice, Float32Array]]:
    """Some members at a time, and the heaviest edge on the path from each vector of the sample to each: float32 (q, members)."""
    with SpoolFile(os.path.join(spool, STEPS)) as file:
        place, first, heaviest, bounds = (file.array(name) for name in ("place", "first", "heaviest", "bounds"))
    places = place[members]
    of_row = [slice(low, high) for low, high in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)]
    for low in range(0, len(members), _PANEL):
        panel = slice(low, low + _PANEL)
        steps = [np.searchsorted(first[part], places[panel], side="right") - 1 for part in of_row]
        yield panel, np.stack([heaviest[part][step] for part, step in zip(of_row, steps, strict=True)])
