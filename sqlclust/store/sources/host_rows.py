"""Rows of a table that another program keeps: keys, vectors, texts, as they are.

Nothing of the file is run: real tables only, no generated columns, no index (its expressions and collations are the file's).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from shlex import quote
from typing import NamedTuple

from sqlclust.errors import FilterError, HostTableError, shown
from sqlclust.sources import Source
from sqlclust.sources.kinds.vec0 import VectorColumn, columns_of
from sqlclust.sources.real_tables import column_sql, real_table
from sqlclust.sources.virtual_tables import VirtualTable, virtual_tables
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.layout import Layout, read_layout
from sqlclust.sqlite.values import octets
from sqlclust.vectors.formats import FORMATS

MAX_BYTES = 1 << 24
"""Of a vector: four million float32. A longer value is not read."""

MAX_CHUNK = 1 << 28
"""Of the vectors that vec0 keeps together, of which there are 1,024 as a rule."""


class TooLong(NamedTuple):
    """In place of a vector that is not read."""

    bytes: int


class HostRow(NamedTuple):
    """A row of a host's table: the values of its key, its vector and its text as they are; no text where there is a BLOB."""

    key: tuple[object, ...]
    vector: object
    content: object


def host_rows(database: Database, source: Source) -> Iterator[HostRow]:
    """The rows of a source, in the order of the table.

    Args:
        source: with a table, a key and a vector column. Its columns are looked up, so they may come from a person.

    Raises:
        HostTableError: no such table or column, or one that cannot be read without running what is in the file.
        SqliteError: the file cannot be read; also further on.
    """
    layout = read_layout(database)
    if source.stored == "vec0":
        return _vec0_rows(database, layout, source)
    table = real_table(layout, source.table_name or "")
    keys = [column_sql(table, name) for name in source.id_columns]
    vector = column_sql(table, source.vector_column or "")
    content = "NULL"
    if source.content_column is not None:
        text = column_sql(table, source.content_column)
        content = f"CASE typeof({text}) WHEN 'blob' THEN NULL ELSE {text} END"  # a BLOB is no text, and may be large
    # the length of a BLOB is known without reading it
    length = octets(database, vector)
    vectors = f"CASE WHEN {length} > {MAX_BYTES} THEN NULL ELSE {vector} END, {length}"
    sql, bindings = f"SELECT {content}, {vectors}, {', '.join(keys)} FROM {table.sql} NOT INDEXED", None
    if source.only is not None:
        sql, bindings = f"{sql} WHERE {column_sql(table, source.only[0])} = ? COLLATE BINARY", (source.only[1],)
    return _rows(database, sql, bindings)


def _rows(database: Database, sql: str, bindings: tuple[object, ...] | None) -> Iterator[HostRow]:
    with statements.each_row(database, sql, bindings) as rows:
        for content, vector, length, *key in rows:
            too_long = vector is None and length is not None
            yield HostRow(tuple(key), TooLong(length) if too_long else vector, content)


def vec0_table(layout: Layout, source: Source) -> tuple[VirtualTable, VectorColumn]:
    """The vec0 table of a source, and its column of vectors.

    Raises:
        HostTableError: there is no such table, or it has no such column.
    """
    name = source.table_name or ""
    virtual = next((table for table in virtual_tables(layout) if table.name.lower() == name.lower()), None)
    if virtual is None or virtual.module != "vec0":
        raise HostTableError(f"there is no vec0 table {shown(name)}", table=name)
    vector = next((one for one in columns_of(virtual).vectors if one.name == source.vector_column), None)
    if vector is None:
        reason = f"the vec0 table {shown(name)} has no vectors {shown(source.vector_column)}"
        raise HostTableError(reason, table=name, column=source.vector_column)
    return virtual, vector


def _vec0_rows(database: Database, layout: Layout, source: Source) -> Iterator[HostRow]:
    """The rows of a vec0 table from its shadow tables, a chunk at a time; without texts."""
    virtual, vector = vec0_table(layout, source)
    rowids = real_table(layout, f"{virtual.name}_rowids")
    chunks = real_table(layout, f"{virtual.name}_vector_chunks{vector.number:02}")
    id, rowid, chunk_id, offset = (column_sql(rowids, column) for column in ("id", "rowid", "chunk_id", "chunk_offset"))
    places = (
        f"SELECT coalesce({id}, {rowid}), {chunk_id}, {offset} FROM {rowids.sql} NOT INDEXED "
        f"ORDER BY {chunk_id} COLLATE BINARY, {offset} COLLATE BINARY"
    )
    vectors = column_sql(chunks, "vectors")
    chunk = (
        f"SELECT {vectors} FROM {chunks.sql} "
        f"WHERE {column_sql(chunks, 'rowid')} = ? COLLATE BINARY AND {octets(database, vectors)} <= {MAX_CHUNK}"
    )
    width = FORMATS[vector.format].item_bits * vector.dimension // 8
    return _rows_of_chunks(database, places, chunk, width)


def _rows_of_chunks(database: Database, places: str, chunk_sql: str, width: int) -> Iterator[HostRow]:
    read: object = None
    blob = b""
    with statements.each_row(database, places) as rows:
        for key, chunk, offset in rows:
            if chunk != read:
                found = statements.value(database, chunk_sql, (chunk,))
                read, blob = chunk, found if isinstance(found, bytes) else b""
            usable = isinstance(offset, int) and 0 <= offset < len(blob) // max(1, width)
            yield HostRow((key,), blob[offset * width : (offset + 1) * width] if usable else None, None)


def key_as_id(key: Sequence[object]) -> object:
    """A row's id: its key, or JSON text of one of several columns.

    Raises:
        ValueError: a part is NULL, or of several columns one is a BLOB or infinite, which JSON has not.
    """
    if any(part is None for part in key):
        raise ValueError("the id is NULL")
    if len(key) == 1:
        return key[0]
    if any(isinstance(part, bytes) for part in key):
        raise ValueError("the id has a part that is a BLOB, which JSON has not")
    if any(isinstance(part, float) and not math.isfinite(part) for part in key):
        raise ValueError("the id has a part that is infinite, which JSON has not")
    return json.dumps(list(key), ensure_ascii=False, separators=(",", ":"))


def condition_on_vec0(condition: object, table: str) -> FilterError:
    """What is said of a condition on a vec0 table: no column of it can be read but the key and the vectors."""
    return FilterError(
        condition,
        reason="a vec0 table cannot be filtered: it is read without the extension",
        table=table,
        advice=f"Copy it (sqlclust load DB -m MODEL --from-table {quote(table)}), and fit the copy with a condition",
    )
