"""The approximate tree: Borůvka's rounds, in which edges that are not listed are searched for in lists, and seldom among all.

The bounds are those of the exact tree (`boruvka`): a component's lightest listed edge is taken only where no member's list ends
below it. A member in doubt asks, in this order,

1. in the overlapping lists that the neighbours came from (`list_search`);
2. where those lead nowhere, or where few components are left: among all vectors, along a few axes (`axis_search`).

Every edge of the tree is between two vectors, at their distance.

Kept because of these measurements, on 14,160 real embeddings with three near copies each (`near_copies` in
`tests/benchmarks/data.py`), at (min_samples, min_cluster_size) (5, 15), (5, 40), (10, 15) and (10, 40). Taking the lightest
listed edge as long as there is one, and then the lightest that eight members of each component see, gave labels whose ARI
to the exact ones was 0.86, 0.72, 0.93 and 0.91: the lists are full of copies and end too early. Asking in the nearest 2 lists
gives 0.99, 0.99, 0.99 and 1.00 for a fifth more processor time; all 10 lists give 0.99, 0.99, 0.99 and 1.00 too, for two
thirds more. Without copies, at (14, 15), it is 1.00 instead of 0.17. Copies of vectors in few dimensions among noise, whose
components lie far apart, have 0.91 and 0.95 at (5, 15) and (5, 40) where members of the last few ask among all, and 0.89 and
0.94 where they do not.
"""

from __future__ import annotations

import numpy as np

from sqlclust.core.geometry.groups import places_in_runs
from sqlclust.core.geometry.metrics import Float64Array, IndexArray
from sqlclust.core.geometry.mutual_reachability import MutualReachability
from sqlclust.core.neighbors.inverted_lists import InvertedLists
from sqlclust.core.runtime.control import Control
from sqlclust.core.tree.axis_search import AxisSearch
from sqlclust.core.tree.boruvka import Answer, SpanningTree, spanning_tree
from sqlclust.core.tree.components import Components
from sqlclust.core.tree.edges import before
from sqlclust.core.tree.list_search import lightest_nearby
from sqlclust.core.tree.listed_edges import ListedEdges

_ASKERS = 8
_MOST_ASKERS = 16384
_MOST_ASKERS_OF_FEW = 256
"""Of all components together, where they are so few that each has eight at least."""


def approximate_tree(reach: MutualReachability, listed: ListedEdges, lists: InvertedLists) -> SpanningTree:
    """A spanning tree of mutual reachability, the lightest that neighbours and lists show.

    Args:
        reach: of m >= 2 vectors.
        listed: about the nearest k of each, used up.
        lists: the overlapping lists that those were found in.

    Returns:
        The tree; its weights are squared distances.

    Cost: O(m·k); for q vectors that ask O(q·size·d) multiplications in lists of that size; and for p members of components that
    no list leads out of O(p·m) multiplications along 64 axes.
    """
    return spanning_tree(reach, listed, ListAndAxisSearch(reach, lists))


class ListAndAxisSearch:
    """Finds for vectors their lightest edge out of their component; see `boruvka.EdgeSearch`."""

    for_each_point = True

    def __init__(self, reach: MutualReachability, lists: InvertedLists) -> None:
        self._reach, self._lists = reach, lists
        self._axes: AxisSearch | None = None

    def lightest_out(
        self, points: IndexArray, components: Components, ceiling: Float64Array, control: Control
    ) -> Answer:
        """As `boruvka.EdgeSearch` has it; an edge of each point, never the rest of the tree."""
        component, here = components.of_vector, control.part(0.0, 0.0)
        found = lightest_nearby(self._reach, self._lists, points, component, here)
        np.minimum.at(ceiling, component[points], found.weight)
        asking = np.unique(component[points])
        each = _MOST_ASKERS_OF_FEW // len(asking)
        if each < _ASKERS:  # there are many: only those that no list leads out of
            asking = asking[np.isinf(ceiling[asking])]
        if len(asking):
            members = np.flatnonzero(np.isin(component[points], asking))
            each = max(each, 1, min(_ASKERS, _MOST_ASKERS // len(asking)))
            known = found.at(members)
            askers = _askers(points[members], known.weight, component, self._reach.squared_core, each)
            self._axes = self._axes or AxisSearch(self._reach, here)
            edges = self._axes.lightest_out(askers, points[members], component, here)
            lighter = before(edges, known)
            found.put(members[lighter], edges.at(lighter))
        return Answer(found)


def _askers(
    points: IndexArray, weight: Float64Array, component: IndexArray, core: Float64Array, each: int
) -> IndexArray:
    """So many of each component, some of `points`: those with the lightest edges found, and where none were the densest."""
    order = points[np.lexsort((points, core[points], weight, component[points]))]
    return order[places_in_runs(component[order]) < each]
