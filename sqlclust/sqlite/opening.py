"""Opening a database file: what is looked at before SQLite opens it, and why it could not.

SQLite says of most things that go wrong only that it is "unable to open database file".
"""

from __future__ import annotations

import os
import stat

from sqlclust.errors import DatabaseFileError, ReadOnlyError, SqliteError, WriteProtectedError, shown
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database

_WAL = 2
"""What the file says of its journal at bytes 18 and 19: https://sqlite.org/fileformat.html#file_format_version_numbers"""


def name_of(path: object) -> str:
    """A path as SQLite takes it: text, in UTF-8, without NUL, not empty (which would be a temporary database)."""
    try:
        name = os.fspath(path)  # type: ignore[call-overload]  # whatever it is
    except TypeError:
        name = path
    if not isinstance(name, str):
        raise DatabaseFileError(shown(path), reason=f"is a {type(path).__name__}, expected the name of a database file")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise DatabaseFileError(repr(name), reason="the name is not UTF-8, and SQLite opens no such file") from None
    if not name or "\0" in name:
        found = "empty" if not name else "one with a NUL character"
        raise DatabaseFileError(repr(name), reason=f"the name is {found}, expected that of a database file")
    return name


def why_not(name: str, error: SqliteError, *, readonly: bool) -> DatabaseFileError | None:
    """What it means that a database was opened and could not be read; None if SQLite's own words are all there is to say."""
    if _no_wal_can_be_made(name):
        waiting = _bytes_in(name, "-wal")
        if waiting:
            return DatabaseFileError(
                name,
                reason=f"{name}-wal beside it holds {waiting:,} bytes of changes that are not in the file itself yet, and "
                f"SQLite has to make {name}-shm to read them, in a folder that cannot be written. Copy {name} and {name}-wal "
                "to a folder that can be, and open the copy",
            )
        if not readonly:
            return WriteProtectedError(
                name,
                reason="is in WAL mode in a folder that cannot be written, so that it can be read and not written. Copy it to a "
                "folder that can be, and use the copy; from Python, sqlclust.connect(path, readonly=True) opens it for reading",
            )
    if isinstance(error, ReadOnlyError) and _bytes_in(name, "-journal"):
        return DatabaseFileError(
            name,
            reason=f"a program that wrote to it did not finish, and what {name}-journal holds has to be put back before it "
            "can be read; that takes a file and a folder that can be written and a connection that is not read-only",
        )
    return None


def check(path: str, *, must_exist: bool) -> None:
    """Look before SQLite opens it: a FIFO would be waited for, and it says only that a file cannot be opened."""
    mode = _mode_of(path, path)
    if mode is None:
        if must_exist:
            raise DatabaseFileError(path, reason="there is no such file")
        folder = os.path.dirname(os.path.abspath(path))
        if not os.path.isdir(folder):
            raise DatabaseFileError(path, reason=f"cannot be opened: there is no folder {folder}")
    elif stat.S_ISDIR(mode):
        raise DatabaseFileError(path, reason="is a directory, expected a database file")
    elif not stat.S_ISREG(mode):
        raise DatabaseFileError(path, reason="is not a regular file, expected a database file")
    for beside in ("-journal", "-wal", "-shm"):
        mode = _mode_of(path + beside, path)
        if mode is not None and not stat.S_ISREG(mode):
            raise DatabaseFileError(path, reason=f"{path}{beside} beside it is not a regular file")


def _mode_of(file: str, path: str) -> int | None:
    """What kind of file it is; None if there is none."""
    try:
        return os.stat(file).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise DatabaseFileError(path, reason=f"cannot be opened ({error.strerror})") from None


def is_unchanging(name: str) -> bool:
    """Whether it is a file in WAL mode that nobody can change, and that can be read without its `-wal`."""
    return _no_wal_can_be_made(name) and not _bytes_in(name, "-wal")


def _no_wal_can_be_made(name: str) -> bool:
    """Whether it is a file in WAL mode in a folder where nothing can be made, and its `-wal` and `-shm` are not both there."""
    if os.access(os.path.dirname(os.path.realpath(name)), os.W_OK):
        return False
    if _bytes_in(name, "-wal") is not None and _bytes_in(name, "-shm") is not None:
        return False  # SQLite reads them as they are
    try:
        with open(name, "rb") as file:
            header = file.read(20)
    except OSError:
        return False  # SQLite says why
    return header.startswith(b"SQLite format 3\0") and _WAL in header[18:20]


def _bytes_in(name: str, ending: str) -> int | None:
    """How long a file beside a database is; None if there is none."""
    try:
        return os.stat(os.path.realpath(name) + ending).st_size
    except OSError:
        return None


def make_safe(database: Database) -> None:
    """Settings for a file that somebody else may have made, of this connection alone.

    foreign_keys ON: the schema's guard. trusted_schema OFF: views, triggers, defaults, CHECKs and indexes of the file can call
    nothing but innocuous functions. cell_size_check ON and mmap_size 0: a damaged page is an error. Defensive: no statement
    can write what SQLite keeps for itself (PRAGMA writable_schema, journal_mode = OFF). Loading extensions stays off, as
    it is.
    """
    for name, value in (("foreign_keys", True), ("trusted_schema", False), ("cell_size_check", True), ("mmap_size", 0)):
        statements.pragma(database, name, value)
    database.set_defensive(True)
