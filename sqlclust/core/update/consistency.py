"""Whether what is kept of an exact fit agrees with itself, and what is made of it with the vectors that are there.

A fit comes out of a file. Its lists cannot be searched for again: that is what an update saves. But most of what is kept is kept
twice, and what does not agree was damaged, or edited by hand.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sqlclust.core.geometry.metrics import Float32Array, Float64Array, IndexArray, metric_of, squared_distances
from sqlclust.core.geometry.mutual_reachability import ReachabilityParameters
from sqlclust.core.neighbors.k_nearest_lists import KNearestLists
from sqlclust.core.runtime.control import Control
from sqlclust.core.runtime.threads import for_each_block
from sqlclust.core.update.state import State

_MAX_FLOAT32 = float(np.finfo(np.float32).max)
_PAIRS = 4096


class Kept(NamedTuple):
    """What is kept of a fit and follows from its lists and its tree, in the metric.

    Attributes:
        core: float32 (r,), core distances of the distinct vectors.
        weight: float64 (r − 1,), weights of the tree's edges between them.
    """

    core: Float32Array
    weight: Float64Array


def contradiction(
    state: State, kept: Kept, lists: KNearestLists, parameters: ReachabilityParameters, exponent: int, control: Control
) -> str | None:
    """What of a fit does not go with the rest of it, None if nothing.

    Args:
        state: as its lists and the ends of its tree's edges tell it; an edge's distance is inf where it is not known.
        lists: all of them.
        parameters: it was made with.
        exponent: of its lists.

    Cost: O(t log t) for t neighbours.
    """
    measure = metric_of(parameters.metric)

    def in_metric(squared: Float64Array) -> Float64Array:
        return np.asarray(np.ldexp(measure.from_squared(squared), -exponent))

    core = np.minimum(in_metric(state.squared_core), _MAX_FLOAT32).astype(np.float32)
    if not np.array_equal(core, kept.core):
        return "its core distances are not those of its lists"
    known = np.isfinite(state.tree.distance)
    least = np.maximum(state.squared_core[state.tree.left], state.squared_core[state.tree.right])
    if not np.array_equal(in_metric(state.tree.weight[known]), kept.weight[known]):
        return "the weights of its spanning tree are not those of its lists"
    if (in_metric(least[~known]) > kept.weight[~known]).any():
        return "the weights of its spanning tree are below its core distances"
    control.check()
    if not _are_mutual(lists, control):
        return "its lists of nearest neighbours contradict each other"
    return None


def _are_mutual(lists: KNearestLists, control: Control) -> bool:
    """Whether each vector lists those by which it is listed, unless they come after its last; and at the same distance."""
    lengths = lists.lengths()
    here, there = np.repeat(np.arange(len(lengths)), lengths), lists.indices.astype(np.intp)
    # an empty list leaves out nothing before its last
    last = np.maximum(lists.starts[1:] - 1, 0)
    farthest, of_index = np.where(lengths > 0, lists.squared[last], -np.inf), lists.indices[last]
    control.check()
    limit = farthest[there]
    within = lists.squared < limit
    tied = np.flatnonzero(lists.squared == limit)
    within[tied] = here[tied] <= of_index[there[tied]]
    control.check()
    up, down = (np.flatnonzero(within & side) for side in (here < there, here > there))
    pairs, same = here[up] * len(lengths) + there[up], there[down] * len(lengths) + here[down]
    control.check()
    by_up, by_down = np.argsort(pairs), np.argsort(same)  # no pair is listed twice
    return np.array_equal(pairs[by_up], same[by_down]) and np.array_equal(
        lists.squared[up[by_up]], lists.squared[down[by_down]]
    )


def is_as_measured(state: State, vectors: Float32Array, control: Control) -> bool:
    """Whether a fit's core distances, and the distances of edges that weigh what they are long, are what measuring gives.

    Args:
        state: of the m vectors.
        vectors: float32 (m, d).

    Cost: O(m·d + m·k).
    """
    lists, core = state.lists, state.squared_core
    here = np.flatnonzero(core > 0)  # 0: of its own copies, or of others that float64 cannot tell from it
    place = (lists.squared[here] == core[here, None]).argmax(axis=1)
    there = lists.indices[here, place].astype(np.intp)
    if not _measured(vectors, here, there, core[here], control):
        return False
    tree = state.tree
    long = np.flatnonzero(tree.weight > np.maximum(core[tree.left], core[tree.right]))
    return _measured(vectors, tree.left[long], tree.right[long], tree.distance[long], control)


def _measured(
    vectors: Float32Array, left: IndexArray, right: IndexArray, squared: Float64Array, control: Control
) -> bool:
    same = np.empty(len(left), dtype=bool)

    def measure(start: int) -> None:
        part = slice(start, start + _PAIRS)
        same[part] = squared_distances(vectors, left[part], right[part]) == squared[part]

    for_each_block(measure, range(0, len(left), _PAIRS), control.part(1.0, 1.0))
    return bool(same.all())
