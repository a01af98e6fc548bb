"""How many rows a table has, where an index or few pages say it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlclust.sources.indexes import plain_indexes
from sqlclust.sources.sampling import Sample
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.layout import Table, quoted

_OF_AN_INDEX, _OF_A_TABLE = 16 << 20, 4 << 20
_OF_ALL = 96 << 20
"""Bytes that may be read for one count, and for all of one look."""
_BESIDE = 12
"""Bytes of an entry beside its values: lengths, a rowid, its place in the page."""
_PAGE = 4096
"""The usual one. A row has no more than about a page in the tree itself, and SQLite does not read the rest to count it."""


class Counter:
    """Counts rows, and stops where that would read too much."""

    def __init__(self, database: Database) -> None:
        self._database, self._left = database, _OF_ALL

    def count(self, sampled: Sample, only: tuple[str, Any] | None = None) -> int | None:
        """The rows of a table, or those where a column has a value; None if that would cost more than it may.

        Args:
            only: (column, value); an index has to begin with it.
        """
        table = sampled.table
        if sampled.n == 0:
            return 0
        where, bindings = ("", ()) if only is None else (f"WHERE {quoted(only[0])} = ? COLLATE BINARY", (only[1],))
        means = {name: sum(cells.lengths) / sampled.n for name, cells in sampled.columns.items()}
        index = self._narrowest_index(table, means, only)
        if index is not None:
            name, entry = index
            return self._counted(f"{table.sql} INDEXED BY {quoted(name)} {where}", bindings, entry, _OF_AN_INDEX)
        if only is not None:
            return None
        entry = _PAGE / max(1, _PAGE // (sum(means.values()) + _BESIDE))  # with what is left over of each page
        return self._counted(f"{table.sql} NOT INDEXED", (), entry, _OF_A_TABLE)

    def _counted(self, rows: str, bindings: tuple[Any, ...], entry: float, most: int) -> int | None:
        limit = int(min(most, self._left) / entry)
        if limit < 1:
            return None
        sql = f"SELECT count(*) FROM (SELECT 1 FROM {rows} LIMIT {limit + 1})"
        n = int(statements.value(self._database, sql, bindings))
        self._left -= int(n * entry)
        return n if n <= limit else None

    def _narrowest_index(
        self, table: Table, means: Mapping[str, float], only: tuple[str, Any] | None
    ) -> tuple[str, float] | None:
        """The index whose entries are the shortest, and their mean length."""
        found: list[tuple[float, str]] = []
        for index in plain_indexes(self._database, table):
            is_fitting = only is None or (index.is_searchable and index.columns[0] == only[0].lower())
            if is_fitting and all(column in means for column in index.columns):
                found.append((sum(means[column] for column in index.columns) + _BESIDE, index.name))
        return (min(found)[1], min(found)[0]) if found else None
