"""What SQLite itself says is wrong, in classes of ours: whichever library talks to it, the same error has the same class.

A binding raises these for what its library raises. They may be the library's own class too, so that whoever uses that library
finds what they know; see `bindings`. Text that is not UTF-8 is Python's UnicodeDecodeError, and what a callback raises comes
out as it was raised.
"""

from __future__ import annotations

from sqlclust.errors.base import SqlclustError
from sqlclust.errors.running import Interrupted


class SqliteError(SqlclustError):
    """Something that SQLite refused or could not do. https://sqlite.org/rescode.html

    Attributes:
        code: SQLite's extended result code; None where the library refused before SQLite was asked.
    """

    code: int | None = None

    def __init__(self, message: str) -> None:
        Exception.__init__(self, message)


class StatementError(SqliteError):
    """SQLITE_ERROR: wrong SQL, or a table or function that is not there."""


class StatementInterrupted(SqliteError, Interrupted):
    """SQLITE_INTERRUPT: the connection was interrupted, or its progress handler said to stop."""


class BusyError(SqliteError):
    """SQLITE_BUSY: another connection holds the lock."""


class TableLockedError(SqliteError):
    """SQLITE_LOCKED: another statement of the same connection, or of a shared cache, uses the table."""


class NoMemoryError(SqliteError, MemoryError):
    """SQLITE_NOMEM."""


class ReadOnlyError(SqliteError):
    """SQLITE_READONLY: the file, its folder or the connection cannot be written."""


class ReadWriteError(SqliteError):
    """SQLITE_IOERR: the system could not read or write."""


class CorruptError(SqliteError):
    """SQLITE_CORRUPT: the file is damaged, or its schema calls what no schema may call."""


class DiskFullError(SqliteError):
    """SQLITE_FULL."""


class CantOpenError(SqliteError):
    """SQLITE_CANTOPEN."""


class TooBigError(SqliteError):
    """SQLITE_TOOBIG: a statement or value is longer than SQLite's limits."""


class ConstraintError(SqliteError):
    """SQLITE_CONSTRAINT."""


class MismatchError(SqliteError):
    """SQLITE_MISMATCH: a value of a type that its place does not take."""


class NotADatabaseError(SqliteError):
    """SQLITE_NOTADB: the file is no SQLite database, or an encrypted one."""


class BindingsError(SqliteError):
    """Not the number of values that the statement has places for."""


class IncompleteStatementError(SqliteError):
    """The text ends inside a statement."""


BY_CODE: dict[int, type[SqliteError]] = {
    1: StatementError, 5: BusyError, 6: TableLockedError, 7: NoMemoryError, 8: ReadOnlyError, 9: StatementInterrupted,
    10: ReadWriteError, 11: CorruptError, 13: DiskFullError, 14: CantOpenError, 18: TooBigError, 19: ConstraintError,
    20: MismatchError, 26: NotADatabaseError,
}  # fmt: skip
"""SQLite's primary result code → our class; any other is SqliteError. What an authorizer refuses is a NotAuthorizedError."""


def class_of(code: int | None) -> type[SqliteError]:
    """Our class for a result code of SQLite, extended or not."""
    return SqliteError if code is None else BY_CODE.get(code & 0xFF, SqliteError)


def says_not_authorized(message: str) -> bool:
    """Whether the text of an SQLITE_ERROR says that an authorizer refused: of a function, SQLite has no code for it."""
    return message.startswith(("not authorized to use function: ", "authorizer malfunction"))
