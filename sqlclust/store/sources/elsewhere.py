"""Sources whose table is in another file, which is only read. Where that is stands in our file, so it may be any text."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from shlex import quote

from sqlclust.errors import (
    CantOpenError,
    DatabaseFileError,
    NoFilesHereError,
    ReadOnlyError,
    SourceElsewhereError,
    shown,
)
from sqlclust.sources.other_files import host_path
from sqlclust.sources.registered_rows import Registered
from sqlclust.sqlite import opening, statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.layout import read_layout
from sqlclust.sqlite.transactions import PATIENCE, translated_errors, waiting

_STEPS = 2_000
"""SQLite's steps between two looks at interrupts."""


@contextmanager
def host_of(database: Database, source: Registered, *, patience: float = PATIENCE) -> Iterator[Database]:
    """The database that a source's table is in: the same one, also for files of a folder; or another, opened for reading only.

    Args:
        patience: seconds to wait for whoever writes to the other file.

    Raises:
        SourceElsewhereError: the other file cannot be read, or it has no such table.
        LockedError: somebody writes to it all the time.
    """
    if source.database is None or source.source.stored == "files":
        if source.database is not None and not os.path.isdir(source.source.folder or ""):
            said = f"sqlclust fit {quote(database.filename or 'DB')} {quote(source.name)} --folder DIR"
            raise SourceElsewhereError(
                source.name,
                path=source.database,
                reason=f"there is no folder {source.source.folder}",
                advice=f"Put it back there, or say where it is: {said}",
            )
        yield database  # what reads files asks nothing else of it but whether to stop
        return
    with ExitStack() as stack:
        try:
            host = stack.enter_context(opened_host(database, host_path(database, source.database), patience=patience))
        except NoFilesHereError as error:
            raise SourceElsewhereError(
                source.name, path=source.database, reason=str(error), advice="Nothing was written"
            ) from None
        except DatabaseFileError as error:
            raise SourceElsewhereError(
                source.name, path=source.database, reason=str(error), database=database.filename
            ) from None
        layout, table = read_layout(host), source.source.table_name or ""
        if table.lower() not in layout.tables and table.lower() not in layout.others:
            reason = f"{host.filename} has no table {shown(table)}"
            raise SourceElsewhereError(source.name, path=source.database, reason=reason, database=database.filename)
        yield host


@contextmanager
def opened_host(database: Database, path: str, *, patience: float = PATIENCE) -> Iterator[Database]:
    """Another file, for reading only; whatever waits or works in it stops where the database is interrupted.

    Raises:
        NoFilesHereError: the connection is in another program, which opens its own files.
        DatabaseFileError: no such file, no database, …
        LockedError
    """
    host = database.opened_to_read(path)
    try:
        # asked again and again: the other one is the one whom Ctrl-C and interrupts reach
        with host.watched(lambda: database.is_interrupted, every=_STEPS):
            host.set_busy_handler(waiting(database, patience))
            with translated_errors(host, doing="opening"):
                try:
                    statements.run(host, "SELECT count(*) FROM main.sqlite_schema")  # is it a database?
                except (CantOpenError, ReadOnlyError) as error:
                    raise opening.why_not(path, error, readonly=True) or error from None
            yield host
    finally:
        host.close()
