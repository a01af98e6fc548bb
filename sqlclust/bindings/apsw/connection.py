"""How APSW binds the catalogue: registering on a connection of anyone's, and opening one of our own.

Only this file and `virtual_table.py` know APSW's ways of binding functions; the records in `surface/` do not.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar, cast

import apsw

from sqlclust.bindings.apsw.virtual_table import Module
from sqlclust.core.runtime.control import Control
from sqlclust.sqlite import interrupt, opening, statements
from sqlclust.sqlite.transactions import translated_errors
from sqlclust.surface.catalog import CATALOG
from sqlclust.surface.records import AggregateFunction, PointsHandle, ScalarFunction, TableFunction

T = TypeVar("T")

BUSY_TIMEOUT = 5_000
"""Milliseconds our own connections wait for another writer."""


def connect(path: str | os.PathLike[str], *, readonly: bool = False, create: bool = True) -> apsw.Connection:
    """Open a database with safe settings and everything registered.

    Settings of this connection alone, see `make_safe`, and a busy timeout of five seconds.

    Args:
        path: a file, or ':memory:'.
        readonly: open for reading only. A file in WAL mode can then be read where nothing can be written, too: see
            `store.opening.open_file`.
        create: make the file if it is not there; otherwise that is an error.

    Raises:
        WriteProtectedError: it can be opened with `readonly` only.
        DatabaseFileError: no such file, a directory, not a database, no permission, …
    """
    name = opening.name_of(path)
    connection = opening.open_file(name, readonly=readonly, create=create)
    try:
        connection.set_busy_timeout(BUSY_TIMEOUT)
        with translated_errors(connection, doing="opening"):
            try:
                make_safe(connection)
                register(connection)
                statements.run(connection, "SELECT count(*) FROM sqlite_schema")  # reads the header: is it a database?
            except (apsw.CantOpenError, apsw.ReadOnlyError) as error:
                raise opening.why_not(name, error, readonly=readonly) or error from None
    except BaseException:
        connection.close()
        raise
    return connection


def make_safe(connection: apsw.Connection) -> None:
    """Settings for a file that somebody else may have made, of this connection alone.

    foreign_keys ON: the schema's guard. trusted_schema OFF: views, triggers, defaults, CHECKs and indexes of the file can call
    nothing but innocuous functions. cell_size_check ON and mmap_size 0: a damaged page is an error. Defensive: no statement
    can write what SQLite keeps for itself (PRAGMA writable_schema, journal_mode = OFF). Loading extensions stays off, as
    it is.
    """
    for name, value in (("foreign_keys", True), ("trusted_schema", False), ("cell_size_check", True), ("mmap_size", 0)):
        statements.pragma(connection, name, value)
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)


def register(connection: apsw.Connection) -> None:
    """Give a connection everything in the catalogue.

    Changes no setting of the connection. Calling it again does nothing, also while a statement runs.
    """
    if _registered(connection):
        return
    for record in reversed(CATALOG):  # clust_version, which _registered looks for, comes last
        if isinstance(record, ScalarFunction):
            _register_scalar(connection, record)
        elif isinstance(record, AggregateFunction):
            _register_aggregate(connection, record)
        else:
            _register_table(connection, record)
    _read_schema_again(connection)


def _read_schema_again(connection: apsw.Connection) -> None:
    """Let SQLite read the schema anew the next time it needs it.

    DIRECTONLY is noted where a CHECK, a generated column or an index calls a function, and it is noted when the schema is
    read. Of functions that were not there at that time SQLite would let the file's own tables call any.
    """
    writable = connection.config(apsw.SQLITE_DBCONFIG_WRITABLE_SCHEMA, -1)
    statements.all_rows(connection, "PRAGMA writable_schema = RESET")  # also turns it off
    if writable:
        connection.config(apsw.SQLITE_DBCONFIG_WRITABLE_SCHEMA, 1)


def _registered(connection: apsw.Connection) -> bool:
    try:
        statements.all_rows(connection, "SELECT clust_version()")
    except apsw.SQLError:
        return False
    return True


class _Context:
    """What records may use of a connection; see `surface.records.Context`."""

    def __init__(self, connection: apsw.Connection) -> None:
        self.connection = connection

    def run(self, work: Callable[[Control], T]) -> T:
        result, _ = interrupt.run(self.connection, work)
        return result


def _register_scalar(connection: apsw.Connection, record: ScalarFunction) -> None:
    function = record.function
    if record.uses_context:
        context = _Context(connection)

        def with_context(*args: Any) -> Any:
            return record.function(context, *args)

        function = with_context
    flags = apsw.SQLITE_INNOCUOUS if record.innocuous else apsw.SQLITE_DIRECTONLY
    for count in record.argument_counts:
        connection.create_scalar_function(record.name, function, count, deterministic=record.innocuous, flags=flags)


def _register_aggregate(connection: apsw.Connection, record: AggregateFunction) -> None:
    def factory() -> tuple[Any, Callable[..., None], Callable[[Any], Any]]:
        group = record.factory()
        return group, _step, _final

    for count in record.argument_counts:
        connection.create_aggregate_function(record.name, factory, count, flags=apsw.SQLITE_DIRECTONLY)


def _step(group: Any, *args: Any) -> None:
    group.step(*args)


def _final(group: Any) -> Any:
    value = group.final()
    return apsw.pyobject(value) if isinstance(value, PointsHandle) else value


def _register_table(connection: apsw.Connection, record: TableFunction) -> None:
    connection.create_module(
        record.name,
        cast(Any, Module(record, _Context)),  # the stubs ask for methods that only writable modules need
        use_bestindex_object=True,
        eponymous=True,
        eponymous_only=True,
        read_only=True,
    )
