"""Rows of a vec0 table, read for a fit from its shadow tables: each chunk of vectors once.

A chunk has places for 1,024 vectors as a rule: a bit for each that says whether it is taken, a rowid for each, and beside it
the vectors of each column. sqlite-vec's own search reads these. Nothing of the extension is run.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable
from contextlib import closing
from itertools import islice
from shlex import quote
from typing import Any, NamedTuple

import numpy as np

from sqlclust.errors import FilterError, HostTableError, Id, shown
from sqlclust.sources import Source
from sqlclust.sources.counting import Counter
from sqlclust.sources.kinds.vec0 import VectorColumn, columns_of
from sqlclust.sources.real_tables import column_sql, real_table
from sqlclust.sources.sampling import sample
from sqlclust.sources.virtual_tables import VirtualTable, virtual_tables
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.layout import Layout, Table
from sqlclust.sqlite.values import octets
from sqlclust.store.sources.by_number import MAX_CHUNK_NUMBER, PLACES, ByNumber, place_number
from sqlclust.store.sources.table_rows import BATCH, Batch
from sqlclust.vectors.formats import FORMATS

MAX_CHUNK = 1 << 28
"""Of the vectors that vec0 keeps together, of which there are 1,024 as a rule."""
_TEXT_PLACE, _SHORT = 16, 12
"""A text of metadata has sixteen bytes in its chunk: its length, and the first twelve bytes; a longer one is elsewhere, whole."""


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


def condition_on_vec0(condition: object, table: str) -> FilterError:
    """What is said of a condition on a vec0 table: no column of it can be read but the key and the vectors."""
    return FilterError(
        condition,
        reason="a vec0 table cannot be filtered: it is read without the extension",
        table=table,
        advice=f"Copy it (sqlclust load DB -m MODEL --from-table {quote(table)}), and fit the copy with a condition",
    )


class _Chunk(NamedTuple):
    """A chunk: its key, the places that are taken, and the rowids there."""

    chunk_id: object
    places: list[int]
    rowids: list[int]


class Vec0Rows:
    """The rows of a vec0 table, all of which have a vector, chunk by chunk; see `TableRows`.

    Raises:
        HostTableError: no such table or column, or no shadow tables as vec0 makes them; further on: a damaged chunk.
    """

    wrong_id = None

    def __init__(self, database: Database, layout: Layout, source: Source) -> None:
        self._database, self._layout = database, layout
        self._virtual, vector = vec0_table(layout, source)
        self._columns, self._content = columns_of(self._virtual), source.content_column
        self._rowids = self._shadow("rowids")
        self._row = [column_sql(self._rowids, name) for name in ("rowid", "id", "chunk_id", "chunk_offset")]
        chunks, vectors = self._shadow("chunks"), self._shadow(f"vector_chunks{vector.number:02}")
        columns = [column_sql(chunks, name) for name in ("chunk_id", "size", "validity", "rowids")]
        lengths = [f"{octets(database, column)} <= {MAX_CHUNK}" for column in columns[2:]]
        key, size, *blobs = columns
        taken, rowids = (f"CASE WHEN {fits} THEN {blob} END" for fits, blob in zip(lengths, blobs, strict=True))
        self._chunks = f"SELECT {key}, {size}, {taken}, {rowids} FROM {chunks.sql} NOT INDEXED"
        self._width = FORMATS[vector.format].item_bits * vector.dimension // 8
        self.by_number: ByNumber | None = ByNumber(vectors.name, "rowid", "vectors", "vec0", self._width)
        blob = column_sql(vectors, "vectors")
        self._vectors = (
            f"SELECT {blob} FROM {vectors.sql} "
            f"WHERE {column_sql(vectors, 'rowid')} = ? COLLATE BINARY AND {octets(database, blob)} <= {MAX_CHUNK}"
        )

    def batches(self, only: Collection[Id] | None) -> Generator[Batch]:
        """Ids and vectors, as in a table. Chunks in which nothing is wanted are not read."""
        width = self._width
        with closing(self._each_chunk()) as chunks:
            for chunk, ids in chunks:
                places = chunk.places
                if only is not None:
                    wanted = [(id, place) for id, place in zip(ids, places, strict=True) if id in only]
                    ids, places = [id for id, _ in wanted], [place for _, place in wanted]
                if not ids:
                    continue
                blob = statements.value(self._database, self._vectors, (chunk.chunk_id,))
                if not isinstance(blob, bytes) or len(blob) < (places[-1] + 1) * width:
                    raise self._damaged(chunk.chunk_id, "its vectors are not there, too few, or too many to be read")
                for first in range(0, len(ids), BATCH):
                    starts = [place * width for place in places[first : first + BATCH]]
                    yield ids[first : first + BATCH], [blob[start : start + width] for start in starts]

    def ids(self) -> Generator[list[Any]]:
        """Ids alone."""
        with closing(self._each_chunk()) as chunks:
            for _, ids in chunks:
                yield ids

    def numbered(self) -> Generator[tuple[list[Any], list[Any]]]:
        """Numbers, as `by_number` has them, and ids."""
        with closing(self._each_chunk()) as chunks:
            for chunk, ids in chunks:
                if not isinstance(chunk.chunk_id, int) or abs(chunk.chunk_id) > MAX_CHUNK_NUMBER:
                    reason = f"its number is none from 1 to {MAX_CHUNK_NUMBER:,}"
                    raise self._damaged(shown(chunk.chunk_id), reason)
                yield [place_number(chunk.chunk_id, place) for place in chunk.places], ids

    def count(self) -> int | None:
        """How many rows there are; None if nothing says it without reading much."""
        return Counter(self._database).count(sample(self._database, self._rowids))

    def texts(self, ids: Collection[Id]) -> Generator[Batch]:
        """Ids and texts of some ids, of an auxiliary column or one of metadata; none if it is neither."""
        by_rowid = {rowid: id for id, rowid in self._rowids_of(ids)}
        content = (self._content or "").lower()
        for number, name in enumerate(self._columns.auxiliary):
            if name.lower() == content:
                yield from self._by_rowid("auxiliary", f"value{number:02}", by_rowid)
        for number, (name, kind) in enumerate(self._columns.metadata.items()):
            if name.lower() == content and kind == "TEXT":
                yield from self._of_metadata(number, by_rowid)

    # --- chunks ---

    def _shadow(self, ending: str) -> Table:
        return real_table(self._layout, f"{self._virtual.name}_{ending}")

    def _damaged(self, chunk_id: object, reason: str) -> HostTableError:
        name = self._virtual.name
        return HostTableError(f"chunk {chunk_id} of the vec0 table {shown(name)} is damaged: {reason}", table=name)

    def _each_chunk(self) -> Generator[tuple[_Chunk, list[Any]]]:
        """The chunks with the ids of their rows. What is read between them is of the same moment."""
        rowid, id, *_ = self._row
        with statements.one_moment(self._database), statements.each_row(self._database, self._chunks) as rows:
            names: dict[object, object] | None = None
            for row in rows:
                chunk = self._read(*row)
                if names is None and self._is_named:
                    sql = f"SELECT {rowid}, coalesce({id}, {rowid}) FROM {self._rowids.sql} NOT INDEXED"
                    with statements.each_row(self._database, sql) as pairs:
                        names = dict(pairs)
                if names is None:
                    yield chunk, chunk.rowids
                    continue
                try:
                    yield chunk, [names[rowid] for rowid in chunk.rowids]
                except KeyError as error:
                    raise self._damaged(chunk.chunk_id, f"row {error.args[0]} of it is not there") from None

    @property
    def _is_named(self) -> bool:
        """Whether the key is TEXT; an INTEGER key is the rowid."""
        return self._columns.key is not None and self._columns.key_is_text

    def _read(self, chunk_id: object, size: object, taken: object, rowids: object) -> _Chunk:
        if not (isinstance(size, int) and 0 <= size <= PLACES):
            raise self._damaged(chunk_id, f"its size is {shown(size)}")
        if not (isinstance(taken, bytes) and len(taken) * 8 >= size):
            raise self._damaged(chunk_id, f"it does not say which of its {size} places are taken")
        if not (isinstance(rowids, bytes) and len(rowids) >= 8 * size):
            raise self._damaged(chunk_id, f"it has no rowids for its {size} places")
        places = np.flatnonzero(np.unpackbits(np.frombuffer(taken, dtype=np.uint8), count=size, bitorder="little"))
        return _Chunk(chunk_id, places.tolist(), np.frombuffer(rowids, dtype="<i8", count=size)[places].tolist())

    # --- texts ---

    def _rowids_of(self, ids: Collection[Id]) -> list[tuple[Id, int]]:
        if not self._is_named:
            return [(id, id) for id in ids if isinstance(id, int)]
        rowid, id_column, *_ = self._row
        sql = f"SELECT {id_column}, {rowid} FROM {self._rowids.sql} NOT INDEXED"
        wanted = {*ids}
        with statements.each_row(self._database, sql) as rows:
            return [(id, rowid) for id, rowid in rows if id in wanted]

    def _by_rowid(self, ending: str, column: str, ids: dict[int, Id]) -> Generator[Batch]:
        table = self._shadow(ending)
        key, text = column_sql(table, "rowid"), column_sql(table, column)
        is_text = f"typeof({text}) <> 'blob' AND {octets(self._database, text)} <= {MAX_CHUNK}"
        sql = f"SELECT {key}, CASE WHEN {is_text} THEN {text} END FROM {table.sql} WHERE {key} = ? COLLATE BINARY"
        for rows in self._looked_up(sql, ids):
            yield [ids[rowid] for rowid, _ in rows], [text for _, text in rows]

    def _looked_up(self, sql: str, keys: Iterable[object]) -> Generator[list[tuple[Any, ...]]]:
        with statements.each_row_of_many(self._database, sql, [(key,) for key in keys]) as rows:
            while batch := list(islice(rows, BATCH)):
                yield batch

    def _of_metadata(self, number: int, ids: dict[int, Id]) -> Generator[Batch]:
        rowid, _, chunk_id, offset = self._row
        sql = f"SELECT {rowid}, {chunk_id}, {offset} FROM {self._rowids.sql} WHERE {rowid} = ? COLLATE BINARY"
        places: dict[object, list[tuple[int, int]]] = {}
        for rows in self._looked_up(sql, ids):
            for row, chunk, place in rows:
                places.setdefault(chunk, []).append((row, place))
        table = self._shadow(f"metadatachunks{number:02}")
        data = column_sql(table, "data")
        sql = (
            f"SELECT {data} FROM {table.sql} "
            f"WHERE {column_sql(table, 'rowid')} = ? COLLATE BINARY AND {octets(self._database, data)} <= {MAX_CHUNK}"
        )
        longer: dict[int, Id] = {}
        for chunk, rows_there in places.items():
            blob = statements.value(self._database, sql, (chunk,))
            found: dict[Id, str] = {}
            for row, place in rows_there:
                if not (isinstance(blob, bytes) and isinstance(place, int) and 0 <= place < len(blob) // _TEXT_PLACE):
                    continue
                view = blob[place * _TEXT_PLACE : (place + 1) * _TEXT_PLACE]
                length = int.from_bytes(view[:4], "little")
                if length > _SHORT:
                    longer[row] = ids[row]
                else:
                    found[ids[row]] = view[4 : 4 + length].decode(errors="replace")
            yield [*found], [*found.values()]
        if longer:
            with closing(self._by_rowid(f"metadatatext{number:02}", "data", longer)) as batches:
                yield from batches
