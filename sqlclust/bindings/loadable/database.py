"""The port over a host's connection, as sqlclust.c lets us use it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

from sqlclust.bindings.loadable.errors import interruption, refusal_of
from sqlclust.bindings.loadable.routines import Routines
from sqlclust.bindings.loadable.routines import Statement as Prepared
from sqlclust.errors import BindingsError, SqliteError, StatementInterrupted
from sqlclust.sqlite.database import Bindings, Database, Row, Rows, Statement

_AHEAD = 256
"""Rows that are read at once, after the first."""
_POLL = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 300) SELECT max(i) FROM n"
"""Asks SQLite whether it was interrupted. So long that a host's progress handler is asked, too: Datasette's time limit is one,
every 1,000 of SQLite's steps.
"""
_DEFENSIVE, _TRIGGERS = 1010, 1003  # SQLITE_DBCONFIG_…
_READWRITE, _IN_MEMORY = 0x2, 0x80  # SQLITE_OPEN_…


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
            if not self._read_on(_AHEAD):
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


def values_of_one(names: tuple[str | None, ...], given: Bindings) -> tuple[Any, ...]:
    """The values of one of many runs.

    Raises:
        BindingsError: they are more or fewer than the placeholders.
    """
    if isinstance(given, Mapping):
        return values_by_name(given, names)
    values = tuple(given or ())
    if len(values) != len(names):
        raise BindingsError(f"{len(values)} values for {len(names)} placeholders")
    return values


class HostDatabase:
    """A host's connection as a `Database`; see there.

    A host's authorizer is asked and obeyed. But SQLite tells nobody which one there is: where it says SQLITE_IGNORE, NULL is
    read for a column.
    """

    def __init__(self, routines: Mapping[str, Any]) -> None:
        self.host = cast(Routines, SimpleNamespace(**routines))

    # --- statements ---

    @contextmanager
    def rows(self, sql: str, bindings: Bindings = None) -> Iterator[Rows]:
        """See `Database`."""
        rows = HostRows(self.host, sql, bindings)
        with self._refusals():
            try:
                rows.begin()
                yield rows
            finally:
                rows.close()

    @contextmanager
    def rows_of_many(self, sql: str, many: Iterable[Bindings]) -> Iterator[Iterator[Row]]:
        """See `Database`."""
        with self._refusals(), self._prepared(sql) as (statement, _):
            if statement is None:
                yield iter(())
                return
            columns, names, *_ = self.host.describe(statement)
            convert = partial(values_of_one, names)
            if columns:
                yield self._rows_of_each(statement, map(convert, many))
            else:
                self.host.run_many(statement, many, convert)
                yield iter(())

    def _rows_of_each(self, statement: Prepared, many: Iterable[tuple[Any, ...]]) -> Iterator[Row]:
        for values in many:
            self.host.bind(statement, values)
            limit, is_over = 1, 0
            while not is_over:
                rows, is_over = self.host.fetch(statement, limit)
                yield from rows
                limit = _AHEAD

    def run(self, sql: str, bindings: Bindings = None) -> None:
        """See `Database`."""
        with self.rows(sql, bindings) as rows:
            for _ in rows:
                pass

    def described(self, sql: str) -> Statement:
        """See `Database`."""
        text = sql.encode()
        with self._refusals(), self._prepared(sql) as (statement, end):
            if statement is None:
                return Statement((), True, text[end:].decode(), (), True, False)
            columns, names, is_readonly, is_explain = self.host.describe(statement)
            parameters = tuple(name and name[1:] for name in names)
            return Statement(columns, bool(is_readonly), text[end:].decode(), parameters, False, bool(is_explain))

    def steps(self, sql: str) -> list[str]:
        """See `Database`."""
        with self.rows(f"EXPLAIN {sql}") as rows:
            return [str(opcode) for _, opcode, *_ in rows]

    @contextmanager
    def _prepared(self, sql: str) -> Iterator[tuple[Prepared | None, int]]:
        statement, end = self.host.prepare(sql.encode(), 0)
        try:
            yield statement, end
        finally:
            if statement is not None:
                self.host.finalize(statement)

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        try:
            yield
        except SqliteError as error:
            refusal = refusal_of(error, self.filename)
            if refusal is None:
                raise
            raise refusal from None

    # --- state ---

    @property
    def filename(self) -> str:
        """See `Database`."""
        return self.host.get("filename") or ""

    @property
    def in_transaction(self) -> bool:
        """See `Database`."""
        return not self.host.get("autocommit")

    @property
    def is_reading(self) -> bool:
        """See `Database`."""
        return self.host.get("txn_state") != 0

    @property
    def is_readonly(self) -> bool:
        """See `Database`."""
        return self.host.get("readonly") == 1

    @property
    def changes(self) -> int:
        """See `Database`."""
        return self.host.get("changes")

    @property
    def total_changes(self) -> int:
        """See `Database`."""
        return self.host.get("total_changes")

    @property
    def data_version(self) -> int:
        """See `Database`."""
        return self.host.get("data_version")

    @property
    def versions(self) -> Mapping[str, str]:
        """See `Database`."""
        return {"sqlite": self.host.get("version")}

    # --- interrupts and waiting ---

    @property
    def is_interrupted(self) -> bool:
        """See `Database`. Where a progress handler of the host's says to stop, that is an interrupt, too."""
        if self.host.get("is_interrupted"):
            return True
        try:
            rows = HostRows(self.host, _POLL, None)
            try:
                rows.begin()
            finally:
                rows.close()
            return False
        except StatementInterrupted:
            return True
        except SqliteError as error:
            if refusal_of(error, ""):  # the host allows no such statement
                return False
            raise

    def check_interrupt(self) -> None:
        """See `Database`."""
        if self.is_interrupted:
            raise interruption()

    def interruption(self) -> SqliteError:
        """See `Database`."""
        return interruption()

    @contextmanager
    def watched(self, look: Callable[[], bool], *, every: int) -> Iterator[None]:
        """See `Database`. The host's own handler stays: SQLite has but one, and heeds interrupts by itself."""
        yield

    def set_busy_timeout(self, milliseconds: int) -> None:
        """See `Database`."""
        self.host.busy_timeout(milliseconds)

    def set_busy_handler(self, handler: Callable[[int], bool]) -> None:
        """See `Database`."""
        self.host.busy_handler(handler)

    # --- settings ---

    def set_triggers(self, on: bool) -> None:
        """See `Database`."""
        self.host.config(_TRIGGERS, int(on))

    @property
    def is_defensive(self) -> bool:
        """See `Database`."""
        return bool(self.host.config(_DEFENSIVE, -1))

    def set_defensive(self, on: bool) -> None:
        """See `Database`."""
        self.host.config(_DEFENSIVE, int(on))

    def create_collation(self, name: str, compare: Callable[[str, str], int]) -> None:
        """See `Database`."""
        self.host.create_collation(name, compare)

    # --- other connections ---

    def opened(self, path: str) -> Database:
        """See `Database`. Only ':memory:' and '': of files a host has its own connections, and nothing in SQL opens any."""
        if path not in (":memory:", ""):
            raise SqliteError("inside another program no files are opened; use sqlclust's own command or Python API")
        return HostDatabase(self.host.open(path, _READWRITE | _IN_MEMORY if path else _READWRITE))

    def opened_again(self) -> Database:
        """See `Database`; as `opened`."""
        return self.opened(self.filename)

    def copy_to(self, target: Database, at: Callable[[float], object], *, pages: int) -> None:
        """See `Database`; not from inside another program."""
        raise SqliteError("inside another program nothing is copied; use sqlclust's own command or Python API")

    def close(self) -> None:
        """See `Database`; of one that was opened here."""
        self.host.close()
