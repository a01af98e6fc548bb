"""How an approximate fit's vectors are compared and searched in an update: as its engine does, and without a copy of them.

- New vectors, and those whose lists have become too short, are compared with all exactly.
- Edges that removed vectors have left open are searched for as a fit does it: in overlapping lists of nearby vectors, which are
  made anew when the first vector asks, and along a few axes (`core/tree/approximate_tree.py`).
- For edges of new vectors, these are multiplied with all, and old vectors with the new ones. Of each the likeliest is measured.
"""

from __future__ import annotations

import numpy as np

from sqlclust.core.geometry.metrics import Float32Array, Float64Array, IndexArray
from sqlclust.core.geometry.mutual_reachability import MutualReachability
from sqlclust.core.neighbors.approximate import Effort, lists_of
from sqlclust.core.runtime.control import Control
from sqlclust.core.runtime.threads import for_each_block
from sqlclust.core.tree.approximate_tree import ListAndAxisSearch
from sqlclust.core.tree.boruvka import Answer, EdgeSearch
from sqlclust.core.tree.components import Components
from sqlclust.core.tree.edges import Edges, measured_edges, no_edges
from sqlclust.core.update.comparing import Compared, compared_with_all, made_in_passing
from sqlclust.core.update.state import Lists

_ASKERS, _OTHERS = 256, 2048
_PARTS = 8
"""Of what is compared, whatever the number of cores: who asks for an edge must not depend on it."""
OF_EDGES = Effort(lists_per_vector=3, list_size=700)
"""For edges, which a vector asks for in its nearest 2 lists. More lists did not make trees better in ten updates
(`tests/benchmarks/histories.py`), and take longer to make."""


class ApproximateSearches:
    """As `searching.Searches` has it.

    Args:
        vectors: float32 (m, d).
        some: intp (r,), ascending, which of them the lists are of, and the only ones that count.
        seed: of the lists' centres.
    """

    def __init__(self, vectors: Float32Array, some: IndexArray, seed: int) -> None:
        self._vectors, self._some, self._seed = vectors, some, seed
        self._number = np.zeros(len(vectors), dtype=np.intp)
        self._number[some] = np.arange(len(some))

    def nearest(self, some: IndexArray, k: int, control: Control) -> Lists:
        """As `Searches` has it."""
        return self.with_new(some, k, np.full(len(self._some), -np.inf), control).lists

    def with_new(self, new: IndexArray, k: int, limits: Float64Array, control: Control) -> Compared:
        """As `Searches` has it."""
        ready = made_in_passing(self._vectors, self._some, control)
        wide = np.full(len(self._vectors), -np.inf)
        wide[self._some] = limits
        found = compared_with_all(ready, self._some[new], k, wide, control, parts=_PARTS)
        number = self._number.astype(np.int32)
        lists, pairs = found.lists, found.pairs
        lists = lists._replace(indices=number[lists.indices])
        pairs = pairs._replace(owner=number[pairs.owner], other=number[pairs.other])
        return Compared(lists, pairs, found.nearest[self._some])

    def among_all(self, reach: MutualReachability, lists: Lists) -> EdgeSearch:
        """As `Searches` has it."""
        return _SearchNearby(reach, self._some, self._number, self._seed)

    def of_new(self, reach: MutualReachability, new: IndexArray, lists: Lists) -> EdgeSearch:
        """As `Searches` has it; where the lists are of all vectors."""
        return _SearchOfNew(reach, new)


class _SearchNearby:
    """Finds for vectors their lightest edge out of their component, as an approximate fit does; see `boruvka.EdgeSearch`."""

    for_each_point = True

    def __init__(self, reach: MutualReachability, some: IndexArray, number: IndexArray, seed: int) -> None:
        core = np.full(len(reach.vectors), np.inf)  # an edge to any other is infinitely heavy
        core[some] = reach.squared_core
        self._reach = reach._replace(squared_core=core)
        self._some, self._number, self._seed = some, number, seed
        self._search: ListAndAxisSearch | None = None

    def lightest_out(
        self, points: IndexArray, components: Components, ceiling: Float64Array, control: Control
    ) -> Answer:
        """As `boruvka.EdgeSearch` has it."""
        if self._search is None:
            lists = lists_of(self._reach.vectors, OF_EDGES, self._seed, control.part(0.0, 0.0))
            self._search = ListAndAxisSearch(self._reach, lists)
        of_vector = np.zeros(len(self._number), dtype=np.intp)
        of_vector[self._some] = components.of_vector
        wide = Components(of_vector, components.total)
        found = self._search.lightest_out(self._some[points], wide, ceiling, control).edges
        return Answer(found._replace(left=self._number[found.left], right=self._number[found.right]))


class _SearchOfNew:
    """Finds edges that have a new vector at one end; see `boruvka.EdgeSearch`.

    Args:
        new: intp (q,).
    """

    for_each_point = True

    def __init__(self, reach: MutualReachability, new: IndexArray) -> None:
        self._reach, self._new = reach, new
        self._is_new = np.zeros(len(reach.vectors), dtype=bool)
        self._is_new[new] = True

    def lightest_out(
        self, points: IndexArray, components: Components, ceiling: Float64Array, control: Control
    ) -> Answer:
        """As `boruvka.EdgeSearch` has it."""
        result, asks = no_edges(len(points)), self._is_new[points]
        everyone = np.arange(len(self._is_new))
        for some, others in ((np.flatnonzero(asks), everyone), (np.flatnonzero(~asks), self._new)):
            found = _lightest_among(self._reach, points[some], others, components.of_vector, control.part(0.0, 0.0))
            result.put(some, found)
        return Answer(result)


def _lightest_among(
    reach: MutualReachability, points: IndexArray, others: IndexArray, component: IndexArray, control: Control
) -> Edges:
    """For each of some points about the lightest edge to one of some others that is in another component; weight inf for none.

    Cost: O(q·o·d) multiplications for q points and o others.
    """
    result = no_edges(len(points))
    half_core = reach.half_core()

    def search(start: int) -> None:
        part = slice(start, min(start + _ASKERS, len(points)))
        asking = points[part]
        centre = reach.vectors[asking].mean(axis=0)
        here = centre - reach.vectors[asking]
        here_half = np.einsum("ij,ij->i", here, here)[:, None] / 2
        least = np.full(len(asking), np.inf, dtype=np.float32)
        likeliest = np.zeros(len(asking), dtype=np.intp)
        for low in range(0, len(others), _OTHERS):
            control.check()
            some = others[low : low + _OTHERS]
            there = reach.vectors[some] - centre
            weight = here @ there.T  # less the product of both as seen from the centre
            weight += np.einsum("ij,ij->i", there, there) / 2
            weight += here_half
            np.maximum(weight, half_core[some], out=weight)
            weight[component[asking][:, None] == component[some]] = np.inf
            column = weight.argmin(axis=1)
            lowest = weight[np.arange(len(asking)), column]
            better = np.flatnonzero(lowest < least)
            least[better], likeliest[better] = lowest[better], some[column[better]]
        known = np.flatnonzero(np.isfinite(least))
        result.put(part.start + known, measured_edges(reach, asking[known], likeliest[known]))

    for_each_block(search, range(0, len(points), _ASKERS), control)
    return result
