"""A transaction of ours is undone though SQLite has next to no memory left, in both bindings.

How much is left decides what still works: with none even the refusal of a statement cannot be said, which for SQLite is a
reason to roll back; with some hundred bytes it can be, and ROLLBACK cannot be compiled. So each amount has its turn.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from functools import partial

import apsw
import pytest

from sqlclust.errors import NoMemoryError, OutOfMemoryError
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.rolling_back import one_state, transaction_ends
from sqlclust.sqlite.transactions import schema_was_changed, write_transaction
from tests.bindings.loadable.both import Both

pytestmark = pytest.mark.slow

Work = Callable[[Database], None]

ROOM = range(0, 6_000, 40)
"""Bytes."""


def run_out_of_memory(room: int) -> None:
    """SQLite gets so many bytes more, from now on."""
    apsw.hard_heap_limit(max(1, apsw.memory_used() + room))
    raise NoMemoryError("none")


def delete(database: Database) -> None:
    database.run("DELETE FROM t")


def many_statements(database: Database) -> None:
    """More than APSW keeps compiled."""
    for number in range(150):
        database.run(f"INSERT INTO t VALUES ({number}, NULL)")


def many_rows(database: Database) -> None:
    statements.run_many(database, "INSERT INTO t VALUES (?, NULL)", [(n,) for n in range(150)])


def another_schema(database: Database) -> None:
    """SQLite compiles all statements again."""
    database.run("CREATE INDEX of_t ON t (a)")
    schema_was_changed(database)


WORK: tuple[Work, ...] = (delete, many_statements, many_rows, another_schema)


KINDS: dict[str, Callable[[Database], AbstractContextManager[None]]] = {
    "a write transaction": partial(write_transaction, doing="writing"),
    "a transaction of its own": transaction_ends,
    "a savepoint": statements.savepoint,
    "reading": one_state,
}


def occupied(connection: apsw.Connection) -> list[apsw.Cursor]:
    """Statements that take up the connection's own memory for small things (lookaside)."""
    cursors = [apsw.Cursor(connection) for _ in range(100)]
    for number, cursor in enumerate(cursors):
        cursor.execute(f"SELECT {number} UNION ALL SELECT 2")
    return cursors


def rows(connection: apsw.Connection) -> int:
    count: int = connection.execute("SELECT count(*) FROM t").get
    return count


@pytest.mark.parametrize("work", WORK)
@pytest.mark.parametrize("authorizer", [None, lambda *_: apsw.SQLITE_OK], ids=["", "authorizer"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_transaction_of_ours(two: Both, kind: str, work: Work, authorizer: apsw.Authorizer | None) -> None:
    step = 1 if work is delete and authorizer is None else 10
    for database, connection in two.each():
        held = occupied(connection)
        connection.authorizer = authorizer
        for room in ROOM[::step]:
            try:
                with pytest.raises((NoMemoryError, OutOfMemoryError), match="none"), KINDS[kind](database):  # noqa: PT012
                    if not database.in_transaction:
                        database.run("BEGIN")
                    work(database)
                    run_out_of_memory(room)
            finally:
                apsw.hard_heap_limit(0)
            assert not connection.in_transaction, room
            assert rows(connection) == 3
        for cursor in held:
            cursor.close(True)


@pytest.mark.parametrize("work", WORK)
def test_a_savepoint_in_a_transaction_of_the_callers(two: Both, work: Work) -> None:
    """That goes on, or SQLite has rolled all of it back."""
    step = 1 if work is delete else 10
    kept = 0
    for database, connection in two.each():
        held = occupied(connection)
        for room in ROOM[::step]:
            connection.execute("BEGIN; INSERT INTO t VALUES ('d', 4)")
            try:
                with pytest.raises(NoMemoryError, match="none"), statements.savepoint(database):  # noqa: PT012
                    work(database)
                    run_out_of_memory(room)
            finally:
                apsw.hard_heap_limit(0)
            kept += connection.in_transaction
            assert rows(connection) == 3 + connection.in_transaction, room
            with suppress(apsw.SQLError):
                connection.execute("ROLLBACK")
        for cursor in held:
            cursor.close(True)
    assert kept > 0


def test_a_savepoint_that_was_not_made(two: Both) -> None:
    """What the caller did stays."""
    for database, connection in two.each():
        connection.execute("BEGIN; INSERT INTO t VALUES ('d', 4)")
        connection.authorizer = lambda operation, *_: (
            apsw.SQLITE_DENY if operation == apsw.SQLITE_SAVEPOINT and _[0] == "BEGIN" else apsw.SQLITE_OK
        )
        with pytest.raises(Exception, match="not authorized"), statements.savepoint(database):
            pytest.fail("there is no savepoint")
        connection.authorizer = None
        assert (connection.in_transaction, rows(connection)) == (True, 4)
