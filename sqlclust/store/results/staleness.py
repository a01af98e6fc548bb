"""Staleness: what a result's selection gives now, and whether the vectors it is made of are still the same."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from sqlclust import schema
from sqlclust.errors import FilterError, FitDamagedError, Id, ResultDamagedError
from sqlclust.options import HdbscanOptions, parse
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.transactions import translated_errors
from sqlclust.sqlite.values import stored_object
from sqlclust.store.embeddings.ids import sort_key
from sqlclust.store.embeddings.selection import Selection, selected_rows
from sqlclust.store.fits.record import SELECTION_OPTIONS
from sqlclust.store.fits.row_ids import decode_ids
from sqlclust.store.results.listing import resolve_result

_REPORT = 1024


class Staleness(NamedTuple):
    """A result against the embeddings as they are now. An id is an example, the first in SQLite's order.

    Attributes:
        clustering_result_id: the result.
        embedding_model: its model.
        n_rows: its rows.
        n_new: embeddings that its selection gives now and it does not have; None where the selection is not known, or was
            not made again.
        n_missing: its rows that the selection does not give any more; where that was not made, those whose embedding is
            gone.
        n_changed: its rows whose embedding has another vector now; None where the old ones are not known.
        new_id: of a new one.
        missing_id: of a missing one.
        changed_id: of a changed one.
        is_stale: whether there are new, missing or changed ones; None where none is known of, but not everything is known.
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
_MEMBERS = "SELECT embedding_id FROM main.EmbeddingCluster WHERE clustering_result_id = ?"
_MEMBER_VECTORS = """
SELECT e.id, e.vector
FROM main.EmbeddingCluster ec
JOIN main.Embedding e ON e.id = ec.embedding_id AND e.embedding_model = ?2
WHERE ec.clustering_result_id = ?1
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
    is SQL text in the file. Whoever made the file wrote it, so it is not run unless asked for: then as `fit` runs one, as
    one condition that reads, but with every function that the connection has. Without it the members are checked, and
    n_new is not known.

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
        with statements.each_row(database, _MEMBERS, (result_id,)) as rows:
            members: set[Id] = {row[0] for row in rows}
        remarks: list[str] = []
        checks = _checks(result, remarks)
        selection = _selection(result, parameters)
        if selection is None:
            known = False
        elif selection.where is not None and not run_where:
            known = False
            remarks.append(_WHERE)
        else:
            known = True
        if known and selection is not None:
            reading = selected_rows(database, selection)
        else:
            reading = statements.each_row(database, _MEMBER_VECTORS, (result_id, result["embedding_model"]))
        try:
            with reading as vectors:
                new, missing, changed = _differences(database, vectors, members, checks)
        except FilterError as error:
            raise _explained(error, parameters) from None
    n_changed = len(changed) if checks is not None else None
    any_difference = bool(new or missing or changed)
    return Staleness(
        clustering_result_id=result_id,
        embedding_model=result["embedding_model"],
        n_rows=len(members),
        n_new=len(new) if known else None,
        n_missing=len(missing),
        n_changed=n_changed,
        new_id=min(new, key=sort_key, default=None),
        missing_id=min(missing, key=sort_key, default=None),
        changed_id=min(changed, key=sort_key, default=None),
        is_stale=any_difference if any_difference or (known and checks is not None) else None,
        remark="; ".join(remarks) or None,
    )


def _checks(result: Mapping[str, Any], remarks: list[str]) -> dict[Id, int] | None:
    """CRC-32 of each row's vector as it was; None, with a remark, if nobody knows."""
    if result["fit_id"] is None:
        remarks.append(_NO_FIT)
        return None
    if result["row_checks"] is None:
        remarks.append(_NO_CHECKS)
        return None
    try:
        ids = decode_ids(result["row_ids"], result["n"])
        checks: list[int] = np.frombuffer(result["row_checks"], dtype="<u4").tolist()
        return dict(zip(ids, checks, strict=True))
    except (ValueError, TypeError, OverflowError) as error:
        raise FitDamagedError(result["fit_id"], reason=str(error)) from None


def _selection(result: Mapping[str, Any], parameters: Mapping[str, object] | None) -> Selection | None:
    """As the result's parameters have it; its fit may have been made for another selection of the same embeddings."""
    if result["fit_id"] is None:
        return None
    try:
        stored = stored_object(result["parameters"])
    except ValueError as error:
        raise ResultDamagedError(result["id"], reason=f"its parameters are no JSON object ({error})") from None
    options = parse(HdbscanOptions, {name: stored[name] for name in SELECTION_OPTIONS if name in stored})
    where = stored.get("where")
    if where is not None and not isinstance(where, str):
        raise FilterError(where, reason="it is not text")
        said = {name: getattr(options, name) for name in SELECTION_OPTIONS}
    return Selection(result["embedding_model"], where, parameters, **said)


def _differences(
    database: Database,
    rows: Iterable[tuple[Any, Any]],
    members: set[Id],
    checks: Mapping[Id, int] | None,
) -> tuple[list[Id], set[Id], list[Id]]:
    """Ids that are new, missing and changed."""
    new: list[Id] = []
    changed: list[Id] = []
    missing = set(members)
    for count, (embedding_id, vector) in enumerate(rows):
        if count % _REPORT == 0:
            database.check_interrupt()
        if embedding_id not in members:
            new.append(embedding_id)
            continue
        missing.discard(embedding_id)
        if checks is not None and not (isinstance(vector, bytes) and zlib.crc32(vector) == checks.get(embedding_id)):
            changed.append(embedding_id)
    return new, missing, changed


def _explained(error: FilterError, parameters: Mapping[str, object] | None) -> FilterError:
    if "binding" not in error.reason.lower() and not isinstance(error.__context__, KeyError):
        return error
    found = ", ".join(parameters) if parameters else "none"
    return FilterError(
        error.where,
        reason=f"its placeholders' values are not stored with it; give all of them as parameters (found: {found})",
    )
