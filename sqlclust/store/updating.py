"""Bringing a stored fit up to date instead of making a new one: which, whether that is quicker, and how."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import sqlclust.core.pipeline as core
from sqlclust import schema
from sqlclust.core.cost import fit_seconds, update_seconds
from sqlclust.core.engines import ENGINES, engine_of
from sqlclust.core.neighbors.k_nearest_lists import SPARE_NEIGHBORS
from sqlclust.core.runtime.control import Control, Progress
from sqlclust.core.update.updating import Refusal, updated
from sqlclust.errors import (
    FitDamagedError,
    FitNotStoredError,
    NeighborsNotStoredError,
    UnknownFitError,
    UpdateError,
    shown,
)
from sqlclust.options import HdbscanOptions
from sqlclust.sqlite import interrupt, statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.transactions import translated_errors
from sqlclust.store.clustering import reachability
from sqlclust.store.embeddings.points import Points
from sqlclust.store.fits import loading
from sqlclust.store.fits.earlier import old_fit
from sqlclust.store.fits.matching import Changes, RowHashes, counted_changes, places
from sqlclust.store.fits.neighbors import TABLE, FitNeighbors
from sqlclust.store.fits.record import FIT_OPTIONS
from sqlclust.store.fits.stored_fit import StoredFit

_CANDIDATES = 3
"""Fits of the same settings that are looked at: those that know enough neighbours first, of them those of the same selection, of
these the newest."""
_SPEED = 1e11
"""Multiplications a second that the choice between an update and a new fit counts with: it looks at no clock."""


class Now(NamedTuple):
    """What is to be fitted.

    Attributes:
        points: the embeddings.
        checks: uint32 (n,), CRC-32 of their vectors in the order of ids.
        options: resolved.
        settings: a value for each column of `_SETTINGS` and `_LOOSE`, and `selection` as it is stored.
        only: whether a new fit is out of the question.
    """

    points: Points
    checks: NDArray[np.uint32]
    options: HdbscanOptions
    settings: Mapping[str, Any]
    only: bool


class Candidate(NamedTuple):
    """A stored fit that may be brought up to date.

    Attributes:
        id: of the ClusteringFit.
        min_samples: it was made with.
        n_distinct: its distinct vectors.
        hashes: uint64 (n,), of its rows' vectors.
    """

    id: int
    min_samples: int
    n_distinct: int
    hashes: NDArray[np.uint64]

    @property
    def listed(self) -> int:
        """Neighbours that its lists have of each vector, if nothing was removed."""
        return self.min_samples + SPARE_NEIGHBORS


_EXACT = ", ".join(f"'{name}'" for name in ENGINES if engine_of(name).exact)
_LOOSE = ("min_samples", "seed")
"""Settings in which a fit may differ and still be brought up to date; `seed` of an exact one."""
_SETTINGS = ("embedding_model", "dimension", *(name for name in FIT_OPTIONS if name not in _LOOSE))
_SAME = " AND ".join(f"f.{name} = :{name}" for name in _SETTINGS)
_STORED = "f.spanning_tree IS NOT NULL"
_KEPT = f"EXISTS (SELECT 1 FROM main.{TABLE} p WHERE p.clustering_fit_id = f.id)"
_FIND = f"""
SELECT f.id, f.min_samples, f.n_distinct FROM main.ClusteringFit f
WHERE {_SAME} AND (f.seed = :seed OR f.engine IN ({_EXACT})) AND {_STORED} AND {_KEPT}
ORDER BY f.min_samples + {SPARE_NEIGHBORS} >= :min_samples DESC, f.selection = :selection DESC, f.id DESC LIMIT {_CANDIDATES}
"""
_HASHES = f"SELECT row_hashes FROM main.{TABLE} WHERE clustering_fit_id = ? ORDER BY part"
_NEWEST = f"""
SELECT f.id, {_KEPT} AS is_kept, {", ".join(f"f.{name}" for name in _SETTINGS)}, f.seed FROM main.ClusteringFit f
WHERE f.embedding_model = :embedding_model AND f.selection = :selection AND {_STORED} ORDER BY f.id DESC LIMIT 1
"""


def candidates(database: Database, settings: Mapping[str, Any]) -> list[Candidate]:
    """The stored fits that may be brought up to date. Reads 8 bytes for each of their rows.

    Args:
        settings: as `Now` has them.
    """
    with translated_errors(database, doing="looking for a stored fit"):
        if not schema.has(database, TABLE):
            return []
        found = statements.dict_rows(database, _FIND, settings)
        return [  # loading says what is wrong with numbers that are none
            Candidate(row["id"], max(1, row["min_samples"]), max(1, row["n_distinct"]), _hashes(database, row["id"]))
            for row in found
        ]


def _hashes(database: Database, fit_id: int) -> NDArray[np.uint64]:
    """Of a fit's rows; of a damaged one whatever can be read, its loading says the rest."""
    parts = [row[0] for row in statements.all_rows(database, _HASHES, (fit_id,))]
    whole = b"".join(part for part in parts if isinstance(part, bytes) and len(part) % 8 == 0)
    return np.frombuffer(whole, dtype="<u8").astype(np.uint64, copy=False)


class Updated(NamedTuple):
    """A fit that was brought up to date.

    Attributes:
        fitted: what a fresh fit gives.
        of: the ClusteringFit that it was made from.
        min_samples: of that fit.
        changes: of its rows.
        hashes: of the rows of now.
        seconds: of each phase.
    """

    fitted: core.Fit
    of: int
    min_samples: int
    changes: Changes
    hashes: RowHashes
    seconds: dict[str, float]


class NotUpdated(NamedTuple):
    """Why a stored fit was not brought up to date.

    Attributes:
        of: that fit.
        hashes: of the rows of now, if they were made.
        damage: what is wrong with that fit, if it is damaged. Not the error, which would hold on to all that was read.
    """

    of: int
    reason: str
    hashes: RowHashes | None = None
    damage: str | None = None


def update(database: Database, now: Now, progress: Progress | None) -> Updated | NotUpdated | None:
    """The fit of now, made from a stored one if that is quicker than a new one. None: there is none to make it from.

    Raises:
        UpdateError: it cannot be had, and `now.only`.
        FitDamagedError: it is damaged, and `now.only`.
        DatabaseFileError, LockedError; StatementInterrupted

    Cost: see `core.update.updating.updated`, and O(n·dimension) for hashing.
    """
    found = candidates(database, now.settings)
    made = _update(database, found, now, progress) if found else _why_none(database, now.settings)
    if now.only and not isinstance(made, Updated):
        if made is not None and made.damage is not None:
            raise FitDamagedError(made.of, reason=made.damage)
        of, reason = (made.of, made.reason) if made else (None, None)
        raise UpdateError(now.settings["embedding_model"], clustering_fit_id=of, reason=reason)
    return made


def _update(database: Database, found: list[Candidate], now: Now, progress: Progress | None) -> Updated | NotUpdated:
    (hashes, chosen), seconds = interrupt.run(database, partial(_chosen, found, now), progress)
    if isinstance(chosen, NotUpdated):
        return chosen
    refused: list[NotUpdated] = []
    for candidate in chosen:
        made = _made_from(database, candidate, now, hashes, progress)
        if isinstance(made, Updated):
            return made._replace(seconds={**made.seconds, "hash": seconds["hash"]})
        refused.append(made)
    return refused[0]


def _made_from(
    database: Database, candidate: Candidate, now: Now, hashes: RowHashes, progress: Progress | None
) -> Updated | NotUpdated:
    """What a stored fit becomes, if it can be brought up to date.

    Raises:
        DatabaseFileError; StatementInterrupted
    """
    fit_id = candidate.id
    try:
        made, seconds = _read_and_made_from(database, fit_id, now, hashes, progress)
    except FitDamagedError as error:
        return NotUpdated(fit_id, str(error), hashes, error.reason)
    except (UnknownFitError, FitNotStoredError, NeighborsNotStoredError):  # somebody else's transaction came between
        return NotUpdated(fit_id, "it was deleted meanwhile", hashes)
    if isinstance(made, Refusal):
        return NotUpdated(fit_id, made.reason, hashes)
    fitted, changes = made
    return Updated(fitted, fit_id, candidate.min_samples, changes, hashes, seconds)


def _read_and_made_from(
    database: Database, fit_id: int, now: Now, hashes: RowHashes, progress: Progress | None
) -> tuple[tuple[core.Fit, Changes] | Refusal, dict[str, float]]:
    """What a stored fit becomes, and the seconds of each phase. What was read of it is let go of when this ends.

    Raises:
        UnknownFitError, FitNotStoredError, NeighborsNotStoredError: it is not there any more.
        FitDamagedError, DatabaseFileError; StatementInterrupted
    """
    stored = loading.load(database, fit_id)
    for name, value in now.settings.items():
        if name in _SETTINGS and getattr(stored.record, name) != value:
            return Refusal(f"its {name} was changed meanwhile"), {}
    kept = loading.load_neighbors(database, stored)
    if kept is None:
        raise NeighborsNotStoredError(fit_id)
    return interrupt.run(database, partial(_brought_up_to_date, stored, kept, now, hashes), progress)


def _chosen(found: list[Candidate], now: Now, control: Control) -> tuple[RowHashes, list[Candidate] | NotUpdated]:
    """The candidates of which an update is quicker than a new fit, the quickest first.

    All of them if no new fit may be made, those that know enough neighbours first.
    """
    min_samples = now.options.min_samples or 1
    with control.phase("hash"):
        hashes = now.points.row_hashes(control)
        different = np.unique(hashes)
        estimates = [_estimate(candidate, different, now) for candidate in found]
        estimates.sort(key=lambda each: (min_samples > each.candidate.listed, each.seconds))
    known = RowHashes(hashes, now.checks)
    if now.only:
        return known, [each.candidate for each in estimates]
    enough = [each for each in estimates if min_samples <= each.candidate.listed]
    if not enough:
        which = estimates[0].candidate
        reason = f"it knows {which.listed} neighbours of each vector, fewer than min_samples, {min_samples}"
        return known, NotUpdated(which.id, reason, known)
    n, dimension = len(different), now.points.vectors.shape[1]
    anew = fit_seconds(n, dimension, now.options.engine, multiplications_per_second=_SPEED)
    quicker = [each.candidate for each in enough if each.seconds < anew]
    if not quicker:
        which, differ = enough[0].candidate, enough[0].differ
        reason = f"{differ:,} vectors differ from its {which.n_distinct:,}, and a new fit is quicker"
        return known, NotUpdated(which.id, reason, known)
    return known, quicker


class _Estimate(NamedTuple):
    """What an update of a candidate takes, about, and how many vectors differ."""

    candidate: Candidate
    seconds: float
    differ: int


def _estimate(candidate: Candidate, different: NDArray[np.uint64], now: Now) -> _Estimate:
    was = np.unique(candidate.hashes)
    both = np.intersect1d(was, different, assume_unique=True).size
    new, gone = len(different) - both, len(was) - both
    seconds = update_seconds(
        candidate.n_distinct,
        now.points.vectors.shape[1],
        candidate.min_samples,
        new=new,
        gone=gone,
        larger=(now.options.min_samples or 1) > candidate.min_samples,
        multiplications_per_second=_SPEED,
        engine=now.options.engine,
    )
    return _Estimate(candidate, seconds, new + gone)


def _why_none(database: Database, settings: Mapping[str, Any]) -> NotUpdated | None:
    """What is wrong with the newest stored fit of the same selection; None if there is none."""
    with translated_errors(database, doing="looking for a stored fit"):
        rows = statements.dict_rows(database, _NEWEST, settings) if schema.has(database, TABLE) else []
    for row in rows:
        for name in _SETTINGS:
            if row[name] != settings[name]:
                return NotUpdated(row["id"], f"its {name} is {_said(row[name])}, and not {_said(settings[name])}")
        if not row["is_kept"]:
            return NotUpdated(row["id"], "it was stored without its neighbours")
        return NotUpdated(row["id"], f"its seed is {row['seed']}, and not {settings['seed']}")
    return None


def _said(setting: object) -> str:
    """A setting as people read it; of a file that has another text there, with its quotes."""
    is_text = isinstance(setting, str) and not setting.isidentifier()
    return shown(setting) if is_text or isinstance(setting, bytes) else str(setting)


def _brought_up_to_date(
    stored: StoredFit, kept: FitNeighbors, now: Now, hashes: RowHashes, control: Control
) -> tuple[core.Fit, Changes] | Refusal:
    old, points = RowHashes(kept.row_hashes, stored.row_checks), now.points
    with control.phase("duplicates"):
        collapsed = core.collapsed(points.vectors, reachability(now.options), points.rank(), control)
        vectors = collapsed.group_of_row()[points.order]
        place = places(old, kept.row_vectors, stored.record.n_distinct, hashes, vectors)
        if place is None:
            return Refusal("two different vectors have the same hash")
        changes = counted_changes(stored.ids, old, [points.ids[row] for row in points.order.tolist()], hashes)
    parameters, seed = reachability(now.options), now.options.seed
    fitted = updated(old_fit(stored, kept), collapsed, place, parameters, control, seed=seed)
    return fitted if isinstance(fitted, Refusal) else (fitted, changes)
