"""NumPy-only core: nearest neighbours, approximately, from overlapping lists. No SQL.

All members of a list are compared with each other along the leading principal axes (with the length of the rest as one more
coordinate); the best of what all lists say are then measured in all dimensions.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.axes import image, principal_axes, rest
from sqlclust.core.control import Control
from sqlclust.core.lists import Lists, overlapping_lists
from sqlclust.core.metrics import Float32Array, IndexArray
from sqlclust.core.threads import for_each_block

Keys = NDArray[np.uint64]
"""A neighbour as one number: squared distance (float32 bits, rounded) above, index below; smaller is nearer."""

_AXES = 128
_LIST = 1000
_TILE = 512
_ROWS = 2048
_ALIKE = 0.6
_OWNERS = 8192
_ON_OR_BELOW = np.tri(_TILE, dtype=bool)
_NONE = np.uint64(2**64 - 1)
_ROUNDING = np.uint32(0xFFFFFFC0)
"""Low bits dropped from estimates, so that a pair met in two lists gives the same number."""
_ROUNDS = (0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.0)
"""Shares of the lists after which the limits are tightened."""


class Effort(NamedTuple):
    """How hard to look.

    Attributes:
        over: lists each vector is in.
        size: mean members of a list.
        axes: principal axes the lists are compared along.
        spare: candidates measured in all dimensions, beyond the neighbours wanted, as a share of them.
    """

    over: int
    size: int
    axes: int
    spare: float


SEED = Effort(over=6, size=_LIST, axes=96, spare=0.3)
FULL = Effort(over=16, size=_LIST, axes=_AXES, spare=0.6)


def approximate_neighbors(
    vectors: Float32Array,
    k: int,
    effort: Effort,
    seed: int,
    control: Control,
    *,
    span: tuple[float, float] = (0.0, 1.0),
) -> tuple[IndexArray, Float32Array]:
    """About the k nearest neighbours of every vector.

    Args:
        vectors: float32 (m, d).
        k: 1 <= k < m.
        seed: of the lists' centres.

    Returns:
        intp (m, k) indices ascending by (distance, index), and float32 (m, k) squared distances, wrong by a relative
        1e-6 at most; where fewer than k were found, index -1 and distance inf.

    Cost: O(m·over·size·axes) multiplications, O(m·k·d) for the last measuring; memory (axes + 4k) · 4 bytes a vector.
    """
    m = len(vectors)

    def at(fraction: float) -> float:
        return span[0] + fraction * (span[1] - span[0])

    along, half = _estimates(vectors, effort.axes, control, (at(0.0), at(0.05)))
    wanted = min(m - 1, k + int(np.ceil(k * effort.spare)))
    size = max(effort.size, 4 * wanted)
    count = max(1, round(m * effort.over / size))
    if count < 2 * effort.over:
        lists = Lists(np.arange(m, dtype=np.int32), np.array([0, m]), np.zeros(m, dtype=np.int32))
    else:
        lists = overlapping_lists(along, count, effort.over, seed, control, span=(at(0.05), at(0.15)))
    nearest = _search(along, half, lists, wanted, seed, control, (at(0.15), at(0.85)))
    del along, half
    return _measure(vectors, nearest, k, control, (at(0.85), at(1.0)))


def _estimates(
    vectors: Float32Array, count: int, control: Control, span: tuple[float, float]
) -> tuple[Float32Array, Float32Array]:
    """Coordinates float32 (m, p) whose products estimate those of the centred vectors, and half the squared lengths (m,)."""
    m, dimension = vectors.shape
    axes = principal_axes(vectors, count)
    whole = axes.basis.shape[1] == dimension
    along = np.empty((m, axes.basis.shape[1] + (not whole)), dtype=np.float32)
    half = np.empty(m, dtype=np.float32)

    def prepare(start: int) -> None:
        part = slice(start, min(start + _ROWS, m))
        coordinates, squared = image(vectors[part], axes)
        half[part] = squared / 2
        along[part, : coordinates.shape[1]] = coordinates
        if not whole:
            # what is left of two near vectors points in somewhat the same direction
            along[part, -1] = _ALIKE * rest(coordinates, squared)

    for_each_block(prepare, range(0, m, _ROWS), control, span=span)
    return along, half


def _search(
    along: Float32Array,
    half: Float32Array,
    lists: Lists,
    wanted: int,
    seed: int,
    control: Control,
    span: tuple[float, float],
) -> Keys:
    """The `wanted` nearest by estimate: uint64 (m, wanted), ascending, `_NONE` where there are fewer."""
    m, count = len(along), len(lists.bounds) - 1
    nearest = np.full((m, wanted), _NONE, dtype=np.uint64)
    order = np.random.Generator(np.random.PCG64(seed)).permutation(count)
    step = (span[1] - span[0]) / 10

    if count > 1:
        own = np.argsort(lists.primary, kind="stable").astype(np.int32)
        own_bounds = np.searchsorted(lists.primary[own], np.arange(count + 1))

        def first(number: int) -> None:
            members = own[own_bounds[number] : own_bounds[number + 1]]
            for start in range(0, len(members), _TILE):
                control.check()
                _first_of_list(along, half, members, nearest, start)

        for_each_block(first, range(count), control, span=(span[0], span[0] + step))
    else:
        for_each_block(
            lambda start: _first_of_list(along, half, lists.members, nearest, start),
            range(0, m, _TILE),
            control,
            span=span,
        )
        return nearest
    done = 0
    for share in _ROUNDS:
        here = order[done : max(done + 1, round(share * count))]
        if len(here) == 0:
            break
        limits = _distances(nearest[:, -1])
        found: list[tuple[NDArray[np.int32], Keys]] = []

        def compare(
            number: int, limits: Float32Array = limits, found: list[tuple[NDArray[np.int32], Keys]] = found
        ) -> None:
            members = lists.members[lists.bounds[number] : lists.bounds[number + 1]]
            found.extend(_pairs_of_list(along, half, members, limits, control))

        low, high = span[0] + step * (1 + 8 * done / count), span[0] + step * (1 + 8 * (done + len(here)) / count)
        for_each_block(compare, [int(number) for number in here], control, span=(low, high))
        done += len(here)
        _merge(nearest, found, control, (high, high))
    return nearest


def _distances(keys: Keys) -> Float32Array:
    """The squared distances in keys; inf where there is none."""
    bits = (keys >> np.uint64(32)).astype(np.uint32)
    return np.where(keys == _NONE, np.float32(np.inf), bits.view(np.float32))


def _keys(squared: Float32Array, indices: NDArray[np.int32]) -> Keys:
    bits = np.maximum(squared, np.float32(0.0)).view(np.uint32) & _ROUNDING
    return (bits.astype(np.uint64) << np.uint64(32)) | indices.astype(np.uint64)


def _first_of_list(
    along: Float32Array, half: Float32Array, members: NDArray[np.int32], nearest: Keys, start: int
) -> None:
    """For a tile of a list's members the nearest within the list, written to `nearest`."""
    size = len(members)
    wanted = min(nearest.shape[1], size - 1)
    if wanted < 1:
        return
    rows = members[start : start + _TILE]
    halves = half[members]
    values = along[rows] @ along[members].T
    values -= halves
    own = np.arange(len(rows))
    values[own, own + start] = -np.inf
    best = np.argpartition(values, size - wanted, axis=1)[:, size - wanted :]
    squared = 2 * (half[rows, None] - np.take_along_axis(values, best, axis=1))
    keys = _keys(squared, members[best])
    keys.sort(axis=1)
    nearest[rows, :wanted] = keys


def _pairs_of_list(
    along: Float32Array, half: Float32Array, members: NDArray[np.int32], limits: Float32Array, control: Control
) -> list[tuple[NDArray[np.int32], Keys]]:
    """Pairs of a list's members of which one is within the other's limit: (whose neighbour, its key).

    The members are ordered by their limit, and the limit is one more column of the product: so one comparison with zero tells
    the pairs within the larger of the two limits.
    """
    limit = limits[members]
    order = np.argsort(limit, kind="stable")
    members, limit = members[order], limit[order]
    halves = half[members]
    bound = np.minimum(limit, 8 * halves.max() + np.float32(1e-30))
    ones = np.ones(len(members), dtype=np.float32)
    left = np.column_stack([along[members], -halves, ones])
    right = np.column_stack([along[members], ones, bound / 2 - halves])
    found = []
    for right_start in range(0, len(members), _TILE):
        control.check()
        columns = slice(right_start, right_start + _TILE)
        there, there_bound = members[columns], bound[columns]
        for left_start in range(0, right_start + 1, _TILE):
            values = left[left_start : left_start + _TILE] @ right[columns].T
            if left_start == right_start:
                values[_ON_OR_BELOW[: len(values), : len(values)]] = -1.0
            at = np.flatnonzero(values >= 0)
            row, column = np.divmod(at, values.shape[1])
            squared = there_bound[column] - 2 * values.ravel()[at]
            here, other = members[left_start + row], there[column]
            found.append((other, _keys(squared, here)))
            mutual = squared <= limit[left_start + row]
            found.append((here[mutual], _keys(squared[mutual], other[mutual])))
    return found


def _merge(
    nearest: Keys, found: list[tuple[NDArray[np.int32], Keys]], control: Control, span: tuple[float, float]
) -> None:
    """Let each vector keep the nearest of what it has and what was found for it (in place)."""
    if not found:
        return
    owners = np.concatenate([part[0] for part in found])
    keys = np.concatenate([part[1] for part in found])
    found.clear()
    m, wanted = nearest.shape
    block_of = (owners // _OWNERS).astype(np.uint16)
    by_block = np.argsort(block_of, kind="stable")
    edges = np.searchsorted(block_of[by_block], np.arange(-(-m // _OWNERS) + 1))

    def merge(number: int) -> None:
        here = by_block[edges[number] : edges[number + 1]]
        here = here[np.argsort(keys[here])]
        owner = (owners[here] - number * _OWNERS).astype(np.uint16)
        order = np.argsort(owner, kind="stable")  # of uint16: by radix
        owner, values = owner[order], keys[here[order]]
        fresh = np.append(True, (owner[1:] != owner[:-1]) | (values[1:] != values[:-1]))
        owner, values = owner[fresh], values[fresh]
        state = nearest[number * _OWNERS : (number + 1) * _OWNERS]
        counts = np.bincount(owner, minlength=len(state))
        starts = np.cumsum(counts) - counts
        rank = np.arange(len(owner)) - starts[owner]
        best = rank < wanted
        rows = np.flatnonzero(counts)
        place = np.zeros(len(state), dtype=np.intp)
        place[rows] = np.arange(len(rows))
        both = np.full((len(rows), 2 * wanted), _NONE, dtype=np.uint64)
        both[:, :wanted] = state[rows]
        both[place[owner[best]], wanted + rank[best]] = values[best]
        both.sort(axis=1)
        both[:, 1:][both[:, 1:] == both[:, :-1]] = _NONE
        both.sort(axis=1)
        state[rows] = both[:, :wanted]

    for_each_block(merge, range(len(edges) - 1), control, span=span)


def _measure(
    vectors: Float32Array, nearest: Keys, k: int, control: Control, span: tuple[float, float]
) -> tuple[IndexArray, Float32Array]:
    """The k nearest of the candidates, measured in all dimensions."""
    m, wanted = nearest.shape
    indices = np.empty((m, k), dtype=np.intp)
    squared = np.empty((m, k), dtype=np.float32)
    step = max(1, (1 << 20) // (4 * vectors.shape[1] * wanted))

    def measure(block: int) -> None:
        for start in range(block, min(block + 64 * step, m), step):
            part = slice(start, min(start + step, block + 64 * step, m))
            keys = nearest[part]
            candidates = (keys & np.uint64(0xFFFFFFFF)).astype(np.intp)
            missing = keys == _NONE
            candidates[missing] = 0
            difference = vectors[candidates]
            difference -= vectors[part, None]
            distance = np.einsum("ijk,ijk->ij", difference, difference)
            distance[missing] = np.inf
            candidates[missing] = -1
            repeated = np.zeros(missing.shape, dtype=bool)
            order = np.argsort(candidates, axis=1, kind="stable")
            ascending = np.take_along_axis(candidates, order, axis=1)
            np.put_along_axis(repeated, order[:, 1:], ascending[:, 1:] == ascending[:, :-1], axis=1)
            distance[repeated] = np.inf
            candidates[repeated] = -1
            best = np.lexsort((candidates, distance), axis=1)[:, :k]
            indices[part] = np.take_along_axis(candidates, best, axis=1)
            squared[part] = np.take_along_axis(distance, best, axis=1)

    for_each_block(measure, range(0, m, 64 * step), control, span=span)
    return indices, squared
