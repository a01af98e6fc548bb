"""Which version a file has, and whether names that are ours are taken in it."""

from __future__ import annotations

from collections.abc import Set

from sqlclust.errors import SchemaConflictError, StatementError
from sqlclust.schema.new_file import OBJECTS
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database


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


def refuse_foreign_objects(database: Database, ours: Set[str]) -> None:
    """Make sure that names, in lower case, that we are about to use are free."""
    names = [f"{kind} {name}" for kind, name in statements.all_rows(database, OBJECTS) if name.lower() in ours]
    if names:
        raise SchemaConflictError(database.filename, names=sorted(names), version=version(database))
