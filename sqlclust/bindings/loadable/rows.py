"""The rows of statements of a host's connection, as sqlclust.c lets us step them.

What a text means, and which values it takes, is as APSW has it: an error that a user sees is the same with both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlclust.bindings.loadable.routines import Routines
from sqlclust.bindings.loadable.routines import Statement as Prepared
from sqlclust.errors import BindingsError
from sqlclust.sqlite.database import Bindings, Row

AHEAD = 256
"""Rows that are read at once, after the first."""
_BETWEEN = b"; \t\r\n"


def prepared(host: Routines, text: bytes, begin: int = 0) -> tuple[Prepared | None, int]:
    """The statement that begins there, None if there is none; and where the next one does, at the text's end if none does.

    Raises:
        ValueError: there is a NUL, which SQLite takes for the text's end.
        SqliteError: the statement is wrong.
    """
    statement, end = host.prepare(text, begin)
    if text[end : end + 1] == b"\0":
        if statement is not None:
            host.finalize(statement)
        raise ValueError("null character in query")
    return statement, len(text) - len(text[end:].lstrip(_BETWEEN))


class HostRows:
    """The rows of some statements, one statement after the other; it runs to the first row when it is begun."""

    def __init__(self, host: Routines, sql: str, bindings: Bindings) -> None:
        self._host, self._sql, self._offset = host, sql.encode(), 0
        self._bindings = bindings
        self._given = 0
        self._statement: Prepared | None = None
        self._rows: Iterator[Row] = iter(())
        self.columns: tuple[str, ...] = ()
        self.is_readonly = True

    def begin(self) -> None:
        """Run to the first row."""
        self._read_on(1)

    def _read_on(self, limit: int) -> bool:
        """Fetch rows; False if there are none left."""
        while True:
            if self._statement is None:
                if not self._next_statement():
                    return False
                limit = 1  # a first row is there before others are computed
            assert self._statement is not None
            rows, is_over = self._host.fetch(self._statement, limit)
            if is_over:
                self._end_statement()
            if rows:
                self._rows = iter(rows)
                return True

    def _next_statement(self) -> bool:
        while self._offset < len(self._sql):
            self._statement, self._offset = prepared(self._host, self._sql, self._offset)
            if self._statement is not None:
                self.columns, names, is_readonly, _ = self._host.describe(self._statement)
                self.is_readonly = bool(is_readonly)
                self._host.bind(self._statement, self._values(names))
                return True
        if not isinstance(self._bindings, Mapping | None) and len(self._bindings) > self._given:
            values_by_place(self._bindings, (), self._given)
        return False

    def _values(self, names: tuple[str | None, ...]) -> tuple[Any, ...]:
        if isinstance(self._bindings, Mapping):
            return values_by_name(self._bindings, names)
        values = values_by_place(self._bindings, names, self._given, are_all=self._offset == len(self._sql))
        self._given += len(values)
        return values

    def _end_statement(self) -> None:
        statement, self._statement = self._statement, None
        if statement is not None:
            self._host.finalize(statement)

    def close(self) -> None:
        """End what is left."""
        self._end_statement()
        self._offset, self._rows = len(self._sql), iter(())

    def __iter__(self) -> Iterator[Row]:
        return self

    def __next__(self) -> Row:
        while (row := next(self._rows, None)) is None:
            if not self._read_on(AHEAD):
                raise StopIteration
        return row


def values_by_name(given: Mapping[str, Any], names: tuple[str | None, ...]) -> tuple[Any, ...]:
    """A value for each placeholder of a statement.

    Raises:
        BindingsError: a placeholder has no name.
        KeyError: a name has no value.
    """
    values = []
    for place, name in enumerate(names):
        if name is None:
            raise BindingsError(f"Binding {place} has no name, but you supplied a dict (which only has names).")
        values.append(given[name[1:]])
    return tuple(values)


def values_by_place(
    given: Any, names: tuple[str | None, ...], offset: int = 0, *, are_all: bool = True
) -> tuple[Any, ...]:
    """A value for each placeholder of a statement, of a sequence that has those of several.

    Args:
        offset: how many the statements before it took.
        are_all: whether none may be left, because no statement comes after it.

    Raises:
        BindingsError: there are too few or too many.
    """
    wanted = len(names)
    if given is None:
        if wanted:
            raise BindingsError(f"Statement has {wanted} bindings but you didn't supply any!")
        return ()
    left = len(given) - offset
    if left < wanted or (are_all and left > wanted):
        found = f"{len(given)} supplied" if are_all else f"only {left} left"
        raise BindingsError(
            f"Incorrect number of bindings supplied.  The current statement uses {wanted} and there are {found}.  "
            f"Current offset is {offset}"
        )
    return tuple(given[offset : offset + wanted])
