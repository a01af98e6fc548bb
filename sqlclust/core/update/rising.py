"""The first half of an update: what makes core distances rise. Vectors are removed, copies of vectors, and min_samples may grow.

No edge gets lighter. An edge of the old tree whose weight stays as it was is still the lightest across the cut that it was the
lightest across, so it stays. Borůvka's rounds go on from the forest of those.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.metrics import Float64Array, IndexArray
from sqlclust.core.geometry.mutual_reachability import MutualReachability
from sqlclust.core.neighbors.core_distances import core_distances
from sqlclust.core.neighbors.k_nearest_lists import SPARE_NEIGHBORS
from sqlclust.core.tree.boruvka import grown_tree
from sqlclust.core.tree.components import every_vector_alone
from sqlclust.core.tree.edges import Edges, joined, not_listed_before
from sqlclust.core.update.candidates import CandidateEdges, LighterTree, listed_between, weighted
from sqlclust.core.update.searching import Searches
from sqlclust.core.update.state import Lists, State, empty_lists


def without_gone(lists: Lists, place: IndexArray) -> Lists:
    """The lists of the vectors that remain, without those that do not. They are complete up to their last entries as before.

    Args:
        place: intp (m,), the new number of each vector, ascending; −1 for those that are gone.
    """
    numbers = place.astype(np.int32)
    remaining = numbers >= 0
    if remaining.all():
        return lists
    listed, squared = lists.indices[remaining], lists.squared[remaining]
    indices = np.where(listed >= 0, numbers[listed], np.int32(-1))
    shorter = np.flatnonzero(((indices < 0) & (listed >= 0)).any(axis=1))
    known_first = np.argsort(indices[shorter] < 0, axis=1, kind="stable")
    indices[shorter] = np.take_along_axis(indices[shorter], known_first, axis=1)
    squared[shorter] = np.take_along_axis(squared[shorter], known_first, axis=1)
    squared[indices < 0] = np.inf
    return Lists(indices, squared)


def risen(
    old: State,
    place: IndexArray,
    counts: NDArray[np.int64],
    reach: MutualReachability,
    min_samples: int,
    searches: Searches,
) -> State:
    """The fit of what remains of an old one.

    Args:
        old: of m vectors.
        place: intp (m,), which of the r vectors that remain each is, ascending; −1 for those that are gone.
        counts: int64 (r,), r >= 2: rows that have each vector, min_samples + 1 or more in all; none has more than before.
        reach: of the r vectors; its core distances do not count, and its vectors are looked at by `searches` alone.
        min_samples: not fewer than the old fit's, which had more rows than that. A list that has to be searched for anew gets
            SPARE_NEIGHBORS more, or all others.
        searches: among the r vectors.

    Cost: O(m·k); for each vector whose list is too short now, and each that asks for its lightest edge, O(r·d) multiplications.
    """
    remaining = np.flatnonzero(place >= 0)
    lists = without_gone(old.lists, place)
    reach.control.check()
    lists, core = _completed(lists, counts, reach, min_samples, searches)
    reach = reach._replace(squared_core=core)
    reach.control.check()
    forest, changed = _kept_edges(old, place, reach, core_was=old.squared_core[remaining])
    if len(forest.weight) == len(remaining) - 1:
        return State(counts, lists, core, _in_order(forest))
    components = every_vector_alone(len(remaining)).joined_along(forest)
    bound = not_listed_before(reach, *lists)
    lighter = LighterTree(place[old.tree.left], place[old.tree.right], _at_least(old))
    reach.control.check()
    # nobody else has the edges: what leads nowhere any more is let go of
    known = CandidateEdges(joined(changed, listed_between(reach, lists, components.of_vector)), bound, lighter)
    reach.control.check()
    return State(counts, lists, core, grown_tree(reach, known, searches.among_all(reach, lists), forest))


def _completed(
    lists: Lists,
    counts: NDArray[np.int64],
    reach: MutualReachability,
    min_samples: int,
    searches: Searches,
) -> tuple[Lists, Float64Array]:
    """The lists, those that have become too short searched for anew, and the core distances."""
    core = core_distances(lists.squared, lists.indices, counts, min_samples=min_samples)
    short = np.flatnonzero(np.isinf(core) | (lists.indices[:, 0] < 0))
    if len(short) == 0:
        return lists, core
    m = len(counts)
    k = min(min_samples + SPARE_NEIGHBORS, m - 1)
    found = searches.nearest(short, k, reach.control.part(0.0, 0.0))
    was = lists.indices.shape[1]
    result = empty_lists(m, max(k, was))
    result.indices[:, :was], result.squared[:, :was] = lists
    result.indices[short], result.squared[short] = -1, np.inf
    result.indices[short, :k], result.squared[short, :k] = found
    return result, core_distances(result.squared, result.indices, counts, min_samples=min_samples)


def _at_least(old: State) -> Float64Array:
    """The weights of the old tree's edges, float64; of those whose length is not known what they are at least."""
    core = np.maximum(old.squared_core[old.tree.left], old.squared_core[old.tree.right])
    return np.where(np.isfinite(old.tree.distance), old.tree.weight, core)


def _kept_edges(
    old: State, place: IndexArray, reach: MutualReachability, *, core_was: Float64Array
) -> tuple[Edges, Edges]:
    """The old tree's edges between vectors that remain: those that stay, and those that have got heavier."""
    left, right = place[old.tree.left], place[old.tree.right]
    both = (left >= 0) & (right >= 0)
    left, right, squared = left[both], right[both], old.tree.distance[both]
    was = reach._replace(squared_core=core_was).weights(squared, left, right)
    edges = weighted(reach, left, right, squared)
    stays = edges.weight == was
    return edges.at(stays), edges.at(~stays)


def _in_order(tree: Edges) -> Edges:
    return tree.at(np.lexsort((tree.right, tree.left, tree.distance, tree.weight)))
