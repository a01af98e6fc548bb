"""Statements that stay compiled, for when SQLite compiles nothing.

APSW has no prepared statements to hold. It keeps the last hundred compiled, by their text, unless a host turned that off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from typing import Any

import apsw

from sqlclust.bindings.apsw.authorizer import refusals
from sqlclust.bindings.apsw.cursors import plain_cursor
from sqlclust.errors import SqliteError

_KEPT_FOR = 30
"""Statements, until each is asked for again."""


_numbers = count(1)


class _Held:
    """A statement that is kept.

    Attributes:
        text: as it was compiled last. It is another each time: of one text APSW has one statement, and that may be one that
            SQLite has to compile again when it runs.
    """

    def __init__(self, sql: str) -> None:
        self._sql = sql
        self.text = self.another_text()

    def another_text(self) -> str:
        """For the same statement."""
        return f"{self._sql} /* {next(_numbers)} */"


class KeptCompiled:
    """Those of a connection.

    Args:
        connection: gives it, unless it is gone.
    """

    def __init__(self, connection: Callable[[], apsw.Connection | None]) -> None:
        self._connection = connection
        self._held: list[_Held] = []
        self._uses = 0

    @contextmanager
    def compiled(self, sql: str) -> Iterator[Callable[[], None]]:
        """See `Database`."""
        held = _Held(sql)
        self._execute(held.text, run=False)
        self._held.append(held)
        try:
            yield lambda: self._execute(held.text)
        finally:
            self._held.remove(held)

    def compile_again(self) -> None:
        """See `Database`."""
        for held in self._held:
            text = held.another_text()
            self._execute(text, run=False)
            held.text = text

    def after_a_statement(self) -> None:
        """To be called after each one that ran, so that these stay among APSW's last hundred."""
        self._uses += 1
        if not self._held:
            return
        with suppress(SqliteError):  # those that there are stay
            connection = self._connection()
            if connection and connection.authorizer is not None:
                self.compile_again()  # another was set and taken away (`nothing_hidden`), for which SQLite compiles again
            elif self._uses % _KEPT_FOR == 0:
                for held in self._held:
                    self._execute(held.text, run=False)

    def after_many_statements(self) -> None:
        """To be called before `after_a_statement`: each of them counts as one."""
        self._uses = -1

    def _execute(self, text: str, *, run: bool = True) -> None:
        connection = self._connection()
        assert connection is not None, "it is the connection whose statement is running"
        cursor = plain_cursor(connection)
        if not run:
            cursor.exec_trace = _do_not_run
        try:
            # the authorizer is left alone, see above
            with refusals(connection), suppress(apsw.ExecTraceAbort):
                cursor.execute(text)
        finally:
            cursor.close(True)


def _do_not_run(cursor: apsw.Cursor, sql: str, bindings: Any) -> bool:
    return False
