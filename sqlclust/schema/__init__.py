"""Bringing a database to our schema: `schema.sql` for a new one, the migrations it has not been through for an older one.

A ledger table, SqlclustMigration, says which steps a file has been through; all steps that it needs run in one transaction
together with their ledger rows. `user_version` and `application_id` belong to the host program and are never touched. All
DDL of a new file is in `schema.sql`; the migrations bring an older file to the same text.

Every version so far is read and written by this program as it is: an upgrade only adds, and nobody has to wait for it. So
reading never upgrades, and a file that cannot be written can still be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from contextlib import closing, contextmanager
from functools import cache, wraps
from pathlib import Path
from typing import TypeVar

from sqlclust.errors import (
    SchemaConflictError,
    SchemaDamagedError,
    SchemaMissingError,
    SchemaVersionError,
    SQLiteVersionError,
    StatementError,
)
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database

T = TypeVar("T")

_OLDEST_SQLITE = (3, 38)
"""STRICT tables are of 3.37; the JSON functions of the CHECKs are built in since 3.38."""

_OBJECTS = "SELECT type, name FROM main.sqlite_schema WHERE name NOT LIKE 'sqlite_%'"


# --- migrations ------------------------------------------------------------------------------------------------


def _model_summary(database: Database) -> None:
    """Version 2: one view more."""
    _create(database, "EmbeddingModelSummary")


MIGRATIONS: tuple[tuple[int, str, Callable[[Database], None]], ...] = (
    (2, "view EmbeddingModelSummary", _model_summary),
)
"""(version, name, step) after version 1; a new file's ledger has the same rows."""

VERSION = max([1, *(version for version, _, _ in MIGRATIONS)])


def _create(database: Database, name: str) -> None:
    """Make what schema.sql has under a name, with its very text.

    Raises:
        SchemaConflictError: the database has something else of that name.
    """
    _refuse_foreign_objects(database, {name.lower()})
    statements.run(database, _objects(database)[name.lower()])


# --- the schema of a file --------------------------------------------------------------------------------------


@cache
def schema_sql() -> str:
    """The text of schema.sql: from the package where it was installed, from the checkout otherwise."""
    here = Path(__file__).resolve().parents[1]
    for candidate in (here / "schema.sql", here.parent / "schema.sql"):
        if candidate.is_file():
            return candidate.read_text(encoding="utf-8")
    raise FileNotFoundError(f"schema.sql is neither in {here} nor in {here.parent}")


def of_a_new_file(look: Callable[[Database], T]) -> Callable[[Database], T]:
    """Look at what schema.sql makes: in memory, by the library of the database given, once for each SQLite there is."""
    seen: dict[str, T] = {}

    @wraps(look)
    def seen_once(database: Database) -> T:
        version = database.versions["sqlite"]
        if version not in seen:
            with closing(database.opened(":memory:")) as new:
                statements.run(new, schema_sql())
                seen[version] = look(new)
        return seen[version]

    return seen_once


@of_a_new_file
def _objects(new: Database) -> dict[str, str]:
    """The tables, views, indexes and triggers of schema.sql: names in lower case, and the text that makes each."""
    sql = "SELECT lower(name), sql FROM main.sqlite_schema WHERE name NOT LIKE 'sqlite_%'"
    return {str(name): str(text) for name, text in statements.all_rows(new, sql)}


def object_names(database: Database) -> frozenset[str]:
    """Names of the tables, views, indexes and triggers of schema.sql, in lower case: SQLite compares them without case."""
    return frozenset(_objects(database))


def version(database: Database) -> int | None:
    """The schema version of the database, None where it has no ledger of ours."""
    ledger = "SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = 'SqlclustMigration' COLLATE NOCASE"
    if statements.first_row(database, ledger) is None:
        return None
    try:
        found: int | None = statements.value(database, "SELECT max(version) FROM main.SqlclustMigration")
    except StatementError:  # a table of that name that is not ours
        return None
    return found if isinstance(found, int) else None


def initialize(database: Database) -> bool:
    """Bring the database to the current schema, in one transaction; True if anything was changed.

    Cost of an upgrade from version 1: none to speak of, as no table is read or written but the ledger.

    Raises:
        SQLiteVersionError: SQLite is older than 3.38; nothing was changed.
        SchemaConflictError: it has tables, views, indexes or triggers of our names that are not ours; nothing was changed.
        SchemaVersionError: a newer sqlclust wrote it.
    """
    if version(database) == VERSION:
        return False
    with _transaction(database):
        found = version(database)  # again: another process may have been faster
        if found == VERSION:
            return False
        if found is None:
            _refuse_old_sqlite(database)
            _refuse_foreign_objects(database, object_names(database))
            statements.run(database, schema_sql())
            return True
        if found > VERSION:
            raise SchemaVersionError(database.filename, found=found, expected=VERSION)
        for number, name, step in MIGRATIONS:
            if number > found:
                step(database)
                statements.run(
                    database, "INSERT INTO main.SqlclustMigration (version, name) VALUES (?, ?)", (number, name)
                )
    return True


def check(database: Database) -> None:
    """Make sure that the database has our tables, of this version or of one before.

    Raises:
        SchemaMissingError, SchemaConflictError, SchemaVersionError
        SchemaDamagedError: a table or view that is read or written here is missing or another than ours.
    """
    found = version(database)
    if found is None:
        _refuse_foreign_objects(database, object_names(database))
        raise SchemaMissingError(database.filename)
    if found > VERSION:
        raise SchemaVersionError(database.filename, found=found, expected=VERSION)
    if found < 1:
        raise SchemaDamagedError(database.filename, reason=f"the version in it is {found}")
    for name, expected in _shapes(database).items():
        _check_shape(database, name, expected)


_KIND = """
SELECT type, strict FROM pragma_table_list WHERE schema = 'main' AND name = ? COLLATE NOCASE AND type <> 'shadow'
"""
_COLUMNS = "SELECT lower(name), upper(type) FROM pragma_table_xinfo(?, 'main')"
_VIEWS_READ = ("ClusteringSummary", "ClusterSummary")
_Shape = tuple[str, int, frozenset[tuple[str, str]]]


@of_a_new_file
def _shapes(new: Database) -> dict[str, _Shape]:
    """What kind of thing each of our tables is, and of the views that are read here: kind, STRICT or not, columns and types."""
    names = [name for kind, name in statements.all_rows(new, _OBJECTS) if kind == "table" or name in _VIEWS_READ]
    return {name: _shape(new, name) for name in names}


def _shape(database: Database, name: str) -> _Shape:
    kind, strict = statements.first_row(database, _KIND, (name,)) or ("", 0)
    columns = statements.all_rows(database, _COLUMNS, (name,)) if kind else []
    # of a view the types depend on what SQLite makes of its expressions
    return (
        str(kind),
        int(strict),
        frozenset((str(c), "" if kind == "view" else str(declared)) for c, declared in columns),
    )


def _check_shape(database: Database, name: str, expected: _Shape) -> None:
    """A host may add columns; those of ours have to be there, and of our types."""
    kind, strict, columns = expected
    try:
        found_kind, found_strict, found_columns = _shape(database, name)
    except StatementError as error:  # a view of tables or columns that are not there
        raise SchemaDamagedError(database.filename, reason=f"{kind} {name} cannot be read ({error})") from None
    if not found_kind:
        raise SchemaDamagedError(database.filename, reason=f"{kind} {name} is missing")
    if found_kind != kind:
        raise SchemaDamagedError(database.filename, reason=f"{name} is a {found_kind} and not a {kind}")
    if strict and not found_strict:
        raise SchemaDamagedError(database.filename, reason=f"table {name} is not STRICT")
    missing = sorted(columns - found_columns)
    if missing:
        reason = f"{kind} {name} has no column {' '.join(filter(None, missing[0]))}"
        raise SchemaDamagedError(database.filename, reason=reason)


def _refuse_old_sqlite(database: Database) -> None:
    found = database.versions["sqlite"]
    if tuple(map(int, found.split("."))) < _OLDEST_SQLITE:
        raise SQLiteVersionError(found=found, expected=".".join(map(str, _OLDEST_SQLITE)))


def _refuse_foreign_objects(database: Database, ours: Set[str]) -> None:
    """Make sure that names, in lower case, that we are about to use are free."""
    names = [f"{kind} {name}" for kind, name in statements.all_rows(database, _OBJECTS) if name.lower() in ours]
    if names:
        raise SchemaConflictError(database.filename, names=sorted(names), version=version(database))


@contextmanager
def _transaction(database: Database) -> Iterator[None]:
    """A write transaction from its start; inside the caller's transaction a savepoint."""
    if database.in_transaction:
        with statements.savepoint(database):
            yield
        return
    statements.run(database, "BEGIN IMMEDIATE")
    try:
        yield
        statements.run(database, "COMMIT")
    except BaseException:
        if database.in_transaction:  # SQLite rolls back itself on some errors
            statements.run(database, "ROLLBACK")
        raise
