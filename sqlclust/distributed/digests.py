"""The digest of vectors in the order of their ids, from one read of them in the order in which they are.

Looking them up one after the other in the order of ids would read a page of the file for each, all over the file. So they are
put aside in the spool folder where the orders differ, in pieces that memory holds, and each piece is put in order as it is read.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable
from typing import IO

import numpy as np

from sqlclust.core.geometry.metrics import Float32Array
from sqlclust.core.runtime.control import Control
from sqlclust.distributed.spool import failed_to_write
from sqlclust.store.embeddings.ids import id_bytes
from sqlclust.store.embeddings.points import Points

_PIECE = 1 << 27
"""Bytes that are put in order at a time."""
_REPORT = 4096


def corpus_hash(
    points: Points, vectors: Iterable[tuple[int, Float32Array]], dimension: int, folder: str, control: Control
) -> str:
    """What `Points.fingerprint` gives as the corpus hash of these ids with their vectors.

    Args:
        points: ids, and their order; vectors that nobody here has.
        vectors: (first row, float32 (rows, dimension)) of each range, one after the other, as they are stored.
        folder: on a disk that has room for all vectors, if rows and ids are in different orders.

    Raises:
        SpoolFullError, SpoolFileError; what reading raises

    Cost: one read of the vectors. Where the orders differ, they are written once and read once more.
    """
    ids, order = hashlib.sha256(), points.order
    for start in range(0, len(order), _REPORT):
        ids.update(b"".join(id_bytes(points.ids[row]) for row in order[start : start + _REPORT].tolist()))
        control.check()
    contents = hashlib.sha256()
    if (np.diff(order) > 0).all():
        for start, part in vectors:
            contents.update(np.ascontiguousarray(part, dtype="<f4").data)
            control.at((start + len(part)) / len(order))
    else:
        _in_order(contents.update, vectors, (points, dimension), folder, control)
    return hashlib.sha256(ids.digest() + contents.digest()).hexdigest()


def _in_order(
    update: Callable[[memoryview], object],
    vectors: Iterable[tuple[int, Float32Array]],
    of: tuple[Points, int],
    folder: str,
    control: Control,
) -> None:
    """Each piece has its place in one file. Its vectors come there in the order of rows."""
    points, dimension = of
    n, rank, width = len(points), points.rank(), 4 * dimension
    each = max(1, _PIECE // width)
    filled = np.arange(0, n, each)
    try:
        with tempfile.TemporaryFile(dir=folder) as aside:
            for start, part in vectors:
                piece = rank[start : start + len(part)] // each
                by_piece = np.argsort(piece, kind="stable")
                stored = np.ascontiguousarray(part[by_piece], dtype="<f4")
                own, first, counts = np.unique(piece[by_piece], return_index=True, return_counts=True)
                for number, low, count in zip(own.tolist(), first.tolist(), counts.tolist(), strict=True):
                    _write_at(aside, stored[low : low + count], int(filled[number]) * width)
                    filled[number] += count
                control.at((start + len(part)) / n * 0.6)
            for low in range(0, n, each):
                rows = points.order[low : low + each]
                aside.seek(low * width)
                found = np.frombuffer(aside.read(len(rows) * width), dtype=np.uint8).reshape(len(rows), width)
                update(found[np.searchsorted(np.sort(rows), rows)].data)
                control.at(0.6 + 0.4 * (low + len(rows)) / n)
    except OSError as error:
        raise failed_to_write(os.path.join(folder, "vectors"), error, n * width) from None


def _write_at(file: IO[bytes], rows: Float32Array, position: int) -> None:
    file.seek(position)
    file.write(rows.reshape(-1).view(np.uint8).data)
