"""How APSW binds functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import apsw

from sqlclust.bindings import registration
from sqlclust.bindings.apsw.database import ApswDatabase, CallersDatabase
from sqlclust.bindings.apsw.errors import translating
from sqlclust.bindings.registration import Context
from sqlclust.bindings.virtual_table import VirtualTable, declaration
from sqlclust.surface.records import AggregateFunction, Handle, ScalarFunction, TableFunction


def register(database: ApswDatabase) -> None:
    """Give a connection everything in the catalogue; see `bindings.registration.register_all`."""
    registration.register_all(_Binder(database))


class _Binder:
    """See `bindings.registration.Binder`."""

    def __init__(self, database: ApswDatabase) -> None:
        self.database, self._connection = CallersDatabase(database.connection), database.connection

    def scalar(self, record: ScalarFunction, function: Callable[..., Any]) -> None:
        flags = apsw.SQLITE_INNOCUOUS if record.innocuous else apsw.SQLITE_DIRECTONLY
        with translating():
            for count in record.argument_counts:
                self._connection.create_scalar_function(
                    record.name, function, count, deterministic=record.innocuous, flags=flags
                )

    def aggregate(self, record: AggregateFunction) -> None:
        def factory() -> tuple[Any, Callable[..., None], Callable[[Any], Any]]:
            group = record.factory()
            return group, _step, _final

        with translating():
            for count in record.argument_counts:
                self._connection.create_aggregate_function(record.name, factory, count, flags=apsw.SQLITE_DIRECTONLY)

    def table(self, record: TableFunction, context: Context) -> None:
        with translating():
            self._connection.create_module(
                record.name,
                cast(Any, _Module(record, context)),  # the stubs ask for methods that only writable modules need
                use_bestindex_object=True,
                eponymous=True,
                eponymous_only=True,
                read_only=True,
            )


def _step(group: Any, *args: Any) -> None:
    group.step(*args)


def _final(group: Any) -> Any:
    value = group.final()
    return apsw.pyobject(value) if isinstance(value, Handle) else value


class _Module:
    """What `create_module` takes for a table function."""

    def __init__(self, record: TableFunction, context: Context) -> None:
        self._record, self._context = record, context

    def Connect(self, connection: apsw.Connection, *_: Any) -> tuple[str, VirtualTable]:  # noqa: N802 - APSW's name
        connection.vtab_config(apsw.SQLITE_VTAB_DIRECTONLY)
        return declaration(self._record), VirtualTable(self._record, self._context)

    Create = Connect
