"""Which origin a name has: vectors of our own, or a source."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from sqlclust import schema
from sqlclust.errors import DatabaseFileError, SourceNameError, UnknownModelError, UnknownTableError
from sqlclust.sources import find_sources
from sqlclust.sources.other_files import host_path, path_seen_from
from sqlclust.sources.real_tables import ROWID_REMARK
from sqlclust.sources.registered_rows import registered_names
from sqlclust.sources.said import OF_FUNCTIONS, Said, Words
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.transactions import PATIENCE, translated_errors, what_can_write
from sqlclust.store.embeddings.origin import Origin
from sqlclust.store.embeddings.own_vectors import OwnVectors
from sqlclust.store.embeddings.selection import models
from sqlclust.store.sources import clusters_view
from sqlclust.store.sources.elsewhere import host_of, opened_host
from sqlclust.store.sources.keepable import check_name
from sqlclust.store.sources.registered import (
    Registered,
    check_change,
    check_tables_can_be_made,
    chosen,
    into_another,
    registered,
)
from sqlclust.store.sources.source_vectors import SourceVectors

logger = logging.getLogger("sqlclust")

_DOING = "reading the embeddings"


@contextmanager
def origin_of(
    database: Database, embedding_model: str, *, runs_condition: bool = False, patience: float = PATIENCE
) -> Iterator[Origin]:
    """Where the vectors of a name are: a source that is registered, or else our own table.

    Args:
        runs_condition: whether a condition that is kept with a source may be run. It is SQL text in the file.
        patience: seconds to wait for whoever writes to the other file, if the source is in one.

    Raises:
        SourceElsewhereError: the source is in another file, and that cannot be opened.
    """
    with translated_errors(database, doing=_DOING):
        source = registered(database, embedding_model)
    if source is None:
        yield OwnVectors(database, embedding_model)
        return
    with host_of(database, source, patience=patience) as host:
        yield SourceVectors(database, host, source, runs_condition=runs_condition)


@contextmanager
def origin_to_fit(
    database: Database, embedding_model: str, source: Registered | None, *, runs_condition: bool
) -> Iterator[Origin]:
    """As `origin_of`; a name that is no model and no source yet may be that of one which is found.

    Args:
        source: what is to be registered with the result; None: what is found by the name.

    Raises:
        as `origin_of`; and
        SchemaMissingError: the database has no tables of ours and nothing of this name.
        SchemaConflictError, ViewNameError: a name that we need is taken; nothing was written.
        DatabaseFileError: the database cannot be written; it says that results can go into another file.
    """
    with translated_errors(database, doing=_DOING):
        kept = registered(database, embedding_model)
        new = source if source is not None or kept is not None else found_by_name(database, embedding_model)
        fitted = new or kept
        if fitted is not None:
            _check_can_be_fitted(database, fitted, is_new=new is not None)
        if new is not None and kept is None and ROWID_REMARK in new.source.remark:
            logger.warning(
                "%s has no key, so its rows are named by their rowid. VACUUM may renumber them, and labels then stand beside "
                "other rows: better name a unique column (--id, or id of clust_source)",
                new.source.table_name,
            )
    if fitted is None:
        yield OwnVectors(database, embedding_model)
        return
    with host_of(database, fitted) as host:
        yield SourceVectors(database, host, fitted, runs_condition=runs_condition, is_new=new is not None)


def source_to_fit(
    database: Database,
    name: str,
    said: Said,
    *,
    host: str | None = None,
    condition: str | None = None,
    parameters: Mapping[str, object] | None = None,
    words: Words = OF_FUNCTIONS,
) -> Registered:
    """A source as a person says it, to be registered with the result that is made of it.

    Args:
        host: the file that it is in, which is only read; None: the database itself. Others: see `registered.chosen`.

    Raises:
        as `registered.chosen`; DatabaseFileError: the host cannot be read.
    """
    with translated_errors(database, doing=_DOING):
        if host is None:
            return chosen(database, name, said, condition=condition, parameters=parameters, words=words)
        with opened_host(database, host) as other:
            where, kept = path_seen_from(database, host), registered(database, name)
            keeps_it = kept is not None and kept.database == where
            source = chosen(
                database if keeps_it else other,
                name, said, condition=condition, parameters=parameters, host=other if keeps_it else None, words=words,
            )  # fmt: skip
            if not keeps_it and source.database is not None:  # the host knows it from a third file
                where = path_seen_from(database, host_path(other, source.database))
        return replace(source, database=where)


def found_by_name(database: Database, name: str, *, words: Words = OF_FUNCTIONS) -> Registered | None:
    """The source that is found by a name which none is registered under; None if it is a model of our own.

    Raises:
        UnknownModelError: it is neither; it also names what could be fitted where it is.
        SchemaMissingError: there are no tables of ours, nor anything to fit.
        HostTableError: a table, a view or a source has the name, and it cannot be clustered, or not without more being said.
        SourceNameError: one is registered whose name is the same but for case.

    Cost: that of `find_sources`, and none for a model of our own.
    """
    has_tables = schema.version(database) is not None
    if has_tables:
        schema.check(database)
    found: Sequence[str] | None = None
    try:
        return chosen(database, name, Said(), words=words)
    except UnknownTableError as error:
        found = error.known
    except SourceNameError as error:
        if error.other is not None:
            raise
    there = [model for model, _ in models(database)] if has_tables else []
    if name in there:
        return None
    there += [source for source in registered_names(database) if source not in there]
    if found is None:
        found = [source.name for source in find_sources(database, models=False) if source.vector_column is not None]
    if not found:
        schema.check(database)
    raise UnknownModelError(name, known=there, sources=[source for source in found if source not in there])


def _check_can_be_fitted(database: Database, source: Registered, *, is_new: bool) -> None:
    """Refuse before the fit what publishing it would be refused for."""
    if not is_new:
        schema.check(database)
    _check_can_be_written(database, source.name)
    if is_new:
        check_tables_can_be_made(database, source.name)
        check_name(database, source.name)
        check_change(database, source)
    clusters_view.check_name_is_free(database, source.source)


def _check_can_be_written(database: Database, name: str) -> None:
    """Nobody wants to wait for a fit to hear this."""
    folder = os.path.dirname(database.filename)
    needs_folder = bool(folder) and statements.pragma(database, "journal_mode") == "delete"
    if database.is_readonly or (needs_folder and not os.access(folder, os.W_OK)):
        reason = f"cannot write to it: fitting a source needs {what_can_write(database)}"
        advice = into_another(database.filename, name)
        raise DatabaseFileError(database.filename or "this database", reason=f"{reason}. {advice}")
