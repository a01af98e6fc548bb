"""The embeddings of a model, read for a fit in shards: their ids here, their vectors by the workers."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.distributed.database_rows import DatabaseRows
from sqlclust.distributed.plan import Plan
from sqlclust.distributed.scanning import scan_path
from sqlclust.distributed.spool import SpoolFile
from sqlclust.errors import Id, SourceNotDividedError, TooFewRowsError
from sqlclust.sources.real_tables import column_sql, real_table
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.layout import read_layout
from sqlclust.sqlite.transactions import translated_errors
from sqlclust.store.embeddings.origin import Origin
from sqlclust.store.embeddings.points import Points, points_of
from sqlclust.store.embeddings.snapshot import Snapshot
from sqlclust.store.sources.host_rows import key_as_id
from sqlclust.store.sources.source_vectors import SourceVectors

_IDS = "SELECT rowid, id FROM main.Embedding WHERE embedding_model = ? ORDER BY rowid"
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


def stored_rows(database: Database, origin: Origin) -> StoredRows:
    """The rows of a model, or of a source.

    Raises:
        TooFewRowsError: fewer than two.
        SourceNotDividedError: the source is a view, or vec0's, or has a condition; or a row has no id, or one that another has.
        HostTableError, DatabaseFileError

    Cost: one read of the table; some 150 bytes for each id.
    """
    with translated_errors(database, doing="reading the embeddings"):
        if isinstance(origin, SourceVectors):
            said, keys, ids = _of_source(origin)
        else:
            rows = statements.all_rows(database, _IDS, (origin.embedding_model,))
            said, keys = DatabaseRows.own(database.filename, origin.embedding_model), [key for key, _ in rows]
            ids = [each for _, each in rows]
    if len(ids) < 2:
        raise TooFewRowsError(origin.embedding_model, found=len(ids), filtered=False)
    points = points_of(ids, np.empty((len(ids), 0), dtype=np.float32))
    of_keys = np.array(keys, dtype=np.int64)
    return StoredRows(points, of_keys, DatabaseRows.of_keys(said, of_keys))


def _of_source(origin: SourceVectors) -> tuple[dict[str, Any], list[int], list[Id]]:
    """What workers are to read, and the rowids and ids of its rows."""
    host, source = origin.host, origin.registered.source
    for wrong, reason in (
        (source.stored != "rows", "its vectors are in chunks of vec0"),
        (source.kind == "view", "it is a view"),
        (origin.has_condition, "it has a condition"),
    ):
        if wrong:
            raise SourceNotDividedError(source.name, reason=reason)
    table = real_table(read_layout(host), source.table_name or "")
    if table.rowid is None:
        raise SourceNotDividedError(source.name, reason="its table has no rowid")
    columns = [column_sql(table, name) for name in source.id_columns]
    vector = column_sql(table, source.vector_column or "")
    said = {
        "file": os.path.abspath(host.filename), "table": table.name, "key": table.rowid, "vector": source.vector_column,
        "format": source.format, "part": None if source.only is None else list(source.only), "some": True,
    }  # fmt: skip
    sql = f"SELECT {table.rowid}, {', '.join(columns)} FROM {table.sql} NOT INDEXED WHERE length({vector}) > 0"
    bindings: list[Any] = []
    if source.only is not None:
        sql, bindings = f"{sql} AND {column_sql(table, source.only[0])} = ? COLLATE BINARY", [source.only[1]]
    keys: list[int] = []
    ids: list[Any] = []
    with statements.each_row(host, f"{sql} ORDER BY 1", bindings) as rows:
        for key, *own in rows:
            keys.append(key)
            try:
                ids.append(key_as_id(own))
            except ValueError as error:
                raise SourceNotDividedError(source.name, reason=f"in the row with rowid {key} {error}") from None
    if len({*ids}) < len(ids):
        twice = Counter(ids).most_common(1)[0][0]
        raise SourceNotDividedError(
            source.name, reason=f"{', '.join(source.id_columns)} {twice!r} is there more than once"
        )
    return said, keys, ids


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


def is_same(vector: object, found: RowHashes, row: int) -> bool:
    """Whether a stored vector is that which was scanned."""
    return isinstance(vector, bytes) and hashlib.sha256(vector).digest()[:8] == found.hashes[row].tobytes()


class HashedSnapshot(Snapshot):
    """A snapshot of rows whose vectors are known by their hashes only."""

    def __init__(self, database: Database, points: Points, origin: Origin, found: RowHashes, *, version: int) -> None:
        super().__init__(database, points, origin, version=version)
        self._found = found

    def _is_same(self, row: int, vector: bytes | None) -> bool:
        return is_same(vector, self._found, row)
