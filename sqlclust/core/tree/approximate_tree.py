"""Arrays only: the spanning tree over approximate neighbours. No SQL.

Borůvka's rounds, with the bounds of the exact tree: a component's lightest listed edge is taken only where no member's list ends
below it. The members whose lists do end below it ask in the overlapping lists that their neighbours came from (`nearby`). Where
those lead nowhere, and where few components are left, which lie farther apart than a list reaches, a few members of each
are compared with all vectors along the leading principal axes, the likeliest are measured in all dimensions, and from the end
that was found the nearest member of the component is looked for. So every edge of the tree is between two vectors, at
their distance.

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

from typing import NamedTuple

import numpy as np

from sqlclust.core.geometry.metrics import Float32Array, Float64Array, IndexArray
from sqlclust.core.geometry.principal_axes import principal_axes, projection
from sqlclust.core.neighbors.approximate import NeighborsAndLists
from sqlclust.core.neighbors.inverted_lists import InvertedLists
from sqlclust.core.runtime.control import Control
from sqlclust.core.runtime.threads import for_each_block
from sqlclust.core.tree.boruvka import Lists, SpanningTree, spanning_tree
from sqlclust.core.tree.edges import Edges, before, lightest, measured, no_edges, not_listed_before
from sqlclust.core.tree.list_search import lightest_nearby

_AXES = 64
_ASKERS = 8
_MOST_ASKERS = 16384
_MOST_ASKERS_OF_FEW = 256
"""Of all components together, where they are so few that each has eight at least."""
_LIKELIEST = 16
_MEMBERS = 4096
_TILE, _COLUMNS = 64, 2048
_ROWS = 2048


class Seen(NamedTuple):
    """What the tree is made of; the neighbours themselves need not be kept any longer.

    Attributes:
        neighbors: in edge order.
        bound: (m,), for each vector what none of its edges comes before that the lists show and the neighbours do not.
        lists: the overlapping lists that the neighbours were found in.
    """

    neighbors: Lists
    bound: Edges
    lists: InvertedLists


def seen(near: NeighborsAndLists, core: Float64Array, scale: float, control: Control) -> Seen:
    """Neighbours and lists made ready for the tree.

    Args:
        near: about the nearest k of each of m vectors, and the lists they were found in.
        core: float64 (m,), squared core distances.
        scale: > 0, what hdbscan's alpha makes of squared distances.

    Cost: O(m·k log k).
    """
    bound = not_listed_before(near.indices, near.squared, core, scale)
    return Seen(Lists(near.indices, near.squared, core, scale, control), bound, near.lists)


def approximate_tree(
    vectors: Float32Array, known: Seen, core: Float64Array, scale: float, control: Control
) -> SpanningTree:
    """A spanning tree of max(core(i), core(j), scale · |i − j|²), the lightest that neighbours and lists show.

    Args:
        vectors: float32 (m, d), distinct.
        known: of `seen`; used up.
        core: float64 (m,), squared core distances.
        scale: > 0, what hdbscan's alpha makes of squared distances.

    Returns:
        The tree; its weights are squared distances.

    Cost: O(m·k); for q vectors that ask O(q·size·d) multiplications in lists of that size; and for p members of parts that no
    list leads out of O(p·m) multiplications along 64 axes.
    """
    prepared: list[tuple[Float32Array, Float32Array]] = []

    def outgoing(
        points: IndexArray, component: IndexArray, ceiling: Float64Array, *, span: tuple[float, float]
    ) -> Edges:
        found = lightest_nearby(points, known.lists, vectors, core, scale, component, control, span)
        np.minimum.at(ceiling, component[points], found.weight)
        asked = np.unique(component[points])
        each = _MOST_ASKERS_OF_FEW // len(asked)
        if each < _ASKERS:  # there are many: only for those that no list leads out of
            asked = asked[np.isinf(ceiling[asked])]
        if len(asked):
            if not prepared:
                prepared.append(_images(vectors, control, span))
            members = np.flatnonzero(np.isin(component[points], asked))
            each = max(each, 1, min(_ASKERS, _MOST_ASKERS // len(asked)))
            askers = _askers(points[members], found.at(members).weight, component, core, each)
            edges = _among_all(askers, points[members], component, vectors, prepared[0], core, scale, control, span)
            lighter = before(edges, found.at(members))
            found.put(members[lighter], edges.at(lighter))
        return found

    return spanning_tree(known.neighbors, core, known.bound, outgoing, control, thorough=True)


def _among_all(
    askers: IndexArray,
    points: IndexArray,
    component: IndexArray,
    vectors: Float32Array,
    prepared: tuple[Float32Array, Float32Array],
    core: Float64Array,
    scale: float,
    control: Control,
    span: tuple[float, float],
) -> Edges:
    """For the components of some points, each at one of these, the lightest edge that its askers see and its other points have
    to the same end."""
    along, half = prepared
    found = no_edges(len(core))

    def search(start: int) -> None:
        some = askers[start : start + _TILE]
        others = _likeliest(some, along, half, component, control)
        here = np.repeat(some, others.shape[1])
        known = others.ravel() >= 0
        edges = measured(vectors, core, scale, here[known], others.ravel()[known].astype(np.intp))
        found.put(some, lightest(edges, np.repeat(np.arange(len(some)), others.shape[1])[known], len(some)))

    for_each_block(search, range(0, len(askers), _TILE), control, span=span)
    best = lightest(found.at(askers), component[askers], int(component.max()) + 1)
    result = no_edges(len(core))
    _from_the_other_end(result, best, points, component, vectors, core, scale, control)
    return result.at(points)


def _images(vectors: Float32Array, control: Control, span: tuple[float, float]) -> tuple[Float32Array, Float32Array]:
    axes = principal_axes(vectors, _AXES, control)
    along = np.empty((len(vectors), axes.width), dtype=np.float32)
    half = np.empty(len(vectors), dtype=np.float32)

    def prepare(start: int) -> None:
        part = slice(start, start + _ROWS)
        along[part], squared = projection(vectors[part], axes)
        half[part] = squared / 2

    for_each_block(prepare, range(0, len(vectors), _ROWS), control, span=span)
    return along, half


def _askers(
    points: IndexArray, weight: Float64Array, component: IndexArray, core: Float64Array, each: int
) -> IndexArray:
    """So many of each component, some of `points`: those with the lightest edges found, and where none were the densest."""
    order = points[np.lexsort((points, core[points], weight, component[points]))]
    owner = component[order]
    start = np.flatnonzero(np.append(True, owner[1:] != owner[:-1]))
    rank = np.arange(len(order)) - np.repeat(start, np.diff(start, append=len(order)))
    return order[rank < each]


def _likeliest(
    points: IndexArray, along: Float32Array, half: Float32Array, component: IndexArray, control: Control
) -> IndexArray:
    """For each of some points those of other components that seem nearest: intp (q, 16), -1 where there are fewer."""
    m, count = len(along), len(points)
    best = np.full((count, _LIKELIEST), -np.inf, dtype=np.float32)
    others = np.full((count, _LIKELIEST), -1, dtype=np.intp)
    mine = along[points]
    for low in range(0, m, _COLUMNS):
        control.check()
        part = slice(low, low + _COLUMNS)
        values = mine @ along[part].T
        values -= half[part]
        values[component[points][:, None] == component[part]] = -np.inf
        better = np.flatnonzero(values.max(axis=1) > best.min(axis=1))
        if len(better) == 0:
            continue
        few = min(_LIKELIEST, values.shape[1])
        column = np.argpartition(values[better], values.shape[1] - few, axis=1)[:, values.shape[1] - few :]
        value = np.concatenate([best[better], np.take_along_axis(values[better], column, axis=1)], axis=1)
        other = np.concatenate([others[better], column + low], axis=1)
        order = np.lexsort((other, -value), axis=1)[:, :_LIKELIEST]
        best[better] = np.take_along_axis(value, order, axis=1)
        others[better] = np.take_along_axis(other, order, axis=1)
    return np.where(np.isfinite(best), others, -1)


def _from_the_other_end(
    result: Edges,
    best: Edges,
    points: IndexArray,
    component: IndexArray,
    vectors: Float32Array,
    core: Float64Array,
    scale: float,
    control: Control,
) -> None:
    """Give each component, at one of its members, the lightest edge to the end that its best edge has outside (in place)."""
    order = points[np.argsort(component[points], kind="stable")]
    owner = component[order]
    start = np.flatnonzero(np.append(True, owner[1:] != owner[:-1]))
    for first, members in zip(order[start].tolist(), np.split(order, start[1:]), strict=True):
        control.check()
        number = int(component[first])
        edge = best.at(np.array([number]))
        outside = edge.right if component[edge.left[0]] == number else edge.left
        some = members[:_MEMBERS]
        edges = measured(vectors, core, scale, some, np.full(len(some), outside[0]))
        both = Edges(*(np.concatenate(pair) for pair in zip(edge, edges, strict=True)))
        result.put(np.array([first]), lightest(both, np.zeros(len(both.weight), dtype=np.intp), 1))
