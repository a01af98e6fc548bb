"""The places of a result's rows on its fit's map."""

from __future__ import annotations

from typing import NamedTuple

from sqlclust.core.layout.methods import METHODS
from sqlclust.core.runtime.control import Progress
from sqlclust.errors import (
    DatabaseFileError,
    FitDamagedError,
    FitNotStoredError,
    HostTableError,
    LockedError,
    MapDamagedError,
    MembersChangedError,
    OutOfMemoryError,
    PointsError,
    SourceError,
    UnknownFitError,
)
from sqlclust.pictures.scene import Float32Array
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.transactions import write_transaction
from sqlclust.store.maps import FitMap, map_of, read_map
from sqlclust.store.results.rows import ResultRows

_CANNOT_BE_MADE = (
    FitNotStoredError, FitDamagedError, UnknownFitError, MapDamagedError, MembersChangedError, OutOfMemoryError, SourceError,
    HostTableError, PointsError, LockedError,
)  # fmt: skip

_PATIENCE = 1.0
"""Seconds to wait for whoever writes to the file."""


class Placed(NamedTuple):
    """Where rows are.

    Attributes:
        xy: float32 (n, 2), or None.
        method: what made it; "" without one.
        reason: why there is none; "" where there is one.
    """

    xy: Float32Array | None
    method: str
    reason: str


def placed(database: Database, fit_id: int, rows: ResultRows, *, view: str | None, progress: Progress | None) -> Placed:
    """The map of a result's fit: the stored one, or one that is made now, and stored where that can be.

    Args:
        view: whose vectors they are, if they are those of a view; that is not run, so no map is made.

    Raises:
        StatementInterrupted

    Cost: that of `store.maps.map_of`; O(n) where a map is stored.
    """
    try:
        found = read_map(database, fit_id) if view is not None else _made_or_stored(database, fit_id, progress)
    except _CANNOT_BE_MADE as error:
        return Placed(None, "", str(error))
    if found is None:
        return Placed(
            None, "", f"none is stored, and {view} is a view, which is not run for a picture; sqlclust map makes one"
        )
    if found.ids != rows.ids:
        return Placed(None, "", f"its rows are others than those of clustering fit {fit_id}")
    return Placed(found.xy, found.method, "")


def stored(database: Database, fit_id: int, rows: ResultRows) -> Float32Array | None:
    """The map that is stored, as float32 (n, 2), for a picture that has none; None if there is none to be had.

    Raises:
        StatementInterrupted

    Cost: O(n).
    """
    try:
        found = read_map(database, fit_id)
    except _CANNOT_BE_MADE:
        return None
    return found.xy if found is not None and found.ids == rows.ids else None


def _made_or_stored(database: Database, fit_id: int, progress: Progress | None) -> FitMap:
    """A map by the best method that can be had. Where it cannot be stored a picture has it all the same."""
    try:
        there = read_map(database, fit_id)
    except MapDamagedError:
        there = None
    if there is not None and there.method == METHODS["t-sne"]:
        return there
    return map_of(database, fit_id, keep=_can_be_written(database), must_keep=False, progress=progress).map


def _can_be_written(database: Database) -> bool:
    """Asked first: where another writes now a picture does not wait for it again when its map is made."""
    if database.is_readonly or database.in_transaction:
        return False
    try:
        with write_transaction(database, doing="storing a map", patience=_PATIENCE):
            pass
    except (DatabaseFileError, LockedError):
        return False
    return True
