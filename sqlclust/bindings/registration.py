"""Registering the catalogue on a database, whichever library made it: a binding says how one record of each kind is bound."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from sqlclust.core.runtime.control import Control
from sqlclust.errors import StatementError
from sqlclust.sqlite import interrupt, statements
from sqlclust.sqlite.database import Database
from sqlclust.surface.catalog import CATALOG
from sqlclust.surface.records import AggregateFunction, ScalarFunction, TableFunction

T = TypeVar("T")


class Binder(Protocol):
    """What a binding can do: bind functions on one database."""

    @property
    def database(self) -> Database:
        """The database that gets the functions."""

    def scalar(self, record: ScalarFunction, function: Callable[..., Any]) -> None:
        """Bind a scalar function; `function` takes the SQL arguments."""

    def aggregate(self, record: AggregateFunction) -> None:
        """Bind an aggregate function."""

    def table(self, record: TableFunction, context: Context) -> None:
        """Bind a table function; see `bindings.virtual_table`."""


class Context:
    """What records may use of a database; see `surface.records.Context`."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def run(self, work: Callable[[Control], T], *, imports: bool = True) -> T:
        """Run `work` so that interrupts of the database stop it."""
        result, _ = interrupt.run(self.database, work, imports=imports)
        return result


def register_all(binder: Binder) -> None:
    """Register everything in the catalogue.

    Changes no setting. Calling it again does nothing, also while a statement runs.
    """
    if _registered(binder.database):
        return
    context = Context(binder.database)
    for record in reversed(CATALOG):  # clust_version, which _registered looks for, comes last
        if isinstance(record, ScalarFunction):
            binder.scalar(record, _with(context, record.function) if record.uses_context else record.function)
        elif isinstance(record, AggregateFunction):
            binder.aggregate(record)
        else:
            binder.table(record, context)
    _read_schema_again(binder.database)


def _read_schema_again(database: Database) -> None:
    """Make SQLite read the schema again, before it is used the next time.

    A CHECK, a generated column or an index may call a function. Whether it may is decided when SQLite reads the schema: a
    function that is DIRECTONLY is refused. A schema that was read before our functions were registered was not checked
    against them. A table of the file could then call any of them.
    """
    was_writable, was_defensive = statements.pragma(database, "writable_schema"), database.is_defensive
    statements.all_rows(database, "PRAGMA writable_schema = RESET")  # also turns it off
    if was_writable:
        database.set_defensive(False)  # with it nobody turns it on
        try:
            statements.pragma(database, "writable_schema", True)
        finally:
            database.set_defensive(was_defensive)


def _with(context: Context, function: Callable[..., Any]) -> Callable[..., Any]:
    def with_context(*args: Any) -> Any:
        return function(context, *args)

    return with_context


def _registered(database: Database) -> bool:
    try:
        statements.all_rows(database, "SELECT clust_version()")
    except StatementError:
        return False
    return True
