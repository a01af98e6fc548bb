"""What columns are called: vectors, models, texts, keys. By names and types only; nothing is read."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sqlclust.sqlite.layout import Column, Table

VECTOR_NAMES = ("vector", "embedding")
"""What programs call a column of vectors that holds nothing else; the doctor examines these."""
_MODEL_NAMES = ("embedding_model", "model", "model_id", "model_name", "collection_id")

_LIKE_A_VECTOR = re.compile(r"embed|vector|^vecs?(_|$)|_vecs?(_|$)|(^|_)emb(_|$)")
_TYPE_OF_VECTORS = re.compile(
    r"^(?:vector|vec|f1bit_blob|f8_blob|f16_blob|fb16_blob|f32_blob|f64_blob|float(?:32|64|16)?|bfloat16|u?int8|bit)\s*[\[(]\s*"
    r"(\d{1,6})\s*[\])]$"
)
_CONTENT_NAMES = (
    "content", "text", "body", "document", "chunk", "chunk_text", "page_content", "raw_text", "description", "summary",
    "abstract", "sentence", "passage", "message", "caption", "title", "name",
)  # fmt: skip


def vector_column(table: Table, affinities: Iterable[str], *, known: bool) -> Column | None:
    """The column that is called as vectors usually are and has one of these affinities; if the table is `known`, any affinity."""
    # a generated column is the file's own program, and is not run
    named = [table.columns[name] for name in VECTOR_NAMES if table.has(name) and not table.columns[name].generated]
    fitting = [column for column in named if column.affinity in affinities]
    return next(iter(fitting or (named if known else [])), None)


def model_column(table: Table) -> Column | None:
    """The column that says which vectors belong together."""
    models = (table.columns[name] for name in _MODEL_NAMES if table.has(name))
    return next((column for column in models if not column.generated), None)


def is_called_a_vector(column: Column) -> bool:
    """Whether its name, or its declared type, says that it holds vectors."""
    return declared_dimension(column) is not None or bool(_LIKE_A_VECTOR.search(column.name.lower()))


def declared_dimension(column: Column) -> int | None:
    """The dimension that its type says: FLOAT32(384), F32_BLOB(384), float[384], VECTOR(384). BLOB(1536) says bytes."""
    found = _TYPE_OF_VECTORS.match(column.declared.strip().lower())
    return int(found[1]) if found and int(found[1]) else None


def key_columns(table: Table) -> tuple[str, ...]:
    """What names a row: the primary key, or a unique key of columns that are never NULL, or the rowid; () if nothing does."""
    keys = sorted((column for column in table.columns.values() if column.pk), key=lambda column: column.pk)
    if keys:
        return tuple(column.name for column in keys)
    for unique in sorted(table.unique, key=lambda names: (len(names), sorted(names))):
        columns = [column for name, column in table.columns.items() if name in unique]
        if all(column.not_null and not column.generated for column in columns):
            return tuple(column.name for column in columns)
    return (table.rowid,) if table.rowid else ()


def content_column(columns: Iterable[Column], mean_bytes: dict[str, float]) -> str | None:
    """The column of the texts: one with a usual name, else the one with the longest texts.

    Args:
        columns: those that may be.
        mean_bytes: the mean length of those that hold text, by name in lower case.
    """
    texts = {column.name.lower(): column.name for column in columns if column.name.lower() in mean_bytes}
    named = [name for name in _CONTENT_NAMES if name in texts]
    if named:
        return texts[named[0]]
    longest = max(texts, key=mean_bytes.__getitem__, default=None)
    return texts[longest] if longest is not None and mean_bytes[longest] >= 16 else None
