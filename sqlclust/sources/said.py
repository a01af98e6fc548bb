"""What a person says of a source: a table, columns, a format."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlclust.errors import HostTableError, shown
from sqlclust.vectors.formats import FormatName


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a person says of a source. None: as it is found, or as it is registered.

    Attributes:
        table: a table, a view, or the name of a source as it is listed.
        id: what names a row: a column, several with commas between them, or a sequence of columns.
        vector, content: columns; content '' is none.
        format: of the vectors, whatever they look like.
    """

    table: str | None = None
    id: str | Sequence[str] | None = None
    vector: str | None = None
    content: str | None = None
    format: FormatName | None = None


@dataclass(frozen=True)
class Words:
    """How these are called where the person says them, for messages."""

    table: str = "table"
    id: str = "id"
    vector: str = "vector"
    format: str = "format"


OF_FUNCTIONS = Words()
OF_COMMANDS = Words("--table", "--id", "--vector", "--format")
OF_COPIES = Words("--from-table", "--id-column", "--vector-column", "--vector-format")


def column_names(said: str | Sequence[str], columns: Collection[str]) -> tuple[str, ...]:
    """Names of columns; `columns` are those there are, in lower case."""
    if not isinstance(said, str):
        return tuple(said)
    return (said,) if said.lower() in columns else tuple(name.strip() for name in said.split(","))


def refuse_repeated(table: str, ids: Sequence[str], vector: str, words: Words) -> None:
    """Raise HostTableError for a key that has a column twice, or the vectors."""
    lower = [name.lower() for name in ids]
    if len({*lower}) < len(lower):
        raise HostTableError(f"{words.id} names a column twice: {', '.join(ids)}", table=table)
    if vector.lower() in lower:
        reason = f"column {shown(vector)} holds the vectors, and {words.id} names it too: expected other columns"
        raise HostTableError(reason, table=table, column=vector)
