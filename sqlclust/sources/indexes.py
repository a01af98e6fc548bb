"""Indexes that may be walked: of plain columns, of all rows, and in an order that SQLite itself has."""

from __future__ import annotations

from itertools import takewhile
from typing import NamedTuple

from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.layout import Table, quoted

_OF_AN_EXPRESSION = -2
_BUILT_IN_COLLATIONS = {"BINARY", "NOCASE", "RTRIM"}


class Index(NamedTuple):
    """An index: its name, its columns in lower case, and how many of the first can be searched for values as they are."""

    name: str
    columns: tuple[str, ...]
    n_searchable: int

    @property
    def is_searchable(self) -> bool:
        """Whether it can be searched for a value of the first column as it is."""
        return self.n_searchable > 0


def plain_indexes(database: Database, table: Table) -> list[Index]:
    """The indexes of a table, without those that are partial, of expressions, or sorted by a collation of the file's own."""
    found = []
    for _, name, _, origin, partial, *_ in statements.all_rows(
        database, f"PRAGMA main.index_list({quoted(table.name)})"
    ):
        if partial or (table.without_rowid and origin == "pk"):  # that is the table itself
            continue
        rows = statements.all_rows(database, f"PRAGMA main.index_xinfo({quoted(name)})")
        if any(cid == _OF_AN_EXPRESSION for _, cid, *_ in rows):
            continue
        keys = [(str(column).lower(), str(collation).upper()) for _, _, column, _, collation, _ in rows if column]
        if keys and {collation for _, collation in keys} <= _BUILT_IN_COLLATIONS:
            n_searchable = len([*takewhile(lambda key: key[1] == "BINARY", keys)])
            found.append(Index(str(name), tuple(column for column, _ in keys), n_searchable))
    return found


def index_beginning_with(database: Database, table: Table, column: str) -> Index | None:
    """An index in which the rows with a value of a column are together."""
    indexes = plain_indexes(database, table)
    return next((index for index in indexes if index.is_searchable and index.columns[0] == column.lower()), None)
