"""Parts that no shard joins: their lightest ways out are asked of all shards, in Borůvka's rounds, until one part is left.

A shard's tree joins all its vectors, so a part is some whole shards. Where shards overlap there is only one. In each round the
densest few vectors of each part but the largest ask all others; then the end that they found asks the part for its nearest
member. That is what `core.tree.axis_search` does among all vectors of one machine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from sqlclust.core.geometry.groups import places_in_runs
from sqlclust.core.geometry.metrics import Float64Array, IndexArray
from sqlclust.core.tree.components import Components, lightest_of_components
from sqlclust.core.tree.edges import Edges, joined, no_edges
from sqlclust.distributed import asking
from sqlclust.distributed.asking import ANY
from sqlclust.distributed.division import shard_sizes
from sqlclust.distributed.forests import join, read_edges
from sqlclust.distributed.merging import core_of
from sqlclust.distributed.numbering import read_copies
from sqlclust.distributed.plan import read_plan
from sqlclust.distributed.tasks import Task

_ASKERS, _ASKERS_OF_FEW = 8, 256
"""Vectors of each part that ask; and of all parts together, where these are few."""

Run = Callable[[list[Task]], None]


def joined_tree(spool: str, run: Run) -> Edges:
    """The spanning tree of all vectors, ascending in the strict order.

    Args:
        run: runs tasks that need nothing of each other.
    """
    more: list[Edges] = []
    tree, parts = join(spool, more)
    if parts.total == 1:
        return tree
    plan, distinct = read_plan(spool), read_copies(spool).distinct
    core = core_of(spool, plan, np.arange(distinct, dtype=np.int32), distinct)
    shard = asking.first_shards(spool, plan)
    part_of_shard = np.full(len(shard_sizes(spool)), ANY)
    for turn in range(int(np.ceil(np.log2(parts.total))) + 1):
        part_of_shard[shard] = parts.of_vector
        more.append(_ways_out(spool, run, turn, parts, part_of_shard, core))
        tree, parts = join(spool, more)
        if parts.total == 1:
            return tree
    raise AssertionError("every part has a way out in every round")


def _ways_out(
    spool: str, run: Run, turn: int, parts: Components, part_of_shard: IndexArray, core: Float64Array
) -> Edges:
    """An edge out of each part but the largest, and others that were seen."""
    largest = int(np.bincount(parts.of_vector, minlength=parts.total).argmax())
    candidates = np.flatnonzero(parts.of_vector != largest)
    order = candidates[np.lexsort((candidates, core[candidates], parts.of_vector[candidates]))]
    each = max(_ASKERS, _ASKERS_OF_FEW // parts.total)
    askers = order[places_in_runs(parts.of_vector[order]) < each]
    own = parts.of_vector[askers]
    wanted = np.full(len(askers), ANY)
    out = _asked(spool, run, f"out-{turn}", _Question(askers, own, wanted), part_of_shard)
    best = lightest_of_components(out, parts)
    known = np.flatnonzero(np.isfinite(best.weight) & (np.arange(parts.total) != largest))
    best = best.at(known)
    outside = np.where(parts.of_vector[best.left] == known, best.right, best.left)
    back = _asked(spool, run, f"back-{turn}", _Question(outside, parts.of_vector[outside], known), part_of_shard)
    return joined(out, back)


class _Question(NamedTuple):
    """Vectors that ask, once for each part that they want; as `asking.Asking` has them."""

    numbers: IndexArray
    part: IndexArray
    wanted: IndexArray


def _asked(spool: str, run: Run, name: str, question: _Question, part_of_shard: IndexArray) -> Edges:
    """The lightest edge of each vector that asks, over all shards."""
    shards = range(len(part_of_shard))
    having = asking.ask_for(spool, name, question.numbers, part=question.part, wanted=question.wanted)
    run([Task(f"pick {name} {s}", asking.pick, (name, s), (asking.picked_path(spool, name, s),)) for s in having])
    run([Task(f"collect {name}", asking.collect, (name,), (asking.asking_path(spool, name),), local=True)])
    answers = [asking.answer_path(spool, name, s) for s in shards]
    run([Task(f"{name} {s}", asking.lightest_to, (name, s, int(part_of_shard[s])), (answers[s],)) for s in shards])
    found = no_edges(0)
    for answer in answers:
        edges = read_edges(answer)
        found = joined(found, edges.at(np.isfinite(edges.weight)))
    return found
