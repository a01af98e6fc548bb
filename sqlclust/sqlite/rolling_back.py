"""Undoing what was begun, after any error: also after one after which SQLite compiles nothing, not even ROLLBACK."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

from sqlclust.errors import SqliteError, StatementError
from sqlclust.sqlite.database import Database

logger = logging.getLogger("sqlclust")

_ROLLBACK = "ROLLBACK"
_WRITES = "BEGIN IMMEDIATE"


@contextmanager
def transaction_ends(database: Database) -> Iterator[None]:
    """A transaction that is begun inside is over if an error comes out. On some errors SQLite has ended it itself.

    Args:
        database: if it is in a transaction already, nothing is done: that one is not ours to end.
    """
    if database.in_transaction:
        yield
        return
    with _compiled(database, _ROLLBACK, _WRITES) as (rollback, interrupted):
        try:
            yield
        except BaseException:
            _undo(database, rollback, interrupted, lambda: database.run(_ROLLBACK))
            raise


@contextmanager
def savepoint_ends(database: Database, name: str) -> Iterator[None]:
    """What was done since a savepoint that is made inside is undone if an error comes out, and the savepoint released.

    Where SQLite cannot do that the whole transaction is rolled back, as SQLite does by itself on some errors.

    Args:
        database: in a transaction.
    """
    texts = f"ROLLBACK TO {name}", f"RELEASE {name}", _WRITES, _ROLLBACK
    with _compiled(database, *texts) as (to_savepoint, release, interrupted, rollback):

        def undo() -> None:
            with suppress(StatementError):  # it was not made
                to_savepoint()
                release()

        try:
            yield
        except BaseException:
            _undo(database, undo, interrupted, rollback, lambda: database.run(_ROLLBACK))
            raise


@contextmanager
def one_state(database: Database) -> Iterator[None]:
    """What is read inside is of one moment: a transaction, which ends with the `with`. Nothing is written."""
    with _compiled(database, _ROLLBACK) as (rollback,):
        try:
            database.run("BEGIN")
            yield
        finally:
            _undo(database, rollback, lambda: database.run(_ROLLBACK))


@contextmanager
def _compiled(database: Database, *texts: str) -> Iterator[list[Callable[[], None]]]:
    """What may have to be run at the end, compiled beforehand: without memory SQLite compiles nothing, and yet runs ROLLBACK.

    Within a statement of the caller's that was interrupted not even that is run. But what would write and is interrupted at its
    first step rolls everything back. Elsewhere BEGIN is refused inside a transaction, and that is all that it does.
    """
    with ExitStack() as stack:
        yield [stack.enter_context(database.compiled(text)) for text in texts]


def _undo(database: Database, *ways: Callable[[], None]) -> None:
    """Go the first of some ways that succeeds, if there is a transaction still. The first error says more than theirs."""
    for way in ways:
        if not database.in_transaction:
            return
        with suppress(SqliteError, MemoryError):
            way()
            return
    if database.in_transaction:
        logger.error("SQLite could not roll back a transaction; it is still open, and must not be committed")
