"""Inverted lists: overlapping lists of nearby vectors, one for each centre that k-means finds.

As in an inverted file index (IVF), except that each vector is in the lists of its nearest few centres. Two near vectors are often
not in one list if each is in one only. Of several lists they nearly always share one. So comparing the members of every list with
each other finds most neighbours, at a fraction of all pairs.

Source: Jégou, Douze, Schmid 2011 for inverted lists; Lloyd 1982 for k-means.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.groups import places_in_runs
from sqlclust.core.geometry.metrics import Float32Array, IndexArray
from sqlclust.core.neighbors.k_nearest import group_maxima
from sqlclust.core.runtime.control import Control
from sqlclust.core.runtime.threads import for_each_block

_ROUNDS = 3
_PER_CENTRE = 16
_ROWS = 1024
_GROUP = 16
_LARGEST = 4
"""Times the mean size of a list that one may have."""


class InvertedLists(NamedTuple):
    """Members of overlapping lists.

    Attributes:
        members: int32 (at most n·lists_per_vector,), the vectors of list 0, then of list 1, …; ascending within a list.
        bounds: intp (c + 1,), where each list begins and ends.
        primary: int32 (n,), each vector's nearest centre.
        rank: int8, for each entry of `members` how near the list's centre is to it: 0 for its nearest.
    """

    members: np.ndarray[tuple[int], np.dtype[np.int32]]
    bounds: IndexArray
    primary: np.ndarray[tuple[int], np.dtype[np.int32]]
    rank: np.ndarray[tuple[int], np.dtype[np.int8]]

    def of_list(self, number: int) -> NDArray[np.int32]:
        """The members of one list."""
        return self.members[self.bounds[number] : self.bounds[number + 1]]


def one_list(n: int) -> InvertedLists:
    """A single list of all n vectors."""
    rank, primary = np.zeros(n, dtype=np.int8), np.zeros(n, dtype=np.int32)
    return InvertedLists(np.arange(n, dtype=np.int32), np.array([0, n]), primary, rank)


def inverted_lists(
    points: Float32Array, count: int, lists_per_vector: int, seed: int, control: Control
) -> InvertedLists:
    """Assign every point to the lists of its nearest few centres.

    Args:
        points: float32 (n, p).
        count: lists, 1 <= count <= n.
        lists_per_vector: 1 <= lists_per_vector <= count, at most 127.
        seed: which points the centres are learnt from.

    Cost: O(n·count·p) multiplications; O(n·lists_per_vector) memory.
    """
    centres = centres_of_sample(points, count, seed, control.part(0.0, 0.3))
    nearest = nearest_centres(points, centres, lists_per_vector, control.part(0.3, 1.0))
    flat = nearest.ravel()
    by_list = np.argsort(flat, kind="stable")
    owner = flat[by_list]
    bounds = np.searchsorted(owner, np.arange(count + 1))
    most = _LARGEST * len(points) * lists_per_vector / count
    if np.diff(bounds).max() > most:
        by_list, owner = _without_hubs(by_list, owner, lists_per_vector, int(most))
        bounds = np.searchsorted(owner, np.arange(count + 1))
    members, rank = np.divmod(by_list, lists_per_vector)
    return InvertedLists(members.astype(np.int32), bounds.astype(np.intp), nearest[:, 0].copy(), rank.astype(np.int8))


def nearest_centres(
    points: Float32Array, centres: Float32Array, lists_per_vector: int, control: Control
) -> NDArray[np.int32]:
    """The nearest few centres of each point, int32 (n, lists_per_vector), the nearest first."""
    nearest = np.empty((len(points), lists_per_vector), dtype=np.int32)
    count = len(centres)
    half = (np.einsum("ij,ij->i", centres, centres) / 2).astype(np.float32)
    # the maxima of groups of centres are compared first: selecting among all would cost more than multiplying
    grouped = lists_per_vector > 1 and count >= 8 * _GROUP * lists_per_vector
    if grouped:
        added = -count % _GROUP
        centres = np.concatenate([centres, np.zeros((added, points.shape[1]), dtype=np.float32)])
        half = np.concatenate([half, np.full(added, np.float32(np.finfo(np.float32).max))])

    def assign(start: int) -> None:
        part = slice(start, start + _ROWS)
        values = points[part] @ centres.T
        values -= half
        nearest[part] = _largest_first(values, lists_per_vector, grouped=grouped)

    for_each_block(assign, range(0, len(points), _ROWS), control)
    return nearest


def _without_hubs(
    by_list: IndexArray, owner: NDArray[np.int32], lists_per_vector: int, most: int
) -> tuple[IndexArray, NDArray[np.int32]]:
    """Assignments with no list of more than `most` members, except those whose nearest centre it is.

    A centre between separated groups is near to all of them. Its list would hold every vector, and cost a whole product. It keeps
    the vectors for which it is the nearest, then those for which it is the second nearest, and so on.
    """
    rank = by_list % lists_per_vector
    order = np.lexsort((by_list, rank, owner))
    place = np.empty(len(owner), dtype=np.intp)
    place[order] = places_in_runs(owner[order])
    keep = (rank == 0) | (place < most)
    return by_list[keep], owner[keep]


def _largest_first(values: Float32Array, count: int, *, grouped: bool) -> IndexArray:
    """Columns of the `count` largest values of each row, the largest first.

    Args:
        grouped: look for them in the groups of columns with the largest maxima. The columns are a multiple of 16 then.
    """
    if count == 1:
        return np.asarray(values.argmax(axis=1)[:, None])
    columns = None
    if grouped:
        width = values.shape[1] // _GROUP
        best = np.argpartition(group_maxima(values, width), width - count, axis=1)[:, width - count :]
        columns = (best[:, :, None] + np.arange(_GROUP) * width).reshape(len(values), -1)
        values = np.take_along_axis(values, columns, axis=1)
    size = values.shape[1]
    chosen = (
        np.argpartition(values, size - count, axis=1)[:, size - count :] if count < size else np.argsort(values, axis=1)
    )
    order = np.argsort(-np.take_along_axis(values, chosen, axis=1), axis=1, kind="stable")
    chosen = np.take_along_axis(chosen, order, axis=1)
    return np.asarray(chosen if columns is None else np.take_along_axis(columns, chosen, axis=1))


def centres_of_sample(points: Float32Array, count: int, seed: int, control: Control) -> Float32Array:
    """k-means centres of a sample: float32 (count, p)."""
    n = len(points)
    random = np.random.Generator(np.random.PCG64(seed))
    sample = points[np.sort(random.choice(n, size=min(n, count * _PER_CENTRE), replace=False))]
    centres = sample[random.choice(len(sample), size=count, replace=False)].copy()
    for number in range(_ROUNDS):
        part = control.part(number / _ROUNDS, (number + 1) / _ROUNDS)
        owner = nearest_centres(sample, centres, 1, part)[:, 0]
        order = np.argsort(owner, kind="stable")
        sizes = np.bincount(owner, minlength=count)
        filled = np.flatnonzero(sizes)
        starts = (np.cumsum(sizes) - sizes)[filled]
        centres[filled] = np.add.reduceat(sample[order], starts, axis=0) / sizes[filled, None]
        control.check()
    return centres
