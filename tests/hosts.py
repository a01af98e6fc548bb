"""Connections of a host program: with traces, cursors and an authorizer of its own.

A test reads its own rows as ever; what the package runs on the connection itself, and not through cursors of its own, would get
the host's rows.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import apsw
import apsw.ext

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.sqlite.opening import make_safe

PACKAGE = str(Path(sqlclust.__file__).parent)
HOSTS = ("plain", "dict rows", "converting cursors")


class HostConnection(apsw.Connection):
    """A connection whose rows are the host's, but for the tests."""

    host = "plain"
    seen: list[str]
    settings: tuple[Any, ...] = ()

    def execute(self, *args: Any, **named: Any) -> apsw.Cursor:
        if sys._getframe(1).f_code.co_filename.startswith(PACKAGE):
            return super().execute(*args, **named)
        return plain_cursor(self).execute(*args, **named)

    def executemany(self, *args: Any, **named: Any) -> apsw.Cursor:
        if sys._getframe(1).f_code.co_filename.startswith(PACKAGE):
            return super().executemany(*args, **named)
        return plain_cursor(self).executemany(*args, **named)

    def pragma(self, name: str, *args: Any, **named: Any) -> Any:
        if sys._getframe(1).f_code.co_filename.startswith(PACKAGE):
            return super().pragma(name, *args, **named)
        row_trace, self.row_trace = self.row_trace, None
        exec_trace, self.exec_trace = self.exec_trace, None
        try:
            return super().pragma(name, *args, **named)
        finally:
            self.row_trace, self.exec_trace = row_trace, exec_trace

    def become(self, host: str) -> None:
        """Take on what a host has; see `HOSTS`."""
        self.host, self.seen = host, []
        if host == "dict rows":
            self.row_trace = as_dict
            self.exec_trace = self._see
            self.authorizer = allow
            if hasattr(self, "convert_jsonb"):
                self.convert_jsonb = as_jsonb
        elif host == "converting cursors":
            self.cursor_factory = apsw.ext.TypesConverterCursorFactory()
        self.settings = self._settings()

    def _see(self, cursor: apsw.Cursor, sql: str, bindings: object) -> bool:
        self.seen.append(sql)
        return True

    def _settings(self) -> tuple[Any, ...]:
        names = ("row_trace", "exec_trace", "authorizer", "cursor_factory", "convert_jsonb", "convert_binding")
        return tuple(getattr(self, name, None) for name in names)

    def check(self) -> None:
        """Nothing of the host's has changed, none of its traces has seen a statement of ours, and none is open."""
        assert self._settings() == self.settings
        assert self.seen == []
        assert self.in_transaction or self.txn_state() == apsw.mapping_txn_state["SQLITE_TXN_NONE"]


def host_connection(path: Path) -> HostConnection:
    """Of a file, with everything registered; it has no ways of its own yet."""
    connection = HostConnection(str(path))
    make_safe(database_of(connection))
    sqlclust.register(connection)
    return connection


def plain_cursor(connection: apsw.Connection) -> apsw.Cursor:
    """A cursor of APSW's own without traces."""
    cursor = apsw.Cursor(connection)
    cursor.row_trace, cursor.exec_trace = lambda _, row: row, lambda *_: True
    if hasattr(cursor, "convert_jsonb"):
        cursor.convert_jsonb = None
    return cursor


def as_dict(cursor: apsw.Cursor, row: tuple[Any, ...]) -> dict[str, Any]:
    return {name: value for (name, *_), value in zip(cursor.get_description(), row, strict=True)}


def as_jsonb(*_: Any) -> str:
    return "converted"


def allow(*_: Any) -> int:
    return apsw.SQLITE_OK
