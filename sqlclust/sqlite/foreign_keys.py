"""Rows that violate declared foreign keys."""

from __future__ import annotations

import math
from collections.abc import Iterable

from sqlclust.errors import StatementError
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.layout import Table, quoted


def foreign_key_violations(database: Database, tables: Iterable[Table]) -> dict[str, float]:
    """Count the rows that point at a row that is not there.

    Returns:
        table → number of rows, for each table with foreign keys; infinity where SQLite cannot check them, because the parent
        has no unique key of those columns.
    """
    counts: dict[str, float] = {}
    for table in tables:
        if table.foreign_keys:
            try:
                counts[table.name] = violations_in(database, table.name)
            except StatementError:
                counts[table.name] = math.inf
    return counts


def violations_in(database: Database, table: str) -> int:
    """Count the rows of a table that point at a row that is not there, once for each foreign key.

    Raises:
        StatementError: SQLite cannot check them, because the parent has no unique key of those columns.
    """
    with statements.each_row(database, f"PRAGMA main.foreign_key_check({quoted(table)})") as rows:
        return sum(1 for _ in rows)
