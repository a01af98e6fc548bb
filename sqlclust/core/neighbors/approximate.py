"""Nearest neighbours, approximately: each vector is compared with the members of the inverted lists it is in.

1. Every vector goes into several lists of nearby vectors (`inverted_lists`).
2. In its nearest list, each vector finds a limit: how far its k-th neighbour is at most (`list_limits`).
3. The members of every list are multiplied with each other. Pairs within the limit of either end are kept (`list_pairs`).
4. Of its pairs each vector keeps the k nearest (`packed_pairs`); these are measured from the differences.

Where there is much to multiply and products of 8-bit integers are to be had, 2 and 3 are made of these (`integer_vectors`). They
tell distances to some thousandths, so a few more than k are kept, and the k nearest of them after measuring. Lists whose members
they do not tell apart go by float32.
Of 141,600 generated embeddings of 384 dimensions 0.961 of the neighbours are found in 0.7 of the time of a fit by float32, which
finds 0.952 (`python -m tests.benchmarks.engine --rows 141600 --only approximate`, with ONNX Runtime and without).

The numbers below were chosen by measuring 45,000 real and 134,520 generated embeddings of 384 dimensions, with other `Effort`s:

- 10 lists of 700, made along 96 axes, find 96.5 % and 95.3 % of the 15 nearest, in 90 and 102 µs of a core for each vector. Along
  64 axes it takes 12 lists to find as many.
- To compare a vector with its own nearest lists only, not all members of a list with each other, takes 4 times as many pairs.
- Products over a few principal axes are cheaper, but 10 % of the neighbours are lost because the order is wrong.
- Neighbours of neighbours, multiplied for 64 vectors at a time after 6 lists of 500, found as many as 10 lists of 700 in the same
  time: fetching the vectors costs what multiplying them does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from sqlclust.core.geometry.integer_products import Products
from sqlclust.core.geometry.integer_vectors import IntegerVectors, vectors_in_integers
from sqlclust.core.geometry.metrics import (
    Float32Array,
    Float64Array,
    IndexArray,
    nearly_squared_distances,
    rounding_of_differences,
)
from sqlclust.core.geometry.principal_axes import PrincipalAxes, principal_axes, projections
from sqlclust.core.neighbors.brute_force import brute_force_neighbors
from sqlclust.core.neighbors.inverted_lists import InvertedLists, inverted_lists, one_list
from sqlclust.core.neighbors.k_nearest import Int32Array, KNearest, NeighborPairs
from sqlclust.core.neighbors.list_limits import limits_in_lists
from sqlclust.core.neighbors.list_pairs import pairs_of_list
from sqlclust.core.neighbors.packed_pairs import PAIR_BYTES, PAIRS_EACH, PackedNearest, PackedPairs
from sqlclust.core.runtime.control import Control
from sqlclust.core.runtime.threads import for_each_block

LIST_AXES = 96
"""Principal axes the lists are made along."""
_LISTS_AT_A_TIME, _PACKED_AT_A_TIME = 16, 1 << 18
_MEASURED_AT_A_TIME = 1 << 16
_TOLD = 1e-3
"""Share of a squared distance that rounding in a product may take, so that measuring it is not worth while."""
_LEAST_WORK = 5e10
"""Multiplications within lists from which on products of integers are looked for: importing takes some tenths of a second."""
_SPARE, _SPARE_SHARE = 2, 16
"""Neighbours that products of integers find beyond k: so many, and one for each so many of the k."""
_MORE_LISTS = 1
"""Lists for each vector by which integers look further: they find more than float32, and still take less time."""
_ROUND_BYTES = 1 << 26
"""Pairs held before they are merged, about; or an eighth of the vectors, where that is more."""


class Effort(NamedTuple):
    """How hard to look: every vector is in `lists_per_vector` lists of `list_size` members in the mean."""

    lists_per_vector: int
    list_size: int


SEED = Effort(lists_per_vector=4, list_size=500)
"""For the limits that the exact search starts from."""
FULL = Effort(lists_per_vector=10, list_size=700)
"""For neighbours that are the result."""


class NeighborsAndLists(NamedTuple):
    """Approximate neighbours, and where they were looked for.

    Attributes:
        indices: intp (m, k), ascending by (distance, index).
        squared: float32 (m, k), squared distances from the differences, wrong by d · 2⁻²⁴ of their value at most.
        lists: the inverted lists whose members were compared with each other.
        products: what they were compared by.
    """

    indices: IndexArray
    squared: Float32Array
    lists: InvertedLists
    products: Products


def neighbors_and_lists(
    vectors: Float32Array, k: int, effort: Effort, seed: int, control: Control, *, axes: PrincipalAxes | None = None
) -> NeighborsAndLists:
    """About the k nearest neighbours of every vector, and the lists they were found in.

    Args:
        vectors: float32 (m, d).
        k: 1 <= k < m.
        seed: of the lists' centres.
        axes: principal axes of the vectors, where they are known already.

    Cost: O(m·lists_per_vector·list_size·d) multiplications, and O(m²·lists_per_vector·96 / list_size) for the lists; memory
    O(m·k), and 96 float32 and 1 float64 for each vector while the lists are made; those of `vectors_in_integers` besides.
    """
    effort = effort._replace(list_size=max(effort.list_size, 6 * k))
    compared = len(vectors) * min(len(vectors), effort.lists_per_vector * effort.list_size) / 2
    integers = vectors_in_integers(vectors, compared, _LEAST_WORK, control.part(0.0, 0.02))
    if integers is not None:
        effort = effort._replace(lists_per_vector=effort.lists_per_vector + _MORE_LISTS)
    lists = lists_of(vectors, effort, seed, control.part(0.02, 0.15), axes=axes)
    kept = k if integers is None else min(k + _SPARE + k // _SPARE_SHARE, len(vectors) - 1)
    limits = limits_in_lists(vectors, lists, kept, control.part(0.15, 0.3), integers=integers)
    nearest, _ = _compared_in_lists(vectors, lists, kept, limits, control.part(0.3, 0.9), integers)
    del limits
    indices, squared = _remeasured(vectors, nearest.indices, k, control.part(0.9, 1.0))
    incomplete = np.flatnonzero(indices[:, -1] < 0)
    if integers is not None:
        incomplete = np.union1d(incomplete, integers.cut_short)
    if len(incomplete):  # lists of outliers may be short
        found = brute_force_neighbors(vectors, incomplete, k, control.part(1.0, 1.0))
        indices[incomplete], squared[incomplete] = found
    return NeighborsAndLists(indices, squared, lists, "float32" if integers is None else "int8")


def kth_at_most(
    vectors: Float32Array, k: int, effort: Effort, seed: int, control: Control, *, axes: PrincipalAxes
) -> Float64Array:
    """Squared distances that the k-th nearest of each vector does not exceed: float64 (m,). As `neighbors_and_lists`, but the
    neighbours are measured only where rounding in products tells too little of their distances.
    """
    effort = effort._replace(list_size=max(effort.list_size, 6 * k))
    lists = lists_of(vectors, effort, seed, control.part(0.0, 0.2), axes=axes)
    limits = limits_in_lists(vectors, lists, k, control.part(0.2, 0.35))
    nearest, of_lists = _compared_in_lists(vectors, lists, k, limits, control.part(0.35, 0.95))
    rounded = np.zeros(len(vectors))
    np.maximum.at(rounded, lists.members, np.repeat(of_lists, np.diff(lists.bounds)))
    farthest = nearest.squared[:, -1] + rounded
    incomplete = np.flatnonzero(nearest.indices[:, -1] < 0)
    farthest[incomplete] = brute_force_neighbors(vectors, incomplete, k, control.part(1.0, 1.0))[1][:, -1]
    rounded[incomplete] = 0.0
    unsure = np.flatnonzero(~(rounded <= _TOLD * farthest))
    step = max(1, _MEASURED_AT_A_TIME // k)

    def measure(start: int) -> None:
        some = unsure[start : start + step]
        others = nearest.indices[some].ravel().astype(np.intp)
        near, _, _ = nearly_squared_distances(vectors, np.repeat(some, k), others)
        farthest[some] = near.reshape(len(some), k).max(axis=1)

    for_each_block(measure, range(0, len(unsure), step), control.part(0.95, 1.0))
    share, least = rounding_of_differences(vectors.shape[1])
    return np.asarray(farthest * (1.0 + share) + least)


def lists_of(
    vectors: Float32Array, effort: Effort, seed: int, control: Control, *, axes: PrincipalAxes | None = None
) -> InvertedLists:
    """Inverted lists by the leading principal axes; a single one where there would be hardly more than each vector is in."""
    count = max(1, round(len(vectors) * effort.lists_per_vector / effort.list_size))
    if count < 2 * effort.lists_per_vector:
        return one_list(len(vectors))
    if axes is None or axes.basis is None:
        axes = principal_axes(vectors, LIST_AXES, control)
    along, _ = projections(vectors, axes.leading(LIST_AXES), control.part(0.0, 0.2))
    return inverted_lists(along, count, effort.lists_per_vector, seed, control.part(0.2, 1.0))


def _compared_in_lists(
    vectors: Float32Array,
    lists: InvertedLists,
    k: int,
    limits: Float32Array,
    control: Control,
    integers: IntegerVectors | None = None,
) -> tuple[KNearest, Float64Array]:
    """The k nearest of each vector among the members of its lists, by products; and how wrong the squared distances of each list
    are at most, float64 (lists,). `limits` are lowered.

    The lists are compared in rounds. After each round the pairs found are merged, which bounds memory and lowers the limits.
    """
    nearest, rounded = PackedNearest(len(vectors), k, limits), np.zeros(len(lists.bounds) - 1)

    def compare(number: int) -> list[NeighborPairs]:
        found, rounded[number] = pairs_of_list(vectors, lists.of_list(number), nearest.limits, k, control, integers)
        return found

    held = max(_ROUND_BYTES, vectors.nbytes // 8)
    rounds = max(1, -(-len(vectors) * k * PAIRS_EACH * PAIR_BYTES // held))
    for number in range(rounds):
        part = control.part(number / rounds, (number + 1) / rounds)
        numbers = range(number, len(lists.bounds) - 1, rounds)
        found = _pairs_of_lists(compare, numbers, nearest, part.part(0.0, 0.9))
        nearest.merge(found, part.part(0.9, 1.0))
    return nearest.nearest, rounded


def _pairs_of_lists(
    compare: Callable[[int], list[NeighborPairs]], numbers: range, nearest: PackedNearest, control: Control
) -> list[PackedPairs]:
    """The pairs of some lists, of which `compare` gives those of one, packed for `nearest`."""
    found: list[PackedPairs] = []

    def pack(some: range) -> None:
        pairs: list[NeighborPairs] = []
        for number in some:
            pairs += compare(number)
            if pairs and (number == some[-1] or sum(len(part.owner) for part in pairs) > _PACKED_AT_A_TIME):
                found.append(nearest.packed(pairs))
                pairs.clear()

    parts = [numbers[start : start + _LISTS_AT_A_TIME] for start in range(0, len(numbers), _LISTS_AT_A_TIME)]
    for_each_block(pack, parts, control)
    return found


def _remeasured(
    vectors: Float32Array, indices: Int32Array, k: int, control: Control
) -> tuple[IndexArray, Float32Array]:
    """The k nearest of the neighbours (m, >= k) in order, by the differences: products lose those of near-duplicates."""
    m, kept = indices.shape
    result = np.empty((m, k), dtype=np.intp)
    squared = np.empty((m, k), dtype=np.float32)
    step = max(1, (1 << 19) // (4 * vectors.shape[1] * kept))

    def measure(block: int) -> None:
        for start in range(block, min(block + 64 * step, m), step):
            part = slice(start, min(start + step, block + 64 * step, m))
            others = indices[part].astype(np.intp)
            difference = vectors[others]
            difference -= vectors[part, None]
            distance = np.einsum("ijk,ijk->ij", difference, difference)
            distance[others < 0] = np.inf
            order = np.lexsort((others, distance), axis=1)[:, :k]
            result[part] = np.take_along_axis(others, order, axis=1)
            squared[part] = np.take_along_axis(distance, order, axis=1)

    for_each_block(measure, range(0, m, 64 * step), control)
    return result, squared
