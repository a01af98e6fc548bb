"""The embeddings of a model, read for a fit in shards: their ids here, their vectors by the workers."""

from __future__ import annotations

import hashlib
import os
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.distributed.database_rows import DatabaseRows
from sqlclust.distributed.folder_rows import FolderRows
from sqlclust.distributed.plan import Plan
from sqlclust.distributed.scanning import scan_path
from sqlclust.distributed.spool import SpoolFile
from sqlclust.distributed.vectors import VectorSource
from sqlclust.errors import Id, SourceNotDividedError, TooFewRowsError, shown
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.transactions import translated_errors
from sqlclust.store.embeddings.origin import Origin
from sqlclust.store.embeddings.points import Points, points_of
from sqlclust.store.embeddings.selection import Selection, selected_rowids
from sqlclust.store.embeddings.snapshot import Snapshot
from sqlclust.store.sources.file_rows import opened_folder
from sqlclust.store.sources.numbered_rows import numbered_rows
from sqlclust.store.sources.source_vectors import SourceVectors


class StoredRows(NamedTuple):
    """Rows in the order of their numbers.

    Attributes:
        points: their ids; vectors float32 (n, 0), which nobody here has.
        source: what workers read.
    """

    points: Points
    source: VectorSource


def stored_rows(database: Database, origin: Origin, selection: Selection) -> StoredRows:
    """The selected rows of a model, or of a source. Conditions are run here, and by no worker.

    Raises:
        TooFewRowsError: fewer than two.
        SourceNotDividedError: nothing that is an integer names each row of the source.
        as `Origin.select`, but what is said of vectors.

    Cost: one read of the table; some 150 bytes for each id.
    """
    with translated_errors(database, doing="reading the embeddings"):
        if isinstance(origin, SourceVectors):
            said, numbers, ids = _of_source(origin, selection)
        else:
            rows = selected_rowids(database, selection)
            said, numbers = DatabaseRows.own(database.filename, origin.embedding_model), [number for number, _ in rows]
            ids = [each for _, each in rows]
    if len(ids) < 2:
        raise TooFewRowsError(origin.embedding_model, found=len(ids), filtered=selection.filtered)
    of_rows = np.array(numbers, dtype=np.int64)
    if not (np.diff(of_rows) > 0).all():
        order = np.argsort(of_rows, kind="stable")
        of_rows, ids = of_rows[order], [ids[row] for row in order.tolist()]
    if selection.filtered or origin.has_condition:
        said |= {
            "listed": True,
            "selection": {"where": selection.where, **_parameters(selection), **selection.recorded()},
        }
        said["selection"] |= origin.recorded
    points = points_of(ids, np.empty((len(ids), 0), dtype=np.float32))
    if isinstance(origin, SourceVectors) and said["stored"] == "files":
        folder = opened_folder(origin.registered.source)
        listed = FolderRows.of_numbers(folder, of_rows, said["selection"]) if selection.filtered else FolderRows(folder)
        return StoredRows(points, listed)
    return StoredRows(points, DatabaseRows.of_numbers(said, of_rows))


def _parameters(selection: Selection) -> dict[str, Any]:
    """What a condition's placeholders stand for, as it can be compared with what another run says."""
    return {"parameters": {name: repr(value) for name, value in (selection.parameters or {}).items()}}


def _of_source(origin: SourceVectors, selection: Selection) -> tuple[dict[str, Any], list[int], list[Id]]:
    """What workers are to read, and the numbers and ids of its rows."""
    source = origin.registered.source
    found = numbered_rows(origin, selection)
    if found is None:
        what = "view has several columns that name a row" if source.kind == "view" else "table has no rowid"
        raise SourceNotDividedError(source.name, reason=f"its {what}, and not one of integers")
    how = found.how
    others = {*map(type, found.numbers)} - {int}
    if others:
        wrong = next(number for number in found.numbers if type(number) is not int)
        raise SourceNotDividedError(source.name, reason=f"its {how.key} is {shown(wrong)} in a row, and not an integer")
    said = {
        "file": os.path.abspath(origin.host.filename), **how._asdict(), "format": source.format,
        "part": None if source.only is None or how.stored == "vec0" else list(source.only), "some": how.stored != "vec0",
    }  # fmt: skip
    if how.stored != "rows":
        said |= {"listed": True}
    return said, found.numbers, found.ids


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
