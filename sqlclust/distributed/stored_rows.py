"""The embeddings of a model, read for a fit in shards: their ids here, their vectors by the workers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.runtime.control import Control
from sqlclust.distributed.database_rows import DatabaseRows
from sqlclust.distributed.plan import Plan
from sqlclust.distributed.scanning import scan_path
from sqlclust.distributed.spool import SpoolFile
from sqlclust.errors import TooFewRowsError, VectorsChangedError
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.transactions import translated_errors
from sqlclust.store.embeddings.ids import id_bytes
from sqlclust.store.embeddings.origin import Origin
from sqlclust.store.embeddings.points import Fingerprint, Points, points_of
from sqlclust.store.embeddings.snapshot import Snapshot

_IDS = "SELECT rowid, id FROM main.Embedding WHERE embedding_model = ? ORDER BY rowid"
_VECTOR = "SELECT vector FROM main.Embedding WHERE rowid = ?"
_VECTORS = "SELECT vector FROM main.Embedding WHERE embedding_model = ? ORDER BY rowid"
_REPORT = 1024


class StoredRows(NamedTuple):
    """Rows of a model in the order of their rowids.

    Attributes:
        points: their ids; vectors float32 (n, 0), which nobody here has.
        keys: int64 (n,), their rowids.
        source: what workers read.
    """

    points: Points
    keys: NDArray[np.int64]
    source: DatabaseRows


def stored_rows(database: Database, embedding_model: str) -> StoredRows:
    """The rows of a model.

    Raises:
        TooFewRowsError: fewer than two.
        UnknownModelError, DatabaseFileError

    Cost: one read of the table; some 150 bytes for each id.
    """
    with translated_errors(database, doing="reading the embeddings"):
        rows = statements.all_rows(database, _IDS, (embedding_model,))
    if len(rows) < 2:
        raise TooFewRowsError(embedding_model, found=len(rows), filtered=False)
    keys = np.fromiter((key for key, _ in rows), dtype=np.int64, count=len(rows))
    points = points_of([each for _, each in rows], np.empty((len(rows), 0), dtype=np.float32))
    return StoredRows(points, keys, DatabaseRows.of_keys(DatabaseRows.own(database.filename, embedding_model), keys))


class RowHashes(NamedTuple):
    """Of each row's stored vector, in the order of the rows: what `Points.fingerprint` and `Points.row_hashes` have."""

    checks: NDArray[np.uint32]
    hashes: NDArray[np.uint64]


def read_row_hashes(spool: str, plan: Plan) -> RowHashes:
    """What the workers found when they scanned the rows."""
    checks, hashes = np.empty(plan.n, dtype=np.uint32), np.empty(plan.n, dtype=np.uint64)
    for number, (start, stop) in enumerate(plan.ranges):
        with SpoolFile(scan_path(spool, number)) as file:
            checks[start:stop], hashes[start:stop] = file.array("row_checks"), file.array("row_hashes")
    return RowHashes(checks, hashes)


def fingerprint(database: Database, rows: StoredRows, found: RowHashes, control: Control) -> Fingerprint:
    """What `Points.fingerprint` would give, from vectors that are read one by one in the order of ids, none of them kept.

    Raises:
        VectorsChangedError: one is not what it was when it was scanned.
    """
    order = rows.points.order
    ids, contents = hashlib.sha256(), hashlib.sha256()
    for start in range(0, len(order), _REPORT):
        ids.update(b"".join(id_bytes(rows.points.ids[row]) for row in order[start : start + _REPORT].tolist()))
    for place, vector in enumerate(_vectors(database, rows)):
        if not is_same(vector, found, int(order[place])):
            raise VectorsChangedError(
                rows.source.name, change=f"id {rows.points.ids[order[place]]!r} has another vector"
            )
        contents.update(vector)
        if place % _REPORT == 0:
            control.at(place / len(order))
    corpus_hash = hashlib.sha256(ids.digest() + contents.digest()).hexdigest()
    return Fingerprint(corpus_hash, found.checks[order])


def is_same(vector: object, found: RowHashes, row: int) -> bool:
    """Whether a stored vector is that which was scanned."""
    return isinstance(vector, bytes) and hashlib.sha256(vector).digest()[:8] == found.hashes[row].tobytes()


def _vectors(database: Database, rows: StoredRows) -> Iterator[bytes]:
    """The vectors in the order of ids."""
    order = rows.points.order
    with translated_errors(database, doing="reading the embeddings"):
        if (np.diff(order) > 0).all():
            model = rows.source.described()["part"][1]
            with statements.each_row(database, _VECTORS, (model,)) as read:
                yield from (vector for (vector,) in read)
            return
        keys = ((int(key),) for key in rows.keys[order])
        with statements.each_row_of_many(database, _VECTOR, keys) as read:
            yield from (vector for (vector,) in read)


class HashedSnapshot(Snapshot):
    """A snapshot of rows whose vectors are known by their hashes only."""

    def __init__(self, database: Database, points: Points, origin: Origin, found: RowHashes, *, version: int) -> None:
        super().__init__(database, points, origin, version=version)
        self._found = found

    def _is_same(self, row: int, vector: bytes | None) -> bool:
        return is_same(vector, self._found, row)
