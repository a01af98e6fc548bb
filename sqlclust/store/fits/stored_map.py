"""The map of a stored fit: a row of ClusteringFitMap, written and read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqlclust import schema
from sqlclust.core.layout.methods import METHODS, Method
from sqlclust.core.runtime.control import Control
from sqlclust.errors import (
    FitDamagedError,
    FitNotStoredError,
    Id,
    Interrupted,
    MapDamagedError,
    SchemaOutdatedError,
    UnknownFitError,
    shown,
)
from sqlclust.sqlite import interrupt, statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.transactions import PATIENCE, translated_errors, write_transaction
from sqlclust.store.fits.blobs import of_length
from sqlclust.store.fits.loading import known_fits
from sqlclust.store.fits.row_ids import decode_ids
from sqlclust.store.read_back import refuse_vanished

TABLE = "ClusteringFitMap"
_BYTES = 8
"""Of a row: two float32."""

_FIT = "SELECT n, row_ids FROM main.ClusteringFit WHERE id = ?"
_READ = f"SELECT method, n, xy FROM main.{TABLE} WHERE clustering_fit_id = ?"
_DELETE = f"DELETE FROM main.{TABLE} WHERE clustering_fit_id = ?"
_COLUMNS = ("clustering_fit_id", "method", "parameters", "versions", "timings", "n", "xy")
_WRITTEN = f"SELECT {', '.join(_COLUMNS)} FROM main.{TABLE} WHERE clustering_fit_id = ?"
_INSERT = f"""
INSERT INTO main.{TABLE} ({", ".join(_COLUMNS)}) VALUES ({", ".join(f":{name}" for name in _COLUMNS)})
"""


@dataclass(frozen=True, eq=False)
class FitMap:
    """Where the rows of a fit are on its map.

    Attributes:
        ids: n ids in SQLite's order.
        xy: float32 (n, 2) in the order of ids, finite; rows of identical vectors are in one place.
        method: what made it.
    """

    ids: Sequence[Id]
    xy: NDArray[np.float32]
    method: Method


def load_map(database: Database, clustering_fit_id: object) -> FitMap | None:
    """The map that is stored with a fit, checked; None if there is none.

    Raises:
        UnknownFitError: there is no such fit.
        FitNotStoredError: it was made with --no-store-fit, so that it can have none.
        FitDamagedError, MapDamagedError: it is, or its map is, not what is written.
        StatementInterrupted

    Cost: O(n); neither vectors nor the rest of the fit are read.
    """
    with translated_errors(database, doing="reading a map"):
        schema.check(database)
        fit = statements.first_row(database, _FIT, (clustering_fit_id,))
        if fit is None or type(clustering_fit_id) is not int:
            raise UnknownFitError(clustering_fit_id, known=known_fits(database))
        n, row_ids = fit
        if row_ids is None:
            raise FitNotStoredError(clustering_fit_id, wanted="to have a map")
        found = statements.first_row(database, _READ, (clustering_fit_id,)) if schema.has(database, TABLE) else None
    if found is None:
        return None
    method, xy = decode_map(found, n, clustering_fit_id, database.filename)

    def ids(control: Control) -> list[Id]:
        try:
            return decode_ids(row_ids, n, control)
        except Interrupted:
            raise
        except (ValueError, TypeError, OverflowError) as error:
            raise FitDamagedError(clustering_fit_id, reason=str(error)) from None

    decoded, _ = interrupt.run(database, ids, imports=False)
    return FitMap(decoded, xy, method)


def decode_map(row: Sequence[Any], n: int, fit_id: int, path: str) -> tuple[Method, NDArray[np.float32]]:
    """The method and the places of n rows, of a row of the table.

    Raises:
        MapDamagedError
    """
    method, of_rows, blob = row
    try:
        if method not in METHODS.values():
            raise ValueError(f"its method is {shown(method)}")
        if of_rows != n:
            raise ValueError(f"it is of {shown(of_rows)} rows, and the fit of {n:,}")
        xy = np.frombuffer(of_length(blob, _BYTES * n), dtype="<f4").reshape(n, 2).astype(np.float32, copy=False)
        if not np.isfinite(xy).all():
            raise ValueError("it has places that are no numbers")
    except ValueError as error:
        raise MapDamagedError(fit_id, path=path, reason=str(error)) from None
    return method, xy


def check_room_for_map(database: Database) -> None:
    """Refuse to make a map that could not be stored.

    Raises:
        SchemaMissingError, SchemaDamagedError, …: see `schema.check`.
        SchemaOutdatedError: the tables are of a version that has no place for it.
    """
    with translated_errors(database, doing="looking for maps"):
        schema.check(database)
        if not schema.has(database, TABLE):
            found = schema.version(database) or 1
            raise SchemaOutdatedError(database.filename, what="a map", found=found, expected=schema.VERSION)


def store_map(
    database: Database, clustering_fit_id: int, found: FitMap, described: Mapping[str, Mapping[str, Any]]
) -> None:
    """Write a map in the place of the one that a fit has, in one transaction.

    Args:
        described: `parameters` of the method, `versions` and `timings`.

    Raises:
        UnknownFitError: the fit has gone since.
        AlteredError: a trigger of the file dropped or changed what was written.
        LockedError, DatabaseFileError, StatementInterrupted. Nothing was written.
    """
    values = {
        "clustering_fit_id": clustering_fit_id,
        "method": found.method,
        **{name: json.dumps(value) for name, value in described.items()},
        "n": len(found.ids),
        "xy": found.xy.astype("<f4").tobytes(),
    }
    with write_transaction(database, doing="storing a map", patience=PATIENCE):
        if statements.first_row(database, _FIT, (clustering_fit_id,)) is None:
            raise UnknownFitError(clustering_fit_id, known=known_fits(database))
        statements.run(database, _DELETE, (clustering_fit_id,))
        statements.run(database, _INSERT, values)
        if statements.first_row(database, _WRITTEN, (clustering_fit_id,)) != tuple(values.values()):
            refuse_vanished(database, TABLE)
