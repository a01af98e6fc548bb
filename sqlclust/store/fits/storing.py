"""Storing a fit: a row of ClusteringFit, and its neighbours as rows of ClusteringFitNeighbors."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import NamedTuple

from sqlclust import schema
from sqlclust.errors import AlteredError
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database
from sqlclust.store.fits.blobs import FitBlobs
from sqlclust.store.fits.neighbors import COLUMNS as PART_COLUMNS
from sqlclust.store.fits.neighbors import TABLE, NewNeighbors, to_parts
from sqlclust.store.fits.record import COLUMNS, FitRecord
from sqlclust.store.read_back import foreign_triggers, refuse_vanished

_COLUMNS = (*COLUMNS, *(field.name for field in fields(FitBlobs)))
_INSERT = "INSERT INTO main.ClusteringFit ({columns}) VALUES ({values}) RETURNING id"
_VALUES = {"updated_from": "(SELECT id FROM main.ClusteringFit WHERE id = :updated_from)"}  # it may be gone since
_FINISH = "UPDATE main.ClusteringFit SET timings = ? WHERE id = ?"
_INSERT_PART = f"""
INSERT INTO main.{TABLE} (clustering_fit_id, {", ".join(PART_COLUMNS)})
VALUES (:clustering_fit_id, {", ".join(f":{name}" for name in PART_COLUMNS)})
"""
_COUNT_PARTS = f"SELECT count(*) FROM main.{TABLE} WHERE clustering_fit_id = ?"
_PART = f"SELECT {', '.join(PART_COLUMNS)} FROM main.{TABLE} WHERE clustering_fit_id = ? AND part = ?"


class NewFit(NamedTuple):
    """A fit that is not stored yet: what is to be stored of it.

    Attributes:
        blobs: its arrays, if it is to be cut again.
        neighbors: who is near whom in it, if that is to be kept.
    """

    record: FitRecord
    blobs: FitBlobs | None = None
    neighbors: NewNeighbors | None = None


def insert(database: Database, record: FitRecord, blobs: FitBlobs | None, neighbors: NewNeighbors | None = None) -> int:
    """Write a fit, inside the caller's transaction; returns its id.

    A file of a version of the schema that has no place for neighbours, or for `updated_from`, keeps none.

    Raises:
        AlteredError: a trigger of the file dropped or changed what was written.
    """
    stored = vars(blobs) if blobs else dict.fromkeys(FitBlobs.__dataclass_fields__)
    as_json = {name: json.dumps(getattr(record, name)) for name in ("selection", "versions")}
    values = {**vars(record), **as_json, "timings": record.timings_as_json(), **stored}
    columns = [name for name in _COLUMNS if schema.has(database, "ClusteringFit", name)]
    sql = _INSERT.format(
        columns=", ".join(columns), values=", ".join(_VALUES.get(name, f":{name}") for name in columns)
    )
    fit_id: int | None = statements.value(database, sql, values)
    if fit_id is None:
        refuse_vanished(database, "ClusteringFit")
    if neighbors is not None and schema.has(database, TABLE):
        _insert_neighbors(database, fit_id, neighbors)
    return fit_id


def _insert_neighbors(database: Database, fit_id: int, neighbors: NewNeighbors) -> None:
    triggers, written = foreign_triggers(database, (TABLE,)), 0
    for part in to_parts(neighbors):
        statements.run(database, _INSERT_PART, {"clustering_fit_id": fit_id, **vars(part)})
        written += 1
        if triggers and statements.first_row(database, _PART, (fit_id, part.part)) != tuple(vars(part).values()):
            raise AlteredError(TABLE, found=f"not part {part.part} as written", expected="it", triggers=triggers)
        database.check_interrupt()
    found = statements.value(database, _COUNT_PARTS, (fit_id,))
    if found != written:
        raise AlteredError(TABLE, found=f"{found:,} of the new fit's parts", expected=f"{written:,}", triggers=triggers)


def finish(database: Database, clustering_fit_id: int, record: FitRecord, *, publish: float) -> None:
    """Write the phases' final durations, inside the caller's transaction; `publish` is the last one's, in seconds."""
    timings = {name: round(seconds, 4) for name, seconds in {**record.timings, "publish": publish}.items()}
    statements.run(database, _FINISH, (replace(record, timings=timings).timings_as_json(), clustering_fit_id))
