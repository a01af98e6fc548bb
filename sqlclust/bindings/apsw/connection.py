"""Opening a connection of our own, with APSW."""

from __future__ import annotations

import os
from urllib.parse import quote

import apsw

from sqlclust.bindings.apsw.database import ApswDatabase, opened
from sqlclust.bindings.apsw.registration import register
from sqlclust.errors import CantOpenError, DatabaseFileError, ReadOnlyError
from sqlclust.sqlite import opening, statements
from sqlclust.sqlite.transactions import translated_errors

BUSY_TIMEOUT = 5_000
"""Milliseconds our own connections wait for another writer."""


def connect(path: str | os.PathLike[str], *, readonly: bool = False, create: bool = True) -> ApswDatabase:
    """Open a database with safe settings and everything registered.

    Settings of this connection alone, see `make_safe`, and a busy timeout of five seconds.

    Args:
        path: a file, or ':memory:'.
        readonly: open for reading only. A file in WAL mode can then be read where nothing can be written, too: see
            `open_file`.
        create: make the file if it is not there; otherwise that is an error.

    Raises:
        WriteProtectedError: it can be opened with `readonly` only.
        DatabaseFileError: no such file, a directory, not a database, no permission, …
    """
    name = opening.name_of(path)
    database = open_file(name, readonly=readonly, create=create)
    try:
        database.set_busy_timeout(BUSY_TIMEOUT)
        with translated_errors(database, doing="opening"):
            try:
                make_safe(database)
                register(database)
                statements.run(database, "SELECT count(*) FROM sqlite_schema")  # reads the header: is it a database?
            except (CantOpenError, ReadOnlyError) as error:
                raise opening.why_not(name, error, readonly=readonly) or error from None
    except BaseException:
        database.close()
        raise
    return database


def open_file(name: str, *, readonly: bool, create: bool) -> ApswDatabase:
    """Open a database; nothing of it is read yet.

    A file in WAL mode needs a `-wal` and a `-shm` beside it to be read, and SQLite makes them. Where the folder cannot be
    written it cannot, and such a file is opened as one that nobody changes (`immutable`), if no `-wal` holds anything that
    would be missed by that. In a folder that can be written it never is: changes of other programs would not be seen.
    So do not keep such a connection open where somebody else may write to the folder.

    Args:
        name: of `opening.name_of`, or ':memory:'.

    Raises:
        DatabaseFileError: no such file, a directory, no permission, …
    """
    if name != ":memory:":
        opening.check(name, must_exist=readonly or not create)
    flags = apsw.SQLITE_OPEN_READONLY if readonly else apsw.SQLITE_OPEN_READWRITE
    if not readonly and create:
        flags |= apsw.SQLITE_OPEN_CREATE
    path = name
    if readonly and name != ":memory:" and opening.is_unchanging(name):
        path = f"file://{quote(os.fsencode(os.path.realpath(name)))}?immutable=1"
        flags |= apsw.SQLITE_OPEN_URI
    try:
        return opened(path, flags)
    except CantOpenError as error:
        raise DatabaseFileError(name, reason=f"cannot be opened ({error})") from None


def make_safe(database: ApswDatabase) -> None:
    """Settings for a file that somebody else may have made, of this connection alone.

    foreign_keys ON: the schema's guard. trusted_schema OFF: views, triggers, defaults, CHECKs and indexes of the file can call
    nothing but innocuous functions. cell_size_check ON and mmap_size 0: a damaged page is an error. Defensive: no statement
    can write what SQLite keeps for itself (PRAGMA writable_schema, journal_mode = OFF). Loading extensions stays off, as
    it is.
    """
    for name, value in (("foreign_keys", True), ("trusted_schema", False), ("cell_size_check", True), ("mmap_size", 0)):
        statements.pragma(database, name, value)
    database.set_defensive(True)
