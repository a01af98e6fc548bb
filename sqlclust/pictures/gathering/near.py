"""Which clusters are near which: by the distances of their medoids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from zlib import crc32

import numpy as np

from sqlclust.core.geometry.metrics import (
    Float32Array,
    Float64Array,
    IndexArray,
    Metric,
    from_squared,
    squared_distances,
    unit,
)
from sqlclust.core.runtime.control import Control
from sqlclust.errors import Id
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.transactions import translated_errors
from sqlclust.store.origins import origin_of
from sqlclust.vectors.blobs import STORED

MOST = 8
"""Nearest clusters that are kept of each."""
_BLOCK_BYTES = 32 << 20
_SPARE = 8
"""More of them are measured than are kept: products round."""


def vectors_of(
    database: Database, embedding_model: str, ids: Sequence[Id], dimension: int, checksums: Mapping[Id, int] | None
) -> Float32Array | None:
    """The vectors of some rows; None where one is gone, or not what it was.

    Args:
        ids: of the rows, as users see them.
        checksums: CRC-32 of each row's vector when it was fitted; None if they are not known.

    Returns:
        float32 (len(ids), dimension)

    Raises:
        HostTableError, SourceError, LockedError; StatementInterrupted

    Cost: a look-up for each, or one pass, whichever is less.
    """
    place = {row_id: number for number, row_id in enumerate(ids)}
    found = np.zeros((len(ids), dimension), dtype=np.float32)
    n_found = 0
    with (
        translated_errors(database, doing="reading the embeddings"),
        origin_of(database, embedding_model) as origin,
        origin.member_rows(ids) as rows,
    ):
        for row_id, vector in rows:
            number = place.pop(row_id, None)
            if number is None:
                continue
            if not isinstance(vector, bytes) or len(vector) != dimension * STORED.itemsize:
                return None
            if checksums is not None and crc32(vector) != checksums.get(row_id):
                return None
            found[number] = np.frombuffer(vector, dtype=STORED)
            n_found += 1
            if not n_found % 1024:
                database.check_interrupt()
    return found if not place and np.isfinite(found).all() else None


def nearest(
    vectors: Float32Array, metric: Metric, *, unit_length: bool, control: Control
) -> tuple[IndexArray, Float64Array]:
    """The nearest others of each of some vectors.

    Args:
        vectors: float32 (c, d), finite.
        unit_length: whether they are scaled to length one first.

    Returns:
        intp (c, k), the nearest first, of the same distance the smaller number; and float64 (c, k), the distances in the metric.
        k is `MOST`, or c − 1.

    Cost: O(c²·d).
    """
    c = len(vectors)
    k = min(MOST, c - 1)
    if k < 1:
        return np.empty((c, 0), dtype=np.intp), np.empty((c, 0))
    if unit_length:
        vectors = unit(vectors)
    wide = vectors.astype(np.float64)
    scale = float(np.abs(wide).max()) or 1.0
    wide = (wide - wide.mean(axis=0)) / scale
    lengths = np.einsum("ij,ij->i", wide, wide)
    considered = min(k + _SPARE, c - 1)
    rows, distances = np.empty((c, k), dtype=np.intp), np.empty((c, k))
    step = max(1, _BLOCK_BYTES // (8 * c))
    for start in range(0, c, step):
        control.check()
        block = slice(start, min(start + step, c))
        own = np.arange(c)[block]
        rough = lengths - 2.0 * (wide[block] @ wide.T)
        rough[np.arange(len(own)), own] = np.inf
        some = np.sort(np.argpartition(rough, considered - 1, axis=1)[:, :considered], axis=1)
        squared = squared_distances(vectors, np.repeat(own, considered), some.ravel()).reshape(some.shape)
        order = np.argsort(squared, axis=1, kind="stable")[:, :k]
        rows[block] = np.take_along_axis(some, order, axis=1)
        distances[block] = from_squared(np.take_along_axis(squared, order, axis=1), metric)
    return rows, distances
