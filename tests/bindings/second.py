"""A second binding, to see that the port is enough: all that one has to provide, in one file, and nothing of `bindings.apsw`.

It still runs on APSW's SQLite, since the standard library's cannot have virtual tables. But its connection is not what it is
made of elsewhere: rows are fetched at once, and errors are ours only, not the library's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn, cast

import apsw
import apsw.ext

from sqlclust.bindings.registration import Context
from sqlclust.bindings.virtual_table import VirtualTable, declaration
from sqlclust.errors import SqliteError, StatementInterrupted
from sqlclust.errors.sqlite import class_of
from sqlclust.sqlite.database import Bindings, Database, Row, Rows, Statement
from sqlclust.surface.records import AggregateFunction, Handle, ScalarFunction, TableFunction


class FetchedRows:
    """Rows that are all there."""

    def __init__(self, columns: tuple[str, ...], is_readonly: bool, rows: list[Row]) -> None:
        self.columns, self.is_readonly = columns, is_readonly
        self._rows = iter(rows)

    def __iter__(self) -> Iterator[Row]:
        return self._rows

    def __next__(self) -> Row:
        return next(self._rows)


@contextmanager
def ours() -> Iterator[None]:
    """Errors of SQLite as ours and nothing else."""
    try:
        yield
    except apsw.Error as error:
        raise_ours(error)


def raise_ours(error: apsw.Error) -> NoReturn:
    code = getattr(error, "extendedresult", None)
    made = class_of(code)(str(error))
    made.code = code
    raise made from None


class SecondDatabase:
    """See `Database`."""

    def __init__(self, path: str = ":memory:") -> None:
        self._host = apsw.Connection(path)

    def rows(self, sql: str, bindings: Bindings = None) -> Any:
        return self._fetched(sql, lambda cursor: cursor.execute(sql, bindings))

    def rows_of_many(self, sql: str, many: Iterable[Bindings]) -> Any:
        return self._fetched(sql, lambda cursor: cursor.executemany(sql, cast(Any, many)))

    @contextmanager
    def _fetched(self, sql: str, begin: Callable[[apsw.Cursor], Any]) -> Iterator[Rows]:
        columns: tuple[str, ...] = ()
        rows: list[Row] = []
        is_readonly = self.described(sql).is_readonly
        with ours():
            cursor = self._host.cursor()
            begin(cursor)
            for row in cursor:
                columns = columns or tuple(name for name, *_ in cursor.get_description())
                rows.append(row)
        yield FetchedRows(columns, is_readonly, rows)

    def run(self, sql: str, bindings: Bindings = None) -> None:
        with self.rows(sql, bindings):
            pass

    @contextmanager
    def compiled(self, sql: str) -> Iterator[Callable[[], None]]:
        yield lambda: self.run(sql)

    def compile_again(self) -> None:
        pass

    def described(self, sql: str) -> Statement:
        with ours():
            info = apsw.ext.query_info(self._host, sql)
        return Statement(
            tuple(name for name, *_ in info.description),
            info.is_readonly,
            info.query_remaining or "",
            info.bindings_names,
            not info.has_vdbe,
            bool(info.is_explain),
        )

    @property
    def filename(self) -> str:
        return self._host.filename

    @property
    def in_transaction(self) -> bool:
        return self._host.in_transaction

    @property
    def is_reading(self) -> bool:
        return self._host.txn_state() != apsw.SQLITE_TXN_NONE

    @property
    def is_readonly(self) -> bool:
        return self._host.readonly("main")

    @property
    def changes(self) -> int:
        return self._host.changes()

    @property
    def total_changes(self) -> int:
        return self._host.total_changes()

    @property
    def data_version(self) -> int:
        return self._host.data_version()

    @property
    def versions(self) -> Mapping[str, str]:
        return {"sqlite": apsw.sqlite_lib_version()}

    @property
    def is_interrupted(self) -> bool:
        return self._host.is_interrupted

    def check_interrupt(self) -> None:
        if self.is_interrupted:
            raise self.interruption()

    def interruption(self) -> Exception:
        return StatementInterrupted("interrupted")

    def interrupt(self) -> None:
        """As a host's own call; no part of the port."""
        self._host.interrupt()

    @contextmanager
    def watched(self, look: Callable[[], bool], *, every: int) -> Iterator[None]:
        yield  # as in a host that has one such handler and needs it

    def set_busy_timeout(self, milliseconds: int) -> None:
        self._host.set_busy_timeout(milliseconds)

    def set_busy_handler(self, handler: Callable[[int], bool]) -> None:
        self._host.set_busy_handler(handler)

    def set_triggers(self, on: bool) -> None:
        self._host.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, int(on))

    @property
    def is_defensive(self) -> bool:
        return bool(self._host.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, -1))

    def steps(self, sql: str) -> list[str]:
        with self.rows(f"EXPLAIN {sql}") as rows:
            return [str(row[1]) for row in rows]

    def set_defensive(self, on: bool) -> None:
        self._host.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, int(on))

    @property
    def trusts_schema(self) -> bool:
        return bool(self._host.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, -1))

    def set_trusted_schema(self, on: bool) -> None:
        self._host.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, int(on))

    def create_collation(self, name: str, compare: Callable[[str, str], int]) -> None:
        self._host.create_collation(name, compare)

    def opened(self, path: str) -> Database:
        return SecondDatabase(path)

    def opened_to_read(self, path: str) -> Database:
        raise SqliteError("not reachable from SQL")

    def opened_again(self) -> Database:
        return SecondDatabase(self.filename)

    def copy_to(self, target: Database, at: Callable[[float], object], *, pages: int) -> None:
        raise SqliteError("not reachable from SQL")

    def close(self) -> None:
        self._host.close()


class SecondBinder:
    """See `bindings.registration.Binder`."""

    def __init__(self, database: SecondDatabase) -> None:
        self.database = database
        self._host = database._host

    def scalar(self, record: ScalarFunction, function: Callable[..., Any]) -> None:
        flags = apsw.SQLITE_INNOCUOUS if record.innocuous else apsw.SQLITE_DIRECTONLY
        for count in record.argument_counts:
            self._host.create_scalar_function(record.name, function, count, flags=flags)

    def aggregate(self, record: AggregateFunction) -> None:
        class Group:
            def __init__(self) -> None:
                self._group = record.factory()

            def step(self, *args: Any) -> None:
                self._group.step(*args)

            def final(self) -> Any:
                value = self._group.final()
                return apsw.pyobject(value) if isinstance(value, Handle) else value

        for count in record.argument_counts:
            self._host.create_aggregate_function(record.name, Group, count, flags=apsw.SQLITE_DIRECTONLY)

    def table(self, record: TableFunction, context: Context) -> None:
        class Module:
            def Connect(self, host: apsw.Connection, *_: Any) -> tuple[str, VirtualTable]:
                host.vtab_config(apsw.SQLITE_VTAB_DIRECTONLY)
                return declaration(record), VirtualTable(record, context)

            Create = Connect

        self._host.create_module(
            record.name,
            cast(Any, Module()),
            use_bestindex_object=True,
            eponymous=True,
            eponymous_only=True,
            read_only=True,
        )
