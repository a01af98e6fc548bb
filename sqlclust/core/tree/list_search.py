"""Arrays only: the lightest edges out of components, searched for among the members of overlapping lists. No SQL.

A vector that asks is multiplied with the members of its nearest few lists, the vectors of its own component are left out, and
the likeliest of each list is measured from the differences. So the answer is the lightest edge that the lists can show, give or
take the rounding of a product, at a cost that does not grow with the number of vectors.
"""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.metrics import Float32Array, Float64Array, IndexArray, squared_distances
from sqlclust.core.neighbors.inverted_lists import InvertedLists
from sqlclust.core.runtime.control import Control
from sqlclust.core.runtime.threads import for_each_block
from sqlclust.core.tree.edges import Edges, edges_between, lightest

Int32Array = NDArray[np.int32]

NEAREST_LISTS = 2
"""Lists that a vector asks in, of those it is in."""
_LISTS_AT_A_TIME = 8
_ROWS, _COLUMNS = 512, 1024
_MEASURED_AT_A_TIME = 4096


def lightest_nearby(
    points: IndexArray,
    lists: InvertedLists,
    vectors: Float32Array,
    core: Float64Array,
    scale: float,
    component: IndexArray,
    control: Control,
    span: tuple[float, float],
) -> Edges:
    """For each of `points` the lightest edge out of its component to a vector that is in one of its nearest lists.

    Args:
        points: intp (q,), each once.
        lists: of all m vectors.
        vectors: float32 (m, d).
        core: float64 (m,), squared core distances.
        scale: > 0, what squared distances are multiplied by.
        component: intp (m,).

    Returns:
        For each point an edge; weight inf where its lists hold no other component.

    Cost: O(q·size·d) multiplications, for lists of that size; O(m·over) to see which lists are asked in.
    """
    asked = np.zeros(len(core), dtype=bool)
    asked[points] = True
    asks = asked[lists.members]
    asks &= lists.rank < NEAREST_LISTS
    counts = np.add.reduceat(np.append(asks, False), lists.bounds[:-1], dtype=np.intp)
    wanted = np.flatnonzero((counts > 0) & (lists.bounds[1:] > lists.bounds[:-1]))
    half_core = (core / (2 * scale)).astype(np.float32)
    ends: list[tuple[IndexArray, IndexArray]] = []
    own = threading.local()

    def search(numbers: IndexArray) -> None:
        if not hasattr(own, "room"):
            own.room = _Room(vectors.shape[1])
        for number in numbers.tolist():
            part = slice(lists.bounds[number], lists.bounds[number + 1])
            found = _of_list(lists.members[part], asks[part], vectors, half_core, component, own.room, control)
            if found is not None:
                ends.append(found)  # both ends at once: other threads append too

    blocks = [wanted[start : start + _LISTS_AT_A_TIME] for start in range(0, len(wanted), _LISTS_AT_A_TIME)]
    for_each_block(search, blocks, control, span=span)
    place = np.empty(len(core), dtype=np.intp)
    place[points] = np.arange(len(points))
    here, there = (np.concatenate(each) for each in zip(*ends, strict=True)) if ends else (points[:0], points[:0])
    # sorted: the lists were searched in any order, and near vectors meet in several
    pairs = np.unique(place[here] * len(core) + there)
    row, other = np.divmod(pairs, len(core))
    return lightest(measured(vectors, core, scale, points[row], other, control, span), row, len(points))


class _Room:
    """Where a worker keeps the vectors and products it is at: fresh memory of this size costs more than the product."""

    def __init__(self, dimension: int) -> None:
        self.here = np.empty((_ROWS, dimension), dtype=np.float32)
        self.there = np.empty((_COLUMNS, dimension), dtype=np.float32)
        self.values = np.empty(_ROWS * _COLUMNS, dtype=np.float32)
        self.inside = np.empty(_ROWS * _COLUMNS, dtype=bool)


def _of_list(
    members: Int32Array,
    asks: NDArray[np.bool_],
    vectors: Float32Array,
    half_core: Float32Array,
    component: IndexArray,
    room: _Room,
    control: Control,
) -> tuple[IndexArray, IndexArray] | None:
    """Those of a list's members that ask, and for each the likeliest of another component; None where there is none."""
    owner = component[members].astype(np.int32)
    if (owner == owner[0]).all():
        return None
    rows, own = members[asks], owner[asks]
    alone = bool((own == own[0]).all())
    if alone:
        members = members[owner != own[0]]
        owner = owner[owner != own[0]]
    centre = vectors[members[:: max(1, len(members) // 64)]].mean(axis=0)
    best = np.full(len(rows), np.inf, dtype=np.float32)
    other = np.full(len(rows), -1, dtype=np.intp)
    for low in range(0, len(members), _COLUMNS):
        columns = members[low : low + _COLUMNS]
        there = room.there[: len(columns)]
        np.take(vectors, columns, axis=0, out=there, mode="clip")
        there -= centre
        there_half = np.einsum("ij,ij->i", there, there) / 2
        there_core = half_core[columns]
        for start in range(0, len(rows), _ROWS):
            control.check()
            part = slice(start, min(start + _ROWS, len(rows)))
            here = room.here[: part.stop - start]
            np.take(vectors, rows[part], axis=0, out=here, mode="clip")
            np.subtract(centre, here, out=here)
            shape = len(here), len(there)
            value = room.values[: shape[0] * shape[1]].reshape(shape)
            np.matmul(here, there.T, out=value)
            value += there_half
            value += (np.einsum("ij,ij->i", here, here) / 2)[:, None]
            # the larger of that and the asking vector's own core distance would be the weight; but of equal weights the nearer
            np.maximum(value, there_core, out=value)
            if not alone:
                inside = room.inside[: value.size].reshape(shape)
                np.equal(own[part, None], owner[low : low + _COLUMNS], out=inside)
                np.copyto(value, np.float32(np.inf), where=inside)
            column = value.argmin(axis=1)
            lowest = value[np.arange(len(value)), column]
            better = np.flatnonzero(lowest < best[part])
            best[start + better] = lowest[better]
            other[start + better] = columns[column[better]]
    known = other >= 0
    return rows[known].astype(np.intp), other[known]


def measured(
    vectors: Float32Array,
    core: Float64Array,
    scale: float,
    here: IndexArray,
    there: IndexArray,
    control: Control,
    span: tuple[float, float],
) -> Edges:
    """Edges between pairs of vectors, their distances from the differences."""
    distance = np.empty(len(here))

    def measure(start: int) -> None:
        part = slice(start, start + _MEASURED_AT_A_TIME)
        distance[part] = squared_distances(vectors, here[part], there[part])

    for_each_block(measure, range(0, len(here), _MEASURED_AT_A_TIME), control, span=span)
    weight = np.maximum(np.maximum(core[here], core[there]), distance * scale)
    return edges_between(weight, distance, here, there)
