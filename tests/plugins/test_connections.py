"""A plugin gives a connection the functions where it can, and leaves it alone where it cannot."""

from __future__ import annotations

import logging
import sqlite3
from typing import Any

import pytest
import sqlite_utils

import sqlclust
from sqlclust.errors import ArgumentError, ExtensionNotCompiledError
from sqlclust.plugins import datasette
from sqlclust.plugins import sqlite_utils as plugin

HOOKS = [datasette.prepare_connection, plugin.prepare_connection]
FAILURES = [
    ExtensionNotCompiledError("x.so", tried=["cc: not found"]), ImportError("No module named 'numpy'"), OSError("disk"),
    sqlite3.OperationalError("closed"),
]  # fmt: skip


@pytest.fixture
def con() -> Any:
    connection = sqlite3.connect(":memory:")
    yield connection
    connection.close()


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
def test_what_is_in_the_way_is_told_to_who_asks(
    con: sqlite3.Connection,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    hook: Any,
    failure: Exception,
) -> None:
    def load(connection: object) -> None:
        assert connection is con
        raise failure

    monkeypatch.setattr(sqlclust, "load", load)
    with caplog.at_level(logging.DEBUG, logger="sqlclust.plugins"):
        hook(con)
    assert caplog.messages == [f"no clust_ functions on this connection: {failure}"]
    monkeypatch.setenv("SQLCLUST_REQUIRE_LOADABLE", "1")
    with pytest.raises(type(failure)):
        hook(con)


def test_nothing_is_said_by_default(
    con: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    plugin.prepare_connection("no connection")  # type: ignore[arg-type]
    assert capfd.readouterr() == ("", "")
    monkeypatch.setenv("SQLCLUST_REQUIRE_LOADABLE", "1")
    with pytest.raises(ArgumentError):
        plugin.prepare_connection("no connection")  # type: ignore[arg-type]


@pytest.mark.skipif(
    hasattr(sqlite3.Connection, "enable_load_extension"), reason="this Python's sqlite3 loads extensions"
)
def test_a_python_that_loads_no_extension() -> None:
    """sqlite-utils, with the plugin of this very installation, works as ever."""
    database = sqlite_utils.Database(memory=True)
    database.table("t").insert({"a": 1})
    assert list(database.query("SELECT a FROM t")) == [{"a": 1}]
    with pytest.raises(sqlite3.OperationalError, match="no such function: clust_version"):
        list(database.query("SELECT clust_version()"))
    database.close()
