"""The edges that the nearest-neighbour lists show, and a bound on those that they do not show."""

from __future__ import annotations

import numpy as np

from sqlclust.core.geometry.metrics import Float32Array, Float64Array, IndexArray
from sqlclust.core.geometry.mutual_reachability import MutualReachability
from sqlclust.core.tree.components import Components
from sqlclust.core.tree.edges import Edges, edges_between, not_listed_before

_ROWS = 8192


class ListedEdges:
    """Each vector's listed edges, the lightest first, and how far each list is used up.

    Attributes:
        bound: (m,), for each vector: none of its edges that the lists do not show comes before this one.
    """

    def __init__(self, reach: MutualReachability, indices: IndexArray, squared: Float32Array | Float64Array) -> None:
        """Put lists in the order of edges.

        Args:
            indices: intp (m, k), the nearest neighbours of each vector, ascending by (distance, index); unknown ones are −1 and
                come last.
            squared: (m, k), their squared distances.

        Cost: O(m·k log k).
        """
        m, self._width = indices.shape
        self.bound = not_listed_before(reach, indices, squared)
        self._reach = reach
        self._others = np.empty((m, self._width), dtype=np.int32)
        self._squared = np.empty((m, self._width))
        for start in range(0, m, _ROWS):
            reach.control.check()
            part = slice(start, min(start + _ROWS, m))
            others, distance = indices[part], squared[part].astype(np.float64)
            weight = reach.weights(distance, np.arange(part.start, part.stop)[:, None], others)
            weight[others < 0] = np.inf
            # the lists ascend by (distance, index), so a stable sort by weight puts them in the order of edges
            order = np.argsort(weight, axis=1, kind="stable")
            self._others[part] = np.take_along_axis(others, order, axis=1)
            self._squared[part] = np.take_along_axis(distance, order, axis=1)
        self._next = np.zeros(m, dtype=np.intp)

    def lightest_out(self, component: IndexArray) -> Edges:
        """Of each vector that has a listed edge out of its component the lightest.

        Args:
            component: intp (m,), which each vector is in. Between calls components may be joined, and never split.
        """
        self._skip_inner(component)
        points = np.flatnonzero(self._next < self._width)
        other = self._others[points, self._next[points]].astype(np.intp)
        distance = self._squared[points, self._next[points]]
        return edges_between(self._reach.weights(distance, points, other), distance, points, other)

    def may_lead_out(self, points: IndexArray, components: Components, best: Edges) -> IndexArray:
        """All of them: nothing is known of edges that are not listed but their bound."""
        return points

    def _skip_inner(self, component: IndexArray) -> None:
        """Move on in every list to its first edge that leads out: one that leads nowhere now never will again."""
        points = np.flatnonzero(self._next < self._width)
        while len(points):
            other = self._others[points, self._next[points]]
            inside = component[other] == component[points]
            unknown = other < 0
            self._next[points[unknown]] = self._width
            points = points[inside & ~unknown]
            self._next[points] += 1
            points = points[self._next[points] < self._width]
