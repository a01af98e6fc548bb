"""How every command opens a database: with APSW only, closed at the end, and so that Ctrl-C works.

Two SQLite libraries on one file in one process lose rows: never open a database with sqlite3 or sqlite_utils.Database.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import apsw
import click

from sqlclust import schema
from sqlclust.bindings.apsw.connection import connect
from sqlclust.errors import DatabaseFileError, SchemaConflictError, WriteProtectedError
from sqlclust.sqlite import statements
from sqlclust.sqlite.transactions import translated_errors

Command = TypeVar("Command", bound=Callable[..., Any])

logger = logging.getLogger("sqlclust")

_OPCODES = 20_000
"""SQLite's steps between two looks at Ctrl-C: a few milliseconds."""


def database_argument(command: Command) -> Command:
    """The argument DB. What is wrong with the file is said when it is opened."""
    return click.argument("db", type=click.Path(readable=False))(command)


@contextmanager
def open_database(path: str, *, tables: bool = True) -> Iterator[apsw.Connection]:
    """A database that is there, for reading and writing.

    Args:
        tables: whether it has to have our tables. Those of an older version are upgraded.

    Raises:
        DatabaseFileError, SchemaMissingError, SchemaConflictError, SchemaVersionError
    """
    with _closing(connect(path, create=False)) as connection:
        if tables:
            upgrade(connection)
        yield connection


def upgrade(connection: apsw.Connection) -> None:
    """Make sure of our tables, and bring those of an older version up to date before anything is written to them.

    Raises:
        SchemaMissingError, SchemaConflictError, SchemaVersionError, LockedError, DatabaseFileError
    """
    schema.check(connection)
    with translated_errors(connection, doing="upgrading the tables"):
        try:
            schema.initialize(connection)
        except SchemaConflictError as error:  # a name that only the newer version has; the older one will do
            logger.warning("%s", error)


@contextmanager
def read_database(path: str, *, tables: bool = True) -> Iterator[apsw.Connection]:
    """As `open_database`, for reading."""
    try:
        connection = connect(path, readonly=True)
        if tables:
            schema.version(connection)  # the first look at the tables
    except DatabaseFileError:
        # what a crashed program left in the journal has to be rolled back first, which is writing
        connection = connect(path, create=False)
    with _closing(connection):
        if tables:
            schema.check(connection)
        yield connection


@contextmanager
def database_for_statements(path: str, *, readonly: bool) -> Iterator[apsw.Connection]:
    """For a person's own statements, on any SQLite file: for writing if it can be, as SQLite itself opens a file without WAL."""
    if readonly:
        with read_database(path, tables=False) as connection:
            yield connection
        return
    try:
        connection = connect(path, create=False)
    except WriteProtectedError:
        connection = connect(path, readonly=True)
    with _closing(connection):
        yield connection


@contextmanager
def create_database(path: str) -> Iterator[apsw.Connection]:
    """As `open_database`, made if it is not there; without our tables then."""
    with _closing(connect(path)) as connection:
        yield connection


@contextmanager
def _closing(connection: apsw.Connection) -> Iterator[apsw.Connection]:
    allow_interrupts(connection)
    try:
        yield connection
    finally:
        connection.close(True)


def allow_interrupts(connection: apsw.Connection) -> None:
    """Let Ctrl-C end a statement that runs for long: Python's signal handlers run when SQLite calls into Python."""
    connection.set_progress_handler(lambda: False, _OPCODES)


def is_empty(connection: apsw.Connection) -> bool:
    """Whether a database has no tables at all: a new one."""
    return statements.first_row(connection, "SELECT 1 FROM main.sqlite_schema LIMIT 1") is None
