"""Bringing a database to our schema: `schema.sql` for a new one, the migrations it has not been through for an older one.

A ledger table, SqlclustMigration, says which steps a file has been through; all steps that it needs run in one transaction
together with their ledger rows. `user_version` and `application_id` belong to the host program and are never touched. All
DDL of a new file is in `schema.sql`; the migrations bring an older file to the same text.

Every version so far is read and written by this program as it is: an upgrade adds what the database itself refuses, and
nobody has to wait for it. So reading never upgrades, and a file that cannot be written can still be read.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import apsw

from sqlclust.errors import (
    SchemaAlteredError,
    SchemaConflictError,
    SchemaDamagedError,
    SchemaMissingError,
    SchemaVersionError,
)

logger = logging.getLogger("sqlclust")

_OBJECTS = "SELECT type, name FROM main.sqlite_schema WHERE name NOT LIKE 'sqlite_%'"


# --- migrations ------------------------------------------------------------------------------------------------


_PROBABILITY = "CHECK (probability BETWEEN 0 AND 1)"
_PROBABILITY_OF_NOISE = _PROBABILITY + "\n" + 35 * " " + "CHECK (label >= 0 OR probability = 0)"


def _noise_has_probability_0(connection: apsw.Connection) -> None:
    """Version 2: a CHECK that noise belongs nowhere.

    A row of noise that has a probability all the same was written by other programs; it gets 0, which is what version 1
    says that noise has, and what everything of ours writes.
    """
    for table in ("EmbeddingCluster", "EmbeddingPrediction"):
        connection.execute(f"UPDATE main.{table} SET probability = 0 WHERE label = -1 AND probability <> 0")
        if changed := connection.changes():
            logger.warning("%s: rows of noise whose probability was set to 0: %s", table, f"{changed:,}")
        _edit_table(connection, table, _PROBABILITY, _PROBABILITY_OF_NOISE)


MIGRATIONS: tuple[tuple[int, str, Callable[[apsw.Connection], None]], ...] = (
    (2, "noise has probability 0", _noise_has_probability_0),
)
"""(version, name, step) after version 1; a new file's ledger has the same rows."""

VERSION = max([1, *(version for version, _, _ in MIGRATIONS)])


def _edit_table(connection: apsw.Connection, table: str, old: str, new: str) -> None:
    """Exchange a CHECK in a table's definition without copying the table; the rows must satisfy the new one already.

    As https://www.sqlite.org/lang_altertable.html#otheralter describes it: the stored text is edited and the schema's
    number raised, so that every connection reads it again. This connection reads it again at once, inside the transaction:
    a text that SQLite cannot read is an error here and is rolled back.

    Raises:
        SchemaAlteredError: the definition is not what an earlier version made.
    """
    text = "SELECT sql FROM main.sqlite_schema WHERE type = 'table' AND name = ? COLLATE NOCASE"
    found = connection.execute(text, (table,)).get
    if not isinstance(found, str) or found.count(old) != 1 or new in found:
        raise SchemaAlteredError(connection.filename, table=table, expected=old)
    columns = connection.execute(f"PRAGMA main.table_xinfo({table})").fetchall()
    with _writable_schema(connection):
        connection.execute(
            "UPDATE main.sqlite_schema SET sql = ? WHERE type = 'table' AND name = ? COLLATE NOCASE",
            (found.replace(old, new), table),
        )
        raised = connection.execute("PRAGMA main.schema_version").get + 1
        connection.execute(f"PRAGMA main.schema_version = {raised:d}")
    if connection.execute(f"PRAGMA main.table_xinfo({table})").fetchall() != columns:
        raise SchemaAlteredError(connection.filename, table=table, expected=old)


@contextmanager
def _writable_schema(connection: apsw.Connection) -> Iterator[None]:
    """sqlite_schema may be edited inside; afterwards the connection's settings are as before and the schema is read again."""
    defensive = connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, -1)
    writable = connection.config(apsw.SQLITE_DBCONFIG_WRITABLE_SCHEMA, -1)
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 0)
    try:
        connection.execute("PRAGMA writable_schema = ON")
        yield
    finally:
        connection.execute("PRAGMA writable_schema = RESET")
        connection.config(apsw.SQLITE_DBCONFIG_WRITABLE_SCHEMA, writable)
        connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, defensive)


# --- the schema of a file --------------------------------------------------------------------------------------


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
    """Bring the database to the current schema, in one transaction; True if anything was changed.

    Cost of an upgrade from version 1: one pass over the assignments and predictions; no table is copied.

    Raises:
        SchemaConflictError: it has tables, views, indexes or triggers of our names that are not ours.
        SchemaVersionError: a newer sqlclust wrote it.
        SchemaAlteredError: tables of ours were changed, so that they cannot be upgraded; nothing was changed.
    """
    if version(connection) == VERSION:
        return False
    with _transaction(connection):
        found = version(connection)  # again: another process may have been faster
        if found == VERSION:
            return False
        if found is None:
            _refuse_foreign_objects(connection)
            connection.execute(schema_sql())
            return True
        if found > VERSION:
            raise SchemaVersionError(connection.filename, found=found, expected=VERSION)
        for number, name, step in MIGRATIONS:
            if number > found:
                step(connection)
                connection.execute("INSERT INTO main.SqlclustMigration (version, name) VALUES (?, ?)", (number, name))
    return True


def check(connection: apsw.Connection) -> None:
    """Make sure that the database has our tables, of this version or of one before.

    Raises:
        SchemaMissingError, SchemaConflictError, SchemaVersionError
        SchemaDamagedError: a table or view that is read or written here is missing or another than ours.
    """
    found = version(connection)
    if found is None:
        _refuse_foreign_objects(connection)
        raise SchemaMissingError(connection.filename)
    if found > VERSION:
        raise SchemaVersionError(connection.filename, found=found, expected=VERSION)
    if found < 1:
        raise SchemaDamagedError(connection.filename, reason=f"the version in it is {found}")
    for name, expected in _shapes().items():
        _check_shape(connection, name, expected)


_KIND = """
SELECT type, strict FROM pragma_table_list WHERE schema = 'main' AND name = ? COLLATE NOCASE AND type <> 'shadow'
"""
_COLUMNS = "SELECT lower(name), upper(type) FROM pragma_table_xinfo(?, 'main')"
_VIEWS_READ = ("ClusteringSummary", "ClusterSummary")
_Shape = tuple[str, int, frozenset[tuple[str, str]]]


@cache
def _shapes() -> dict[str, _Shape]:
    """What kind of thing each of our tables is, and of the views that are read here: kind, STRICT or not, columns and types."""
    connection = apsw.Connection(":memory:")
    try:
        connection.execute(schema_sql())
        names = [name for kind, name in connection.execute(_OBJECTS) if kind == "table" or name in _VIEWS_READ]
        return {name: _shape(connection, name) for name in names}
    finally:
        connection.close()


def _shape(connection: apsw.Connection, name: str) -> _Shape:
    kind, strict = connection.execute(_KIND, (name,)).fetchone() or ("", 0)
    columns = connection.execute(_COLUMNS, (name,)).fetchall() if kind else []
    # of a view the types depend on what SQLite makes of its expressions
    return (
        str(kind),
        int(strict),
        frozenset((str(c), "" if kind == "view" else str(declared)) for c, declared in columns),
    )


def _check_shape(connection: apsw.Connection, name: str, expected: _Shape) -> None:
    """A host may add columns; those of ours have to be there, and of our types."""
    kind, strict, columns = expected
    try:
        found_kind, found_strict, found_columns = _shape(connection, name)
    except apsw.SQLError as error:  # a view of tables or columns that are not there
        raise SchemaDamagedError(connection.filename, reason=f"{kind} {name} cannot be read ({error})") from None
    if not found_kind:
        raise SchemaDamagedError(connection.filename, reason=f"{kind} {name} is missing")
    if found_kind != kind:
        raise SchemaDamagedError(connection.filename, reason=f"{name} is a {found_kind} and not a {kind}")
    if strict and not found_strict:
        raise SchemaDamagedError(connection.filename, reason=f"table {name} is not STRICT")
    missing = sorted(columns - found_columns)
    if missing:
        reason = f"{kind} {name} has no column {' '.join(filter(None, missing[0]))}"
        raise SchemaDamagedError(connection.filename, reason=reason)


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
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite rolls back itself on some errors
            connection.execute("ROLLBACK")
        raise
