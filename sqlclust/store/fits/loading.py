"""Finding stored fits, by what they are of or by id, and loading them."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from sqlclust import schema
from sqlclust.errors import UnknownFitError, counted_rows
from sqlclust.sqlite import interrupt, statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.transactions import translated_errors
from sqlclust.store.fits.neighbors import COLUMNS, TABLE, FitNeighbors, FitRows
from sqlclust.store.fits.neighbors import decode as decode_neighbors
from sqlclust.store.fits.record import IDENTITY, MEASURED
from sqlclust.store.fits.stored_fit import StoredFit, decode

_LOAD = "SELECT * FROM main.ClusteringFit WHERE id = ?"
_KNOWN = "SELECT id FROM main.ClusteringFit ORDER BY id"
_OF_RESULT = "SELECT clustering_fit_id FROM main.ClusteringResult WHERE id = ?"
_LATEST = "SELECT max(id) FROM main.ClusteringFit WHERE spanning_tree IS NOT NULL"

_NEIGHBORS = f"SELECT {', '.join(COLUMNS)} FROM main.{TABLE} WHERE clustering_fit_id = ? ORDER BY part"
_FIND = f"""
SELECT max(id) FROM main.ClusteringFit
WHERE {" AND ".join(f"{name} = :{name}" for name in IDENTITY)} AND spanning_tree IS NOT NULL
"""
_ALIKE = f"""
SELECT id, n, corpus_hash,
    iif(json_valid(timings), timings ->> '$.{MEASURED}.overlap', NULL),
    iif(json_valid(timings), timings ->> '$.{MEASURED}.shards_asked', NULL)
FROM main.ClusteringFit
WHERE {" AND ".join(f"{name} = :{name}" for name in IDENTITY if name != "corpus_hash")} AND spanning_tree IS NOT NULL
ORDER BY id DESC
"""


def known_fits(database: Database) -> list[int]:
    """The ids of all fits, whether they are stored or only described."""
    return [int(row[0]) for row in statements.all_rows(database, _KNOWN)]


def find(database: Database, key: dict[str, Any]) -> int | None:
    """The id of the newest stored fit of the same corpus and settings, None if there is none.

    Args:
        key: a value for each of IDENTITY.
    """
    with translated_errors(database, doing="looking for a stored fit"):
        if schema.version(database) is None:  # a host's file, before its first result
            return None
        found: int | None = statements.value(database, _FIND, key)
    return found


class Alike(NamedTuple):
    """A stored fit of the same model and settings: columns of ClusteringFit, and of a fit in shards as `FitRecord` has it."""

    id: int
    n: int
    corpus_hash: str
    overlap: int | None
    shards_asked: int | None


def alike(database: Database, key: dict[str, Any]) -> list[Alike]:
    """The stored fits of the same model and settings, whatever vectors they are of, the newest first.

    Args:
        key: a value for each of IDENTITY but the corpus_hash.
    """
    with translated_errors(database, doing="looking for a stored fit"):
        if schema.version(database) is None:
            return []
        return [Alike(*row) for row in statements.all_rows(database, _ALIKE, key)]


def resolve_fit(database: Database, which: int | str) -> int:
    """The id of a fit given by id, or 'latest', the latest one that is stored.

    Raises:
        UnknownFitError: there is no such fit; lists those there are.
    """
    with translated_errors(database, doing="looking for a fit"):
        known = known_fits(database)
        latest: int | None = statements.value(database, _LATEST)
    if which == "latest" and latest is not None:
        return latest
    fit_id = int(which) if isinstance(which, str) and re.fullmatch(r"-?[0-9]{1,19}", which) else which
    if type(fit_id) is not int or fit_id not in known:
        with translated_errors(database, doing="looking for a fit"):
            of_result = statements.value(database, _OF_RESULT, (fit_id,)) if type(fit_id) is int else None
        raise UnknownFitError(fit_id, known=known, fit_of_result=of_result)
    return fit_id


def fit_of_result(database: Database, clustering_result_id: int) -> int | None:
    """The id of a result's fit; None if it has none."""
    with translated_errors(database, doing="reading a result"):
        found: int | None = statements.value(database, _OF_RESULT, (clustering_result_id,))
    return found


def model_of_fit(database: Database, clustering_fit_id: int) -> str:
    """The embedding model of a fit that is there."""
    with translated_errors(database, doing="reading a fit"):
        sql = "SELECT embedding_model FROM main.ClusteringFit WHERE id = ?"
        return str(statements.value(database, sql, (clustering_fit_id,)))


def describe_fit(database: Database, clustering_fit_id: int) -> str:
    """Of which model a fit is, and how many rows: for people."""
    with translated_errors(database, doing="reading a fit"):
        sql = "SELECT embedding_model, n FROM main.ClusteringFit WHERE id = ?"
        [(model, n)] = statements.all_rows(database, sql, (clustering_fit_id,))
    return f"{model}, {counted_rows(n)}"


def load(database: Database, clustering_fit_id: object) -> StoredFit:
    """A stored fit, checked.

    Raises:
        UnknownFitError: there is no such fit.
        FitNotStoredError: it was made with --no-store-fit.
        FitDamagedError: its BLOBs are not what a fit writes.
        StatementInterrupted

    Cost: O(n).
    """
    with translated_errors(database, doing="reading a fit"):
        schema.check(database)
        found = statements.dict_rows(database, _LOAD, (clustering_fit_id,))
        if not found:
            raise UnknownFitError(clustering_fit_id, known=known_fits(database))
    fit, _ = interrupt.run(database, lambda control: decode(found[0], control))
    return fit


def load_neighbors(database: Database, stored: StoredFit) -> FitNeighbors | None:
    """The neighbours that are kept with a stored fit, checked; None if none are.

    Raises:
        FitDamagedError: they are not what a fit writes.
        StatementInterrupted

    Cost: O(n + t log t) for t neighbours, some 260 bytes a row at min_samples 15.
    """
    with translated_errors(database, doing="reading a fit"):
        has_them = schema.has(database, TABLE)
        parts = statements.dict_rows(database, _NEIGHBORS, (stored.id,)) if has_them else []
    if not parts:
        return None
    fit = FitRows(stored.id, stored.record.n, stored.record.n_distinct)
    found, _ = interrupt.run(database, lambda control: decode_neighbors(parts, fit, control))
    return found
