"""Whether a file has our tables, of this version or of one before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sqlclust.errors import SchemaDamagedError, SchemaMissingError, SchemaVersionError, StatementError
from sqlclust.schema import versions
from sqlclust.schema.ledger import refuse_foreign_objects, version
from sqlclust.schema.new_file import OBJECTS, object_names, objects, of_a_new_file
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database


def check(database: Database) -> None:
    """Make sure that the database has our tables, of this version or of one before.

    Raises:
        SchemaMissingError, SchemaConflictError, SchemaVersionError
        SchemaDamagedError: a table or view that is read or written here is missing or another than ours.
    """
    found = version(database)
    if found is None:
        refuse_foreign_objects(database, object_names(database))
        raise SchemaMissingError(database.filename)
    if found > versions.VERSION:
        raise SchemaVersionError(database.filename, found=found, expected=versions.VERSION)
    if found < 1:
        raise SchemaDamagedError(database.filename, reason=f"the version in it is {found}")
    for name, expected in expected_shapes(database, found).items():
        _check_shape(database, name, expected)


def has(database: Database, name: str, column: str | None = None) -> bool:
    """Whether a thing of ours, or a column of it, belongs to the version that the database has."""
    found = version(database)
    return found is not None and versions.history().has(found, name, column)


def makes_trigger(database: Database, name: str, sql: str) -> bool:
    """Whether a trigger of the database, of this name and text, is what schema.sql or a version before it makes.

    Of a version before, the name alone tells where the text is another since.
    """
    made = objects(database).get(name.lower())
    if made is None or made.kind != "trigger":
        return False
    return made.sql == sql or versions.history().is_changed_after(version(database) or versions.VERSION, name)


_KIND = """
SELECT type, strict FROM pragma_table_list WHERE schema = 'main' AND name = ? COLLATE NOCASE AND type <> 'shadow'
"""
_COLUMNS = "SELECT lower(name), upper(type) FROM pragma_table_xinfo(?, 'main')"
_VIEWS_READ = ("ClusteringSummary", "ClusterSummary")


class Shape(NamedTuple):
    """What has a name: kind, STRICT or not, and columns with their types; '' for a type that nothing depends on."""

    kind: str
    strict: int
    columns: Mapping[str, str]


@of_a_new_file
def _shapes(new: Database) -> dict[str, Shape]:
    """Our tables, and the views that are read here."""
    names = [name for kind, name in statements.all_rows(new, OBJECTS) if kind == "table" or name in _VIEWS_READ]
    return {name: _shape(new, name) for name in names}


def expected_shapes(database: Database, found: int) -> dict[str, Shape]:
    """As `_shapes`, of what a file of version `found` has already."""
    history = versions.history()
    return {
        name: Shape(
            shape.kind,
            shape.strict,
            {
                column: "" if history.is_changed_after(found, name) else declared
                for column, declared in shape.columns.items()
                if history.has(found, name, column)
            },
        )
        for name, shape in _shapes(database).items()
        if history.has(found, name)
    }


def _shape(database: Database, name: str) -> Shape:
    kind, strict = statements.first_row(database, _KIND, (name,)) or ("", 0)
    columns = statements.all_rows(database, _COLUMNS, (name,)) if kind else []
    # of a view the types depend on what SQLite makes of its expressions
    return Shape(str(kind), int(strict), {str(c): "" if kind == "view" else str(declared) for c, declared in columns})


def _check_shape(database: Database, name: str, expected: Shape) -> None:
    """A host may add columns; those of ours have to be there, and of our types."""
    kind = expected.kind
    try:
        found = _shape(database, name)
    except StatementError as error:  # a view of tables or columns that are not there
        raise SchemaDamagedError(database.filename, reason=f"{kind} {name} cannot be read ({error})") from None
    if not found.kind:
        raise SchemaDamagedError(database.filename, reason=f"{kind} {name} is missing")
    if found.kind != kind:
        raise SchemaDamagedError(database.filename, reason=f"{name} is a {found.kind} and not a {kind}")
    if expected.strict and not found.strict:
        raise SchemaDamagedError(database.filename, reason=f"table {name} is not STRICT")
    missing = sorted(
        (column, declared)
        for column, declared in expected.columns.items()
        if column not in found.columns or declared not in ("", found.columns[column])
    )
    if missing:
        reason = f"{kind} {name} has no column {' '.join(filter(None, missing[0]))}"
        raise SchemaDamagedError(database.filename, reason=reason)
