"""A host's connection as a `Database` does what APSW's does: state, callbacks, settings, interrupts, other connections."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from operator import attrgetter, methodcaller
from pathlib import Path
from typing import Any

import apsw
import pytest

from sqlclust.bindings.apsw.database import ApswDatabase
from sqlclust.errors import BusyError, NotAuthorizedError, SqlclustError, SqliteError, StatementInterrupted
from sqlclust.sqlite import interrupt
from sqlclust.sqlite.database import Database
from tests.bindings.loadable.both import Both, both, host_database
from tests.extension import why_not

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Both]:
    made = both(str(tmp_path / "{}.db"))
    made.rows("CREATE TABLE t (a, b); INSERT INTO t VALUES ('a', 1), ('b', 2), ('c', 3)")
    yield made
    for connection in made.connections:
        connection.close()


class Mine(Exception):
    """What nobody else raises."""


# --- state and settings ---------------------------------------------------------------------------------------------------

STATE = ("in_transaction", "is_reading", "is_readonly", "changes", "total_changes", "data_version", "is_interrupted")


@pytest.mark.parametrize(
    "sql",
    ["SELECT a FROM t", "BEGIN", "BEGIN IMMEDIATE", "BEGIN; SELECT a FROM t", "BEGIN; DELETE FROM t", "DELETE FROM t WHERE b > 1",
     "UPDATE t SET a = 1 RETURNING a", "SAVEPOINT s", "PRAGMA journal_mode = wal; INSERT INTO t VALUES (1, 1)"],
)  # fmt: skip
def test_state(two: Both, sql: str) -> None:
    def during(database: Database) -> Iterator[Any]:
        with database.rows(sql) as found:
            yield from map(database.__getattribute__, STATE)
            yield next(iter(found), None)
            yield from map(database.__getattribute__, STATE)

    two.do(during)
    for name in STATE:
        two.do(attrgetter(name))
    for database, connection in two.each():
        assert database.filename == connection.filename != ""
        assert database.versions["sqlite"] == apsw.sqlite_lib_version()


def test_a_file_that_is_for_reading_only(two: Both) -> None:
    path = two.connections[0].filename
    connections = [apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY) for _ in range(2)]
    reading = Both(ApswDatabase(connections[0]), host_database(connections[1]), (connections[0], connections[1]))
    assert reading.do(attrgetter("is_readonly"))[0] is True
    assert reading.rows("DELETE FROM t")[0] == ("ReadOnlyError", 8, "attempt to write a readonly database")
    for connection in connections:
        connection.close()


def test_settings(two: Both) -> None:
    two.rows("CREATE TRIGGER r AFTER INSERT ON t BEGIN DELETE FROM t; END")
    for on in (False, True):
        two.do(methodcaller("set_triggers", on))
        two.rows("INSERT INTO t VALUES (1, 2)")
        two.rows("SELECT * FROM t")
        two.do(methodcaller("set_defensive", on))
        assert two.do(attrgetter("is_defensive"))[0] is on
        two.rows("PRAGMA writable_schema = 1; UPDATE sqlite_schema SET sql = sql")


# --- what callbacks raise -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sql", ["SELECT a FROM t ORDER BY a COLLATE mine", "CREATE INDEX i ON t (a COLLATE mine)"])
@pytest.mark.parametrize("error", [Mine("é"), KeyboardInterrupt(), MemoryError(), SqliteError("x")])
def test_a_collation_that_raises(two: Both, sql: str, error: BaseException) -> None:
    """SQLite lets no collation fail."""

    def compare(left: str, right: str) -> int:
        if raised:
            raise error
        return (left < right) - (left > right)

    raised = True
    for database in (two.first, two.host):
        database.create_collation("mine", compare)
        with pytest.raises(type(error)) as caught:
            database.run(sql)
        assert caught.value is error
        assert not database.is_reading
    raised = False
    two.rows("DROP INDEX IF EXISTS i")
    assert two.rows("SELECT a FROM t ORDER BY a COLLATE mine")[0] == (("c",), ("a",), True)
    with pytest.raises(SqliteError, match="no such collation sequence: nope"):
        two.host.run("SELECT a FROM t ORDER BY a COLLATE nope")


def test_a_collation_of_a_host_that_raises(two: Both) -> None:
    """APSW leaves the exception to whoever has called SQLite."""

    def compare(left: str, right: str) -> int:
        raise error

    error = Mine("of the host")
    for database, connection in two.each():
        connection.create_collation("theirs", compare)
        with pytest.raises(Mine) as caught:
            database.run("SELECT a FROM t ORDER BY a COLLATE theirs")
        assert caught.value is error
        assert not database.is_reading


@pytest.mark.parametrize(
    "error", [ValueError("theirs: é"), apsw.ConstraintError("theirs: é"), KeyboardInterrupt("theirs: é")]
)
def test_a_function_of_a_host_that_raises(two: Both, error: BaseException) -> None:
    """Of a host, which may be in any language, SQLite's error is known and no more; but Ctrl-C stays what it is."""

    def fail(*_: Any) -> None:
        raise error

    two.connections[1].create_scalar_function("fail", fail)
    with pytest.raises(
        SqlclustError if isinstance(error, Exception) else KeyboardInterrupt, match="theirs: é"
    ) as caught:
        two.host.run("SELECT fail()")
    assert (caught.value is error) is not isinstance(error, Exception)
    assert two.rows("SELECT 1")[0] == ((1,), ("1",), True)


def test_an_error_of_ours_inside_a_statement_of_ours(two: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes out as it was raised, with all that it carries, through any number of statements."""

    def raising(*_: Any, **__: Any) -> None:
        raise error

    error = Mine("inside")
    monkeypatch.setattr(interrupt, "run", raising)
    points = "(SELECT clust_points(b, clust_vector('[1, 2]')) FROM t)"
    for sql in (
        f"SELECT * FROM clust_hdbscan({points})",
        f"SELECT a, (SELECT count(*) FROM clust_hdbscan({points})) FROM t",
    ):
        with pytest.raises(Mine) as caught:
            two.host.run(sql)
        assert caught.value is error
    with pytest.raises(SqlclustError) as refused:
        two.host.run("INSERT INTO t SELECT a, clust_vector(b || 'x') FROM t")
    assert type(refused.value).__name__ == "VectorJSONError"
    assert two.rows("SELECT count(*) FROM t")[0] == ((3,), ("count(*)",), True)


# --- waiting and interrupts -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [Mine("é"), KeyboardInterrupt(), MemoryError()])
def test_a_busy_handler_that_raises(two: Both, error: BaseException) -> None:
    asked: list[int] = []

    def handler(tries: int) -> bool:
        asked.append(tries)
        if tries == 2:
            raise error
        return True

    for database, connection in two.each():
        other = apsw.Connection(connection.filename)
        other.execute("BEGIN EXCLUSIVE")
        asked.clear()
        database.set_busy_handler(handler)
        with pytest.raises(type(error)) as caught:
            database.run("SELECT * FROM t")
        assert caught.value is error
        assert asked == [0, 1, 2]
        database.set_busy_handler(lambda tries: tries < 1)
        with pytest.raises(BusyError, match="database is locked"):
            database.run("SELECT * FROM t")
        database.set_busy_timeout(1)
        with pytest.raises(BusyError, match="database is locked"):
            database.run("SELECT * FROM t")
        assert asked == [0, 1, 2]
        other.close()
    two.rows("SELECT * FROM t")


def test_interrupts(two: Both) -> None:
    def look(database: Database, connection: apsw.Connection) -> None:
        seen.append(database.is_interrupted)
        connection.interrupt()
        seen.append(database.is_interrupted)
        with pytest.raises(StatementInterrupted, match="interrupted"):
            database.check_interrupt()

    for database, connection in two.each():
        seen: list[bool] = []
        connection.create_scalar_function("look", partial(look, database, connection))
        with pytest.raises(StatementInterrupted) as caught:
            database.run("SELECT look() FROM t")
        assert (caught.value.code, str(caught.value)) == (apsw.SQLITE_INTERRUPT, "interrupted")
        assert seen == [False, True]
        assert str(database.interruption()) == "interrupted"
        database.run("SELECT 1")
        assert not database.is_interrupted
        database.check_interrupt()


def test_a_hosts_time_limit_is_an_interrupt(two: Both) -> None:
    """Its progress handler is asked while we only ask whether we are interrupted."""
    two.connections[1].set_progress_handler(lambda: stop, 1000)
    for stop in (False, True, False):
        assert two.host.is_interrupted is stop


def test_a_hosts_authorizer() -> None:
    two = both()
    two.rows("CREATE TABLE t (a)")
    for connection in two.connections:
        connection.authorizer = lambda operation, *_: (
            apsw.SQLITE_DENY if operation == apsw.SQLITE_DELETE else apsw.SQLITE_OK
        )
    assert two.rows("DELETE FROM t")[0] == two.many("DELETE FROM t WHERE a = ?", [(1,)])[0]
    assert two.do(methodcaller("described", "DELETE FROM t"))[0] == two.do(methodcaller("steps", "DELETE FROM t"))[0]
    with pytest.raises(NotAuthorizedError):
        two.host.run("DELETE FROM t")
    two.connections[1].authorizer = lambda *_: apsw.SQLITE_DENY
    assert not two.host.is_interrupted  # although nothing may be asked


# --- other connections, and ends ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [":memory:", ""])
def test_another_database(two: Both, path: str) -> None:
    other = two.host.opened(path)
    other.run("CREATE TABLE u (a); INSERT INTO u VALUES (1)")
    assert other.filename == ""
    with other.rows("SELECT a FROM u UNION ALL SELECT 2") as found:
        assert next(found) == (1,)
        other.close()
        with pytest.raises(RuntimeError, match="the statement is closed"):
            next(found)
    other.close()
    with pytest.raises(RuntimeError, match="the connection is closed"):
        other.run("SELECT 1")


def test_inside_a_host_no_files_are_opened(two: Both, tmp_path: Path) -> None:
    """Two libraries on one file lose each other's locks."""
    for act in (
        lambda: two.host.opened(str(tmp_path / "1.db")),
        lambda: two.host.opened(str(tmp_path / "new.db")),
        lambda: two.host.opened_again(),
        lambda: two.host.copy_to(two.host.opened(":memory:"), lambda share: None, pages=1),
    ):
        with pytest.raises(SqliteError, match="use sqlclust's own command or Python API"):
            act()
    assert not (tmp_path / "new.db").exists()


ACTS: dict[str, Callable[[Database], object]] = {
    "rows": methodcaller("run", "SELECT 1"),
    "many": lambda database: database.rows_of_many("SELECT ?", [(1,)]).__enter__(),
    "described": methodcaller("described", "SELECT 1"),
    "steps": methodcaller("steps", "SELECT 1"),
    **{name: attrgetter(name) for name in (*STATE, "filename", "is_defensive", "versions")},
    "busy timeout": methodcaller("set_busy_timeout", 1),
    "busy handler": methodcaller("set_busy_handler", lambda tries: False),
    "triggers": methodcaller("set_triggers", True),
    "defensive": methodcaller("set_defensive", True),
    "collation": methodcaller("create_collation", "mine", lambda left, right: 0),
    "opened": methodcaller("opened", ":memory:"),
    "opened again": methodcaller("opened_again"),
    "check": methodcaller("check_interrupt"),
}


@pytest.mark.parametrize("act", ACTS)
def test_after_the_host_has_closed_it(act: str) -> None:
    closed = both()
    with closed.host.rows("SELECT 1 UNION ALL SELECT 2") as found:
        assert next(found) == (1,)
        assert list(found) == [(2,)]
    for connection in closed.connections:
        connection.close()
    with pytest.raises(RuntimeError, match="the connection is closed"):
        ACTS[act](closed.host)
