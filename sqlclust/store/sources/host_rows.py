"""Rows of a table that another program keeps: keys, vectors, texts, as they are.

Nothing of the file is run: real tables only, no generated columns, no index (its expressions and collations are the file's).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import NamedTuple

from sqlclust.sources import Source
from sqlclust.sources.real_tables import column_sql, real_table
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.layout import read_layout
from sqlclust.sqlite.values import octets
from sqlclust.store.sources.table_rows import MAX_BYTES
from sqlclust.store.sources.vec0_rows import Vec0Rows


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
        HostTableError: no such table or column, or one that cannot be read without running what is in the file; further on: a
            damaged chunk of vec0.
        SqliteError: the file cannot be read; also further on.
    """
    layout = read_layout(database)
    if source.stored == "vec0":
        return _rows_of_vec0(Vec0Rows(database, layout, source))
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


def _rows_of_vec0(read: Vec0Rows) -> Iterator[HostRow]:
    """Without texts."""
    with closing(read.batches(None)) as batches:
        for ids, vectors in batches:
            yield from (HostRow((id,), vector, None) for id, vector in zip(ids, vectors, strict=True))


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
