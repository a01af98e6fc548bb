"""Opening files with APSW."""

from __future__ import annotations

import os
from urllib.parse import quote

import apsw

from sqlclust.bindings.apsw.errors import translating
from sqlclust.errors import CantOpenError, DatabaseFileError
from sqlclust.sqlite import opening


def opened(path: str, flags: int, *, vfs: str | None = None) -> apsw.Connection:
    """A connection of our own.

    Args:
        flags: SQLITE_OPEN_…
        vfs: SQLite's name of a file system; None for its default.
    """
    with translating():
        return apsw.Connection(path, flags=flags, vfs=vfs)


def open_file(name: str, *, readonly: bool, create: bool) -> apsw.Connection:
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
