"""Arrays only: nearest neighbours, approximately, from overlapping lists. No SQL.

Every vector is in several lists of nearby vectors (`lists`). Within its nearest list it finds a limit: the distance of its k-th
neighbour there. Then the members of every list are multiplied with each other, and pairs within the larger of their
two limits are kept; the limit is one more column of the product, so one comparison with zero tells them.

Kept because of these measurements, of 45,000 real and 134,520 generated embeddings of 384 dimensions, made by hand with other
`Effort`s: 10 lists of 700, made along 96 axes, hold 96.5 and 95.3 % of the 15 nearest, at 90 and 102 µs of a core for a
vector; along 64 axes it takes 12 lists. Searching only the nearest list of each of a pair needs 4 times as many pairs to hold
as much. Products over a few principal axes are cheaper but lose 10 % in the order. Neighbours of neighbours, multiplied for
groups of 64 vectors at a time, found as much after 6 lists of 500 as 10 lists of 700 do, in as much time: gathering costs what
multiplying does.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.metrics import Float32Array, IndexArray
from sqlclust.core.geometry.principal_axes import PrincipalAxes, principal_axes, projection
from sqlclust.core.neighbors.brute_force import brute_force_neighbors
from sqlclust.core.neighbors.inverted_lists import InvertedLists, inverted_lists
from sqlclust.core.runtime.control import Control
from sqlclust.core.runtime.threads import for_each_block

Int32Array = NDArray[np.int32]

LIST_AXES = 96
"""Principal axes the lists are made along."""
_TILE, _COLUMNS = 2048, 128
"""Narrow, so that little of what is computed is on the wrong side of the diagonal."""
_ROWS = 2048
_GROUP = 4
_CROWDED = 4
"""Times as many pairs in a tile as its members want neighbours, from which on only the nearest are kept: where all pairs are
about equally far."""
_ON_OR_BELOW = np.tri(_COLUMNS, dtype=bool)
_LISTS_AT_A_TIME, _PACKED_AT_A_TIME = 16, 1 << 18
_MERGED_AT_A_TIME = 1 << 18
_ROUND_BYTES = 1 << 26
"""Pairs held before they are merged, about; or an eighth of the vectors, where that is more."""
_PAIRS_EACH, _PAIR_BYTES = 8, 8
"""Pairs found for each neighbour wanted: some are too far, and most are met in several lists."""


class Effort(NamedTuple):
    """How hard to look: every vector is in `lists_per_vector` lists of `list_size` members in the mean."""

    lists_per_vector: int
    list_size: int


SEED = Effort(lists_per_vector=4, list_size=500)
"""For limits that the exact search starts from."""
FULL = Effort(lists_per_vector=10, list_size=700)
"""For neighbours that count."""


class NeighborsAndLists(NamedTuple):
    """Approximate neighbours, and where they were looked for.

    Attributes:
        indices: intp (m, k), ascending by (distance, index).
        squared: float32 (m, k), squared distances from the differences, wrong by d · 2⁻²⁴ of their value at most.
        lists: the overlapping lists whose members were compared with each other.
    """

    indices: IndexArray
    squared: Float32Array
    lists: InvertedLists


class _Pairs(NamedTuple):
    """Neighbours found: int32 owner, int32 other, float32 squared distance."""

    owner: Int32Array
    other: Int32Array
    squared: Float32Array


class _Found(NamedTuple):
    """Neighbours found, packed: uint64 keys by blocks of owners, and where each block begins."""

    keys: NDArray[np.uint64]
    edges: IndexArray


def approximate_neighbors(
    vectors: Float32Array,
    k: int,
    effort: Effort,
    seed: int,
    control: Control,
    *,
    axes: PrincipalAxes | None = None,
    span: tuple[float, float] = (0.0, 1.0),
) -> tuple[IndexArray, Float32Array]:
    """`neighbors_and_lists` without the lists."""
    found = neighbors_and_lists(vectors, k, effort, seed, control, axes=axes, span=span)
    return found.indices, found.squared


def neighbors_and_lists(
    vectors: Float32Array,
    k: int,
    effort: Effort,
    seed: int,
    control: Control,
    *,
    axes: PrincipalAxes | None = None,
    span: tuple[float, float] = (0.0, 1.0),
) -> NeighborsAndLists:
    """About the k nearest neighbours of every vector, and the lists they were found in.

    Args:
        vectors: float32 (m, d).
        k: 1 <= k < m.
        seed: of the lists' centres.
        axes: principal axes of the vectors, where they are known already.

    Cost: O(m·over·size·d) multiplications, and O(m²·over·64 / size) for the lists; memory O(m·k) and 64 float32 a vector.
    """
    m = len(vectors)

    def at(fraction: float) -> float:
        return span[0] + fraction * (span[1] - span[0])

    size = max(effort.list_size, 6 * k)
    count = max(1, round(m * effort.lists_per_vector / size))
    if count < 2 * effort.lists_per_vector:
        lists = InvertedLists(
            np.arange(m, dtype=np.int32), np.array([0, m]), np.zeros(m, dtype=np.int32), np.zeros(m, dtype=np.int8)
        )
    else:
        lists = _lists(
            vectors,
            axes if axes and axes.basis is not None else principal_axes(vectors, LIST_AXES, control),
            count,
            effort.lists_per_vector,
            seed,
            control,
            (at(0.0), at(0.15)),
        )
    limits = np.empty(m, dtype=np.float32)
    own = np.argsort(lists.primary, kind="stable").astype(np.int32)
    own_bounds = np.searchsorted(
        lists.primary[own], np.arange(count + 1) if count >= 2 * effort.lists_per_vector else [0, m]
    )
    count = len(lists.bounds) - 1

    def limit(number: int) -> None:
        rows = own[own_bounds[number] : own_bounds[number + 1]]
        _limits_of_list(
            vectors, lists.members[lists.bounds[number] : lists.bounds[number + 1]], rows, k, limits, control
        )

    for_each_block(limit, range(count), control, span=(at(0.15), at(0.3)))
    best = _Best(m, k, limits)
    rounds = max(1, -(-m * k * _PAIRS_EACH * _PAIR_BYTES // max(_ROUND_BYTES, vectors.nbytes // 8)))
    for number in range(rounds):
        found: list[_Found] = []

        def compare(numbers: range, found: list[_Found] = found) -> None:
            pairs: list[_Pairs] = []
            for number in numbers:
                members = lists.members[lists.bounds[number] : lists.bounds[number + 1]]
                pairs += _pairs_of_list(vectors, members, k, limits, control)
                if pairs and (number == numbers[-1] or sum(len(some.owner) for some in pairs) > _PACKED_AT_A_TIME):
                    found.append(best.by_block(pairs))
                    pairs.clear()

        low, high = (at(0.3 + 0.6 * (number + part) / rounds) for part in (0.0, 0.9))
        mine = range(number, count, rounds)
        parts = [mine[start : start + _LISTS_AT_A_TIME] for start in range(0, len(mine), _LISTS_AT_A_TIME)]
        for_each_block(compare, parts, control, span=(low, high))
        best.merge(found, control, (high, at(0.3 + 0.6 * (number + 1) / rounds)))
    result, measured = _measured(vectors, best.indices, control, (at(0.9), at(1.0)))
    incomplete = np.flatnonzero(result[:, -1] < 0)
    if len(incomplete):  # lists of outliers may be short
        result[incomplete], measured[incomplete] = brute_force_neighbors(vectors, incomplete, k, control)
    return NeighborsAndLists(result, measured, lists)


def _lists(
    vectors: Float32Array,
    axes: PrincipalAxes,
    count: int,
    over: int,
    seed: int,
    control: Control,
    span: tuple[float, float],
) -> InvertedLists:
    """Overlapping lists by the leading principal axes."""
    axes = axes.leading(LIST_AXES)
    along = np.empty((len(vectors), axes.width), dtype=np.float32)

    def prepare(start: int) -> None:
        along[start : start + _ROWS] = projection(vectors[start : start + _ROWS], axes)[0]

    middle = span[0] + 0.2 * (span[1] - span[0])
    for_each_block(prepare, range(0, len(vectors), _ROWS), control, span=(span[0], middle))
    return inverted_lists(along, count, over, seed, control, span=(middle, span[1]))


def _limits_of_list(
    vectors: Float32Array, members: Int32Array, rows: Int32Array, k: int, limits: Float32Array, control: Control
) -> None:
    """For those of a list's members whose nearest list it is, the distance of their k-th neighbour in it; inf for none."""
    limits[rows] = np.inf
    if len(members) <= k:
        return
    centre = vectors[members[:: max(1, len(members) // 64)]].mean(axis=0)
    points = vectors[members] - centre
    half = np.einsum("ij,ij->i", points, points) / 2
    places = np.searchsorted(members, rows)
    for start in range(0, len(rows), _TILE):
        control.check()
        some = places[start : start + _TILE]
        values = points[some] @ points.T
        values -= half
        # the k-th best of the groups' best is not nearer than the k-th best of all: a limit too, at a third of the price
        groups = len(members) // _GROUP if len(members) >= _GROUP * 4 * k else len(members)
        best = values if groups == len(members) else _best_of_groups(values, groups)
        # the vector itself is among its list's members, and the nearest
        best.partition(groups - k - 1, axis=1)
        squared = 2 * (half[some] - best[:, groups - k - 1])
        limits[rows[start : start + _TILE]] = np.maximum(squared, 0) * np.float32(1.0001) + half.max() * np.float32(
            1e-6
        )


def _best_of_groups(values: Float32Array, groups: int) -> Float32Array:
    """Largest value of each of so many groups of columns: float32 (rows, groups)."""
    even = groups * _GROUP
    best = values[:, :even].reshape(len(values), _GROUP, groups).max(axis=1)
    np.maximum(best[:, : values.shape[1] - even], values[:, even:], out=best[:, : values.shape[1] - even])
    return np.asarray(best)


def _pairs_of_list(
    vectors: Float32Array, members: Int32Array, k: int, limits: Float32Array, control: Control
) -> list[_Pairs]:
    """Pairs of a list's members of which one is within the other's limit; of very many, those that are the k nearest of either.

    The members are ordered by their limit, so that of a pair the later one's is the larger.
    """
    if len(members) < 2:
        return []
    limit = limits[members]
    order = np.argsort(limit, kind="stable")
    members, limit = members[order], limit[order]
    points = np.empty((len(members), vectors.shape[1] + 2), dtype=np.float32)
    points[:, :-2] = vectors[members]
    points[:, :-2] -= points[:: max(1, len(members) // 64), :-2].mean(axis=0)
    half = np.einsum("ij,ij->i", points[:, :-2], points[:, :-2]) / 2
    # no two members are farther apart than twice the longest
    bound = np.minimum(limit, 8.1 * half.max() + np.float32(1e-30))
    points[:, -2], points[:, -1] = -half, 1.0
    values = np.empty(_TILE * _COLUMNS, dtype=np.float32)
    found = []
    for start in range(0, len(members), _COLUMNS):
        control.check()
        columns = slice(start, min(start + _COLUMNS, len(members)))
        right = points[columns].copy()
        right[:, -2], right[:, -1] = 1.0, bound[columns] / 2 - half[columns]
        there, there_bound = members[columns], bound[columns]
        for low in range(0, columns.stop, _TILE):
            left = points[low : min(low + _TILE, columns.stop)]
            product = values[: len(left) * len(right)].reshape(len(left), len(right))
            np.matmul(left, right.T, out=product)
            if low + len(left) > start:  # of the columns' own rows only those before
                own = product[max(start - low, 0) :]
                own[_ON_OR_BELOW[max(low - start, 0) :, : len(right)][: len(own)]] = -1.0
            flat = product.ravel()
            at = np.flatnonzero(flat >= 0)
            if len(at) > _CROWDED * k * sum(product.shape):
                at = _largest(product, k)
            row, column = np.divmod(at, len(right))
            squared = there_bound[column] - 2 * flat[at]
            here, other = members[low + row], there[column]
            mutual = np.flatnonzero(squared <= limit[low + row])
            found.append(_Pairs(other, here, squared))
            found.append(_Pairs(here[mutual], other[mutual], squared[mutual]))
    return found


def _largest(values: Float32Array, k: int) -> IndexArray:
    """Where the k largest values of each row and of each column are, of those >= 0: flat indices, ascending."""
    kept = np.zeros(values.shape, dtype=bool)
    for axis, size in enumerate(values.shape):
        few = min(k, size)
        largest = np.argpartition(values, size - few, axis=axis).take(range(size - few, size), axis=axis)
        np.put_along_axis(kept, largest, True, axis=axis)
    kept &= values >= 0
    return np.flatnonzero(kept)


class _Best:
    """The nearest k that were found so far of each of m vectors.

    A pair is one uint64, so that sorting moves nothing else: the owner's place in its block of owners, the other, and the bits of
    the float32 squared distance, in which numbers >= 0 sort as they do.

    Attributes:
        indices: int32 (m, k), -1 where there are fewer.
        squared: float32 (m, k), ascending; inf where there are fewer.
        limits: float32 (m,), distances beyond which nothing is wanted.
    """

    def __init__(self, m: int, k: int, limits: Float32Array) -> None:
        self.indices = np.full((m, k), -1, dtype=np.int32)
        self.squared = np.full((m, k), np.inf, dtype=np.float32)
        self.limits = limits
        few = max(64, _MERGED_AT_A_TIME // (_PAIRS_EACH * k))
        self._owner_bits = min(few.bit_length() - 1, 32 - max(1, (m - 1).bit_length()))
        self._blocks = -(-m >> self._owner_bits) if m else 0

    def by_block(self, pairs: list[_Pairs]) -> _Found:
        """Pairs packed and in the order of their owners' blocks."""
        owner, other, squared = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
        block = owner >> self._owner_bits
        # 16 bits are sorted by radix
        order = np.argsort(block.astype(np.uint16) if self._blocks <= 1 << 16 else block, kind="stable")
        keys = self._packed(owner & ((1 << self._owner_bits) - 1), other, squared)
        return _Found(keys[order], np.concatenate([[0], np.cumsum(np.bincount(block, minlength=self._blocks))]))

    def merge(self, found: list[_Found], control: Control, span: tuple[float, float]) -> None:
        """Let each vector keep the nearest of what it has and what was found for it, and lower its limit."""
        m, k = self.indices.shape
        size, other_bits = 1 << self._owner_bits, 32 - self._owner_bits
        owner_mask = np.uint64((size - 1) << (32 + other_bits))
        other_mask, distance_mask = np.uint64((1 << other_bits) - 1), np.uint64((1 << 32) - 1)

        def merge(number: int) -> None:
            rows = slice(number * size, min((number + 1) * size, m))
            had = np.flatnonzero(self.indices[rows].ravel() >= 0)
            keys = np.concatenate(
                [self._packed(had // k, self.indices[rows].ravel()[had], self.squared[rows].ravel()[had])]
                + [part.keys[part.edges[number] : part.edges[number + 1]] for part in found]
            )
            control.check()
            # each pair once: it may have been met in several lists, with distances that differ by rounding
            keys.sort()
            pair = keys >> np.uint64(32)
            new = np.ones(len(keys), dtype=bool)
            new[1:] = pair[1:] != pair[:-1]
            keys, pair = keys[new], pair[new]
            # now by distance
            keys = (keys & owner_mask) | (keys & distance_mask) << np.uint64(other_bits) | (pair & other_mask)
            keys.sort()
            owner = (keys >> np.uint64(32 + other_bits)).astype(np.intp)
            counts = np.bincount(owner, minlength=rows.stop - rows.start)
            rank = np.arange(len(owner)) - (np.cumsum(counts) - counts)[owner]
            kept = rank < k
            keys, owner, rank = keys[kept], owner[kept], rank[kept]
            self.indices[rows.start + owner, rank] = (keys & other_mask).astype(np.int32)
            bits = (keys >> np.uint64(other_bits) & distance_mask).astype(np.uint32)
            self.squared[rows.start + owner, rank] = bits.view(np.float32)
            self.limits[rows] = np.minimum(self.limits[rows], self.squared[rows, -1])

        for_each_block(merge, range(self._blocks), control, span=span)

    def _packed(self, owner: NDArray[Any], other: Int32Array, squared: Float32Array) -> NDArray[np.uint64]:
        keys = owner.astype(np.uint64) << np.uint64(32 - self._owner_bits) | other.astype(np.uint64)
        distance = np.maximum(squared, np.float32(0.0)) + np.float32(0.0)  # no -0.0
        return np.asarray(keys << np.uint64(32) | distance.view(np.uint32))


def _measured(
    vectors: Float32Array, indices: Int32Array, control: Control, span: tuple[float, float]
) -> tuple[IndexArray, Float32Array]:
    """The neighbours in order, their distances from the differences: products lose those of near-duplicates."""
    m, k = indices.shape
    result = np.empty((m, k), dtype=np.intp)
    squared = np.empty((m, k), dtype=np.float32)
    step = max(1, (1 << 19) // (4 * vectors.shape[1] * k))

    def measure(block: int) -> None:
        for start in range(block, min(block + 64 * step, m), step):
            part = slice(start, min(start + step, block + 64 * step, m))
            others = indices[part].astype(np.intp)
            difference = vectors[others]
            difference -= vectors[part, None]
            distance = np.einsum("ijk,ijk->ij", difference, difference)
            distance[others < 0] = np.inf
            order = np.lexsort((others, distance), axis=1)
            result[part] = np.take_along_axis(others, order, axis=1)
            squared[part] = np.take_along_axis(distance, order, axis=1)

    for_each_block(measure, range(0, m, 64 * step), control, span=span)
    return result, squared
