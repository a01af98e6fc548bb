"""Arrays only: weighted edges and the strict order that makes a minimum spanning tree the only one. No SQL.

Mutual reachability ties often: all that lies within a point's core distance is equally far. Edges are ordered by (weight,
distance, smaller index, larger index), so that of equal weights the truly nearest comes first, and no two edges are equal.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.metrics import Float32Array, Float64Array, IndexArray, squared_distances
from sqlclust.core.runtime.control import Control


class Edges(NamedTuple):
    """Edges, or for each of some points its lightest known edge: then weight inf where none is known.

    Attributes:
        weight: float64 (e,), squared mutual reachability.
        distance: float64 (e,), squared distance.
        left, right: intp (e,), the ends, left < right.
    """

    weight: Float64Array
    distance: Float64Array
    left: IndexArray
    right: IndexArray

    def at(self, index: IndexArray | NDArray[np.bool_]) -> Edges:
        """Some of the edges."""
        return Edges(self.weight[index], self.distance[index], self.left[index], self.right[index])

    def put(self, index: IndexArray, edges: Edges) -> None:
        """Replace some of the edges."""
        for mine, theirs in zip(self, edges, strict=True):
            mine[index] = theirs


def no_edges(count: int) -> Edges:
    """No edge known for any of `count` points."""
    none = np.zeros(count, dtype=np.intp)
    return Edges(np.full(count, np.inf), np.full(count, np.inf), none, none.copy())


def edges_between(weight: Float64Array, distance: Float64Array, here: IndexArray, there: IndexArray) -> Edges:
    """Edges whose ends are given in any order."""
    return Edges(weight, distance, np.minimum(here, there), np.maximum(here, there))


def measured(vectors: Float32Array, core: Float64Array, scale: float, here: IndexArray, there: IndexArray) -> Edges:
    """Edges between pairs of vectors, their distances from the differences."""
    distance = squared_distances(vectors, here, there)
    return edges_between(np.maximum(np.maximum(core[here], core[there]), distance * scale), distance, here, there)


def not_listed_before(
    indices: IndexArray, squared: Float32Array | Float64Array, core: Float64Array, scale: float
) -> Edges:
    """For each vector what none of its edges to vectors that are not listed comes before; weight inf where all are.

    Lists ascend by (distance, index): what is not listed is farther than the last, or as far and has a larger index.
    """
    m = len(core)
    if indices.shape[1] >= m - 1:
        return no_edges(m)
    farthest = squared[:, -1].astype(np.float64)  # a copy
    return edges_between(np.maximum(core, farthest * scale), farthest, np.arange(m), indices[:, -1] + 1)


def joined(*parts: Edges) -> Edges:
    """All the edges of several."""
    return Edges(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def before(edges: Edges, others: Edges) -> NDArray[np.bool_]:
    """Whether edges come before others, pair by pair, in the strict order."""
    result = np.zeros(len(edges.weight), dtype=bool)
    tied = np.ones(len(edges.weight), dtype=bool)
    for mine, theirs in zip(edges, others, strict=True):
        result |= tied & (mine < theirs)
        tied &= mine == theirs
    return result


def lightest(edges: Edges, owner: IndexArray, count: int, control: Control | None = None) -> Edges:
    """For each of `count` owners the first of its edges in the strict order; weight inf where there is none."""
    control = control or Control()
    result = no_edges(count)
    np.minimum.at(result.weight, owner, edges.weight)
    control.check()
    tied = np.flatnonzero((edges.weight == result.weight[owner]) & np.isfinite(edges.weight))
    order = tied
    for column in (edges.right, edges.left, edges.distance, owner):  # as lexsort, with looks at control between
        control.check()
        order = order[np.argsort(column[order], kind="stable")]
    control.check()
    tied = order
    first = np.flatnonzero(np.append(True, owner[tied][1:] != owner[tied][:-1])) if len(tied) else tied
    result.put(owner[tied[first]], edges.at(tied[first]))
    return result


def unique(edges: Edges) -> Edges:
    """Each edge once: two components may have chosen the same."""
    order = np.lexsort((edges.right, edges.left))
    left, right = edges.left[order], edges.right[order]
    new = np.append(True, (left[1:] != left[:-1]) | (right[1:] != right[:-1]))
    return edges.at(order[new])
