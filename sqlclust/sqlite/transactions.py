"""Write transactions, which wait their turn; waiting that can be interrupted; and SQLite's errors in our words."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress

from sqlclust.errors import (
    BusyError,
    CantOpenError,
    CommitUnknownError,
    CorruptError,
    DatabaseFileError,
    DiskFullError,
    LockedError,
    NoMemoryError,
    NotADatabaseError,
    OutOfMemoryError,
    ReadOnlyError,
    ReadWriteError,
    SqliteError,
    TableLockedError,
)
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.rolling_back import transaction_ends
from sqlclust.sqlite.undecodable import not_unicode

logger = logging.getLogger("sqlclust")

PATIENCE = 10.0
"""Seconds a writer waits for others at the least; after a long fit it waits as long as the fit took."""

_STEP = 0.05
_CACHE_KIB = 64 * 1024


@contextmanager
def write_transaction(
    database: Database,
    *,
    doing: str,
    patience: float = PATIENCE,
    commit_patience: float | None = None,
    let_readers_read: bool = False,
    is_there: Callable[[], bool] | None = None,
) -> Iterator[None]:
    """A write transaction around what is inside: committed whole, or not at all.

    COMMIT may report an error and be done all the same, for example when the journal was deleted and the folder could not be
    synced. Then `is_there` is asked. Ctrl-C that comes while COMMIT runs comes too late, and is logged.

    Args:
        database: in no transaction.
        doing: what the transaction is for, for messages.
        patience: seconds to wait for others, to begin and to commit. The database's own busy timeout does not count.
        commit_patience: seconds to wait to commit, if not `patience`. Without WAL a reader holds up COMMIT, and new readers
            wait behind it.
        let_readers_read: keep what is written in memory until COMMIT. Without WAL, SQLite otherwise shuts readers out as
            soon as its cache is full.
        is_there: says whether what was written is there. It is asked after a COMMIT that failed, and reads from `database`.

    Raises:
        LockedError: another writer, or without WAL another reader, did not finish in time; nothing was written.
        StatementInterrupted: somebody interrupted the database while it waited.
        CommitUnknownError: COMMIT failed, and nobody knows whether before or after it was done.
        OutOfMemoryError; DatabaseFileError: read-only, full disk, no database, …; nothing was written.
    """
    with (
        _in_our_words(database, doing=doing, outcome="nothing was written"),
        _no_waiting_inside(database),
        _no_spilling(database) if let_readers_read else nullcontext(),
        _room_for_pages(database),
        transaction_ends(database),
    ):
        _patiently(database, "BEGIN IMMEDIATE", doing=doing, patience=patience)
        yield
        _commit(database, doing=doing, patience=commit_patience or patience, is_there=is_there)


def schema_was_changed(database: Database) -> None:
    """To be called inside a write transaction after it changed the schema, for which SQLite compiles its statements again.

    Those that end it are compiled here, while that is possible.
    """
    database.compile_again()


def _commit(database: Database, *, doing: str, patience: float, is_there: Callable[[], bool] | None) -> None:
    try:
        # without WAL a reader holds up even this, and SQLite lets it be tried again
        _patiently(database, "COMMIT", doing=doing, patience=patience)
    except KeyboardInterrupt:
        if database.in_transaction:
            raise
        logger.warning("%s: the interrupt came after it was done", doing)
    except (SqliteError, MemoryError) as error:
        if database.in_transaction:
            raise
        try:
            there = is_there() if is_there else None
        except (SqliteError, MemoryError):
            there = None
        if there is None and not isinstance(error, DiskFullError):  # a full disk is met before it is done
            raise CommitUnknownError(database.filename, doing=doing, reason=str(error)) from None
        if not there:
            raise
        logger.warning("%s: done, although SQLite said %s", doing, error)


def _patiently(database: Database, statement: str, *, doing: str, patience: float) -> None:
    """Run a statement, again and again while others hold the file."""
    started = time.monotonic()
    while True:
        try:
            statements.run(database, statement)
            return
        except BusyError:
            waited = time.monotonic() - started
            if waited >= patience:
                raise LockedError(waited=waited, doing=doing) from None
            time.sleep(_STEP)
            database.check_interrupt()  # asked last: the next statement forgets an interrupt


@contextmanager
def _no_waiting_inside(database: Database) -> Iterator[None]:
    """Turn SQLite's own waiting off, which neither Ctrl-C nor an interrupt ends. A host's busy handler stays.

    It is off until COMMIT. Without WAL, once its cache is full, SQLite asks for the exclusive lock again with every page. While
    somebody reads it would wait the whole timeout each time.
    """
    timeout: int = statements.pragma(database, "busy_timeout")
    if timeout == 0:
        yield
        return
    database.set_busy_timeout(0)
    try:
        yield
    finally:
        database.set_busy_timeout(timeout)


@contextmanager
def _no_spilling(database: Database) -> Iterator[None]:
    """Keep changed pages in memory until COMMIT. With WAL they need not be kept: writing them shuts nobody out."""
    if statements.pragma(database, "journal_mode") == "wal" or statements.pragma(database, "cache_spill") == 0:
        yield
        return
    statements.run(database, "PRAGMA cache_spill = OFF")
    try:
        yield
    finally:
        with suppress(SqliteError, MemoryError):  # no reason to fail after COMMIT
            statements.run(database, "PRAGMA cache_spill = ON")


@contextmanager
def _room_for_pages(database: Database) -> Iterator[None]:
    """A page cache of 64 MiB, if it is smaller.

    SQLite's own is 2 MiB. With that, writing a large result reads the same pages of ids and indexes again and again, and takes
    twice as long. It is not for reading: vectors that are read once, from one end to the other, do better with a small cache.
    """
    size = statements.value(database, "PRAGMA main.cache_size")  # pages; negative: KiB
    held = -size if size < 0 else size * statements.pragma(database, "page_size") // 1024
    if held >= _CACHE_KIB:
        yield
        return
    statements.run(database, f"PRAGMA main.cache_size = {-_CACHE_KIB}")
    try:
        yield
    finally:
        with suppress(SqliteError, MemoryError):  # no reason to fail after COMMIT
            statements.run(database, f"PRAGMA main.cache_size = {size}")


@contextmanager
def _listening(database: Database) -> Iterator[None]:
    """Wait for others as long as the busy timeout says, in short steps between which Ctrl-C and interrupts are heard.

    SQLite's own waiting hears neither until it ends. A host's busy handler stays.
    """
    # 0 where the host has a handler, or this one is there already
    timeout: int = statements.pragma(database, "busy_timeout")
    if timeout == 0:
        yield
        return
    database.set_busy_handler(waiting(database, timeout / 1000))
    try:
        yield
    finally:
        database.set_busy_timeout(timeout)


def waiting(database: Database, seconds: float) -> Callable[[int], bool]:
    """A busy handler that waits so long for each lock, in short steps.

    Args:
        database: whose interrupts end the waiting; Ctrl-C does, too.
    """
    began: list[float] = []

    def wait(tries: int) -> bool:
        if tries == 0:
            began[:] = [time.monotonic()]
        if time.monotonic() - began[0] >= seconds:
            return False
        time.sleep(min(_STEP, 0.001 * (tries + 1)))  # Ctrl-C is heard here
        database.check_interrupt()
        return True

    return wait


@contextmanager
def translated_errors(database: Database, *, doing: str) -> Iterator[None]:
    """Say in our words what SQLite's errors about the file mean. Errors of SQL and of constraints pass through.

    It is for reading. Waiting for a lock inside it hears Ctrl-C and interrupts.
    """
    with _in_our_words(database, doing=doing), _listening(database):
        yield


def what_can_write(database: Database) -> str:
    """What writing needs, of a database that could not be written."""
    path = database.filename
    if path and all(os.access(each, os.W_OK) for each in (path, os.path.dirname(path))):
        return "a connection that may write, and this one is for reading only"
    return "a writable file and folder"


@contextmanager
def _in_our_words(database: Database, *, doing: str, outcome: str = "") -> Iterator[None]:
    path = database.filename or "this database"
    started = time.monotonic()
    and_so = f"; {outcome}" if outcome else ""
    try:
        yield
    except BusyError:
        raise LockedError(waited=time.monotonic() - started, doing=doing) from None
    except TableLockedError as error:
        raise DatabaseFileError(
            path, reason=f"{doing} needs a table that another statement is using ({error})"
        ) from None
    except ReadOnlyError:
        raise DatabaseFileError(path, reason=f"cannot write to it: {doing} needs {what_can_write(database)}") from None
    except DiskFullError:
        raise DatabaseFileError(
            path, reason=f"the disk is full: {doing} was given up and nothing was written"
        ) from None
    except NotADatabaseError:
        raise DatabaseFileError(path, reason="not an SQLite database (or it is encrypted)") from None
    except CorruptError as error:
        if "unsafe use of" in str(error):  # a CHECK, a generated column or an index that calls a function of ours
            reason = f"its schema calls what no schema may call, and SQLite does not read it ({error})"
            raise DatabaseFileError(path, reason=reason) from None
        raise DatabaseFileError(path, reason=f"the database is damaged ({error}); see PRAGMA integrity_check") from None
    except CantOpenError as error:
        raise DatabaseFileError(
            path, reason=f"it or its journal cannot be opened ({error}): {doing} failed{and_so}"
        ) from None
    except ReadWriteError as error:
        raise DatabaseFileError(path, reason=f"reading or writing failed while {doing} ({error}){and_so}") from None
    except (NoMemoryError, MemoryError) as error:
        raise OutOfMemoryError(f"{doing} ({error})" if str(error) else doing) from None
    except UnicodeDecodeError as error:
        raise not_unicode(database, error) from None
