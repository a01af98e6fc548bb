"""The rows of statements of a host's connection, as sqlclust.c lets us step them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlclust.bindings.loadable.routines import Routines
from sqlclust.bindings.loadable.routines import Statement as Prepared
from sqlclust.errors import BindingsError
from sqlclust.sqlite.database import Bindings, Row

AHEAD = 256
"""Rows that are read at once, after the first."""


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
            begun = self._offset
            self._statement, self._offset = self._host.prepare(self._sql, begun)
            if self._statement is not None:
                self.columns, names, is_readonly, _ = self._host.describe(self._statement)
                self.is_readonly = bool(is_readonly)
                self._host.bind(self._statement, self._values(names))
                return True
            if self._offset == begun:  # a NUL: SQLite reads no further
                break
        if not isinstance(self._bindings, Mapping) and len(self._bindings or ()) > self._given:
            raise BindingsError(f"{len(self._bindings or ())} values for {self._given} placeholders")
        return False

    def _values(self, names: tuple[str | None, ...]) -> tuple[Any, ...]:
        """The values of the placeholders of one statement; what a mapping has not is NULL."""
        given = self._bindings
        if isinstance(given, Mapping):
            return values_by_name(given, names)
        found = tuple((given or ())[self._given : self._given + len(names)])
        if given is not None and len(found) < len(names):
            raise BindingsError(f"{len(given)} values for {self._given + len(names)} placeholders")
        self._given += len(found)
        return found

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
    """A value for each placeholder.

    Raises:
        BindingsError: a placeholder has no name.
    """
    if None in names:
        raise BindingsError("a placeholder without a name, and values with names")
    return tuple(given.get(str(name)[1:]) for name in names)
