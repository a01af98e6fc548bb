"""The port over a connection of APSW's.

Nothing of what a host has set for its own statements is touched; see `cursors`. The cursors are closed when a `with` ends. So no
read transaction stays open.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any, cast

import apsw

from sqlclust.bindings.apsw.authorizer import nothing_hidden, refusals
from sqlclust.bindings.apsw.compiled import KeptCompiled
from sqlclust.bindings.apsw.cursors import Cursor, plain_cursor
from sqlclust.bindings.apsw.errors import interruption, translating
from sqlclust.bindings.apsw.files import open_file, opened
from sqlclust.errors import ArgumentError, SqliteError
from sqlclust.sqlite.database import Bindings, Database, Row, Rows, Statement
from sqlclust.sqlite.opening import make_safe


class ApswDatabase:
    """A connection of APSW's as a `Database`; see there."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._refer_to(lambda: connection)

    def _refer_to(self, connection: Callable[[], apsw.Connection | None]) -> None:
        self._connection = connection
        self._kept = KeptCompiled(connection)

    @property
    def connection(self) -> apsw.Connection:
        """The connection."""
        found = self._connection()
        assert found is not None, "it is the connection whose statement is running"
        return found

    # --- statements ---

    @contextmanager
    def rows(self, sql: str, bindings: Bindings = None) -> Iterator[Rows]:
        """See `Database`."""
        with self._cursor() as cursor:
            # not while rows are read: a host may run statements of its own between them
            with nothing_hidden(self.connection):
                cursor.execute(sql, bindings)
            yield cursor

    @contextmanager
    def rows_of_many(self, sql: str, many: Iterable[Bindings]) -> Iterator[Iterator[Row]]:
        """See `Database`."""
        with self._cursor() as cursor:
            with nothing_hidden(self.connection):
                cursor.executemany(sql, cast(Any, many))  # the stubs want a list of one kind
            yield cursor
            self._kept.after_many_statements()

    def run(self, sql: str, bindings: Bindings = None) -> None:
        """See `Database`."""
        with self._cursor() as cursor, nothing_hidden(self.connection):  # the later ones are compiled at their turn
            for _ in cursor.execute(sql, bindings):
                pass

    def compiled(self, sql: str) -> AbstractContextManager[Callable[[], None]]:
        """See `Database`."""
        return self._kept.compiled(sql)

    def compile_again(self) -> None:
        """See `Database`."""
        self._kept.compile_again()

    def described(self, sql: str) -> Statement:
        """See `Database`."""
        found: list[Statement] = []

        def stop(cursor: apsw.Cursor, first: str | None, _: object) -> bool:
            found.append(
                Statement(
                    tuple(name for name, _ in cursor.get_description()),
                    cursor.is_readonly,
                    sql[len(first or "") :],
                    tuple(cursor.bindings_names),
                    not cursor.has_vdbe,
                    bool(cursor.is_explain),
                )
            )
            return False

        with self._cursor() as cursor, nothing_hidden(self.connection):
            cursor.exec_trace = stop
            with suppress(apsw.ExecTraceAbort):
                any_values = cast(Any, apsw)._null_bindings  # apsw.ext has no others either
                cursor.execute(sql, any_values, can_cache=False)
        return found[0] if found else Statement((), True, "", (), True, False)

    def steps(self, sql: str) -> list[str]:
        """See `Database`."""
        any_values = cast(Any, apsw)._null_bindings
        found = self.described(sql)
        if found.is_empty:
            return []  # of nothing, APSW 3.49 crashes
        first = sql[: len(sql) - len(found.rest)]
        with self._cursor() as cursor, nothing_hidden(self.connection):
            return [str(opcode) for _, opcode, *_ in cursor.execute(first, any_values, can_cache=False, explain=1)]

    @contextmanager
    def _cursor(self) -> Iterator[Cursor]:
        """A cursor of APSW's own, closed afterwards."""
        cursor = plain_cursor(self.connection)
        try:
            with refusals(self.connection):
                yield cursor
                self._kept.after_a_statement()
        finally:
            cursor.close(True)  # also where rows or statements are left

    # --- state ---

    @property
    def filename(self) -> str:
        """See `Database`."""
        return self.connection.filename

    @property
    def in_transaction(self) -> bool:
        """See `Database`."""
        return self.connection.in_transaction

    @property
    def is_reading(self) -> bool:
        """See `Database`."""
        return self.connection.txn_state() != apsw.SQLITE_TXN_NONE

    @property
    def is_readonly(self) -> bool:
        """See `Database`."""
        with translating():
            return self.connection.readonly("main")

    @property
    def changes(self) -> int:
        """See `Database`."""
        return self.connection.changes()

    @property
    def total_changes(self) -> int:
        """See `Database`."""
        return self.connection.total_changes()

    @property
    def data_version(self) -> int:
        """See `Database`."""
        with translating():
            return self.connection.data_version("main")

    @property
    def versions(self) -> Mapping[str, str]:
        """See `Database`."""
        return {"apsw": apsw.apsw_version(), "sqlite": apsw.sqlite_lib_version()}

    # --- interrupts and waiting ---

    @property
    def is_interrupted(self) -> bool:
        """See `Database`."""
        return self.connection.is_interrupted

    def check_interrupt(self) -> None:
        """See `Database`."""
        if self.connection.is_interrupted:
            raise interruption()

    def interruption(self) -> SqliteError:
        """See `Database`."""
        return interruption()

    @contextmanager
    def watched(self, look: Callable[[], bool], *, every: int) -> Iterator[None]:
        """See `Database`."""
        with translating():
            self.connection.set_progress_handler(look, every, id=look)
        try:
            yield
        finally:
            with suppress(apsw.ConnectionClosedError):
                self.connection.set_progress_handler(None, id=look)

    def set_busy_timeout(self, milliseconds: int) -> None:
        """See `Database`."""
        with translating():
            self.connection.set_busy_timeout(milliseconds)

    def set_busy_handler(self, handler: Callable[[int], bool]) -> None:
        """See `Database`."""
        with translating():
            self.connection.set_busy_handler(handler)

    # --- settings ---

    def set_triggers(self, on: bool) -> None:
        """See `Database`."""
        with translating():
            self.connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, int(on))

    @property
    def is_defensive(self) -> bool:
        """See `Database`."""
        with translating():
            return bool(self.connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, -1))

    def set_defensive(self, on: bool) -> None:
        """See `Database`."""
        with translating():
            self.connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, int(on))

    @property
    def trusts_schema(self) -> bool:
        """See `Database`."""
        with translating():
            return bool(self.connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, -1))

    def set_trusted_schema(self, on: bool) -> None:
        """See `Database`."""
        with translating():
            self.connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, int(on))

    def create_collation(self, name: str, compare: Callable[[str, str], int]) -> None:
        """See `Database`."""
        with translating():
            self.connection.create_collation(name, compare)

    # --- other connections ---

    def opened(self, path: str) -> Database:
        """See `Database`."""
        return ApswDatabase(opened(path, apsw.SQLITE_OPEN_READWRITE))

    def opened_to_read(self, path: str) -> Database:
        """See `Database`."""
        database = ApswDatabase(open_file(path, readonly=True, create=False))
        try:
            make_safe(database)
        except BaseException:
            database.close()
            raise
        return database

    def opened_again(self) -> Database:
        """See `Database`."""
        return ApswDatabase(opened(self.filename, apsw.SQLITE_OPEN_READWRITE, vfs=self.connection.open_vfs))

    def copy_to(self, target: Database, at: Callable[[float], object], *, pages: int) -> None:
        """See `Database`."""
        with translating(), cast(ApswDatabase, target).connection.backup("main", self.connection, "main") as backup:
            while not backup.done:
                backup.step(pages)
                at(1 - backup.remaining / max(backup.page_count, 1))

    def close(self) -> None:
        """See `Database`."""
        self.connection.close(True)


class CallersDatabase(ApswDatabase):
    """For functions that a connection calls: they do not keep it.

    APSW does not show the garbage collector what a connection keeps. With a reference back to it, a connection that is
    dropped and not closed would stay for ever.
    """

    def __init__(self, connection: apsw.Connection) -> None:
        self._refer_to(weakref.ref(connection))


def database_of(connection: object) -> ApswDatabase:
    """The port over a connection that somebody gave us.

    Raises:
        ArgumentError: it is not one of APSW's.
    """
    if not isinstance(connection, apsw.Connection):
        kind = type(connection)
        name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
        instead = "; for one of Python's sqlite3 there is sqlclust.load" if name == "sqlite3.Connection" else ""
        raise ArgumentError("sqlclust", "connection", found=f"a {name}", expected=f"an apsw.Connection{instead}")
    return ApswDatabase(connection)
