"""Another text for a table, view or trigger that is there: SQLite's procedure for changes that leave the rows as they are.

https://sqlite.org/lang_altertable.html, section 7: PRAGMA writable_schema, UPDATE of sqlite_schema, the next schema_version. The
procedure's check of integrity and its COMMIT are the caller's. All but two flags of the connection is part of the transaction:
other connections see the new texts after COMMIT, and read the schema again because its version is another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from sqlclust.errors import SqliteError
from sqlclust.schema.new_file import Made
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database

_UPDATE = "UPDATE main.sqlite_schema SET sql = ? WHERE type = ? AND name = ? COLLATE NOCASE"


def write_texts(database: Database, made: Iterable[Made]) -> None:
    """Give things that are there these texts. The transaction that is open has to be undone if this fails."""
    with _writable_schema(database):
        for kind, name, sql in made:
            statements.run(database, _UPDATE, (sql, kind, name))
        number = int(statements.pragma(database, "main.schema_version"))
        statements.pragma(database, "main.schema_version", (number + 1) % 2**31)


@contextmanager
def _writable_schema(database: Database) -> Iterator[None]:
    """The connection may write sqlite_schema meanwhile, and afterwards reads it again; its flags are then as they were."""
    was_defensive = database.is_defensive
    was_writable: int = statements.pragma(database, "writable_schema")
    try:
        database.set_defensive(False)
        statements.pragma(database, "writable_schema", True)
        yield
        # here, where it can fail: a connection that went on with the former schema would write rows by its rules
        statements.run(database, "PRAGMA writable_schema = RESET")
    finally:
        try:
            with suppress(SqliteError):  # the first error says more
                statements.pragma(database, "writable_schema", bool(was_writable))
        finally:
            database.set_defensive(was_defensive)
