"""Edges between vectors, and the strict order in which no two are equal.

Mutual reachability ties often: all that lies within a vector's core distance is equally far from it. With ties there are many
minimum spanning trees, and which one is found would depend on the order of the work. So edges are ordered by

    (weight, distance, smaller index, larger index)

Of equal weights the pair that is truly nearer comes first. No two edges are equal in this order, so only one tree is minimal.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.groups import run_starts
from sqlclust.core.geometry.metrics import Float32Array, Float64Array, IndexArray
from sqlclust.core.geometry.mutual_reachability import MutualReachability
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


def measured_edges(reach: MutualReachability, here: IndexArray, there: IndexArray) -> Edges:
    """Edges between pairs of vectors, their distances from the differences."""
    squared = reach.squared_distances(here, there)
    return edges_between(reach.weights(squared, here, there), squared, here, there)


def not_listed_before(reach: MutualReachability, indices: NDArray[Any], squared: Float32Array | Float64Array) -> Edges:
    """For each vector what none of its edges to vectors that are not listed comes before; weight inf where all are listed.

    A list ascends by (distance, index). So what it leaves out is farther than its last entry, or as far and of a larger index:
    weight >= max(core(x), last distance · factor). Lists that are shorter than others end with inf and −1.
    """
    m, width = indices.shape
    if width >= m - 1 and (width == 0 or (indices[:, -1] >= 0).all()):
        return no_edges(m)
    last = np.maximum((indices >= 0).sum(axis=1) - 1, 0)[:, None]
    farthest = np.take_along_axis(squared, last, axis=1)[:, 0].astype(np.float64)  # a copy
    farthest[indices[:, 0] < 0] = 0.0  # an empty list
    weight = np.maximum(reach.squared_core, farthest * reach.distance_factor)
    bound = edges_between(weight, farthest, np.arange(m), np.take_along_axis(indices, last, axis=1)[:, 0] + np.intp(1))
    complete = np.flatnonzero(last[:, 0] + 1 >= m - 1)
    bound.put(complete, no_edges(len(complete)))
    return bound


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
    order = np.flatnonzero((edges.weight == result.weight[owner]) & np.isfinite(edges.weight))  # few: those that tie
    for column in (edges.right, edges.left, edges.distance, owner):  # as lexsort does it, with looks at control between
        control.check()
        order = order[np.argsort(column[order], kind="stable")]
    control.check()
    first = order[run_starts(owner[order])]
    result.put(owner[first], edges.at(first))
    return result


def unique(edges: Edges) -> Edges:
    """Each edge once: two components may have chosen the same one."""
    order = np.lexsort((edges.right, edges.left))
    left, right = edges.left[order], edges.right[order]
    new = np.append(True, (left[1:] != left[:-1]) | (right[1:] != right[:-1]))
    return edges.at(order[new])
