"""How APSW binds the catalogue: registering on a connection of anyone's, and opening one of our own.

Only this file knows APSW's ways of binding functions; the records in `surface/` do not.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, cast

import apsw

from sqlclust.core.control import Control
from sqlclust.errors import ArgumentError
from sqlclust.store import interrupt, opening
from sqlclust.store.locking import translated_errors
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
                connection.execute("SELECT count(*) FROM sqlite_schema").get  # noqa: B018 - reads the header: is it a database?
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
        connection.pragma(name, value)
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
    connection.execute("PRAGMA writable_schema = RESET").fetchall()  # also turns it off
    if writable:
        connection.config(apsw.SQLITE_DBCONFIG_WRITABLE_SCHEMA, 1)


def _registered(connection: apsw.Connection) -> bool:
    try:
        connection.execute("SELECT clust_version()").fetchall()
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
        cast(Any, _Module(record)),  # the stubs ask for methods that only writable modules need
        use_bestindex_object=True,
        eponymous=True,
        eponymous_only=True,
        read_only=True,
    )


_ONE_TOO_MANY = "argument after the last"
"""A hidden column: SQLite gives arguments to hidden columns one after the other, and one more than the function has must
not become a condition on one of the columns it returns.
"""


class _Module:
    """A table function as a virtual table. Written by hand: `apsw.ext.make_virtual_module` accepts plans in which an
    argument is not usable, and such a join is silently empty.
    """

    def __init__(self, record: TableFunction) -> None:
        self._record = record

    def Connect(self, connection: apsw.Connection, *_: Any) -> tuple[str, _Table]:  # noqa: N802 - APSW's name
        connection.vtab_config(apsw.SQLITE_VTAB_DIRECTONLY)
        record = self._record
        columns = [
            *(f'"{name}" {kind}' for name, kind in record.columns.items()),
            *(f'"{name}" HIDDEN' for name in record.args),
            f'"{_ONE_TOO_MANY}" HIDDEN',
            *(f'"{name}" {kind} HIDDEN' for name, kind in record.hidden_columns.items()),
        ]
        return f"CREATE TABLE ignored ({', '.join(columns)})", _Table(record, _Context(connection))

    Create = Connect


class _Table:
    def __init__(self, record: TableFunction, context: _Context) -> None:
        self._record, self._context = record, context

    def BestIndexObject(self, info: Any) -> bool:  # noqa: N802 - APSW's name
        """Accept a plan only if every argument given is a usable equality; idxNum says which are given."""
        first = len(self._record.columns)
        given: dict[int, int] = {}
        looked_up: int | None = None
        for constraint in range(info.nConstraint):
            column = info.get_aConstraint_iColumn(constraint)
            argument = column - first
            if self._looks_up(info, constraint, column):
                looked_up = constraint
            if argument == len(self._record.args):
                raise self._error(f"argument {argument + 1}", "one too many")
            if not 0 <= argument < len(self._record.args):
                continue
            usable = info.get_aConstraint_usable(constraint)
            if info.get_aConstraint_op(constraint) != apsw.SQLITE_INDEX_CONSTRAINT_EQ:
                continue  # not an argument; SQLite checks it itself, and `_Cursor.Column` has a say
            if not usable:
                return False
            if argument in given:
                raise self._error(self._record.args[argument], "given twice")
            if self._record.args[argument] == "points" and info.get_aConstraintUsage_in(constraint):
                raise self._error(
                    "points", "given with IN"
                )  # a handle does not outlive the list; IN would find nothing
            given[argument] = constraint
        for position, argument in enumerate(sorted(given), start=1):
            info.set_aConstraintUsage_argvIndex(given[argument], position)
            info.set_aConstraintUsage_omit(given[argument], True)
        info.idxNum = sum(1 << argument for argument in given)
        info.estimatedCost, info.estimatedRows = 1e6, 100_000
        if looked_up is not None:  # SQLite still compares; this only spares it rows that cannot be equal
            info.set_aConstraintUsage_argvIndex(looked_up, len(given) + 1)
            info.idxNum |= 1 << len(self._record.args)
            info.estimatedCost, info.estimatedRows = 9e5, 10
        return True

    def _looks_up(self, info: Any, constraint: int, column: int) -> bool:
        """Whether a constraint is `id = …`, so that a join need not be given every row again for each outer row."""
        return (
            column == 0
            and next(iter(self._record.columns)) == "id"
            and info.get_aConstraint_usable(constraint)
            and info.get_aConstraint_op(constraint) == apsw.SQLITE_INDEX_CONSTRAINT_EQ
            and info.get_aConstraint_collation(constraint) == "BINARY"
        )

    def _error(self, argument: str, found: str) -> ArgumentError:
        return ArgumentError(self._record.name, argument, found=found, expected=self._record.signature)

    def Open(self) -> _Cursor:  # noqa: N802 - APSW's name
        return _Cursor(self._record, self._context)

    def Disconnect(self) -> None:  # noqa: N802 - APSW's name
        """Nothing to let go."""

    Destroy = Disconnect


class _Cursor:
    def __init__(self, record: TableFunction, context: _Context) -> None:
        self._record, self._context = record, context
        self._rows: Iterator[tuple[Any, ...]] = iter(())
        self._row: tuple[Any, ...] | None = None
        self._rowid = 0
        self._arguments: dict[str, Any] = {}
        self._visible, self._args = len(record.columns), len(record.args)
        self._by_id: dict[object, list[tuple[Any, ...]]] = {}
        self._by_id_of: dict[str, Any] | None = None

    def Filter(self, mask: int, _: Any, values: tuple[Any, ...]) -> None:  # noqa: N802 - APSW's name
        record = self._record
        names = [name for position, name in enumerate(record.args) if mask >> position & 1]
        self._arguments = dict(zip(names, values, strict=False))
        for name in record.args[: len(record.args) - record.optional]:
            if name not in self._arguments:
                call = record.example.rpartition(" -- ")[0]
                raise ArgumentError(record.name, name, found="not given", expected=f"a call as in: {call}")
        if mask >> len(record.args):
            self._rows = iter(self._rows_of(values[-1]))
        else:
            self._rows = iter(record.function(self._context, **self._arguments))
        self._rowid = 0
        self.Next()

    def _rows_of(self, value: Any) -> list[tuple[Any, ...]]:
        """All rows whose id may equal the value, found in an index that this cursor keeps while the arguments stay."""
        if self._by_id_of != self._arguments:
            self._by_id = {}
            for row in self._record.function(self._context, **self._arguments):
                self._by_id.setdefault(_bucket(row[0]), []).append(row)
            self._by_id_of = self._arguments
        return self._by_id.get(_bucket(value), [])

    def Next(self) -> None:  # noqa: N802 - APSW's name
        self._row = next(self._rows, None)
        self._rowid += 1

    def Eof(self) -> bool:  # noqa: N802 - APSW's name
        return self._row is None

    def Column(self, number: int) -> Any:  # noqa: N802 - APSW's name
        if number < 0:
            return self._rowid
        row = self._row or ()
        if number < self._visible:
            return row[number]
        if number < self._visible + self._args:
            return self._argument(self._record.args[number - self._visible])
        return row[number - self._args - 1]

    def _argument(self, name: str) -> Any:
        """An argument read as a column. One that was not given is read to compare it, in a condition that came too late to
        be the argument (`options IS …`, an outer join's ON): rows by default options and a comparison with NULL would be
        a wrong answer, silently.
        """
        value = self._arguments.get(name)
        if name not in self._arguments or isinstance(value, PointsHandle):
            expected = f"an argument: {self._record.signature}"
            raise ArgumentError(self._record.name, name, found="read as a column", expected=expected)
        return value

    def Rowid(self) -> int:  # noqa: N802 - APSW's name
        return self._rowid

    def Close(self) -> None:  # noqa: N802 - APSW's name
        self._rows, self._row, self._arguments = iter(()), None, {}
        self._by_id, self._by_id_of = {}, None


def _bucket(value: Any) -> object:
    """The same for all values that SQLite may call equal under any affinity: TEXT that looks like a number joins the number."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    try:
        return float(value) if isinstance(value, int) else value
    except OverflowError:
        return value
