"""The lightest edges out of components, searched for among all vectors along the leading principal axes.

For components that no list leads out of: they lie farther apart than a list reaches. Some of each component's vectors ask.
Along a few principal axes they are compared with all vectors, and the likeliest are measured in all dimensions. From the end
that was found, the nearest member of the component is looked for. So the edge that is found is the lightest between that end
and the component.
"""

from __future__ import annotations

import numpy as np

from sqlclust.core.geometry.groups import run_starts
from sqlclust.core.geometry.metrics import IndexArray
from sqlclust.core.geometry.mutual_reachability import MutualReachability
from sqlclust.core.geometry.principal_axes import principal_axes, projections
from sqlclust.core.neighbors.k_nearest import Int32Array, KNearest
from sqlclust.core.runtime.control import Control
from sqlclust.core.runtime.threads import for_each_block
from sqlclust.core.tree.edges import Edges, joined, lightest, measured_edges, no_edges

_AXES = 64
_LIKELIEST = 16
_MEMBERS = 4096
_TILE, _COLUMNS = 64, 2048


class AxisSearch:
    """All vectors along the leading principal axes.

    Cost: O(m·d·64) multiplications to make it, and 64 float32 a vector.
    """

    def __init__(self, reach: MutualReachability, control: Control) -> None:
        axes = principal_axes(reach.vectors, _AXES, control)
        along, squared = projections(reach.vectors, axes, control)
        self._reach, self._along, self._half = reach, along, (squared / 2).astype(np.float32)
        self._half[np.isinf(reach.squared_core)] = np.inf  # vectors that are nobody's neighbours

    def lightest_out(self, askers: IndexArray, points: IndexArray, component: IndexArray, control: Control) -> Edges:
        """For the components of some points, each at one of these, the lightest edge that was found.

        Args:
            askers: intp (a,), those of the points that are compared with all vectors.
            points: intp (q,), of several components.
            component: intp (m,).

        Returns:
            For each point an edge, weight inf for all but one of each component. It is the lightest that the askers see, or
            another of the points has to the same end.

        Cost: O(a·m) multiplications along 64 axes.
        """
        found = no_edges(len(component))

        def search(start: int) -> None:
            some = askers[start : start + _TILE]
            others = self._likeliest(some, component)
            row = np.repeat(np.arange(len(some)), others.shape[1])
            known = others.ravel() >= 0
            edges = measured_edges(self._reach, some[row[known]], others.ravel()[known].astype(np.intp))
            found.put(some, lightest(edges, row[known], len(some)))

        for_each_block(search, range(0, len(askers), _TILE), control)
        best = lightest(found.at(askers), component[askers], int(component.max()) + 1)
        return self._from_the_other_end(best, points, component).at(points)

    def _likeliest(self, points: IndexArray, component: IndexArray) -> Int32Array:
        """For each of some points those of other components that seem nearest: int32 (q, 16), −1 where there are fewer."""
        nearest = KNearest(len(points), _LIKELIEST)
        mine = self._along[points]
        for low in range(0, len(self._along), _COLUMNS):
            self._reach.control.check()
            part = slice(low, low + _COLUMNS)
            values = mine @ self._along[part].T
            values -= self._half[part]
            values[component[points][:, None] == component[part]] = -np.inf
            nearest.add_panel(values, low)
        return nearest.indices

    def _from_the_other_end(self, best: Edges, points: IndexArray, component: IndexArray) -> Edges:
        """(m,): each component's lightest edge to the end that its best edge has outside, at one of its points."""
        result = no_edges(len(component))
        order = points[np.argsort(component[points], kind="stable")]
        starts = run_starts(component[order])
        for first, members in zip(order[starts].tolist(), np.split(order, starts[1:]), strict=True):
            self._reach.control.check()
            number = int(component[first])
            edge = best.at(np.array([number]))
            outside = edge.right if component[edge.left[0]] == number else edge.left
            some = members[:_MEMBERS]
            edges = measured_edges(self._reach, some, np.full(len(some), outside[0]))
            both = joined(edge, edges)
            result.put(np.array([first]), lightest(both, np.zeros(len(both.weight), dtype=np.intp), 1))
        return result
