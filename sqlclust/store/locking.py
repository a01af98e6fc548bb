"""Write transactions that wait their turn, and SQLite's errors said in our words."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import apsw

from sqlclust.errors import DatabaseFileError, LockedError

PATIENCE = 10.0
"""Seconds a writer waits for others at the least; after a long fit it waits as long as the fit took."""

_STEP = 0.05


@contextmanager
def write_transaction(connection: apsw.Connection, *, doing: str, patience: float = 10.0) -> Iterator[None]:
    """A write transaction around what is inside: committed whole, or not at all.

    Args:
        connection: in no transaction.
        doing: what the transaction is for, for messages.
        patience: seconds to wait for others, to begin and to commit. The connection's own busy timeout does not count.

    Raises:
        LockedError: another writer, or without WAL another reader, did not finish in time; nothing was written.
        apsw.InterruptError: the connection was interrupted while waiting.
        DatabaseFileError: read-only, full disk, no database, …
    """
    with translated_errors(connection, doing=doing):
        _patiently(connection, "BEGIN IMMEDIATE", doing=doing, patience=patience)
        try:
            yield
            # without WAL a reader holds up even this, and SQLite lets it be tried again
            _patiently(connection, "COMMIT", doing=doing, patience=patience)
        except BaseException:
            if connection.in_transaction:  # SQLite has rolled back itself on some errors
                connection.execute("ROLLBACK")
            raise


def _patiently(connection: apsw.Connection, statement: str, *, doing: str, patience: float) -> None:
    started = time.monotonic()
    with _short_busy_timeout(connection):
        while True:
            try:
                connection.execute(statement)
                return
            except apsw.BusyError:
                waited = time.monotonic() - started
                if waited >= patience:
                    raise LockedError(waited=waited, doing=doing) from None
                time.sleep(_STEP)
                if connection.is_interrupted:  # asked last: the next statement forgets an interrupt
                    raise apsw.InterruptError("interrupted") from None


@contextmanager
def _short_busy_timeout(connection: apsw.Connection) -> Iterator[None]:
    """No long wait inside SQLite, where neither Ctrl-C nor an interrupt reaches it; a host's busy handler stays."""
    timeout = connection.pragma("busy_timeout")
    if timeout <= _STEP * 1000:
        yield
        return
    connection.set_busy_timeout(round(_STEP * 1000))
    try:
        yield
    finally:
        connection.set_busy_timeout(timeout)


@contextmanager
def translated_errors(connection: apsw.Connection, *, doing: str) -> Iterator[None]:
    """Say what SQLite's errors about the file mean; constraint and SQL errors pass through."""
    path = connection.filename or "this database"
    started = time.monotonic()
    try:
        yield
    except apsw.BusyError:
        raise LockedError(waited=time.monotonic() - started, doing=doing) from None
    except apsw.LockedError as error:
        raise DatabaseFileError(
            path, reason=f"{doing} needs a table that another statement is using ({error})"
        ) from None
    except apsw.ReadOnlyError:
        raise DatabaseFileError(path, reason=f"cannot write to it: {doing} needs a writable file and folder") from None
    except apsw.FullError:
        raise DatabaseFileError(
            path, reason=f"the disk is full: {doing} was given up and nothing was written"
        ) from None
    except apsw.NotADBError:
        raise DatabaseFileError(path, reason="not an SQLite database (or it is encrypted)") from None
    except apsw.CorruptError as error:
        raise DatabaseFileError(path, reason=f"the database is damaged ({error}); see PRAGMA integrity_check") from None
    except apsw.CantOpenError as error:
        raise DatabaseFileError(path, reason=f"cannot be opened ({error})") from None
    except apsw.IOError as error:
        raise DatabaseFileError(path, reason=f"reading or writing failed while {doing} ({error})") from None
