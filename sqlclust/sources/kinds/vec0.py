"""sqlite-vec's virtual table vec0, https://github.com/asg017/sqlite-vec: read from its shadow tables, without the extension.

The text that made it says the columns. Vectors are in `NAME_vector_chunksNN`, a BLOB for each chunk, NN the number of the column;
`NAME_rowids` says in which chunk and at which place in it each row is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlclust.sources.columns import content_column
from sqlclust.sources.found import Source, name_of, remarks
from sqlclust.sources.kind import Kind
from sqlclust.sources.kinds import langchain
from sqlclust.sources.look import Look
from sqlclust.sources.virtual_tables import VirtualTable
from sqlclust.sqlite import statements
from sqlclust.sqlite.layout import Column, Table, quoted
from sqlclust.sqlite.values import octets
from sqlclust.vectors.formats import FORMATS, FormatName

_FORMATS: dict[str, FormatName] = {
    "float": "float32", "f32": "float32", "int8": "int8", "i8": "int8", "bit": "bit",
}  # fmt: skip
_VECTOR = re.compile(r"([a-z_]\w*)\s+(float|f32|int8|i8|bit)\s*\[\s*(\d{1,9})\s*\](.*)", re.IGNORECASE | re.DOTALL)
_KEY = re.compile(r"([a-z_]\w*)\s+(text|int|integer)\s+primary\s+key", re.IGNORECASE)
_PARTITION = re.compile(r"([a-z_]\w*)\s+\w+\s+partition\s+key", re.IGNORECASE)
_AUXILIARY = re.compile(r"\+\s*([a-z_]\w*)\s+(\w+)", re.IGNORECASE)
_METADATA = re.compile(r"([a-z_]\w*)\s+(\w+)", re.IGNORECASE)


class VectorColumn(NamedTuple):
    """A column of vectors; its shadow tables have its number."""

    number: int
    name: str
    format: FormatName
    dimension: int


@dataclass
class Columns:
    """The columns of a vec0 table, as the text that made it says.

    Attributes:
        vectors: in their order.
        key: None: the rowid.
        key_is_text: whether it is TEXT; an INTEGER key is the rowid.
        partitions, metadata, auxiliary: the others; a type in upper case for each.
    """

    vectors: list[VectorColumn] = field(default_factory=list)
    key: str | None = None
    key_is_text: bool = False
    partitions: list[str] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)
    auxiliary: dict[str, str] = field(default_factory=dict)


def columns_of(table: VirtualTable) -> Columns:
    """What the arguments of a vec0 table say."""
    found = Columns()
    for argument in table.arguments:
        if match := _VECTOR.match(argument):
            found.vectors.append(VectorColumn(len(found.vectors), match[1], _FORMATS[match[2].lower()], int(match[3])))
        elif match := _KEY.match(argument):
            found.key, found.key_is_text = match[1], match[2].lower() == "text"
        elif match := _PARTITION.match(argument):
            found.partitions.append(match[1])
        elif match := _AUXILIARY.match(argument):
            found.auxiliary[match[1]] = match[2].upper()
        elif match := _METADATA.match(argument):  # no option, such as chunk_size = 8
            found.metadata[match[1]] = match[2].upper()
    return found


def _find(look: Look) -> Iterator[Source]:
    for virtual in look.virtual:
        if virtual.module == "vec0":
            columns = columns_of(virtual)
            for vector in columns.vectors:
                yield _source(look, virtual, columns, vector)


def _source(look: Look, virtual: VirtualTable, columns: Columns, vector: VectorColumn) -> Source:
    is_of_txtai = (columns.key or "").lower() == "indexid" and not (columns.metadata or columns.auxiliary)
    kind = "txtai" if is_of_txtai and vector.name.lower() == "embedding" else "vec0"
    rowids = look.layout.named(f"{virtual.name}_rowids")
    chunks = look.layout.named(f"{virtual.name}_chunks")
    vectors = look.layout.named(f"{virtual.name}_vector_chunks{vector.number:02}")
    wrong = _wrong(look, virtual, rowids, chunks, vectors, FORMATS[vector.format].item_bits * vector.dimension)
    sampled = look.sample(rowids) if rowids else None
    return Source(
        name=name_of(virtual.name, vector.name, len(columns.vectors)),
        kind=kind,
        table_name=virtual.name,
        id_columns=(columns.key or "rowid",),
        vector_column=None if wrong else vector.name,
        content_column=_content(columns),
        format=vector.format,
        dimension=vector.dimension or None,
        n_rows=look.count(sampled) if sampled and not wrong else None,
        stored="vec0",
        remark=remarks(
            wrong or "read from its shadow tables, without the extension",
            f"partition key {', '.join(columns.partitions)}" if columns.partitions else None,
            "an index of txtai: the texts are in the file documents beside it" if kind == "txtai" else None,
            _copied(look, virtual),
        ),
    )


def _wrong(
    look: Look, virtual: VirtualTable, rowids: Table | None, chunks: Table | None, vectors: Table | None, bits: int
) -> str | None:
    """Why the vectors cannot be read, or None."""
    needed = (
        (rowids, "rowids", ("rowid", "id", "chunk_id", "chunk_offset")),
        (chunks, "chunks", ("chunk_id", "size")),
        (vectors, "vector_chunksNN", ("vectors",)),
    )
    for table, ending, names in needed:
        if table is None or not table.stores(*names):
            return f"its vectors cannot be read: there is no table {virtual.name}_{ending} as vec0 makes it"
    assert chunks is not None
    assert vectors is not None
    sql = (
        f"SELECT (SELECT size FROM {chunks.sql} NOT INDEXED LIMIT 1), "
        f"(SELECT {octets(look.database, 'vectors')} FROM {vectors.sql} NOT INDEXED LIMIT 1)"
    )
    size, length = statements.first_row(look.database, sql) or (None, None)
    if size is not None and length is not None and (not isinstance(size, int) or 8 * length != size * bits):
        return f"its vectors cannot be read: a chunk has {length} bytes, expected {size} vectors of {bits / 8:g} bytes"
    return None


def _content(columns: Columns) -> str | None:
    texts = [name for name, kind in (*columns.auxiliary.items(), *columns.metadata.items()) if kind == "TEXT"]
    of_text = [Column(name, "TEXT", "TEXT", False, 0, False) for name in texts]
    return content_column(of_text, dict.fromkeys((name.lower() for name in texts), 0.0)) or next(
        (name for name, kind in columns.auxiliary.items() if kind == "TEXT"), None
    )


def _copied(look: Look, virtual: VirtualTable) -> str | None:
    """LangChain keeps the vectors twice."""
    host = virtual.name.lower().removesuffix("_vec")
    table = look.layout.named(host) if host != virtual.name.lower() else None
    if table is None or {*table.columns} != langchain.COLUMNS:
        return None
    return f"a copy of {quoted(table.name)}.text_embedding, which a trigger keeps"


VEC0 = Kind("vec0", "sqlite-vec's virtual table, read without the extension", _find)
