"""The second half of an update: what makes core distances fall. Vectors are added, copies of vectors, and min_samples may shrink.

The weight of an old pair falls only if the core distance of one end fell, and the other end lies strictly within what that was:
then it is in the old list. Every other pair that is not in the old tree is still the heaviest of a ring in it, whose edges only
got lighter. So the new tree lies in

    the old tree, (a, b) where core(a) fell and b was listed by a, and pairs with a new vector

This needs alpha <= 1: above, a distance divided by alpha may be below a core distance that the distance itself is above.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.metrics import Float64Array, IndexArray
from sqlclust.core.geometry.mutual_reachability import MutualReachability
from sqlclust.core.neighbors.core_distances import core_distances
from sqlclust.core.neighbors.k_nearest import NeighborPairs, joined_pairs, nearest_pairs
from sqlclust.core.neighbors.k_nearest_lists import SPARE_NEIGHBORS
from sqlclust.core.runtime.control import Control
from sqlclust.core.tree.boruvka import grown_tree
from sqlclust.core.tree.edges import Edges, before, joined, no_edges, not_listed_before
from sqlclust.core.update.candidates import CandidateEdges, weighted
from sqlclust.core.update.searching import Searches
from sqlclust.core.update.state import Lists, State, empty_lists

_OWNERS = 8192


def fallen(
    old: State,
    place: IndexArray,
    counts: NDArray[np.int64],
    reach: MutualReachability,
    min_samples: int,
    searches: Searches,
) -> State:
    """The fit of an old one's vectors and new ones.

    Args:
        old: of r >= 2 vectors.
        place: intp (r,), which of the m vectors each is, ascending.
        counts: int64 (m,), rows that have each vector; no old one has fewer than before.
        reach: of the m vectors, alpha <= 1; its core distances do not count.
        min_samples: not more than the old fit's, which had more rows than that. A list has at most SPARE_NEIGHBORS more.
        searches: among the m vectors.

    Cost: O(m·k); for each new vector, and each that asks for its lightest edge, O(m·d) multiplications.
    """
    m, control = len(counts), reach.control
    is_new = np.ones(m, dtype=bool)
    is_new[place] = False
    new = np.flatnonzero(is_new)
    width = min(min_samples + SPARE_NEIGHBORS, m - 1)
    lists, pairs, nearest = _with_new(old.lists, place, new, width, searches, control)
    core = core_distances(lists.squared, lists.indices, counts, min_samples=min_samples)
    reach = reach._replace(squared_core=core)
    control.check()
    tree = weighted(reach, place[old.tree.left], place[old.tree.right], old.tree.distance)
    others = joined(
        _got_lighter(old, place, reach),
        weighted(reach, pairs.owner.astype(np.intp), pairs.other.astype(np.intp), pairs.squared),
        _listed_by(reach, lists, new),
    )
    control.check()
    del pairs
    bound = _bound(reach, lists, place, new, nearest)
    # what is lighter than all that is new was chosen before, and is again
    least = min(others.weight.min(initial=np.inf), bound.weight.min(initial=np.inf))
    certain = tree.weight < least
    candidates = CandidateEdges(joined(tree.at(~certain), others), bound)
    del others  # what leads nowhere any more is let go of
    search = searches.of_new(reach, new, lists)
    return State(counts, lists, core, grown_tree(reach, candidates, search, tree.at(certain)))


class _WithNew(NamedTuple):
    """What the new vectors have changed.

    Attributes:
        lists: of all m vectors.
        pairs: of an old vector, the owner, and a new one that belongs in its list.
        nearest: float64 (m,), at most the squared distance from each vector to the nearest new one; inf where there is none.
    """

    lists: Lists
    pairs: NeighborPairs
    nearest: Float64Array


def _with_new(
    old: Lists, place: IndexArray, new: IndexArray, width: int, searches: Searches, control: Control
) -> _WithNew:
    """Compare the new vectors with all, and put them where they belong."""
    m, shared = len(place) + len(new), min(width, old.indices.shape[1])
    lists = empty_lists(m, width)
    listed = old.indices[:, :shared]
    lists.indices[place, :shared] = np.where(listed >= 0, place.astype(np.int32)[listed], np.int32(-1))
    lists.squared[place, :shared] = old.squared[:, :shared]
    if len(new) == 0:
        none = np.empty(0, dtype=np.int32)
        return _WithNew(lists, NeighborPairs(none, none, np.empty(0)), np.full(m, np.inf))
    last, farthest = old.last()
    complete = old.are_complete()
    limits, ends = np.full(m, -np.inf), np.full(m, m, dtype=np.intp)
    limits[place] = np.where(complete, np.inf, farthest)
    ends[place] = np.where(complete, m, place[last])
    control = control.part(0.0, 0.5)
    compared = searches.with_new(new, width, limits, control)
    pairs = compared.pairs
    # a list is complete up to its last entry by (distance, index): what comes after that one would leave a gap
    within = (pairs.squared < limits[pairs.owner]) | (pairs.other < ends[pairs.owner])
    pairs = pairs.at(np.flatnonzero(within))
    _insert(lists, pairs, control)
    lists.indices[new], lists.squared[new] = compared.lists
    return _WithNew(lists, pairs, compared.nearest)


def _insert(lists: Lists, pairs: NeighborPairs, control: Control) -> None:
    """Put pairs into their owners' lists (in place); what a list has no room for falls off its end."""
    indices, squared = lists
    pairs = pairs.at(np.argsort(pairs.owner, kind="stable"))
    owners, starts = np.unique(pairs.owner, return_index=True)
    ends = np.append(starts[1:], len(pairs.owner))
    for start in range(0, len(owners), _OWNERS):
        control.check()
        some = owners[start : start + _OWNERS]
        row, column = np.nonzero(indices[some] >= 0)
        known = NeighborPairs(some[row], indices[some[row], column], squared[some[row], column])
        found = pairs.at(np.arange(starts[start], ends[start + len(some) - 1]))
        kept, at = nearest_pairs(joined_pairs([known, found]), indices.shape[1])
        indices[kept.owner, at], squared[kept.owner, at] = kept.other, kept.squared


def _got_lighter(old: State, place: IndexArray, reach: MutualReachability) -> Edges:
    """The edges between old vectors that have got lighter, of those that are listed."""
    fell = np.flatnonzero(reach.squared_core[place] < old.squared_core)
    within = old.lists.squared[fell] < old.squared_core[fell][:, None]
    row, column = np.nonzero(within)
    here, there = fell[row], old.lists.indices[fell[row], column].astype(np.intp)
    squared = old.lists.squared[here, column]
    was = np.maximum(np.maximum(old.squared_core[here], old.squared_core[there]), squared * reach.distance_factor)
    edges = weighted(reach, place[here], place[there], squared)
    return edges.at(edges.weight < was)


def _listed_by(reach: MutualReachability, lists: Lists, some: IndexArray) -> Edges:
    """All edges that some vectors list."""
    row, column = np.nonzero(lists.indices[some] >= 0)
    here, there = some[row], lists.indices[some[row], column].astype(np.intp)
    return weighted(reach, here, there, lists.squared[here, column])


def _bound(reach: MutualReachability, lists: Lists, place: IndexArray, new: IndexArray, nearest: Float64Array) -> Edges:
    """For each vector what none of its edges that are no candidates comes before: of an old one edges to new vectors only."""
    bound = not_listed_before(reach, *lists)
    if len(new) == 0:
        return no_edges(len(nearest))
    least_core = reach.squared_core[new].min()
    bound.weight[place] = np.maximum(bound.weight[place], least_core)
    zero = np.zeros(len(place), dtype=np.intp)
    core, distance = np.maximum(reach.squared_core[place], least_core), nearest[place]
    by_nearest = Edges(np.maximum(core, distance * reach.distance_factor), distance, zero, zero)
    later = before(bound.at(place), by_nearest)
    bound.put(place[later], by_nearest.at(later))
    return bound
