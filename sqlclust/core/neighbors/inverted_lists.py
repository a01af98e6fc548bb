"""Arrays only: overlapping lists of nearby vectors, by k-means centres. No SQL.

Each vector goes to its nearest `over` of c centres. Two near vectors rarely share their nearest centre only, but seldom share
none of several: multiplying the members of every list with each other finds most neighbours at a fraction of all pairs.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.metrics import Float32Array, IndexArray
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
        members: int32 (at most n·over,), the vectors of list 0, then of list 1, …; ascending within a list.
        bounds: intp (c + 1,), where each list begins and ends.
        primary: int32 (n,), each vector's nearest centre.
        rank: int8, for each entry of `members` how near the list's centre is to it: 0 for its nearest.
    """

    members: np.ndarray[tuple[int], np.dtype[np.int32]]
    bounds: IndexArray
    primary: np.ndarray[tuple[int], np.dtype[np.int32]]
    rank: np.ndarray[tuple[int], np.dtype[np.int8]]


def inverted_lists(
    points: Float32Array, count: int, over: int, seed: int, control: Control, *, span: tuple[float, float]
) -> InvertedLists:
    """Assign every point to its nearest `over` of `count` centres.

    Args:
        points: float32 (n, p).
        count: lists, 1 <= count <= n.
        over: 1 <= over <= count, at most 127.
        seed: which points the centres are learnt from.

    Cost: O(n·count·p) multiplications; O(n·over) memory.
    """
    n = len(points)
    middle = span[0] + 0.3 * (span[1] - span[0])
    centres = _centres(points, count, seed, control, (span[0], middle))
    nearest = np.empty((n, over), dtype=np.int32)
    half = (np.einsum("ij,ij->i", centres, centres) / 2).astype(np.float32)
    # groups of centres whose maxima are compared first: selecting would cost more than multiplying
    padded = -count % _GROUP
    if count >= 8 * _GROUP * over:
        centres = np.concatenate([centres, np.zeros((padded, points.shape[1]), dtype=np.float32)])
        half = np.concatenate([half, np.full(padded, np.float32(np.finfo(np.float32).max))])

    def assign(start: int) -> None:
        part = slice(start, start + _ROWS)
        values = points[part] @ centres.T
        values -= half
        nearest[part] = _largest_first(values, over, grouped=len(half) >= 8 * _GROUP * over)

    for_each_block(assign, range(0, n, _ROWS), control, span=(middle, span[1]))
    flat = nearest.ravel()
    by_list = np.argsort(flat, kind="stable")
    owner = flat[by_list]
    bounds = np.searchsorted(owner, np.arange(count + 1))
    if np.diff(bounds).max() > _LARGEST * n * over / count:
        by_list, owner = _without_hubs(by_list, owner, over, int(_LARGEST * n * over / count))
        bounds = np.searchsorted(owner, np.arange(count + 1))
    members, rank = np.divmod(by_list, over)
    return InvertedLists(members.astype(np.int32), bounds.astype(np.intp), nearest[:, 0].copy(), rank.astype(np.int8))


def _without_hubs(
    by_list: IndexArray, owner: NDArray[np.int32], over: int, most: int
) -> tuple[IndexArray, NDArray[np.int32]]:
    """Assignments with no list of more than `most`, unless it is the nearest list of more.

    A centre between separated groups is near to all of them: its list would hold every vector, and cost a whole product.
    Those stay to whom the centre is nearer by rank.
    """
    rank = by_list % over
    order = np.lexsort((by_list, rank, owner))
    starts = np.flatnonzero(np.append(True, owner[1:] != owner[:-1]))
    place = np.empty(len(owner), dtype=np.intp)
    place[order] = np.arange(len(owner)) - np.repeat(starts, np.diff(starts, append=len(owner)))
    keep = (rank == 0) | (place < most)
    return by_list[keep], owner[keep]


def _largest_first(values: Float32Array, over: int, *, grouped: bool) -> IndexArray:
    """Columns of the `over` largest values of each row, the largest first."""
    if over == 1:
        return np.asarray(values.argmax(axis=1)[:, None])
    columns = None
    if grouped and values.shape[1] % _GROUP == 0:
        width = values.shape[1] // _GROUP
        groups = values.reshape(len(values), _GROUP, width).max(axis=1)
        best = np.argpartition(groups, width - over, axis=1)[:, width - over :]
        columns = (best[:, :, None] + np.arange(_GROUP) * width).reshape(len(values), -1)
        values = np.take_along_axis(values, columns, axis=1)
    size = values.shape[1]
    chosen = (
        np.argpartition(values, size - over, axis=1)[:, size - over :] if over < size else np.argsort(values, axis=1)
    )
    order = np.argsort(-np.take_along_axis(values, chosen, axis=1), axis=1, kind="stable")
    chosen = np.take_along_axis(chosen, order, axis=1)
    return np.asarray(chosen if columns is None else np.take_along_axis(columns, chosen, axis=1))


def _centres(points: Float32Array, count: int, seed: int, control: Control, span: tuple[float, float]) -> Float32Array:
    """k-means centres of a sample: float32 (count, p)."""
    n = len(points)
    random = np.random.Generator(np.random.PCG64(seed))
    sample = points[np.sort(random.choice(n, size=min(n, count * _PER_CENTRE), replace=False))]
    centres = sample[random.choice(len(sample), size=count, replace=False)].copy()
    owner = np.empty(len(sample), dtype=np.intp)
    for round_ in range(_ROUNDS):
        half = np.einsum("ij,ij->i", centres, centres) / 2

        def assign(start: int, centres: Float32Array = centres, half: Float32Array = half) -> None:
            values = sample[start : start + _ROWS] @ centres.T
            values -= half
            owner[start : start + _ROWS] = values.argmax(axis=1)

        step = (span[1] - span[0]) / _ROUNDS
        here = span[0] + step * round_
        for_each_block(assign, range(0, len(sample), _ROWS), control, span=(here, here + step))
        order = np.argsort(owner, kind="stable")
        sizes = np.bincount(owner, minlength=count)
        filled = np.flatnonzero(sizes)
        starts = (np.cumsum(sizes) - sizes)[filled]
        centres[filled] = np.add.reduceat(sample[order], starts, axis=0) / sizes[filled, None]
        control.check()
    return centres
