"""Arrays only: the lightest edge out of a component, searched among all vectors. No SQL.

What the neighbour lists do not show is searched here, with `pruning`: only vectors that may be nearer than the lightest
edge the component already knows, of another component, and with a core distance not above it, are measured.
"""

from __future__ import annotations

import threading

import numpy as np

from sqlclust.core.control import Control
from sqlclust.core.edges import Edges, joined, lightest, no_edges
from sqlclust.core.metrics import Float32Array, Float64Array, IndexArray, squared_distances
from sqlclust.core.neighbors import Neighbors
from sqlclust.core.pruning import TILE, Pruning
from sqlclust.core.spanning_tree import Lists, SpanningTree, spanning_tree
from sqlclust.core.threads import for_each_block

_AT_ONCE = 1 << 16
_REFRESH = 8
_lowering = threading.Lock()
"""Two searches may lower one ceiling at a time."""


def exact_tree(
    vectors: Float32Array, prepared: Pruning, neighbors: Neighbors, core: Float64Array, scale: float, control: Control
) -> SpanningTree:
    """The minimum spanning tree of max(core(i), core(j), scale · |i − j|²) over all pairs.

    Args:
        vectors: float32 (m, d), distinct.
        prepared: for ruling out pairs of them.
        neighbors: the k nearest of each.
        core: float64 (m,), squared core distances.
        scale: > 0, what hdbscan's alpha makes of squared distances; 1.0 for plain HDBSCAN.

    Returns:
        The tree; its weights are squared distances.
    """
    m = len(core)
    complete = neighbors.indices.shape[1] >= m - 1
    bound = np.full(m, np.inf) if complete else np.maximum(core, neighbors.squared[:, -1] * scale)

    def outgoing(
        points: IndexArray, component: IndexArray, ceiling: Float64Array, *, span: tuple[float, float]
    ) -> Edges:
        return lightest_out(points, vectors, prepared, core, scale, component, ceiling, control, span)

    return spanning_tree(Lists(neighbors.indices, neighbors.squared, core, scale), core, bound, outgoing, control)


def lightest_out(
    points: IndexArray,
    vectors: Float32Array,
    prepared: Pruning,
    core: Float64Array,
    scale: float,
    component: IndexArray,
    ceiling: Float64Array,
    control: Control,
    span: tuple[float, float],
) -> Edges:
    """For each of `points` the lightest edge out of its component, where it is not heavier than its component's lightest.

    Args:
        points: intp (q,).
        vectors: float32 (m, d).
        core: float64 (m,), squared core distances.
        scale: > 0, what squared distances are multiplied by.
        component: intp (m,).
        ceiling: float64 (components,), the weight of the lightest edge each component knows, inf where none; lowered here to
            what is found.

    Returns:
        For each point its lightest edge, unless it is heavier than the ceiling: then any edge or none (weight inf).

    Cost: O(q·m·p) multiplications for the p axes that rule out most.
    """
    position = np.empty(len(core), dtype=np.intp)
    position[prepared.order] = np.arange(len(core))
    # a tile whose core distances are all above the ceiling needs no look
    tile_core = np.minimum.reduceat(core[prepared.order], np.arange(0, len(core), TILE))
    points_in_order = points[np.lexsort((points, component[points]))]
    result = no_edges(len(core))

    def search(start: int) -> None:
        some = points_in_order[start : start + TILE]
        found = _search(some, position[some], vectors, prepared, tile_core, core, scale, component, ceiling, control)
        result.put(some, found)

    for_each_block(search, range(0, len(points), TILE), control, span=span)
    return result.at(points)


def _search(
    points: IndexArray,
    rows: IndexArray,
    vectors: Float32Array,
    prepared: Pruning,
    tile_core: Float64Array,
    core: Float64Array,
    scale: float,
    component: IndexArray,
    ceiling: Float64Array,
    control: Control,
) -> Edges:
    own = component[points]
    values = np.empty(TILE * len(points), dtype=np.float32)
    best = no_edges(len(points))
    known = ceiling[own]
    right = prepared.right(rows, known / scale)
    for number, low in enumerate(range(0, len(core), TILE)):
        control.check()
        if number % _REFRESH == 1:
            lower = ceiling[own]
            if (lower < known).any():
                known = lower
                right = prepared.right(rows, known / scale)
        if tile_core[number] > known.max():
            continue
        here = prepared.order[low : low + TILE]
        there_component, there_core = component[here], core[here]

        def leads_out(
            row: IndexArray,
            column: IndexArray,
            there_component: IndexArray = there_component,
            there_core: Float64Array = there_core,
        ) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
            return np.asarray((there_component[row] != own[column]) & (there_core[row] <= ceiling[own[column]]))

        row, column = prepared.survivors(slice(low, low + TILE), right, rows, values, worth=leads_out)
        for start in range(0, len(row), _AT_ONCE):
            control.check()
            part = slice(start, start + _AT_ONCE)
            found = _measured(vectors, core, scale, points[column[part]], here[row[part]])
            first = lightest(found, column[part], len(points))
            best = lightest(joined(best, first), np.tile(np.arange(len(points)), 2), len(points))
            with _lowering:
                np.minimum.at(ceiling, own, best.weight)
    return best


def _measured(vectors: Float32Array, core: Float64Array, scale: float, here: IndexArray, there: IndexArray) -> Edges:
    distance = squared_distances(vectors, here, there)
    weight = np.maximum(np.maximum(core[here], core[there]), distance * scale)
    return Edges(weight, distance, np.minimum(here, there), np.maximum(here, there))
