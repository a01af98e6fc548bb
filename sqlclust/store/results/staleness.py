"""Staleness: what a result's selection gives now, and whether its vectors are still the same."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from sqlclust import schema
from sqlclust.errors import FilterError, FitDamagedError, Id
from sqlclust.options import HdbscanOptions, parse
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.transactions import translated_errors
from sqlclust.store.embeddings.ids import sort_key
from sqlclust.store.embeddings.origin import Origin
from sqlclust.store.embeddings.selection import Selection
from sqlclust.store.fits.record import SELECTION_OPTIONS
from sqlclust.store.fits.row_ids import decode_ids
from sqlclust.store.origins import origin_of
from sqlclust.store.results.listing import parameters_of, resolve_result

_REPORT = 1024
"""Rows between two looks at interrupts."""


class Staleness(NamedTuple):
    """A result against the embeddings as they are now. An id is an example, the first in SQLite's order.

    Attributes:
        clustering_result_id: the result.
        embedding_model: its model.
        n_rows: its rows.
        n_new: embeddings that its selection gives now and that it does not have. None where the selection is not known, or
            was not made again.
        n_missing: its rows that the selection does not give any more. Where it was not made again: those whose embedding is
            gone.
        n_changed: its rows whose embedding has another vector now. None where the old vectors are not known.
        new_id: of a new one.
        missing_id: of a missing one.
        changed_id: of a changed one.
        is_stale: whether there are new, missing or changed ones. None where none was found and not everything is known.
        remark: why something is not known.
    """

    clustering_result_id: int
    embedding_model: str
    n_rows: int
    n_new: int | None
    n_missing: int
    n_changed: int | None
    new_id: Id | None
    missing_id: Id | None
    changed_id: Id | None
    is_stale: bool | None
    remark: str | None


_RESULT = """
SELECT r.id, r.embedding_model, r.parameters, f.id AS fit_id, f.n, f.row_ids, f.row_checks
FROM main.ClusteringResult r
LEFT JOIN main.ClusteringFit f ON f.id = r.clustering_fit_id
WHERE r.id = ?
"""

_NO_FIT = "the result has no fit, so nobody knows what it was selected by, or its vectors as they were"
_NO_CHECKS = "the fit was not stored (--no-store-fit), so its vectors as they were are not known"
_WHERE = (
    "the where filter of the selection is text in the file and was not run: "
    "sqlclust.staleness(connection, id, run_where=True) runs it"
)


def staleness(
    database: Database,
    clustering_result_id: int | str,
    *,
    run_where: bool = False,
    parameters: Mapping[str, object] | None = None,
) -> Staleness:
    """What has changed since a result was made. Reads every vector of the selection; writes nothing.

    The selection (embedding model, where, downsample) is made again as the result's parameters have it. A `where` filter
    is SQL text in the file, and whoever made the file wrote it. So it is run only if `run_where` asks for it. It is then run
    as `fit` runs one: a single condition that writes nothing, but that may call every function of the connection. Where it
    is not run, only the members are looked at, and n_new is not known.

    Args:
        run_where: run the stored `where`. Only for a file you trust.
        parameters: for the filter's named placeholders; they are not stored with it.

    Raises:
        UnknownResultError: there is no such result.
        FilterError: the filter has placeholders and `parameters` lacks them, or is no condition.
        OptionError: the stored downsample is none.
        FitDamagedError: what the fit has stored is not what a fit writes.
        StatementInterrupted

    Cost: O(rows·dimension).
    """
    with translated_errors(database, doing="looking for changes"):
        schema.check(database)
        result_id = resolve_result(database, clustering_result_id)
        [result] = statements.dict_rows(database, _RESULT, (result_id,))
        checksums = _checksums(result)
        stored = selection_of(result, parameters)
        with origin_of(database, result["embedding_model"], runs_condition=run_where) as origin:
            with origin.members(result_id) as ids:
                members = set(ids)
            selection = stored if run_where or not has_where(origin, stored) else None
            try:
                reading = origin.member_rows([*members]) if selection is None else origin.selected_rows(selection)
                with reading as rows:
                    of_interest = rows if selection is not None else (row for row in rows if row[0] in members)
                    found = differences(database, of_interest, members, checksums)
            except FilterError as error:
                raise _explained(error, parameters) from None
    any_difference = any(found)
    all_known = selection is not None and checksums is not None
    return Staleness(
        clustering_result_id=result_id,
        embedding_model=result["embedding_model"],
        n_rows=len(members),
        n_new=None if selection is None else len(found.new),
        n_missing=len(found.missing),
        n_changed=None if checksums is None else len(found.changed),
        new_id=_first(found.new),
        missing_id=_first(found.missing),
        changed_id=_first(found.changed),
        is_stale=any_difference if any_difference or all_known else None,
        remark=_remark(result, where_was_left_out=stored is not selection),
    )


def _first(ids: Iterable[Id]) -> Id | None:
    """The first id in SQLite's order."""
    return min(ids, key=sort_key, default=None)


def _remark(result: Mapping[str, Any], *, where_was_left_out: bool) -> str | None:
    """Why something is not known; None if everything is."""
    remarks = []
    if result["fit_id"] is None:
        remarks.append(_NO_FIT)
    elif result["row_checks"] is None:
        remarks.append(_NO_CHECKS)
    if where_was_left_out:
        remarks.append(_WHERE)
    return "; ".join(remarks) or None


def _checksums(result: Mapping[str, Any]) -> dict[Id, int] | None:
    """CRC-32 of each row's vector as it was; None if nobody knows."""
    if result["fit_id"] is None or result["row_checks"] is None:
        return None
    try:
        ids = decode_ids(result["row_ids"], result["n"])
        checksums: list[int] = np.frombuffer(result["row_checks"], dtype="<u4").tolist()
        return dict(zip(ids, checksums, strict=True))
    except (ValueError, TypeError, OverflowError) as error:
        raise FitDamagedError(result["fit_id"], reason=str(error)) from None


def has_where(origin: Origin, selection: Selection | None) -> bool:
    """Whether making a selection again would run SQL that is text in the file."""
    return origin.has_condition or (selection is not None and selection.where is not None)


def selection_of(result: Mapping[str, Any], parameters: Mapping[str, object] | None = None) -> Selection | None:
    """The selection as the result's parameters have it; None for a result without a fit.

    Its fit may have been made for another selection of the same embeddings.

    Args:
        result: its id, embedding_model, parameters and fit_id.

    Raises:
        ResultDamagedError, OptionError, FilterError: the parameters are not what a fit writes.
    """
    if result["fit_id"] is None:
        return None
    stored = parameters_of(result)
    options = parse(HdbscanOptions, {name: stored[name] for name in SELECTION_OPTIONS if name in stored})
    where = stored.get("where")
    if where is not None and not isinstance(where, str):
        raise FilterError(where, reason="it is not text")
    said = {name: getattr(options, name) for name in SELECTION_OPTIONS}
    return Selection(result["embedding_model"], where, parameters, **said)


class Differences(NamedTuple):
    """Ids that are new, missing and changed."""

    new: list[Id]
    missing: set[Id]
    changed: list[Id]


def differences(
    database: Database,
    vectors: Iterable[tuple[Any, Any]],
    members: set[Id],
    checksums: Mapping[Id, int] | None,
) -> Differences:
    """What the ids and vectors that are there now differ in from a result's members; changed where checksums are known."""
    found = Differences([], set(members), [])
    for count, (embedding_id, vector) in enumerate(vectors):
        if count % _REPORT == 0:
            database.check_interrupt()
        if embedding_id not in members:
            found.new.append(embedding_id)
            continue
        found.missing.discard(embedding_id)
        if checksums is not None and not (
            isinstance(vector, bytes) and zlib.crc32(vector) == checksums.get(embedding_id)
        ):
            found.changed.append(embedding_id)
    return found


def _explained(error: FilterError, parameters: Mapping[str, object] | None) -> FilterError:
    """The same error, or one that says that values of placeholders are wanted, if that is what is wrong."""
    if not error.reason.startswith("no value for :"):
        return error
    found = ", ".join(parameters) if parameters else "none"
    return FilterError(
        error.where,
        reason=f"its placeholders' values are not stored with it; give all of them as parameters (found: {found})",
        table=error.table,
    )
