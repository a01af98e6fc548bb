"""TEXT in a file that is not UTF-8: SQLite stores and returns any bytes as TEXT, Python decodes them or fails.

A program that binds raw bytes as TEXT writes such rows, an id of 16 raw bytes for example. Then reading a row raises
UnicodeDecodeError, which says neither the table nor the column. It says the bytes, so they can be looked up.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlclust.errors import NotUnicodeError, SqliteError
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.layout import quoted

# no views and no virtual tables: reading those runs what is in the file
_TABLES = """
SELECT name FROM main.sqlite_schema
WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND sql LIKE 'CREATE TABLE%'
"""
_FIND = "SELECT 1 FROM main.{table} WHERE typeof({column}) = 'text' AND CAST({column} AS BLOB) = ? LIMIT 1"


def not_unicode(database: Database, error: UnicodeDecodeError) -> NotUnicodeError:
    """The error to raise instead: it says the bytes, and the column that has them where one is found."""
    value = bytes(error.object)
    where = _column_of(database, value) or "a value"
    return NotUnicodeError(where, value=value, position=error.start, reason=error.reason)


def _column_of(database: Database, value: bytes) -> str | None:
    """`Table.column` of the first column of the main database that has these bytes as TEXT."""
    for table, column in _columns(database):
        try:
            if statements.first_row(database, _FIND.format(table=quoted(table), column=quoted(column)), (value,)):
                return f"{table}.{column}"
        except (SqliteError, UnicodeDecodeError):  # something else is wrong with it: the bytes alone have to do
            continue
    return None


def _columns(database: Database) -> Iterator[tuple[str, str]]:
    """Tables and columns of the main database; without generated columns, which may call functions."""
    try:
        tables = [name for (name,) in statements.all_rows(database, _TABLES)]
        for table in tables:
            for _, column, *_ in statements.all_rows(database, f"PRAGMA main.table_info({quoted(table)})"):
                yield table, column
    except (SqliteError, UnicodeDecodeError):  # of a schema that cannot be read nothing is found
        return
