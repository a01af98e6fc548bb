"""Which vectors of a stored fit are there among other rows: by the hashes that are kept with it, its vectors are not.

A vector is taken for the same where 64 bits of its SHA-256 and its CRC-32 are. Ids do not matter: a row that comes back under
another id has been there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.metrics import IndexArray
from sqlclust.core.neighbors.k_nearest import Int32Array
from sqlclust.errors import Id


class RowHashes(NamedTuple):
    """What is known of n rows' stored vectors, in the order of ids.

    Attributes:
        hashes: uint64 (n,), of `Points.row_hashes`.
        checks: uint32 (n,), CRC-32.
    """

    hashes: NDArray[np.uint64]
    checks: NDArray[np.uint32]


class Changes(NamedTuple):
    """Rows by their ids, against a fit: what people are told."""

    new: int
    gone: int
    changed: int

    @property
    def any(self) -> int:
        """How many rows are another."""
        return sum(self)


def counted_changes(old_ids: Sequence[Id], old: RowHashes, ids: Sequence[Id], now: RowHashes) -> Changes:
    """How rows differ from those of a fit; both in the order of ids. O(n)."""
    place = {row_id: row for row, row_id in enumerate(old_ids)}
    before = np.array([place.get(row_id, -1) for row_id in ids], dtype=np.intp)
    known = before >= 0
    was = before[known]
    same = (old.hashes[was] == now.hashes[known]) & (old.checks[was] == now.checks[known])
    remaining = len(was)
    return Changes(len(ids) - remaining, len(old_ids) - remaining, int(remaining - np.count_nonzero(same)))


def places(
    old: RowHashes, old_vectors: Int32Array, n_old: int, now: RowHashes, vectors: IndexArray
) -> IndexArray | None:
    """Which of the distinct vectors of now each of a fit's is: intp (n_old,), −1 for those that are gone.

    Args:
        old, now: of the fit's rows, and of those of now.
        old_vectors, vectors: which distinct vector each row has.
        n_old: distinct vectors of the fit.

    Returns:
        None where the same hash belongs to two different vectors, so that it tells nothing.

    Cost: O(n log n).
    """
    order = np.argsort(old.hashes, kind="stable")
    sorted_hashes = old.hashes[order]
    first = np.searchsorted(sorted_hashes, now.hashes)
    first[first == len(order)] = 0
    rows = order[first]
    same = np.flatnonzero((old.hashes[rows] == now.hashes) & (old.checks[rows] == now.checks))
    place = np.full(n_old, -1, dtype=np.intp)
    place[old_vectors[rows[same]]] = vectors[same]
    if (place[old_vectors[rows[same]]] != vectors[same]).any():
        return None
    again = sorted_hashes[1:] == sorted_hashes[:-1]
    return None if (old_vectors[order[1:]] != old_vectors[order[:-1]])[again].any() else place
