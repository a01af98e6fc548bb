"""Giving a connection everything in the catalogue, by whichever library: a binding says how one record of each kind is bound."""

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
    """What a binding can do: bind functions on one connection."""

    @property
    def database(self) -> Database:
        """The connection."""

    def scalar(self, record: ScalarFunction, function: Callable[..., Any]) -> None:
        """Bind a scalar function; `function` takes the SQL arguments."""

    def aggregate(self, record: AggregateFunction) -> None:
        """Bind an aggregate function."""

    def table(self, record: TableFunction, context: Context) -> None:
        """Bind a table function; see `bindings.virtual_table`."""

    def read_schema_again(self) -> None:
        """Let SQLite read the schema anew the next time it needs it.

        DIRECTONLY is noted where a CHECK, a generated column or an index calls a function, and it is noted when the schema is
        read. Of functions that were not there at that time SQLite would let the file's own tables call any.
        """


class Context:
    """What records may use of a connection; see `surface.records.Context`."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def run(self, work: Callable[[Control], T]) -> T:
        """Run `work` so that the connection's interrupts stop it."""
        result, _ = interrupt.run(self.database, work)
        return result


def register_all(binder: Binder) -> None:
    """Give a connection everything in the catalogue.

    Changes no setting of the connection. Calling it again does nothing, also while a statement runs.
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
    binder.read_schema_again()


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
