"""NumPy-only core: the minimum spanning tree of mutual reachability, exactly, without an m×m matrix. No SQL.

Borůvka's rounds over the nearest-neighbour lists: every component takes its lightest edge that leads out. A list does not
show everything, but what it does not show cannot be lighter than its bound: the larger of the point's core distance and its
last listed distance. Where a component's lightest listed edge is below all its members' bounds it is certain. The members
whose bound is not above it are asked again, against all vectors, by blocks of the matrix product; in each round the largest
component may wait, and it never has to be asked.

Mutual reachability ties often: all that lies within a point's core distance is equally far. Edges are ordered by (weight,
distance, smaller index, larger index), so that of equal weights the truly nearest comes first. That order is strict, so the
tree is the only one there is.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.control import Control
from sqlclust.core.metrics import Float32Array, Float64Array, IndexArray, squared_distances
from sqlclust.core.neighbors import Neighbors
from sqlclust.core.screen import Screen
from sqlclust.core.threads import for_each_block

_ROWS, _COLUMNS = 256, 8192


class SpanningTree(NamedTuple):
    """A spanning tree's edges, ascending by weight, ties in the order the tree is built in.

    Attributes:
        left, right: intp (m - 1,), the ends; left < right.
        weight: float64 (m - 1,), mutual reachability.
    """

    left: IndexArray
    right: IndexArray
    weight: Float64Array


class _Edges(NamedTuple):
    """The lightest known edge out of each of some points, its ends and its distance; weight inf where none is known."""

    weight: Float64Array
    distance: Float64Array
    left: IndexArray
    right: IndexArray

    def at(self, index: IndexArray | NDArray[np.bool_]) -> _Edges:
        return _Edges(self.weight[index], self.distance[index], self.left[index], self.right[index])


class _Listed(NamedTuple):
    """The neighbour lists, each row in edge order: other end, weight, squared distance, all (m, k)."""

    others: IndexArray
    weight: Float64Array
    distance: Float64Array


def spanning_tree(
    vectors: Float32Array,
    screened: Screen,
    neighbors: Neighbors,
    core: Float64Array,
    *,
    scale: float,
    control: Control,
) -> SpanningTree:
    """The minimum spanning tree of max(core(i), core(j), scale · |i − j|²).

    Args:
        vectors: float32 (m, d), distinct.
        screened: the same, ready for screening.
        neighbors: the k nearest of each; a larger k means fewer questions.
        core: float64 (m,), squared core distances.
        scale: > 0, what hdbscan's alpha makes of squared distances; 1.0 for plain HDBSCAN.

    Returns:
        The tree; its weights are squared distances.

    Cost: O(m·k) per round for O(log m) rounds, and O(q·m·d) for the q points asked again.

    Source: Borůvka 1926; McInnes and Healy 2017 for its use on mutual reachability.
    """
    m = len(core)
    weight = np.maximum(np.maximum(core[:, None], core[neighbors.indices]), neighbors.squared * scale)
    # the lists ascend by (distance, index), so a stable sort puts them in edge order
    by_weight = np.argsort(weight, axis=1, kind="stable")
    listed = _Listed(
        np.take_along_axis(neighbors.indices, by_weight, axis=1),
        np.take_along_axis(weight, by_weight, axis=1),
        np.take_along_axis(neighbors.squared, by_weight, axis=1),
    )
    complete = neighbors.indices.shape[1] >= m - 1
    bound = np.full(m, np.inf) if complete else np.maximum(core, neighbors.squared[:, -1] * scale)

    # for each point, what asking it gave: the lightest edge out of the component it was in then
    asked = _no_edges(m)
    component = np.arange(m)
    parts = m
    chosen: list[_Edges] = []
    while parts > 1:
        control.at(1.0 - np.log(parts) / np.log(m))
        best = _lightest_listed(component, listed, asked)
        lightest = _lightest_of_components(component, parts, best)
        sizes = np.bincount(component, minlength=parts)
        waiting = int(np.argmax(sizes))
        doubtful = np.flatnonzero((bound <= lightest.weight[component]) & (component != waiting))
        if len(doubtful):
            _ask(doubtful, vectors, screened, core, scale, component, asked, control)
            bound[doubtful] = asked.weight[doubtful]
            better = asked.at(doubtful)
            lightest = _lightest_of_components(
                np.concatenate([component, component[doubtful]]),
                parts,
                _Edges(*(np.concatenate(pair) for pair in zip(best, better, strict=True))),
            )
        known = np.isfinite(lightest.weight)
        known[waiting] &= bool((bound[component == waiting] > lightest.weight[waiting]).all())
        edges = _unique(lightest.at(known))
        chosen.append(edges)
        component, parts = _merge(component, parts, edges)
    all_edges = _Edges(*(np.concatenate(part) for part in zip(*chosen, strict=True)))
    order = np.lexsort((all_edges.right, all_edges.left, all_edges.distance, all_edges.weight))
    return SpanningTree(all_edges.left[order], all_edges.right[order], all_edges.weight[order])


def _no_edges(count: int) -> _Edges:
    none = np.zeros(count, dtype=np.intp)
    return _Edges(np.full(count, np.inf), np.full(count, np.inf), none, none.copy())


def _lightest_listed(component: IndexArray, listed: _Listed, asked: _Edges) -> _Edges:
    """For each point its lightest known edge that leads out of its component."""
    points = np.arange(len(component))
    leads_out = component[listed.others] != component[:, None]
    first = leads_out.argmax(axis=1)
    out = leads_out[points, first]
    other = listed.others[points, first]
    best = _Edges(
        np.where(out, listed.weight[points, first], np.inf),
        listed.distance[points, first],
        np.minimum(points, other),
        np.maximum(points, other),
    )
    still_out = np.isfinite(asked.weight) & (component[asked.left] != component[asked.right])
    better = still_out & _before(asked, best)
    return _Edges(*(np.where(better, new, old) for new, old in zip(asked, best, strict=True)))


def _before(edges: _Edges, others: _Edges) -> NDArray[np.bool_]:
    """Whether edges come before others, pair by pair, in the strict order."""
    result = np.zeros(len(edges.weight), dtype=bool)
    tied = np.ones(len(edges.weight), dtype=bool)
    for mine, theirs in zip(edges, others, strict=True):
        result |= tied & (mine < theirs)
        tied &= mine == theirs
    return result


def _lightest_of_components(component: IndexArray, parts: int, edges: _Edges) -> _Edges:
    """For each component the first of its points' edges in the strict order; weight inf where there is none."""
    result = _no_edges(parts)
    np.minimum.at(result.weight, component, edges.weight)
    tied = np.flatnonzero((edges.weight == result.weight[component]) & np.isfinite(edges.weight))
    order = np.lexsort((edges.right[tied], edges.left[tied], edges.distance[tied], component[tied]))
    tied = tied[order]
    owners, first = np.unique(component[tied], return_index=True)
    for mine, all_of_them in zip(result, edges, strict=True):
        mine[owners] = all_of_them[tied[first]]
    return result


def _ask(
    points: IndexArray,
    vectors: Float32Array,
    screened: Screen,
    core: Float64Array,
    scale: float,
    component: IndexArray,
    asked: _Edges,
    control: Control,
) -> None:
    """Find the exact lightest edge out of its component for each of `points`, and store it in `asked`."""

    def search(rows: IndexArray) -> None:
        found = _lightest_out(rows, vectors, screened, core, scale, component, control)
        for stored, part in zip(asked, found, strict=True):
            stored[rows] = part

    for_each_block(search, [points[start : start + _ROWS] for start in range(0, len(points), _ROWS)], control)


def _lightest_out(
    rows: IndexArray,
    vectors: Float32Array,
    screened: Screen,
    core: Float64Array,
    scale: float,
    component: IndexArray,
    control: Control,
) -> _Edges:
    """The lightest edge out of each row's component.

    Screens squared mutual reachability in float32, keeps what lies within the rounding of the lightest, settles it in float64.
    """
    m = len(core)
    own = component[rows]
    # squared distances from screening values are wrong by at most `margin`, after scaling
    margin = (4 * screened.slack[rows] * scale).astype(np.float32)[:, None]
    core32 = core.astype(np.float32)
    ceiling = np.full(len(rows), np.inf, dtype=np.float32)
    found: list[tuple[IndexArray, IndexArray, Float32Array]] = []
    for start in range(0, m, _COLUMNS):
        control.check()
        columns = slice(start, min(start + _COLUMNS, m))
        values = screened.values(rows, columns)
        values *= np.float32(-2.0 * scale)
        values += (screened.offset[rows] * np.float32(scale))[:, None]
        np.maximum(values, core32[columns], out=values)
        values[own[:, None] == component[columns]] = np.inf
        ceiling = np.minimum(ceiling, values.min(axis=1))
        floor = np.maximum(ceiling, core32[rows])[:, None]  # everything up to the row's own core distance ties
        at = np.flatnonzero(values <= floor * np.float32(1.000001) + margin)
        row, column = np.divmod(at, values.shape[1])
        found.append((row, column + start, values.ravel()[at]))
    row, column, value = (np.concatenate(parts) for parts in zip(*found, strict=True))
    floor = np.maximum(ceiling, core32[rows]) * np.float32(1.000001) + margin[:, 0]
    keep = (value <= floor[row]) & np.isfinite(value)
    row, column = row[keep], column[keep]
    here = rows[row]
    distance = squared_distances(vectors, here, column)
    weight = np.maximum(np.maximum(core[here], core[column]), distance * scale)
    left, right = np.minimum(here, column), np.maximum(here, column)
    order = np.lexsort((right, left, distance, weight, row))
    first = order[np.searchsorted(row[order], np.arange(len(rows)))]
    return _Edges(weight, distance, left, right).at(first)


def _unique(edges: _Edges) -> _Edges:
    """Each edge once: two components may have chosen the same."""
    order = np.lexsort((edges.right, edges.left))
    left, right = edges.left[order], edges.right[order]
    new = np.append(True, (left[1:] != left[:-1]) | (right[1:] != right[:-1]))
    return edges.at(order[new])


def _merge(component: IndexArray, parts: int, edges: _Edges) -> tuple[IndexArray, int]:
    """Components after joining along `edges`, numbered from 0."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ends = component[edges.left], component[edges.right]
    graph = coo_array((np.ones(len(edges.left), dtype=np.int8), ends), shape=(parts, parts))
    count, joined = connected_components(graph, directed=False)
    return joined[component].astype(np.intp), int(count)
