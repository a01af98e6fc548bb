"""Maps of stored fits: read, and made once.

A map is made by t-SNE of the fit's own k-nearest lists where openTSNE is installed and the lists are kept with the fit; else by
PCA. Which, and why, is said.
"""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from importlib.metadata import version as installed_version
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import sqlclust.core.pipeline as core
from sqlclust.core.layout.methods import LEAST_FOR_TSNE, METHODS, TSNE_PACKAGE, tsne_is_installed
from sqlclust.core.layout.plane import principal_plane
from sqlclust.core.layout.tsne import PARAMETERS, tsne
from sqlclust.core.runtime.control import Control, Progress
from sqlclust.errors import (
    AlteredError,
    DatabaseFileError,
    FitDamagedError,
    FitNotStoredError,
    LockedError,
    MapDamagedError,
    MapMethodError,
    MapNotStoredError,
    SchemaOutdatedError,
)
from sqlclust.options import MapMethod
from sqlclust.sqlite import interrupt
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.memory_errors import clear_memory_errors
from sqlclust.store.embeddings.points import Points
from sqlclust.store.fits import loading as fits
from sqlclust.store.fits.neighbors import FitNeighbors
from sqlclust.store.fits.stored_fit import StoredFit
from sqlclust.store.fits.stored_map import FitMap, check_room_for_map, load_map, store_map
from sqlclust.store.members import member_points
from sqlclust.store.memory import check_map
from sqlclust.store.origins import origin_of
from sqlclust.store.versions import versions

__all__ = ["FitMap", "MadeMap", "map_of", "read_map", "stored_map"]

_NO_NEIGHBORS = (
    "its neighbours were not kept (store_neighbors false, --no-neighbors, or an earlier version of sqlclust); a new fit keeps "
    "them, once this one is deleted"
)


class MadeMap(NamedTuple):
    """A fit's map.

    Attributes:
        map: it.
        is_new: whether it was made now; else it was there.
        remark: why it is by PCA where it could be by t-SNE, and what would help; "" where there is nothing to say.
    """

    map: FitMap
    is_new: bool
    remark: str


def read_map(database: Database, clustering_fit_id: object) -> FitMap | None:
    """The map that is stored with a fit; None if there is none. See `stored_map.load_map`."""
    return load_map(database, clustering_fit_id)


def stored_map(database: Database, clustering_fit_id: object, method: MapMethod = "auto") -> FitMap:
    """The map that is stored with a fit; "auto": by whichever method.

    Raises:
        MapNotStoredError: there is none, or none by this method.
        as `read_map`
    """
    found = read_map(database, clustering_fit_id)
    if found is None or (method != "auto" and found.method != METHODS[method]):
        raise MapNotStoredError(
            clustering_fit_id, path=database.filename, method=None if method == "auto" else method,
            found=None if found is None else found.method,
        )  # fmt: skip
    return found


@clear_memory_errors("making a map")
def map_of(
    database: Database,
    clustering_fit_id: int,
    method: MapMethod = "auto",
    *,
    progress: Progress | None = None,
    keep: bool = True,
    must_keep: bool = True,
) -> MadeMap:
    """A fit's map: the one that is stored, or one that is made now and stored with the fit.

    Args:
        method: by which it has to be; "auto": by t-SNE if that can be had now, else by PCA, and one by t-SNE that is there is
            taken. A map by another method is replaced.
        keep: whether one that is made is stored; without, nothing is written.
        must_keep: whether it is an error if it cannot be stored. Else it is given all the same: it is not made twice.

    Raises:
        UnknownFitError, FitNotStoredError, FitDamagedError
        MapMethodError: there can be none by t-SNE; it says why.
        MembersChangedError: embeddings of the fit are gone or are others now.
        OutOfMemoryError: there is no room; nothing was read.
        SchemaOutdatedError: the tables are older than maps are.
        LockedError, DatabaseFileError, StatementInterrupted. Nothing was written.

    Cost: one read of the fit's vectors; t-SNE takes some 50 s for 140,000 on 2 cores (`tests/benchmarks/maps.py`).
    """
    try:
        there = load_map(database, clustering_fit_id)
    except MapDamagedError:
        there = None
    if there is not None and there.method == METHODS["t-sne" if method == "auto" else method]:
        return MadeMap(there, is_new=False, remark="")
    try:
        stored = fits.load(database, clustering_fit_id)
    except FitNotStoredError as error:
        raise FitNotStoredError(error.clustering_fit_id, wanted="to have a map") from None
    neighbors, refusal = (None, "") if method == "pca" else _for_tsne(database, stored)
    if refusal and method == "t-sne":
        raise MapMethodError(clustering_fit_id, method=METHODS["t-sne"], reason=refusal)
    if there is not None and refusal:
        return MadeMap(there, is_new=False, remark=refusal)
    cannot_be_kept = () if must_keep else (SchemaOutdatedError, DatabaseFileError, LockedError, AlteredError)
    if keep and must_keep:
        check_room_for_map(database)
    made, described = _made(database, stored, neighbors, progress)
    if keep:
        with suppress(*cannot_be_kept):
            check_room_for_map(database)
            store_map(database, clustering_fit_id, made, described)
    return MadeMap(made, is_new=True, remark=refusal)


def _for_tsne(database: Database, stored: StoredFit) -> tuple[FitNeighbors | None, str]:
    """The neighbours that t-SNE makes a fit's map of; or None, and why it can make none."""
    refusal = _no_tsne(stored)
    if refusal:
        return None, refusal
    neighbors = fits.load_neighbors(database, stored)
    if neighbors is None:
        return None, _NO_NEIGHBORS
    refusal = _import_failure(database)
    return (None, refusal) if refusal else (neighbors, "")


def _no_tsne(stored: StoredFit) -> str:
    """Why a fit can have no map by t-SNE, whatever is kept with it; "" if it can."""
    if stored.record.n_distinct < LEAST_FOR_TSNE:
        return f"it needs {LEAST_FOR_TSNE} different vectors or more, and there are {stored.record.n_distinct}"
    if not tsne_is_installed():
        return "openTSNE is not installed: pip install 'sqlclust[pictures]'"
    return ""


def _import_failure(database: Database) -> str:
    """Why openTSNE, which is there, cannot be used: it was built for another NumPy, say; "" if it can.

    Raises:
        StatementInterrupted: somebody interrupted the database meanwhile.
    """
    interrupt.run(database, lambda control: None, libraries=(TSNE_PACKAGE,))
    try:
        import_module(TSNE_PACKAGE)
    except MemoryError:
        raise
    except Exception as error:
        return f"openTSNE cannot be imported ({type(error).__name__}: {error})"
    return ""


def _made(
    database: Database, stored: StoredFit, neighbors: FitNeighbors | None, progress: Progress | None
) -> tuple[FitMap, dict[str, dict[str, object]]]:
    """A new map, by t-SNE if there are neighbours; and what is said of it."""
    record = stored.record
    check_map(record.n, record.dimension, 0 if neighbors is None else len(neighbors.lists.indices))
    reading = Control(progress)
    with origin_of(database, record.embedding_model) as origin:
        points = member_points(database, stored, origin, reading)

    def work(control: Control) -> NDArray[np.float32]:
        return _places(stored, points, neighbors, control)

    xy, seconds = interrupt.run(database, work, progress)
    timings = {name: round(took, 4) for name, took in {**reading.seconds, **seconds}.items()}
    used = versions(database)
    if neighbors is None:
        return FitMap(stored.ids, xy, "PCA"), {"parameters": {}, "versions": {**used}, "timings": {**timings}}
    with_package = {**used, TSNE_PACKAGE: installed_version(TSNE_PACKAGE)}
    return FitMap(stored.ids, xy, "t-SNE"), {
        "parameters": {**PARAMETERS}, "versions": {**with_package}, "timings": {**timings},
    }  # fmt: skip


def _places(stored: StoredFit, points: Points, neighbors: FitNeighbors | None, control: Control) -> NDArray[np.float32]:
    """Where each row is, in the order of ids: float32 (n, 2)."""
    with control.phase("duplicates"):
        distinct = core.collapsed(points.vectors, stored.record.reachability, points.rank(), control)
        vector_of_row = distinct.group_of_row()[points.order]
        vectors = distinct.vectors
    if neighbors is not None and not np.array_equal(vector_of_row, neighbors.row_vectors):
        if not stored.record.needs_unit_length:
            raise FitDamagedError(stored.id, reason="its neighbours are of other vectors than its rows")
        # another processor or NumPy scaled its vectors in another way: they are numbered as the fit has them
        first_row = np.empty(stored.record.n_distinct, dtype=np.intp)
        first_row[neighbors.row_vectors[::-1]] = np.arange(stored.record.n)[::-1]
        vectors = vectors[vector_of_row[first_row]]
        vector_of_row = neighbors.row_vectors.astype(np.intp)
    with control.phase("plane"):
        places = principal_plane(vectors, control)
    if neighbors is not None:
        with control.phase("map"):
            places = tsne(neighbors.lists, places, control)
    return _as_float32(places)[vector_of_row]


def _as_float32(places: NDArray[np.float64]) -> NDArray[np.float32]:
    """Rounded; times a power of two where float32 could not hold them."""
    largest = float(np.abs(places).max())
    exponent = int(np.frexp(largest)[1]) if largest > 0 else 0
    return np.ldexp(places, -exponent if abs(exponent) > 64 else 0).astype(np.float32)
