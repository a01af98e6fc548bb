"""A host's connection as a `Database` does what APSW's does: what callbacks raise, waiting, interrupts."""

from __future__ import annotations

from functools import partial
from operator import methodcaller
from typing import Any

import apsw
import pytest

from sqlclust.errors import BusyError, NotAuthorizedError, SqlclustError, SqliteError, StatementInterrupted
from sqlclust.sqlite import interrupt, transactions
from sqlclust.sqlite.database import Database
from tests.bindings.loadable.both import Both, both, host_database
from tests.extension import why_not

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(why_not()), reason=why_not())]


class Mine(Exception):
    """What nobody else raises."""


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
    # functions of ours are called after it, in the same statement
    grouped = "SELECT clust_points(b, clust_vector('[1, 2]')) IS NULL FROM t GROUP BY a COLLATE theirs"
    for run in (two.host.run, two.connections[1].execute):
        with pytest.raises(Mine) as caught:
            run(grouped)
        assert caught.value is error


def test_a_collation_of_a_host_that_raises_while_a_statement_is_compiled(two: Both) -> None:
    """SQLite compares the samples that ANALYZE took."""

    def compare(left: str, right: str) -> int:
        if raised:
            raise error
        return (left > right) - (left < right)

    error, raised = Mine("of the host"), False
    two.connections[1].create_collation("theirs", compare)
    two.host.run("CREATE TABLE s (a COLLATE theirs, b); CREATE INDEX i ON s (a)")
    with two.host.rows_of_many("INSERT INTO s VALUES (?1, ?1)", [(str(number),) for number in range(500)]):
        pass
    two.host.run("ANALYZE")
    raised = True
    with pytest.raises(Mine) as caught:
        two.host.described("SELECT * FROM s WHERE a > '2' AND a < '3'")
    assert caught.value is error
    raised = False
    two.host.run("DROP TABLE s")


class Unlocked(apsw.VFS):
    """A file system that raises, too late, when a lock is let go."""

    raises = False

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:
        return _UnlockedFile(self, name, flags)


class _UnlockedFile(apsw.VFSFile):
    def __init__(self, vfs: Unlocked, name: Any, flags: list[int]) -> None:
        self._vfs = vfs
        super().__init__("", name, flags)

    def xUnlock(self, level: int) -> None:
        super().xUnlock(level)
        if self._vfs.raises:
            raise Mine("too late")


def test_a_host_that_raises_while_a_statement_ends(two: Both) -> None:
    vfs = Unlocked("unlocked", "")
    connection = apsw.Connection(two.connections[1].filename, vfs="unlocked")
    host = host_database(connection)
    with host.rows("SELECT a FROM t") as found:
        assert next(found) == ("a",)
        vfs.raises = True
    with pytest.raises(Mine):  # while it runs, as with APSW
        host.run("SELECT a FROM t")
    with pytest.raises(SqliteError, match="malformed JSON"):
        host.run("SELECT json(a) FROM t")
    vfs.raises = False
    connection.close()


@pytest.mark.parametrize(
    "error", [ValueError("theirs: é"), apsw.ConstraintError("theirs: é"), KeyboardInterrupt("theirs: é")]
)
def test_a_function_of_a_host_that_raises(two: Both, error: BaseException) -> None:
    """Of a host, which may be in any language, SQLite's error is known and no more; but Ctrl-C stays what it is."""

    def fail(*_: Any) -> None:
        raise error

    two.connections[1].create_scalar_function("fail", fail)
    with pytest.raises(SqlclustError if isinstance(error, Exception) else KeyboardInterrupt) as caught:
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


@pytest.mark.parametrize("n", [0, 1, 200])
@pytest.mark.parametrize("end", ["ROLLBACK", "COMMIT"])
def test_a_transaction_ends_though_its_caller_is_interrupted(two: Both, n: int, end: str) -> None:
    """SQLite compiles nothing then, ROLLBACK neither; nothing stays of the transaction."""

    def write(database: Database, connection: apsw.Connection) -> None:
        with transactions.write_transaction(database, doing="writing"):
            database.run("CREATE TABLE more (x); CREATE INDEX of_more ON more (x)")
            transactions.schema_was_changed(database)
            for i in range(n):
                database.run(f"INSERT INTO more VALUES ({i})")
            with database.rows_of_many("INSERT INTO more VALUES (?)", [(i,) for i in range(n)]):
                pass
            connection.interrupt()
            if end == "ROLLBACK":
                database.check_interrupt()

    for database, connection in two.each():
        connection.create_scalar_function("write", partial(write, database, connection))
        with pytest.raises(SqliteError, match="interrupted"):
            database.run("SELECT write()")
        assert not connection.in_transaction
        assert connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'more'").get == 0


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


def test_a_hosts_authorizer_that_hides(two: Both) -> None:
    """SQLite reads NULL, and says nothing; only of APSW it is known that there is an authorizer."""
    for connection in two.connections:
        connection.authorizer = lambda operation, *_: (
            apsw.SQLITE_IGNORE if operation == apsw.SQLITE_READ else apsw.SQLITE_OK
        )
    with pytest.raises(NotAuthorizedError, match="hides"):
        two.first.run("SELECT a FROM t")
    with two.host.rows("SELECT a FROM t") as found:
        assert list(found) == [(None,)] * 3
