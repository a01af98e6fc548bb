"""Bringing a database to our schema: `schema.sql` for a new one, then the migrations it has not been through.

A ledger table, SqlclustMigration, says which steps a file has been through; each step runs in one transaction together with
its ledger row. `user_version` and `application_id` belong to the host program and are never touched. All DDL of a new
file is in `schema.sql`; a migration brings an older file to the same state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import apsw

from sqlclust.errors import SchemaConflictError, SchemaMissingError, SchemaVersionError

MIGRATIONS: tuple[tuple[int, str, Callable[[apsw.Connection], None]], ...] = ()
"""(version, name, step) after version 1, which is schema.sql itself. None so far."""

VERSION = max([1, *(version for version, _, _ in MIGRATIONS)])

_OBJECTS = "SELECT type, name FROM main.sqlite_schema WHERE name NOT LIKE 'sqlite_%'"


@cache
def schema_sql() -> str:
    """The text of schema.sql: from the package where it was installed, from the checkout otherwise."""
    here = Path(__file__).resolve().parent
    for candidate in (here / "schema.sql", here.parent / "schema.sql"):
        if candidate.is_file():
            return candidate.read_text(encoding="utf-8")
    raise FileNotFoundError(f"schema.sql is neither in {here} nor in {here.parent}")


@cache
def object_names() -> frozenset[str]:
    """Names of the tables, views, indexes and triggers of schema.sql, in lower case: SQLite compares them without case."""
    connection = apsw.Connection(":memory:")
    try:
        connection.execute(schema_sql())
        return frozenset(name.lower() for _, name in connection.execute(_OBJECTS))
    finally:
        connection.close()


def version(connection: apsw.Connection) -> int | None:
    """The schema version of the database, None where it has no ledger of ours."""
    ledger = "SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = 'SqlclustMigration' COLLATE NOCASE"
    if connection.execute(ledger).fetchone() is None:
        return None
    try:
        found: int | None = connection.execute("SELECT max(version) FROM main.SqlclustMigration").get
    except apsw.SQLError:  # a table of that name that is not ours
        return None
    return found if isinstance(found, int) else None


def initialize(connection: apsw.Connection) -> bool:
    """Bring the database to the current schema, in one transaction per step; True if anything was changed.

    Raises:
        SchemaConflictError: it has tables, views, indexes or triggers of our names that are not ours.
        SchemaVersionError: a newer sqlclust wrote it.
    """
    if version(connection) == VERSION:
        return False
    changed = False
    with _transaction(connection):
        found = version(connection)  # again: another process may have been faster
        if found is None:
            _refuse_foreign_objects(connection)
            connection.execute(schema_sql())
            found, changed = 1, True
    if found > VERSION:
        raise SchemaVersionError(connection.filename, found=found, expected=VERSION)
    for number, name, step in MIGRATIONS:
        if number > found:
            with _transaction(connection):
                step(connection)
                connection.execute("INSERT INTO main.SqlclustMigration (version, name) VALUES (?, ?)", (number, name))
            changed = True
    return changed


def check(connection: apsw.Connection) -> None:
    """Make sure that the database has our tables.

    Raises:
        SchemaMissingError, SchemaConflictError, SchemaVersionError
    """
    found = version(connection)
    if found is None:
        _refuse_foreign_objects(connection)
        raise SchemaMissingError(connection.filename)
    if found > VERSION:
        raise SchemaVersionError(connection.filename, found=found, expected=VERSION)


def _refuse_foreign_objects(connection: apsw.Connection) -> None:
    names = [f"{kind} {name}" for kind, name in connection.execute(_OBJECTS) if name.lower() in object_names()]
    if names:
        raise SchemaConflictError(connection.filename, names=sorted(names))


@contextmanager
def _transaction(connection: apsw.Connection) -> Iterator[None]:
    """A write transaction from its start; inside the caller's transaction a savepoint."""
    if connection.in_transaction:
        with connection:
            yield
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
