"""A fit brought up to date. An exact one becomes what a fresh fit of the new set gives, to the last bit.

    old fit → what makes core distances rise (`rising`) → what makes them fall (`falling`) → new fit

Rows removed and a larger min_samples make them rise, rows added and a smaller one make them fall. Distances of pairs depend on
the two vectors alone, and the canonical order of vectors (`duplicates`) on their contents alone. So an old list, and the strict
order of edges that decides between equal weights, mean among the new vectors what they meant among the old ones.

An approximate fit goes the same way, with the searches of its engine (`approximate_searches`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.engines import Engine, engine_of
from sqlclust.core.geometry.duplicates import Distinct
from sqlclust.core.geometry.float32_range import into_float32_range
from sqlclust.core.geometry.metrics import Float32Array, IndexArray, metric_of, squared_distances
from sqlclust.core.geometry.mutual_reachability import MutualReachability, ReachabilityParameters
from sqlclust.core.neighbors import brute_force
from sqlclust.core.neighbors.core_distances import core_distances
from sqlclust.core.neighbors.k_nearest_lists import SPARE_NEIGHBORS, KNearestLists
from sqlclust.core.pipeline import Fit, in_metric
from sqlclust.core.runtime.control import Control
from sqlclust.core.tree import confirmation
from sqlclust.core.tree.boruvka import SpanningTree
from sqlclust.core.update.approximate_searches import ApproximateSearches
from sqlclust.core.update.candidates import tree_distances, weighted
from sqlclust.core.update.consistency import Kept, contradiction, is_as_measured
from sqlclust.core.update.falling import fallen
from sqlclust.core.update.rising import risen
from sqlclust.core.update.searching import ExactSearches, Searches
from sqlclust.core.update.state import Lists, State, as_kept, table

MOST_CHANGED = 0.1
"""Share of an approximate fit's vectors that may be new, gone, or without enough neighbours in their lists. Above it, a fresh fit
costs little more, and finds more."""
_SAMPLE = 1024
_MEASURED_OTHERWISE = "distances between its vectors are others when they are measured now"
_ROUNDED_IN_FLOAT32 = 2.0**-23
"""Of a squared distance measured in float32, what each dimension may be wrong by at most, as a share."""


class OldFit(NamedTuple):
    """What is needed of a fit to bring it up to date. Its vectors are not.

    Attributes:
        parameters: it was made with.
        lists: of its r distinct vectors, in canonical order.
        left, right: intp (r − 1,), the spanning tree's edges between distinct vectors, in any order.
        exponent: its vectors were compared times 2**exponent.
        kept: what else a file says of it, to be compared with what follows from the above; None: nothing, or it is approximate.
        engine: that made it.
    """

    parameters: ReachabilityParameters
    lists: KNearestLists
    left: IndexArray
    right: IndexArray
    exponent: int
    kept: Kept | None = None
    engine: Engine = "exact"


class Refusal(NamedTuple):
    """Why a fit cannot be brought up to date, and a fresh one is to be made: the end of a sentence that begins with "because"."""

    reason: str


def old_fit(fitted: Fit, parameters: ReachabilityParameters) -> OldFit:
    """A fit with lists, as an update wants it.

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
    return OldFit(parameters, fitted.lists, left[of_vectors], right[of_vectors], fitted.exponent, engine=fitted.engine)


def updated(
    old: OldFit,
    points: Distinct,
    place: IndexArray,
    parameters: ReachabilityParameters,
    control: Control,
    *,
    seed: int = 0,
) -> Fit | Refusal:
    """The fit of a set of rows, from that of another set.

    Args:
        old: of r distinct vectors.
        points: the m distinct vectors of the n new rows, as `pipeline.collapsed` gives them.
        place: intp (r,), which new vector each old one is, ascending; −1 for those that are gone, or not known.
        parameters: the old fit's, but for min_samples, which may be another.
        seed: of the approximate engine.

    Returns:
        Of an exact fit what `pipeline.fit` gives, equal to the last bit but for the lists: they are complete up to their last
        entries, and may be shorter where vectors were removed. Of an approximate one about what `pipeline.fit` gives: it depends
        on all the sets that it was updated from, but not on the order of rows or the number of cores. Its recall and its tree are
        measured anew. Or why that cannot be had this way.

    Cost: O(m·k) and, for each vector that is new, whose list has become too short, or that asks for its lightest edge,
        O(m·d) multiplications. An approximate fit also makes inverted lists anew where vectors have gone, and the samples that
        measure it take O(m·d) each.

    Raises:
        UnknownMetricError
    """
    metric_of(parameters.metric)
    scaled, exponent = into_float32_range(points.vectors)
    refused = _refusal(old, points, place, parameters, exponent)
    if refused is not None:
        return refused
    change = _Change(place, points.counts.astype(np.int64), scaled, old.engine, seed)
    with control.phase("update"):
        state = _updated(old, change, parameters, control)
        if isinstance(state, Refusal):
            return state
        if change.exact and not is_as_measured(state, scaled, control):
            return Refusal(_MEASURED_OTHERWISE)
        tree = SpanningTree(state.tree.left, state.tree.right, state.tree.weight)
        fitted = in_metric(points, state.squared_core, tree, parameters, exponent)
        fitted = fitted._replace(engine=old.engine, lists=as_kept(state.counts, state.lists))
        return fitted if change.exact else _measured(fitted, state, change, parameters, control)


class _Change(NamedTuple):
    """What becomes of an old fit's r vectors, and how it is followed.

    Attributes:
        place: intp (r,), which new vector each is; −1 for those that are gone.
        counts: int64 (m,), rows that have each of the new set's vectors.
        vectors: float32 (m, d), as they are compared.
        engine, seed: of the fit.
    """

    place: IndexArray
    counts: NDArray[np.int64]
    vectors: Float32Array
    engine: Engine
    seed: int

    @property
    def exact(self) -> bool:
        """Whether the engine is."""
        return engine_of(self.engine).exact

    @property
    def kept(self) -> IndexArray:
        """intp, ascending: those of the new set's vectors that were there before."""
        return self.place[self.place >= 0]

    def searches(self, vectors: Float32Array, some: IndexArray) -> Searches:
        """The engine's searches among some of the vectors; of the exact engine these are all that are given."""
        return ExactSearches(vectors) if self.exact else ApproximateSearches(vectors, some, self.seed)


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


def _updated(old: OldFit, change: _Change, parameters: ReachabilityParameters, control: Control) -> State | Refusal:
    width = max(old.parameters.min_samples, parameters.min_samples) + SPARE_NEIGHBORS
    state = _state(old, change, width, control)
    if isinstance(state, Refusal):
        return state
    min_samples, was = parameters.min_samples, old.parameters.min_samples
    counts, kept = change.counts, change.kept
    between = np.minimum(state.counts[change.place >= 0], counts[kept])
    refused = None if change.exact else _much_changed(state, change, between, max(min_samples, was))
    if refused is not None:
        return refused
    if min_samples > was or between.sum() < state.counts.sum():
        state = _risen(state, change, between, parameters._replace(min_samples=max(min_samples, was)), control)
    if min_samples < was or between.sum() < counts.sum():
        reach = MutualReachability(change.vectors, np.zeros(len(counts)), parameters.distance_factor, control)
        searches = change.searches(change.vectors, np.arange(len(counts)))
        state = fallen(state, kept, counts, reach, min_samples, searches)
    return state


def _much_changed(state: State, change: _Change, between: NDArray[np.int64], min_samples: int) -> Refusal | None:
    """Why the changes are too many for an approximate fit.

    Args:
        between: int64, of each vector that remains the rows that are there before and after.
    """
    place, remain = change.place, len(between)
    left = np.zeros(len(place) + 1, dtype=np.int64)  # the last is what an index of −1 finds
    left[:-1][place >= 0] = between
    reached = left[state.lists.indices].sum(axis=1) + left[:-1] - 1
    short = int(np.count_nonzero((reached < min_samples) & (place >= 0)))
    new, gone = len(change.counts) - remain, len(place) - remain
    if new + gone + short <= MOST_CHANGED * len(place):
        return None
    return Refusal(
        f"{gone:,} of {len(place):,} vectors are gone, {new:,} have come, and {short:,} have lists that are too short; an "
        f"approximate fit is updated where these are at most {MOST_CHANGED:.0%} of the vectors"
    )


def _measured(fitted: Fit, state: State, change: _Change, parameters: ReachabilityParameters, control: Control) -> Fit:
    """An approximate fit with its recall and the share of its tree that is confirmed, on samples."""
    vectors, seed, control = change.vectors, change.seed, control.part(1.0, 1.0)
    k = min(parameters.min_samples, len(vectors) - 1, state.lists.squared.shape[1])
    nearest = state.lists.squared[:, :k].astype(np.float32)
    # smaller samples than a fit's: they would take longer than all the rest of an update
    few, fewer = brute_force.SAMPLE_OF_MANY, confirmation.SAMPLE_OF_MANY
    found = brute_force.recall(vectors, nearest, k, seed, control, sample=few)
    tree = state.tree.at(np.argsort(state.tree.weight, kind="stable"))
    reach = MutualReachability(vectors, state.squared_core, parameters.distance_factor, control)
    grown = SpanningTree(tree.left, tree.right, tree.weight)
    share = confirmation.confirmed(reach, grown, seed, control, sample=fewer)
    return fitted._replace(recall=found, tree_confirmed=share)


def _state(old: OldFit, change: _Change, width: int, control: Control) -> State | Refusal:
    """The old fit, as its lists up to `width` neighbours and the vectors that remain tell it."""
    scaled, place = change.vectors, change.place
    lists = table(old.lists, width)
    core = core_distances(lists.squared, lists.indices, old.lists.counts, min_samples=old.parameters.min_samples)
    if np.isinf(core).any() or (lists.indices[:, 0] < 0).any():
        return Refusal("its lists of nearest neighbours are shorter than min_samples")
    if not _measured_alike(lists, change):
        return Refusal(_MEASURED_OTHERWISE)
    control.check()
    squared = tree_distances(lists, old.left, old.right, place, scaled, control)
    reach = MutualReachability(scaled, core, old.parameters.distance_factor, control)
    state = State(old.lists.counts, lists, core, weighted(reach, old.left, old.right, squared))
    wrong = old.kept and contradiction(state, old.kept, old.lists, old.parameters, old.exponent, control)
    return Refusal(wrong) if wrong else state


def _risen(
    state: State, change: _Change, counts: NDArray[np.int64], parameters: ReachabilityParameters, control: Control
) -> State:
    """What remains of the old fit. A function of its own, so that a copy of the vectors is gone when it ends."""
    place, vectors, kept = change.place, change.vectors, change.kept
    remaining = np.flatnonzero(place >= 0)
    number = np.full(len(place), -1, dtype=np.intp)
    number[remaining] = np.arange(len(remaining))
    # the exact engine makes what it compares with ready: a copy, in which the new ones have no place
    if change.exact and len(kept) < len(vectors):
        vectors = vectors[kept]
    reach = MutualReachability(vectors, state.squared_core[remaining], parameters.distance_factor, control)
    return risen(state, number, counts, reach, parameters.min_samples, change.searches(vectors, kept))


def _measured_alike(lists: Lists, change: _Change) -> bool:
    """Whether some of the listed distances are what measuring them now gives.

    They are not where the lists are of other vectors, or were made by a processor or a NumPy that rounds sums in another way:
    then old and new distances cannot be put in one order. The approximate engine measures in float32, where rounding is allowed.
    """
    place, vectors = change.place, change.vectors
    here = np.linspace(0, len(place) - 1, min(_SAMPLE, len(place))).astype(np.intp)
    rank = np.arange(len(here)) % lists.lengths()[here]  # no list is empty
    there = lists.indices[here, rank]
    both = np.flatnonzero((place[here] >= 0) & (place[there] >= 0))
    squared = squared_distances(vectors, place[here[both]], place[there[both]])
    listed = lists.squared[here[both], rank[both]]
    if change.exact:
        return np.array_equal(squared, listed)
    rounded = (vectors.shape[1] + 2) * _ROUNDED_IN_FLOAT32
    return bool((np.abs(squared - listed) <= rounded * squared + np.finfo(np.float32).tiny).all())
