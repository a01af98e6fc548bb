"""The lightest edges out of components, searched for in the overlapping lists that the neighbours were found in.

A vector that asks is multiplied with the members of its nearest few lists. Members of its own component are left out, and the
likeliest of each list is measured from the difference. So the answer is the lightest edge that those lists can show, but for
the rounding of a product, at a cost that does not grow with the number of vectors.
"""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.metrics import Float32Array, IndexArray
from sqlclust.core.geometry.mutual_reachability import MutualReachability
from sqlclust.core.neighbors.inverted_lists import InvertedLists
from sqlclust.core.neighbors.k_nearest import Int32Array
from sqlclust.core.runtime.control import Control
from sqlclust.core.runtime.threads import for_each_block
from sqlclust.core.tree.edges import Edges, edges_between, lightest

NEAREST_LISTS = 2
"""Lists that a vector asks in, of those it is in."""
_LISTS_AT_A_TIME = 8
_ROWS, _COLUMNS = 512, 1024


def lightest_nearby(
    reach: MutualReachability,
    lists: InvertedLists,
    points: IndexArray,
    component: IndexArray,
    control: Control,
) -> Edges:
    """For each of some points the lightest edge out of its component to a vector that is in one of its nearest lists.

    Args:
        lists: of all m vectors.
        points: intp (q,), each once.
        component: intp (m,).

    Returns:
        For each point an edge; weight inf where its lists hold no other component.

    Cost: O(q·size·d) multiplications, for lists of that size; O(m·over) to see which lists are asked in.
    """
    m = len(component)
    asked = np.zeros(m, dtype=bool)
    asked[points] = True
    asks = asked[lists.members]
    asks &= lists.rank < NEAREST_LISTS
    counts = np.add.reduceat(np.append(asks, False), lists.bounds[:-1], dtype=np.intp)
    wanted = np.flatnonzero((counts > 0) & (lists.bounds[1:] > lists.bounds[:-1]))
    half_core = reach.half_core()
    ends: list[tuple[IndexArray, IndexArray]] = []
    of_thread = threading.local()

    def search(numbers: IndexArray) -> None:
        if not hasattr(of_thread, "list_search"):
            of_thread.list_search = _ListSearch(reach, half_core, component)
        for number in numbers.tolist():
            part = slice(lists.bounds[number], lists.bounds[number + 1])
            found = of_thread.list_search.likeliest(lists.members[part], asks[part])
            if found is not None:
                ends.append(found)  # both ends at once: other threads append too

    blocks = [wanted[start : start + _LISTS_AT_A_TIME] for start in range(0, len(wanted), _LISTS_AT_A_TIME)]
    for_each_block(search, blocks, control)
    place = np.empty(m, dtype=np.intp)
    place[points] = np.arange(len(points))
    here, there = (np.concatenate(each) for each in zip(*ends, strict=True)) if ends else (points[:0], points[:0])
    # sorted: the lists were searched in any order, and near vectors meet in several
    row, other = np.divmod(np.unique(place[here] * m + there), m)
    distance = reach.squared_distances_by_all_cores(points[row], other, control)
    weight = reach.weights(distance, points[row], other)
    return lightest(edges_between(weight, distance, points[row], other), row, len(points))


class _ListSearch:
    """What one thread searches lists with. It keeps its arrays: fresh memory of their size costs more than a product."""

    def __init__(self, reach: MutualReachability, half_core: Float32Array, component: IndexArray) -> None:
        dimension = reach.vectors.shape[1]
        self._reach, self._half_core, self._component = reach, half_core, component
        self._here = np.empty((_ROWS, dimension), dtype=np.float32)
        self._there = np.empty((_COLUMNS, dimension), dtype=np.float32)
        self._weights = np.empty(_ROWS * _COLUMNS, dtype=np.float32)
        self._inside = np.empty(_ROWS * _COLUMNS, dtype=bool)

    def likeliest(self, members: Int32Array, asks: NDArray[np.bool_]) -> tuple[IndexArray, IndexArray] | None:
        """Those of a list's members that ask, and for each the likeliest of another component; None where there is none.

        Args:
            members: int32 (s,), of the list.
            asks: bool (s,), which of them ask.
        """
        owner = self._component[members].astype(np.int32)
        if (owner == owner[0]).all():
            return None
        asking, own = members[asks], owner[asks]
        of_one = bool((own == own[0]).all())
        if of_one:  # its members need not even be multiplied
            members, owner = members[owner != own[0]], owner[owner != own[0]]
        centre = self._reach.vectors[members[:: max(1, len(members) // 64)]].mean(axis=0)
        least = np.full(len(asking), np.inf, dtype=np.float32)
        other = np.full(len(asking), -1, dtype=np.intp)
        for low in range(0, len(members), _COLUMNS):
            columns = members[low : low + _COLUMNS]
            there, there_half = self._centred(self._there, columns, centre)
            for start in range(0, len(asking), _ROWS):
                self._reach.control.check()
                part = slice(start, min(start + _ROWS, len(asking)))
                weight = self._half_weights(asking[part], centre, there, there_half)
                np.maximum(weight, self._half_core[columns], out=weight)
                if not of_one:
                    inside = self._inside[: weight.size].reshape(weight.shape)
                    np.equal(own[part, None], owner[low : low + _COLUMNS], out=inside)
                    np.copyto(weight, np.float32(np.inf), where=inside)
                column = weight.argmin(axis=1)
                lowest = weight[np.arange(len(weight)), column]
                better = np.flatnonzero(lowest < least[part])
                least[start + better] = lowest[better]
                other[start + better] = columns[column[better]]
        known = other >= 0
        return asking[known].astype(np.intp), other[known]

    def _centred(
        self, room: Float32Array, chosen: Int32Array, centre: Float32Array
    ) -> tuple[Float32Array, Float32Array]:
        """Some vectors minus a centre, and half their squared lengths."""
        vectors = room[: len(chosen)]
        np.take(self._reach.vectors, chosen, axis=0, out=vectors, mode="clip")
        vectors -= centre
        return vectors, np.einsum("ij,ij->i", vectors, vectors) / 2

    def _half_weights(
        self, asking: Int32Array, centre: Float32Array, there: Float32Array, there_half: Float32Array
    ) -> Float32Array:
        """Half the squared distances, in the order in which edges of one asking vector come.

        The weight would also be at least the asking vector's own core distance. That is left out: of edges of one weight the
        nearer comes first.
        """
        here = self._here[: len(asking)]
        np.take(self._reach.vectors, asking, axis=0, out=here, mode="clip")
        np.subtract(centre, here, out=here)
        shape = len(here), len(there)
        weight = self._weights[: shape[0] * shape[1]].reshape(shape)
        np.matmul(here, there.T, out=weight)
        weight += there_half
        weight += (np.einsum("ij,ij->i", here, here) / 2)[:, None]
        return weight
