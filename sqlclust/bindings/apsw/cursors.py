"""Cursors of APSW's own.

A host's connection may turn rows into dicts (row_trace), watch or veto statements (exec_trace), convert values, or make cursors
of its own (cursor_factory), which may be in a reference cycle and never end. Nothing of that is touched: the cursors here are
APSW's own, without traces and conversions.
"""

from __future__ import annotations

from typing import Any

import apsw

from sqlclust.sqlite.database import Row


def _as_it_is(cursor: apsw.Cursor, row: Row) -> Row:
    return row


def _let_it_run(cursor: apsw.Cursor, sql: str, bindings: Any) -> bool:
    return True


_NONE_IS_NONE = tuple(map(int, apsw.apsw_version().split(".")[:2])) >= (3, 51)
"""Before, None for a cursor's trace was the connection's."""
_NO_ROW_TRACE = None if _NONE_IS_NONE else _as_it_is
_NO_EXEC_TRACE = None if _NONE_IS_NONE else _let_it_run


class Cursor(apsw.Cursor):
    """APSW's cursor, whose columns have names and nothing else."""

    @property
    def columns(self) -> tuple[str, ...]:
        """See `Rows`."""
        return tuple(name for name, _ in self.get_description())


def plain_cursor(connection: apsw.Connection) -> Cursor:
    """A new one; connection.cursor() would be the host's factory's."""
    cursor = Cursor(connection)
    cursor.row_trace, cursor.exec_trace = _NO_ROW_TRACE, _NO_EXEC_TRACE
    if hasattr(cursor, "convert_binding"):
        cursor.convert_binding = cursor.convert_jsonb = None
    return cursor
