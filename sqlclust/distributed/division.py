"""The client's second work: cells are put together to shards of a size that workers can hold.

Every vector was given to its nearest few cells, which are many and small. A shard is a few neighbouring cells, and has all
vectors that any of them has. So a vector in the middle of a shard is in that one alone, and one at its border in several.

Cells are divided into two again and again, across the direction in which they differ most, until there are as many shards as
are wanted and none is too large. Only numbers of vectors are looked at, exactly, so that no shard is larger than it may be.
"""

from __future__ import annotations

import os
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.metrics import Float32Array
from sqlclust.distributed.numbering import read_corpus
from sqlclust.distributed.plan import Plan, read_plan
from sqlclust.distributed.scanning import CELLS, nearest_path
from sqlclust.distributed.spool import SpoolFile, write_spool
from sqlclust.errors import ShardTooLargeError

SHARDS = "shards"
"""How many vectors each shard has."""
_LARGEST = 4
"""Times the mean size of a cell that one may have."""
_BLOCK = 1 << 16
Int32Array = NDArray[np.int32]


def destinations_path(spool: str, number: int) -> str:
    """Where the rows of a range go."""
    return os.path.join(spool, f"destinations-{number:06d}")


def divide(spool: str) -> None:
    """Say for every row which vector it stands for, and the shards that this goes to.

    Writes for each range `numbers`, int32 (rows,), the vector, −1 for rows whose vector another one stands for; and `shards`,
    int32 (rows, overlap), the first the primary one, −1 for none. Writes the numbers of members of the shards last.

    Raises:
        ShardTooLargeError
    """
    plan, corpus = read_plan(spool), read_corpus(spool)
    m = len(corpus.starts)
    numbers = np.full(plan.n, -1, dtype=np.int32)
    numbers[corpus.order[corpus.starts]] = np.arange(m, dtype=np.int32)
    nearest = np.zeros((m, 1), dtype=np.int32) if plan.shards == 1 else _nearest(spool, plan, numbers, m)
    group = np.zeros(1, dtype=np.int32) if plan.shards == 1 else _groups(spool, plan, nearest)
    sizes, primary = np.zeros(group.max() + 1, dtype=np.int64), np.zeros(group.max() + 1, dtype=np.int64)
    for at, (start, stop) in enumerate(plan.ranges):
        own = numbers[start:stop]
        shards = np.full((len(own), nearest.shape[1]), -1, dtype=np.int32)
        known = own >= 0
        shards[known] = _once_each(nearest[own[known]], group)
        sizes += np.bincount(shards[shards >= 0], minlength=len(sizes))
        primary += np.bincount(shards[known, 0], minlength=len(sizes))
        write_spool(destinations_path(spool, at), {"numbers": own, "shards": shards})
    write_spool(os.path.join(spool, SHARDS), {"sizes": sizes, "primary": primary}, facts={"distinct": m})


def shard_sizes(spool: str) -> NDArray[np.int64]:
    """int64 (shards,), how many vectors each has."""
    with SpoolFile(os.path.join(spool, SHARDS)) as file:
        return file.array("sizes")


def _nearest(spool: str, plan: Plan, numbers: Int32Array, m: int) -> Int32Array:
    """int32 (m, overlap), the cells of each distinct vector, the nearest first; −1 where a cell has too many to take it."""
    result = None
    cells = 0
    for at, (start, stop) in enumerate(plan.ranges):
        with SpoolFile(nearest_path(spool, at)) as file:
            found = file.array("nearest")
        if result is None:
            result = np.empty((m, found.shape[1]), dtype=np.int32)
        own = numbers[start:stop]
        result[own[own >= 0]] = found[own >= 0]
        cells = max(cells, int(found.max()) + 1)
    assert result is not None
    _leave_hubs(result, max(plan.cells, cells))
    return result


def _leave_hubs(nearest: Int32Array, cells: int) -> None:
    """Take vectors out of cells that have too many; a vector stays in its nearest one. As `inverted_lists` does it.

    A centre between separated groups is near to all of them.
    """
    m, overlap = nearest.shape
    most = int(_LARGEST * m * overlap / cells)
    flat = nearest.reshape(-1)
    for cell in np.flatnonzero(np.bincount(flat, minlength=cells) > most).tolist():
        entries = np.flatnonzero(flat == cell)
        others = entries[np.argsort(entries % overlap, kind="stable")][most:]
        flat[others[others % overlap > 0]] = -1


def _once_each(nearest: Int32Array, group: Int32Array) -> Int32Array:
    """The shards of some vectors' cells, each once, −1 for the others; the first column is the nearest cell's."""
    shards = np.where(nearest >= 0, group[nearest], -1).astype(np.int32)
    for column in range(1, shards.shape[1]):
        again = (shards[:, :column] == shards[:, column : column + 1]).any(axis=1)
        shards[again, column] = -1
    return shards


class _Cells(NamedTuple):
    """The cells that are put together.

    Attributes:
        centres: float32 (cells, p).
        weight: int64 (cells,), vectors of which each is the nearest.
        least: vectors of which a shard has to have the nearest cell.
    """

    centres: Float32Array
    weight: NDArray[np.int64]
    least: int

    def divided(self, cells: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]] | None:
        """Some cells in two parts of about as many vectors; None where a part would have too few."""
        weight = self.weight[cells].astype(np.float64)
        if len(cells) < 2 or weight.sum() < 2 * self.least:
            return None
        centred = self.centres[cells].astype(np.float64)
        centred -= weight @ centred / weight.sum()
        _, axes = np.linalg.eigh((centred * weight[:, None]).T @ centred)
        axis = axes[:, -1] * np.sign(axes[np.abs(axes[:, -1]).argmax(), -1])
        order = np.argsort(centred @ axis, kind="stable")
        before = np.cumsum(weight[order])[:-1]
        enough = np.flatnonzero((before >= self.least) & (weight.sum() - before >= self.least))
        if len(enough) == 0:
            return None
        cut = int(enough[np.abs(before[enough] - weight.sum() / 2).argmin()]) + 1
        return np.sort(cells[order[:cut]]), np.sort(cells[order[cut:]])


def _groups(spool: str, plan: Plan, nearest: Int32Array) -> Int32Array:
    """int32 (cells,), the shard that each cell belongs to."""
    with SpoolFile(os.path.join(spool, CELLS)) as file:
        centres = file.array("centres")
    weight = np.bincount(nearest[:, 0], minlength=len(centres))
    cells = _Cells(centres, weight, 4 * (plan.k + 1))
    groups: list[NDArray[np.intp]] = [np.arange(len(centres))]
    whole: list[NDArray[np.intp]] = []
    while groups and len(groups) + len(whole) < plan.shards:
        groups.sort(key=lambda group: (-int(weight[group].sum()), int(group[0])))
        largest = groups.pop(0)
        parts = cells.divided(largest)
        groups, whole = (groups, [*whole, largest]) if parts is None else ([*groups, *parts], whole)
    groups += whole
    while True:
        groups.sort(key=lambda group: int(group[0]))
        group_of_cell = np.empty(len(centres), dtype=np.int32)
        for number, group in enumerate(groups):
            group_of_cell[group] = number
        if plan.most is None:
            return group_of_cell
        sizes = _sizes(nearest, group_of_cell, len(groups))
        if sizes.max() <= plan.most:
            return group_of_cell
        smaller: list[NDArray[np.intp]] = []
        for group, size in zip(groups, sizes.tolist(), strict=True):
            if size <= plan.most:
                smaller.append(group)
                continue
            parts = cells.divided(group)
            if parts is None:
                raise ShardTooLargeError(members=size, most=plan.most)
            smaller += parts
        groups = smaller


def _sizes(nearest: Int32Array, group: Int32Array, count: int) -> NDArray[np.int64]:
    """int64 (count,), vectors that are in each shard."""
    sizes = np.zeros(count, dtype=np.int64)
    for start in range(0, len(nearest), _BLOCK):
        shards = _once_each(nearest[start : start + _BLOCK], group)
        sizes += np.bincount(shards[shards >= 0], minlength=count)
    return sizes
