"""Statements on a connection of a host, whatever its traces and factories do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apsw
import pytest

from sqlclust.bindings.apsw.database import database_of
from sqlclust.sqlite import statements
from tests.hosts import HOSTS, HostConnection


@pytest.fixture
def con(request: pytest.FixtureRequest) -> Iterator[HostConnection]:
    connection = HostConnection(":memory:")
    connection.execute(
        "CREATE TABLE t (a INTEGER PRIMARY KEY, b UNIQUE); INSERT INTO t VALUES (1, 'x'), (2, 'y'), (3, 'z')"
    )
    connection.become(request.param)
    yield connection
    connection.check()
    connection.close()


hosts = pytest.mark.parametrize("con", HOSTS, indirect=True)


@hosts
def test_reading(con: HostConnection) -> None:
    sql = "SELECT a, b FROM t WHERE a > ? ORDER BY a"
    assert statements.all_rows(database_of(con), sql, (1,)) == [(2, "y"), (3, "z")]
    assert statements.dict_rows(database_of(con), sql, (2,)) == [{"a": 3, "b": "z"}]
    assert statements.first_row(database_of(con), sql, (0,)) == (1, "x")
    assert statements.value(database_of(con), sql, (0,)) == 1
    assert statements.first_row(database_of(con), sql, (9,)) is statements.value(database_of(con), sql, (9,)) is None
    assert statements.value(database_of(con), "SELECT :v", {"v": b"[]"}) == b"[]"
    assert statements.pragma(database_of(con), "user_version", 7) is None
    assert statements.pragma(database_of(con), "user_version") == 7
    with statements.each_row(database_of(con), sql, (0,)) as rows:
        assert next(rows) == (1, "x")
        assert con.txn_state() == apsw.mapping_txn_state["SQLITE_TXN_READ"]
    con.check()


@hosts
def test_rows_that_are_left(con: HostConnection) -> None:
    kept: list[Any] = []

    def leave() -> None:
        with statements.each_row(database_of(con), "SELECT a FROM t") as rows:
            kept.append(rows)
            raise KeyError(next(rows))

    with pytest.raises(KeyError):
        leave()
    con.check()
    with pytest.raises(apsw.CursorClosedError):
        next(kept[0])


@hosts
def test_writing(con: HostConnection) -> None:
    statements.run(database_of(con), "INSERT INTO t VALUES (4, 'v'); INSERT INTO t VALUES (5, 'w')")
    statements.run_many(database_of(con), "INSERT INTO t VALUES (?, ?)", ((n, str(n)) for n in range(6, 9)))
    assert statements.value(database_of(con), "INSERT INTO t (b) VALUES ('p'), ('q') RETURNING a") == 9
    assert (
        statements.value(database_of(con), "SELECT group_concat(a) FROM (SELECT a FROM t ORDER BY a)")
        == "1,2,3,4,5,6,7,8,9,10"
    )
    with pytest.raises(apsw.ConstraintError):
        statements.value(database_of(con), "INSERT INTO t (b) VALUES ('s'), ('p') RETURNING a")
    assert statements.value(database_of(con), "SELECT count(*) FROM t") == 10


@hosts
def test_a_write_is_checked_at_its_end(con: HostConnection) -> None:
    """A deferred foreign key is, and then the error must not be passed over."""
    statements.run(
        database_of(con), "PRAGMA foreign_keys = ON; CREATE TABLE c (a REFERENCES t DEFERRABLE INITIALLY DEFERRED)"
    )
    with pytest.raises(apsw.ConstraintError, match="FOREIGN KEY"):
        statements.value(database_of(con), "INSERT INTO c VALUES (77) RETURNING a")
    assert statements.value(database_of(con), "SELECT count(*) FROM c") == 0


@hosts
@pytest.mark.parametrize("inside", [True, False], ids=["inside a transaction", "outside"])
def test_savepoint(con: HostConnection, inside: bool) -> None:
    if inside:
        statements.run(database_of(con), "BEGIN")
    with statements.savepoint(database_of(con)):
        statements.run(database_of(con), "DELETE FROM t WHERE a = 1")

    def fail() -> None:
        with statements.savepoint(database_of(con)):
            statements.run(database_of(con), "DELETE FROM t WHERE a = 2")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert con.in_transaction is inside
    assert statements.value(database_of(con), "SELECT group_concat(a) FROM t") == "2,3"
    if inside:
        statements.run(database_of(con), "COMMIT")


@hosts
def test_described(con: HostConnection) -> None:
    assert database_of(con).described("SELECT a AS x, 1 AS y FROM t WHERE b = :b; SELECT 2") == (
        ("x", "y"),
        True,
        "SELECT 2",
        ("b",),
        False,
        False,
    )
    assert database_of(con).described("DELETE FROM t WHERE a = ?") == ((), False, "", (None,), False, False)
    assert statements.value(database_of(con), "SELECT count(*) FROM t") == 3
    with pytest.raises(apsw.SQLError):
        database_of(con).described("SELECT nothing FROM t")
