"""Opening a connection of our own, with APSW."""

from __future__ import annotations

import os

from sqlclust.bindings.apsw.database import ApswDatabase
from sqlclust.bindings.apsw.files import open_file
from sqlclust.bindings.apsw.registration import register
from sqlclust.errors import CantOpenError, ReadOnlyError
from sqlclust.sqlite import opening, statements
from sqlclust.sqlite.transactions import translated_errors

BUSY_TIMEOUT = 5_000
"""Milliseconds our own connections wait for another writer."""


def connect(path: str | os.PathLike[str], *, readonly: bool = False, create: bool = True) -> ApswDatabase:
    """Open a database with safe settings and everything registered.

    Settings of this connection alone, see `opening.make_safe`, and a busy timeout of five seconds.

    Args:
        path: a file, or ':memory:'.
        readonly: open for reading only. A file in WAL mode can then be read where nothing can be written, too: see
            `files.open_file`.
        create: make the file if it is not there; otherwise that is an error.

    Raises:
        WriteProtectedError: it can be opened with `readonly` only.
        DatabaseFileError: no such file, a directory, not a database, no permission, …
    """
    name = opening.name_of(path)
    database = ApswDatabase(open_file(name, readonly=readonly, create=create))
    try:
        database.set_busy_timeout(BUSY_TIMEOUT)
        with translated_errors(database, doing="opening"):
            try:
                opening.make_safe(database)
                register(database)
                statements.run(database, "SELECT count(*) FROM sqlite_schema")  # reads the header: is it a database?
            except (CantOpenError, ReadOnlyError) as error:
                raise opening.why_not(name, error, readonly=readonly) or error from None
    except BaseException:
        database.close()
        raise
    return database
