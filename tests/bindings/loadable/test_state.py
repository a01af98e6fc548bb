"""A host's connection as a `Database` does what APSW's does: state, settings, other connections, ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import attrgetter, methodcaller
from pathlib import Path
from typing import Any

import apsw
import pytest

from sqlclust.bindings.apsw.database import ApswDatabase
from sqlclust.errors import SqliteError
from sqlclust.sqlite.database import Database
from tests.bindings.loadable.both import Both, both, host_database
from tests.extension import why_not

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(why_not()), reason=why_not())]


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
        two.do(methodcaller("set_trusted_schema", on))
        assert two.do(attrgetter("trusts_schema"))[0] is on
        assert two.rows("PRAGMA trusted_schema")
        two.rows("PRAGMA writable_schema = 1; UPDATE sqlite_schema SET sql = sql")


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
    **{name: attrgetter(name) for name in (*STATE, "filename", "is_defensive", "trusts_schema", "versions")},
    "busy timeout": methodcaller("set_busy_timeout", 1),
    "busy handler": methodcaller("set_busy_handler", lambda tries: False),
    "triggers": methodcaller("set_triggers", True),
    "defensive": methodcaller("set_defensive", True),
    "trust": methodcaller("set_trusted_schema", True),
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
