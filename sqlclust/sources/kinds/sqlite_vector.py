"""sqlite-vector (sqlite.ai): BLOBs in an ordinary column; `_sqliteai_vector` says which, once they are quantized.

Dimension and format are said to each connection anew and stored nowhere. But the quantized copies, `vector0_TABLE_COLUMN`, have
eight bytes for a rowid and one byte for each number, which tells the dimension.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlclust.sources.found import Source, name_of, remarks
from sqlclust.sources.kind import MOST, Kind
from sqlclust.sources.look import Look
from sqlclust.sqlite import statements
from sqlclust.sqlite.layout import Table
from sqlclust.sqlite.values import octets

_COLUMNS = f"SELECT CAST(tblname AS BLOB), CAST(colname AS BLOB) FROM {{table}} NOT INDEXED LIMIT {MOST}"
_OF_A_BYTE = """
SELECT 1 FROM {table} NOT INDEXED
WHERE tblname = ? COLLATE BINARY AND colname = ? COLLATE BINARY AND key = 'qtype' COLLATE BINARY AND value IN (1, 2)
"""
_QUANTIZED = "SELECT counter, {octets} FROM {table} NOT INDEXED LIMIT 1"


def _find(look: Look) -> Iterator[Source]:
    settings = look.having("_sqliteai_vector", "tblname", "colname", "key", "value")
    if settings is None:
        return
    look.take(settings)
    tables: list[Table] = []
    rows = statements.all_rows(look.database, _COLUMNS.format(table=settings.sql))
    columns = [*dict.fromkeys((look.text(name), look.text(column)) for name, column in rows)]
    for name, column in columns:
        copy = look.having(f"vector0_{name}_{column}", "rowid1", "rowid2", "counter", "data")
        look.take(copy)
        table = look.having(name, column.lower())
        if table is None:
            continue
        dimension = _dimension(look, settings, copy, (name, column)) if copy else None
        said = f"{dimension} numbers in each by its quantized copy" if dimension else None
        yield look.in_rows(
            "sqlite-vector",
            look.sample(table),
            column,
            name=name_of(name, column, sum(other == name for other, _ in columns)),
            dimension=dimension,
            usual=None,
            remark=remarks("quantized by sqlite-vector", said),
        )
        tables.append(table)
    look.take(*tables)  # each may have several such columns


def _dimension(look: Look, settings: Table, copy: Table, column: tuple[str, str]) -> int | None:
    if statements.first_row(look.database, _OF_A_BYTE.format(table=settings.sql), column) is None:
        return None
    n, length = statements.first_row(
        look.database, _QUANTIZED.format(table=copy.sql, octets=octets(look.database, "data"))
    ) or (0, 0)
    if not isinstance(n, int) or not isinstance(length, int) or n < 1 or length % n or length // n <= 8:
        return None
    return length // n - 8


SQLITE_VECTOR = Kind("sqlite-vector", "a column that was quantized, any of its formats", _find)
