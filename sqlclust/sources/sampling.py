"""Some rows of a table, spread over it: of each column types and lengths, and of few columns the values.

Types and lengths stand at the beginning of a row, where SQLite finds them without reading what the row holds. So a value of a
gigabyte costs one page. Values are read of rows that are small.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlclust.sources.indexes import Index
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.layout import Column, Table, quoted
from sqlclust.sqlite.values import octets

_PLACES, _AT_EACH, _AT_THE_ENDS = 16, 2, 8
MOST_ROWS = _PLACES * _AT_EACH + 2 * _AT_THE_ENDS
_COLUMNS_AT_ONCE = 100
LARGEST_VALUE = 1 << 20
"""Bytes; a vector of float64 with more than 131,072 numbers would be larger."""
_LARGEST_ROW = 4 << 20
_READ = 1 << 20
"""Bytes of rows that are read for the values of a column, but at least `_LEAST_ROWS`."""
_LEAST_ROWS = 4


@dataclass(frozen=True)
class Cells:
    """A column in the sample.

    Attributes:
        types: SQLite's, of each row.
        lengths: bytes, of each row; 0 for NULL.
    """

    types: list[str] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)

    @property
    def n_null(self) -> int:
        """How many are NULL."""
        return self.types.count("null")

    def mean(self, kind: str) -> float | None:
        """The mean length of values of a type; None if there are none."""
        found = [length for type_, length in zip(self.types, self.lengths, strict=True) if type_ == kind]
        return sum(found) / len(found) if found else None


@dataclass(frozen=True)
class Sample:
    """Rows of a table.

    Attributes:
        rowids: of the rows; None for a table without them, of which the first rows are looked at.
        columns: by name in lower case.
    """

    table: Table
    rowids: list[int] | None
    columns: dict[str, Cells]

    @property
    def n(self) -> int:
        """How many rows."""
        return len(next(iter(self.columns.values())).types) if self.columns else 0

    def row_bytes(self, row: int) -> int:
        """What a row holds, without its generated columns."""
        return sum(cells.lengths[row] for cells in self.columns.values())

    @property
    def mean_text(self) -> dict[str, float]:
        """Column in lower case → mean length of its texts, of those that have some."""
        means = {name: cells.mean("text") for name, cells in self.columns.items()}
        return {name: mean for name, mean in means.items() if mean}


def spread_rowids(database: Database, table: Table) -> list[int]:
    """Some rowids: the first, the last, and others at equal distances in between. O(log n)"""
    rowid = table.rowid
    ends = [
        [int(key) for (key,) in statements.all_rows(database, _ENDS.format(rowid=rowid, table=table.sql, order=order))]
        for order in ("ASC", "DESC")
    ]
    found = {key for keys in ends for key in keys}
    if len(found) == 2 * _AT_THE_ENDS:
        low, high = min(found), max(found)
        places = [(low + (high - low) * place // _PLACES,) for place in range(1, _PLACES)]
        sql = _FROM_A_PLACE.format(rowid=rowid, table=table.sql)
        with statements.each_row_of_many(database, sql, places) as rows:
            found |= {int(key) for (key,) in rows}
    return sorted(found)


_ENDS = f"SELECT {{rowid}} FROM {{table}} NOT INDEXED ORDER BY {{rowid}} {{order}} LIMIT {_AT_THE_ENDS}"
_FROM_A_PLACE = f"SELECT {{rowid}} FROM {{table}} NOT INDEXED WHERE {{rowid}} >= ? ORDER BY {{rowid}} LIMIT {_AT_EACH}"


def rowids_of_part(database: Database, table: Table, index: Index, value: object) -> list[int]:
    """Some rowids where the first column of an index has a value: of the first rows there. O(log n)"""
    column = quoted(table.columns[index.columns[0]].name)
    sql = (
        f"SELECT {table.rowid} FROM {table.sql} INDEXED BY {quoted(index.name)} WHERE {column} = ? COLLATE BINARY "
        f"LIMIT {MOST_ROWS}"
    )
    return sorted(int(key) for (key,) in statements.all_rows(database, sql, (value,)))


def sample(database: Database, table: Table, rowids: list[int] | None = None) -> Sample:
    """Types and lengths of some rows.

    Args:
        rowids: of the rows; None: such as are spread over the table.

    Cost: about three pages a row, whatever the rows hold.
    """
    columns = [column for column in table.columns.values() if not column.generated]
    if rowids is None and table.rowid:
        rowids = spread_rowids(database, table)
    parts = [
        _described(database, table, rowids, columns[start : start + _COLUMNS_AT_ONCE])
        for start in range(0, len(columns), _COLUMNS_AT_ONCE)
    ]
    # rows may go, or come, between two statements
    there = [key for key in parts[0] if all(key in part for part in parts)] if parts else []
    cells: dict[str, Cells] = {}
    for start, part in enumerate(parts):
        for at, column in enumerate(columns[start * _COLUMNS_AT_ONCE : (start + 1) * _COLUMNS_AT_ONCE]):
            types = [str(part[key][2 * at]) for key in there]
            cells[column.name.lower()] = Cells(types, [int(part[key][2 * at + 1] or 0) for key in there])
    return Sample(table, there if rowids is not None else None, cells)


def _described(
    database: Database, table: Table, rowids: Sequence[int] | None, columns: Sequence[Column]
) -> dict[int, tuple[Any, ...]]:
    """(type, bytes) of columns, one after the other, by rowid, or by place where there are no rowids."""
    names = [quoted(column.name) for column in columns]
    described = ", ".join(f"typeof({name}), {octets(database, name)}" for name in names)
    if rowids is None:
        rows = statements.all_rows(database, f"SELECT {described} FROM {table.sql} NOT INDEXED LIMIT {MOST_ROWS}")
        return dict(enumerate(rows))
    sql = f"SELECT {table.rowid}, {described} FROM {table.sql} NOT INDEXED WHERE {table.rowid} = ?"
    with statements.each_row_of_many(database, sql, [(key,) for key in rowids]) as each:
        return {row[0]: row[1:] for row in each}


def values(database: Database, sampled: Sample, column: Column, most: int = MOST_ROWS) -> list[tuple[str, bytes]]:
    """(type, bytes) of a column's TEXT and BLOBs in a sample: about a megabyte of rows, none that is large, at most so many."""
    cells, budget = sampled.columns[column.name.lower()], _READ
    rows: list[int] = []
    for row in range(sampled.n):
        if len(rows) == most:
            break
        size = sampled.row_bytes(row)
        if size > _LARGEST_ROW or cells.lengths[row] > LARGEST_VALUE:
            if sampled.rowids is None:
                break  # those behind it would be read past it
            continue
        if cells.types[row] not in ("text", "blob") and sampled.rowids is not None:
            continue
        if budget < size and len(rows) >= _LEAST_ROWS:
            break
        budget -= size
        rows.append(row)
    name = quoted(column.name)
    # once more: a value may have grown since
    value = f"CASE WHEN {octets(database, name)} <= {LARGEST_VALUE} THEN CAST({name} AS BLOB) END"
    sql = f"SELECT typeof({name}), {value} FROM {sampled.table.sql} NOT INDEXED"
    if sampled.rowids is None:
        found = statements.all_rows(database, f"{sql} LIMIT {len(rows)}")
    else:
        keys = [(sampled.rowids[row],) for row in rows]
        with statements.each_row_of_many(database, f"{sql} WHERE {sampled.table.rowid} = ?", keys) as each:
            found = list(each)
    return [(str(kind), bytes(value)) for kind, value in found if kind in ("text", "blob") and value is not None]
