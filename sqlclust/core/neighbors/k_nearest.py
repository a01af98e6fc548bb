"""The k nearest found so far: where a search collects its neighbours.

A search finds neighbours in portions: as pairs, or as a panel of a matrix product. `KNearest` keeps the k nearest of each owner.
An owner is a vector whose neighbours are wanted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.groups import places_in_runs
from sqlclust.core.geometry.metrics import Float32Array, IndexArray

Int32Array = NDArray[np.int32]
Number = TypeVar("Number", np.float32, np.int32)

_CROWDED = 4
"""Times k candidates in a panel for each owner, from which on the panel is partitioned: sorting all of them would take longer."""


class NeighborPairs(NamedTuple):
    """Neighbours found, each pair as seen from one of its ends.

    Attributes:
        owner: int32 (p,), the vector whose neighbour is found.
        other: int32 (p,), the neighbour.
        squared: float32 or float64 (p,), the squared distance between them.
    """

    owner: Int32Array
    other: Int32Array
    squared: NDArray[Any]

    def at(self, index: IndexArray) -> NeighborPairs:
        """Some of the pairs."""
        return NeighborPairs(self.owner[index], self.other[index], self.squared[index])


def joined_pairs(parts: Sequence[NeighborPairs]) -> NeighborPairs:
    """All the pairs of several, at least one."""
    return NeighborPairs(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def nearest_pairs(pairs: NeighborPairs, k: int) -> tuple[NeighborPairs, IndexArray]:
    """Of the pairs of each owner the k first by (distance, other). O(p log p).

    Returns:
        The pairs kept, by (owner, distance, other); and intp, the place of each among those of its owner, from 0.
    """
    order = np.lexsort((pairs.other, pairs.squared, pairs.owner))
    place = places_in_runs(pairs.owner[order])
    kept = place < k
    return pairs.at(order[kept]), place[kept]


class KNearest:
    """The k nearest found so far of each of some owners, numbered from 0.

    Args:
        owners: how many there are.
        k: >= 1.
        squared: type of the distances, float32 or float64.
        indices: type of the indices.

    Attributes:
        indices: (owners, k), the neighbours, ascending by (distance, index); -1 where fewer were found.
        squared: (owners, k), their distances; inf where fewer were found.
    """

    def __init__(self, owners: int, k: int, *, squared: type[Any] = np.float32, indices: type[Any] = np.int32) -> None:
        self.indices: NDArray[Any] = np.full((owners, k), -1, dtype=indices)
        self.squared: NDArray[Any] = np.full((owners, k), np.inf, dtype=squared)

    def known(self, owners: slice) -> NeighborPairs:
        """What was found so far of some owners, as pairs."""
        place = np.flatnonzero(self.indices[owners].ravel() >= 0)
        owner = (place // self.indices.shape[1] + owners.start).astype(np.int32)
        other, squared = self.indices[owners].ravel()[place], self.squared[owners].ravel()[place]
        return NeighborPairs(owner, other.astype(np.int32), squared)

    def put(self, pairs: NeighborPairs, place: IndexArray) -> None:
        """Set neighbours at their places, from 0 for the nearest of an owner."""
        self.indices[pairs.owner, place] = pairs.other
        self.squared[pairs.owner, place] = pairs.squared

    def add_pairs(self, pairs: NeighborPairs, owners: slice) -> None:
        """Let each owner keep the k nearest of what it has and of `pairs`. No pair may come twice.

        Args:
            owners: that all the pairs are of. Threads may add to different owners at a time.
        """
        known = self.known(owners)
        self.put(*nearest_pairs(joined_pairs([known, pairs]) if len(known.owner) else pairs, self.indices.shape[1]))

    def add_panel(self, nearness: Float32Array, first: int) -> None:
        """Let each owner keep the k nearest of what it has and of a panel.

        Args:
            nearness: float32 (owners, c), of the vectors numbered from `first`; larger is nearer, -inf for what does not count.
                It is kept as a distance of −nearness.
        """
        (rows, columns), k = nearness.shape, self.indices.shape[1]
        least = -self.squared[:, -1]
        nearer = nearness > least[:, None]
        if np.count_nonzero(nearer) > _CROWDED * rows * k:
            few = min(k, columns)
            column = np.argpartition(nearness, columns - few, axis=1)[:, columns - few :].ravel()
            row = np.repeat(np.arange(rows), few)
            better = nearer[row, column]
            row, column = row[better], column[better]
        else:
            row, column = np.divmod(np.flatnonzero(nearer), columns)
        found = NeighborPairs(row.astype(np.int32), (column + first).astype(np.int32), -nearness[row, column])
        self.add_pairs(found, slice(0, rows))


class KthLargest:
    """The k-th largest value shown so far of each row: whatever is below it is not among the row's k largest.

    Args:
        rows: how many there are.
        k: >= 1.

    Attributes:
        least: float32 (rows,), at most the k-th largest value shown; -inf before k were shown.
    """

    def __init__(self, rows: int, k: int) -> None:
        self._k = k
        self._values = np.full((rows, k), -np.inf, dtype=np.float32)
        self.least = self._values.min(axis=1)

    def add(self, values: Float32Array) -> None:
        """Show values float32 (rows, c)."""
        both = np.concatenate([self._values, values], axis=1)
        self._values = np.partition(both, both.shape[1] - self._k, axis=1)[:, -self._k :]
        self.least = self._values.min(axis=1)


def group_maxima(values: NDArray[Number], groups: int) -> NDArray[Number]:
    """The largest value of each of so many groups of columns: (rows, groups). Every column is in one group.

    The k-th largest of them is not above the k-th largest of all values. To find it takes a fraction of the time.

    Args:
        values: float32 or int32 (rows, c), c >= groups.
    """
    even = values.shape[1] // groups * groups
    largest: NDArray[Number] = values[:, :even].reshape(len(values), -1, groups).max(axis=1)
    remaining = values.shape[1] - even
    np.maximum(largest[:, :remaining], values[:, even:], out=largest[:, :remaining])
    return largest


def order_by_block(block: NDArray[Any], blocks: int) -> tuple[IndexArray, IndexArray]:
    """A stable order by block, and where each block begins in it: intp (p,), intp (blocks + 1,).

    Args:
        block: integers (p,), from 0 to below `blocks`.
    """
    # 16 bits are sorted by radix
    order = np.argsort(block.astype(np.uint16) if blocks <= 1 << 16 else block, kind="stable")
    return order, np.concatenate([[0], np.cumsum(np.bincount(block, minlength=blocks))])
