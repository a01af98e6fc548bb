"""Keeping a source and deleting one: each in one transaction, our tables made where there are none."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace

from sqlclust import schema
from sqlclust.errors import ArgumentError, UnknownSourceError, shown
from sqlclust.sources.other_files import path_seen_from
from sqlclust.sources.registered_rows import is_registered, registered_names
from sqlclust.sources.said import OF_FUNCTIONS, Said, Words
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.opening import name_of
from sqlclust.sqlite.transactions import translated_errors, write_transaction
from sqlclust.store.fit import check_top_level
from sqlclust.store.results.listing import delete_rows
from sqlclust.store.sources import clusters_view
from sqlclust.store.sources.elsewhere import host_of, opened_host
from sqlclust.store.sources.file_rows import condition_on_files
from sqlclust.store.sources.folder_source import folder_source
from sqlclust.store.sources.registered import (
    Registered,
    chosen,
    make_tables,
    register,
    registered,
    remove,
    results_of,
)

logger = logging.getLogger("sqlclust")


def keep(
    database: Database,
    name: str,
    said: Said,
    *,
    condition: str | None = None,
    parameters: Mapping[str, object] | None = None,
    host: object = None,
    folder: str | os.PathLike[str] | None = None,
    words: Words = OF_FUNCTIONS,
) -> Registered:
    """Register a source, or change a registered one: what is not said stays, or is as it is found.

    Our tables are made where there are none, and older ones are upgraded; nothing else of the file is written. Arguments are
    those of `store.sources.registered.chosen`.

    Args:
        database: in no transaction.
        host: the file that its table is in, a path, which is only read; also where a registered one has moved to. None: the
            one that is registered, or else the database itself.
        folder: of the files that have its vectors, instead of a table; see `store.sources.folder_source`. No condition and no
            host goes with it.

    Raises:
        TopLevelOnlyError: it is in a transaction or a statement.
        SourceNameError, HostTableError, FilterError, ArgumentError, SourceDamagedError: as `chosen`.
        SourceElsewhereError: the table is in another file, as it is registered, and that cannot be read.
        SourceInUseError: results are made of it, and it would be another table, key or column of vectors.
        SchemaConflictError: names of our tables are taken.
        LockedError; DatabaseFileError: read-only, …. Nothing was written.
    """
    check_top_level(database, "clust_source")
    path = None if host is None else name_of(host)
    with (
        nullcontext() if folder is not None else _host(database, name, path) as other,
        write_transaction(database, doing="registering the source"),
    ):
        if folder is not None:
            if path is not None:
                expected = "none with a folder of files, which are in no database"
                raise ArgumentError("source", "database", found=shown(path), expected=expected)
            if condition:
                raise condition_on_files(condition, os.fspath(folder))
            kept = folder_source(database, name, folder, said, words=words)
        else:
            kept = chosen(database, name, said, condition=condition, parameters=parameters, host=other, words=words)
        if path is not None:
            kept = replace(kept, database=path_seen_from(database, path))
        make_tables(database, name)
        register(database, kept, may_move=path is not None)
    logger.info("source %s registered: %s", shown(name), kept.source.remark or "as it was")
    return kept


@contextmanager
def _host(database: Database, name: str, path: str | None) -> Iterator[Database | None]:
    """Where the table of a source is: the file of a path, or where it is registered; None: the database itself."""
    with translated_errors(database, doing="registering the source"):
        before = registered(database, name) if path is None else None
    if path is not None:
        with opened_host(database, path) as host:
            yield host
    elif before is not None and before.database is not None:
        with host_of(database, before) as host:
            yield host
    else:
        yield None


def delete_source(database: Database, name: str, *, results: bool = False) -> int:
    """Delete a source and its view, in one transaction; its table stays as it is. Returns how many results were deleted with it.

    Args:
        database: in no transaction.
        results: delete the results that are made of it, too.

    Raises:
        TopLevelOnlyError: it is in a transaction or a statement.
        UnknownSourceError: it is not registered.
        SourceInUseError: results are made of it, and they are not to be deleted.
        AlteredError: a trigger of the file kept something of a result.
        LockedError; DatabaseFileError: read-only, …. Nothing was written.
    """
    check_top_level(database, "delete_source")
    with write_transaction(database, doing="deleting the source"):
        if schema.version(database) is not None:
            schema.check(database)
        if not is_registered(database, name):
            raise UnknownSourceError(name, known=registered_names(database))
        deleted = results_of(database, name) if results else []
        for result_id in deleted:
            delete_rows(database, result_id)
        remove(database, name)
        clusters_view.drop(database, name)
    return len(deleted)
