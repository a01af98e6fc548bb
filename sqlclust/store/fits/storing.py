"""Storing a fit: a row of ClusteringFit."""

from __future__ import annotations

import json
from dataclasses import fields, replace

from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database
from sqlclust.store.fits.blobs import FitBlobs
from sqlclust.store.fits.record import COLUMNS, FitRecord
from sqlclust.store.read_back import refuse_vanished

_COLUMNS = (*COLUMNS, *(field.name for field in fields(FitBlobs)))
_INSERT = f"""
INSERT INTO main.ClusteringFit ({", ".join(_COLUMNS)})
VALUES ({", ".join(f":{name}" for name in _COLUMNS)})
RETURNING id
"""
_FINISH = "UPDATE main.ClusteringFit SET timings = ? WHERE id = ?"


def insert(database: Database, record: FitRecord, blobs: FitBlobs | None) -> int:
    """Write a fit, inside the caller's transaction; returns its id."""
    stored = vars(blobs) if blobs else dict.fromkeys(FitBlobs.__dataclass_fields__)
    as_json = {name: json.dumps(getattr(record, name)) for name in ("selection", "versions")}
    values = {**vars(record), **as_json, "timings": record.timings_as_json(), **stored}
    fit_id: int | None = statements.value(database, _INSERT, values)
    if fit_id is None:
        refuse_vanished(database, "ClusteringFit")
    return fit_id


def finish(database: Database, clustering_fit_id: int, record: FitRecord, *, publish: float) -> None:
    """Write the phases' final durations, inside the caller's transaction; `publish` is the last one's, in seconds."""
    timings = {name: round(seconds, 4) for name, seconds in {**record.timings, "publish": publish}.items()}
    statements.run(database, _FINISH, (replace(record, timings=timings).timings_as_json(), clustering_fit_id))
