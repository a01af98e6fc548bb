"""How every command opens a database: with APSW only, closed at the end, and so that Ctrl-C works.

Two SQLite libraries on one file in one process lose rows: never open a database with sqlite3 or sqlite_utils.Database.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import TypeVar

import click

from sqlclust import schema
from sqlclust.bindings.apsw.connection import connect
from sqlclust.bindings.apsw.database import ApswDatabase
from sqlclust.cli.output import Command
from sqlclust.errors import DatabaseFileError, SchemaConflictError, SchemaMissingError, WriteProtectedError
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.transactions import translated_errors

D = TypeVar("D", bound=Database)

logger = logging.getLogger("sqlclust")

OPCODES = 20_000
"""SQLite's steps between two looks at Ctrl-C: a few milliseconds."""


def database_argument(command: Command) -> Command:
    """The argument DB. What is wrong with the file is said when it is opened."""
    return click.argument("db", type=click.Path(readable=False))(command)


@contextmanager
def open_database(path: str, *, tables: bool = True) -> Iterator[Database]:
    """A database that is there, for reading and writing.

    Args:
        tables: whether it has to have our tables. Those of an older version are upgraded.

    Raises:
        DatabaseFileError, SchemaMissingError, SchemaConflictError, SchemaVersionError
    """
    with _closing(connect(path, create=False)) as database:
        if tables:
            with _advising_sources(path):
                upgrade(database)
        yield database


def upgrade(database: Database) -> None:
    """Make sure of our tables, and bring those of an older version up to date before anything is written to them.

    Raises:
        SchemaMissingError, SchemaConflictError, SchemaVersionError, LockedError, DatabaseFileError
    """
    schema.check(database)
    with translated_errors(database, doing="upgrading the tables"):
        try:
            schema.initialize(database)
        except SchemaConflictError as error:  # a name that only the newer version has; the older one will do
            logger.warning("%s", error)


@contextmanager
def read_database(path: str, *, tables: bool = True) -> Iterator[ApswDatabase]:
    """As `open_database`, for reading."""
    with _closing(_connected_to_read(path, tables=tables)) as database:
        if tables:
            with _advising_sources(path):
                schema.check(database)
        yield database


@contextmanager
def _advising_sources(path: str) -> Iterator[None]:
    """Whoever asks for results needs something to fit, and no empty tables."""
    try:
        yield
    except SchemaMissingError as error:
        advice = f", so no results yet; sqlclust sources {quote(path)} shows what can be fitted"
        raise SchemaMissingError(error.path, advice=advice) from None


def _connected_to_read(path: str, *, tables: bool) -> ApswDatabase:
    """A database opened for reading only; for writing where the file can be read in no other way.

    What a crashed program left in the journal has to be rolled back before anything is read, and that is writing.
    """
    try:
        database = connect(path, readonly=True)
        try:
            if tables:
                schema.version(database)  # the first look at the tables
        except BaseException:
            database.close()
            raise
    except DatabaseFileError:
        return connect(path, create=False)
    return database


@contextmanager
def database_for_statements(path: str, *, readonly: bool) -> Iterator[ApswDatabase]:
    """Any SQLite file, for a person's own statements.

    It is opened for writing if it can be, else for reading, as SQLite itself opens a file without WAL.
    """
    if readonly:
        with read_database(path, tables=False) as database:
            yield database
        return
    try:
        database = connect(path, create=False)
    except WriteProtectedError:
        database = connect(path, readonly=True)
    with _closing(database):
        yield database


@contextmanager
def picture_database(path: str) -> Iterator[ApswDatabase]:
    """A database with our tables, for pictures: they read, and keep a map where the file can be written.

    Nothing is upgraded for a picture.
    """
    with database_for_statements(path, readonly=False) as database:
        with _advising_sources(path):
            schema.check(database)
        yield database


@contextmanager
def create_database(path: str) -> Iterator[Database]:
    """As `open_database`, made if it is not there; without our tables then."""
    with _closing(connect(path)) as database:
        yield database


@contextmanager
def no_file_for_nothing(path: str) -> Iterator[None]:
    """If what is inside fails, remove a file that it made and that is still empty."""
    file = Path(path)
    there = file.exists()
    try:
        yield
    except BaseException:
        if not there and file.exists() and file.stat().st_size == 0:
            file.unlink()
        raise


@contextmanager
def _closing(database: D) -> Iterator[D]:
    """Closed in the end, and until then Ctrl-C ends a statement that runs for long: Python's signal handlers run when SQLite
    calls into Python.
    """
    try:
        with database.watched(lambda: False, every=OPCODES):
            yield database
    finally:
        database.close()


def is_empty(database: Database) -> bool:
    """Whether a database has no tables at all: a new one."""
    return statements.first_row(database, "SELECT 1 FROM main.sqlite_schema LIMIT 1") is None
