"""The port over a host's connection, as sqlclust.c lets us use it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from itertools import chain, islice
from types import SimpleNamespace
from typing import Any, cast

from sqlclust.bindings.loadable.errors import interruption, refusal_of
from sqlclust.bindings.loadable.routines import Routines
from sqlclust.bindings.loadable.routines import Statement as Prepared
from sqlclust.bindings.loadable.rows import AHEAD, HostRows, prepared, values_by_name, values_by_place
from sqlclust.errors import NoFilesHereError, SqliteError, StatementInterrupted
from sqlclust.sqlite.database import Bindings, Database, Row, Rows, Statement

_POLL = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 300) SELECT max(i) FROM n"
"""Asks SQLite whether it was interrupted. So long that a host's progress handler is asked, too: Datasette's time limit is one,
every 1,000 of SQLite's steps.
"""
_DEFENSIVE, _TRIGGERS, _TRUSTED_SCHEMA = 1010, 1003, 1017  # SQLITE_DBCONFIG_…
_EXPLAIN = 1  # of sqlite3_stmt_isexplain(); EXPLAIN QUERY PLAN is 2
_READWRITE, _IN_MEMORY = 0x2, 0x80  # SQLITE_OPEN_…


class _Held:
    """A statement that is kept compiled."""

    def __init__(self, host: Routines, sql: str) -> None:
        self._host, self._sql = host, sql
        self.statement = self._compiled()

    def compile_again(self) -> None:
        """Until that is done, the former one stays."""
        former, self.statement = self.statement, self._compiled()
        self._host.finalize(former)

    def _compiled(self) -> Prepared:
        statement, _ = prepared(self._host, self._sql.encode())
        assert statement is not None, "there is a statement in the text"
        return statement


class HostDatabase:
    """A host's connection as a `Database`; see there.

    A host's authorizer is asked and obeyed. But SQLite tells nobody which one there is: where it says SQLITE_IGNORE, NULL is
    read for a column.
    """

    def __init__(self, routines: Mapping[str, Any]) -> None:
        self.host = cast(Routines, SimpleNamespace(**routines))
        self._held: list[_Held] = []

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
        sets = iter(many)
        begun = list(islice(sets, 1))  # without any, the text is not even looked at
        with self._refusals(), closing(self._rows_of_each(sql, chain(begun, sets), is_any=bool(begun))) as rows:
            first = list(islice(rows, 1))  # all that comes before it is done now
            yield chain(first, rows)

    def _rows_of_each(self, sql: str, sets: Iterable[Bindings], *, is_any: bool) -> Generator[Row]:
        if not is_any:
            return
        with self._prepared(sql) as (statement, rest):
            if statement is not None and not rest:
                yield from self._rows_of_one_statement(statement, sets)
                return
        for each in sets:
            with self.rows(sql, each) as rows:
                yield from rows

    def _rows_of_one_statement(self, statement: Prepared, sets: Iterable[Bindings]) -> Iterator[Row]:
        columns, names, *_ = self.host.describe(statement)

        def values_of(given: Bindings) -> tuple[Any, ...]:
            return values_by_name(given, names) if isinstance(given, Mapping) else values_by_place(given, names)

        if not columns:
            self.host.run_many(statement, sets, values_of)
            return
        for values in map(values_of, sets):
            self.host.bind(statement, values)
            limit, is_over = 1, 0
            while not is_over:
                rows, is_over = self.host.fetch(statement, limit)
                yield from rows
                limit = AHEAD

    def run(self, sql: str, bindings: Bindings = None) -> None:
        """See `Database`."""
        with self.rows(sql, bindings) as rows:
            for _ in rows:
                pass

    @contextmanager
    def compiled(self, sql: str) -> Iterator[Callable[[], None]]:
        """See `Database`."""
        with self._refusals():
            held = _Held(self.host, sql)

        def run() -> None:
            with self._refusals():
                self.host.bind(held.statement, ())
                self.host.fetch(held.statement, 1)

        self._held.append(held)
        try:
            yield run
        finally:
            self._held.remove(held)
            self.host.finalize(held.statement)

    def compile_again(self) -> None:
        """See `Database`."""
        with self._refusals():
            for held in self._held:
                held.compile_again()

    def described(self, sql: str) -> Statement:
        """See `Database`."""
        with self._refusals(), self._prepared(sql) as (statement, rest):
            if statement is None:
                return Statement((), True, rest, (), True, False)
            columns, names, is_readonly, is_explain = self.host.describe(statement)
            parameters = tuple(name and name[1:] for name in names)
            return Statement(columns, bool(is_readonly), rest, parameters, False, bool(is_explain))

    def steps(self, sql: str) -> list[str]:
        """See `Database`."""
        with self._refusals(), self._prepared(sql) as (statement, rest):
            if statement is None:
                return []
            _, names, _, is_explain = self.host.describe(statement)
        first = sql[: len(sql) - len(rest)]  # what follows would be run
        with self.rows(first if is_explain == _EXPLAIN else f"EXPLAIN {first}", (None,) * len(names)) as rows:
            return [str(opcode) for _, opcode, *_ in rows]

    @contextmanager
    def _prepared(self, sql: str) -> Iterator[tuple[Prepared | None, str]]:
        """The first of some statements, and the text after it."""
        text = sql.encode()
        statement, begin = prepared(self.host, text)
        try:
            yield statement, text[begin:].decode()
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
        except SqliteError:
            return False  # a host that allows no such statement, or no memory for it: who needs some will say so

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

    @property
    def trusts_schema(self) -> bool:
        """See `Database`."""
        return bool(self.host.config(_TRUSTED_SCHEMA, -1))

    def set_trusted_schema(self, on: bool) -> None:
        """See `Database`."""
        self.host.config(_TRUSTED_SCHEMA, int(on))

    def create_collation(self, name: str, compare: Callable[[str, str], int]) -> None:
        """See `Database`."""
        self.host.create_collation(name, compare)

    # --- other connections ---

    def opened(self, path: str) -> Database:
        """See `Database`. Only ':memory:' and '': of files a host has its own connections, and nothing in SQL opens any."""
        if path not in (":memory:", ""):
            raise SqliteError("inside another program no files are opened; use sqlclust's own command or Python API")
        return HostDatabase(self.host.open(path, _READWRITE | _IN_MEMORY if path else _READWRITE))

    def opened_to_read(self, path: str) -> Database:
        """See `Database`; not from inside another program."""
        raise NoFilesHereError

    def opened_again(self) -> Database:
        """See `Database`; as `opened`."""
        return self.opened(self.filename)

    def copy_to(self, target: Database, at: Callable[[float], object], *, pages: int) -> None:
        """See `Database`; not from inside another program."""
        raise SqliteError("inside another program nothing is copied; use sqlclust's own command or Python API")

    def close(self) -> None:
        """See `Database`; of one that was opened here."""
        self.host.close()
