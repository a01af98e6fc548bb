"""An exact fit brought up to date: what a fresh fit of the new set gives, to the last bit.

    old fit → what makes core distances rise (`rising`) → what makes them fall (`falling`) → new fit

Rows removed and a larger min_samples make them rise, rows added and a smaller one make them fall. Distances of pairs depend on
the two vectors alone, and the canonical order of vectors (`duplicates`) on their contents alone. So an old list, and the strict
order of edges that decides between equal weights, mean among the new vectors what they meant among the old ones.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.duplicates import Distinct
from sqlclust.core.geometry.float32_range import into_float32_range
from sqlclust.core.geometry.metrics import Float32Array, IndexArray, metric_of, squared_distances
from sqlclust.core.geometry.mutual_reachability import MutualReachability, ReachabilityParameters
from sqlclust.core.neighbors.core_distances import core_distances
from sqlclust.core.neighbors.k_nearest_lists import SPARE_NEIGHBORS, KNearestLists
from sqlclust.core.pipeline import Fit, in_metric
from sqlclust.core.runtime.control import Control
from sqlclust.core.tree.boruvka import SpanningTree
from sqlclust.core.update.candidates import tree_distances, weighted
from sqlclust.core.update.consistency import Kept, contradiction, is_as_measured
from sqlclust.core.update.falling import fallen
from sqlclust.core.update.rising import risen
from sqlclust.core.update.state import Lists, State, as_kept, table

_SAMPLE = 1024
_MEASURED_OTHERWISE = "distances between its vectors are others when they are measured now"


class OldFit(NamedTuple):
    """What is needed of an exact fit to bring it up to date. Its vectors are not.

    Attributes:
        parameters: it was made with.
        lists: of its r distinct vectors, in canonical order.
        left, right: intp (r − 1,), the spanning tree's edges between distinct vectors, in any order.
        exponent: its vectors were compared times 2**exponent.
        kept: what else a file says of it, to be compared with what follows from the above; None: it comes from no file.
    """

    parameters: ReachabilityParameters
    lists: KNearestLists
    left: IndexArray
    right: IndexArray
    exponent: int
    kept: Kept | None = None


class Refusal(NamedTuple):
    """Why a fit cannot be brought up to date, and a fresh one is to be made: the end of a sentence that begins with "because"."""

    reason: str


def old_fit(fitted: Fit, parameters: ReachabilityParameters) -> OldFit:
    """An exact fit with lists, as an update wants it.

    Raises:
        UnknownMetricError
        TypeError: the fit has no lists.
    """
    metric_of(parameters.metric)
    if fitted.lists is None:
        raise TypeError("the fit was made without keep_lists")
    group = fitted.points.group_of_row()
    left, right = group[fitted.tree.left], group[fitted.tree.right]
    of_vectors = left != right  # the others are of copies
    return OldFit(parameters, fitted.lists, left[of_vectors], right[of_vectors], fitted.exponent)


def updated(
    old: OldFit, points: Distinct, place: IndexArray, parameters: ReachabilityParameters, control: Control
) -> Fit | Refusal:
    """The exact fit of a set of rows, from that of another set.

    Args:
        old: an exact fit, of r distinct vectors.
        points: the m distinct vectors of the n new rows, as `pipeline.collapsed` gives them.
        place: intp (r,), which new vector each old one is, ascending; −1 for those that are gone, or not known. See `matching`.
        parameters: the old fit's, but for min_samples, which may be another.

    Returns:
        What `pipeline.fit` gives, equal to the last bit but for the lists: they are complete up to their last entries, and may be
        shorter where vectors were removed. Or why that cannot be had this way.

    Cost: O(m·k) and, for each vector that is new, whose list has become too short, or that asks for its lightest edge,
        O(m·d) multiplications.

    Raises:
        UnknownMetricError
    """
    metric_of(parameters.metric)
    scaled, exponent = into_float32_range(points.vectors)
    refused = _refusal(old, points, place, parameters, exponent)
    if refused is not None:
        return refused
    with control.phase("update"):
        state = _updated(old, points, scaled, place, parameters, control)
        if isinstance(state, Refusal):
            return state
        if not is_as_measured(state, scaled, control):
            return Refusal(_MEASURED_OTHERWISE)
        tree = SpanningTree(state.tree.left, state.tree.right, state.tree.weight)
        fitted = in_metric(points, state.squared_core, tree, parameters, exponent)
        return fitted._replace(lists=as_kept(state.counts, state.lists))


def _refusal(
    old: OldFit, points: Distinct, place: IndexArray, parameters: ReachabilityParameters, exponent: int
) -> Refusal | None:
    was, least = old.parameters, max(old.parameters.min_samples, parameters.min_samples)
    remaining = place >= 0
    if was._replace(min_samples=0) != parameters._replace(min_samples=0):
        return Refusal("the metric, normalize or alpha is another")
    if parameters.alpha > 1.0:
        return Refusal(f"alpha is {parameters.alpha}, and an update needs one of at most 1")
    if exponent != old.exponent:
        return Refusal("the largest number in the vectors is of another size")
    if (np.diff(place[remaining]) <= 0).any():
        return Refusal("the vectors stand in another order")
    if np.count_nonzero(remaining) < 2 or len(old.lists.counts) < 2:
        return Refusal("fewer than two different vectors remain")
    both = np.minimum(old.lists.counts[remaining], points.counts[place[remaining]])
    for rows, when in ((old.lists.counts, "were in the fit"), (both, "remain of it"), (points.counts, "are there now")):
        if rows.sum() <= least:
            return Refusal(f"{int(rows.sum())} rows {when}, and an update needs more than min_samples, {least}")
    return None


def _updated(
    old: OldFit,
    points: Distinct,
    scaled: Float32Array,
    place: IndexArray,
    parameters: ReachabilityParameters,
    control: Control,
) -> State | Refusal:
    width = max(old.parameters.min_samples, parameters.min_samples) + SPARE_NEIGHBORS
    state = _state(old, scaled, place, width, control)
    if isinstance(state, Refusal):
        return state
    min_samples, was = parameters.min_samples, old.parameters.min_samples
    counts, kept = points.counts.astype(np.int64), place[place >= 0]
    between = np.minimum(state.counts[place >= 0], counts[kept])
    if min_samples > was or between.sum() < state.counts.sum():
        state = _risen(state, scaled, place, between, parameters._replace(min_samples=max(min_samples, was)), control)
    if min_samples < was or between.sum() < counts.sum():
        reach = MutualReachability(scaled, np.zeros(len(counts)), parameters.distance_factor, control)
        state = fallen(state, kept, counts, reach, min_samples, min_samples + SPARE_NEIGHBORS)
    return state


def _state(old: OldFit, scaled: Float32Array, place: IndexArray, width: int, control: Control) -> State | Refusal:
    """The old fit, as its lists up to `width` neighbours and the vectors that remain tell it."""
    lists = table(old.lists, width)
    core = core_distances(lists.squared, lists.indices, old.lists.counts, min_samples=old.parameters.min_samples)
    if np.isinf(core).any() or (lists.indices[:, 0] < 0).any():
        return Refusal("its lists of nearest neighbours are shorter than min_samples")
    if not _measured_alike(lists, place, scaled):
        return Refusal(_MEASURED_OTHERWISE)
    control.check()
    squared = tree_distances(lists, old.left, old.right, place, scaled, control)
    reach = MutualReachability(scaled, core, old.parameters.distance_factor, control)
    state = State(old.lists.counts, lists, core, weighted(reach, old.left, old.right, squared))
    wrong = old.kept and contradiction(state, old.kept, old.lists, old.parameters, old.exponent, control)
    return Refusal(wrong) if wrong else state


def _risen(
    state: State,
    scaled: Float32Array,
    place: IndexArray,
    counts: NDArray[np.int64],
    parameters: ReachabilityParameters,
    control: Control,
) -> State:
    """What remains of the old fit. A function of its own, so that a copy of the vectors is gone when it ends."""
    remaining = np.flatnonzero(place >= 0)
    number = np.full(len(place), -1, dtype=np.intp)
    number[remaining] = np.arange(len(remaining))
    vectors = scaled if len(remaining) == len(scaled) else scaled[place[remaining]]
    reach = MutualReachability(vectors, state.squared_core[remaining], parameters.distance_factor, control)
    return risen(state, number, counts, reach, parameters.min_samples, parameters.min_samples + SPARE_NEIGHBORS)


def _measured_alike(lists: Lists, place: IndexArray, vectors: Float32Array) -> bool:
    """Whether some of the listed distances are what measuring them now gives.

    They are not where the lists are of other vectors, or were made by a processor or a NumPy that rounds sums in another way:
    then old and new distances cannot be put in one order.
    """
    here = np.linspace(0, len(place) - 1, min(_SAMPLE, len(place))).astype(np.intp)
    rank = np.arange(len(here)) % lists.lengths()[here]  # no list is empty
    there = lists.indices[here, rank]
    both = np.flatnonzero((place[here] >= 0) & (place[there] >= 0))
    squared = squared_distances(vectors, place[here[both]], place[there[both]])
    return np.array_equal(squared, lists.squared[here[both], rank[both]])
