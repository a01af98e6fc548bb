"""What is found: a source, a place in a database that has vectors; and one that has them somewhere else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from sqlclust.errors import CorruptError, MismatchError, StatementError, TooBigError
from sqlclust.vectors.formats import FormatName


@dataclass(frozen=True, kw_only=True)
class Source:
    """Vectors that belong together, where a program keeps them.

    Attributes:
        name: under which it would be fitted; no two of a database have the same.
        kind: the program, or the sort of table; a name in `registry.KINDS`.
        table_name: the table, as the database spells it; None where a file beside the database is all there is.
        id_columns: what names a row, of the part `only`.
        vector_column: None where the vectors cannot be clustered: `remark` says why, and where they are.
        content_column: the text that was embedded, in the same table.
        format: of the vectors; None if it cannot be told.
        dimension: numbers in each vector; None if it cannot be told or if they differ.
        n_rows: rows of the table, or of its part `only`, with a vector or not; None where counting them would cost too much.
        registered: whether it is kept in our table `EmbeddingSource`, under this name.
        remark: what this was concluded from, and what to know.
        stored: in rows of `table_name`; or as vec0 keeps them, in chunks of shadow tables; or in files beside the database.
        only: (column, value), the part of the table that it is: a collection among others. None: all of it.
        folder: of the files, a whole path, where they are in these.
    """

    name: str
    kind: str
    table_name: str | None
    id_columns: tuple[str, ...] = ()
    vector_column: str | None = None
    content_column: str | None = None
    format: FormatName | None = None
    dimension: int | None = None
    n_rows: int | None = None
    registered: bool = False
    remark: str = ""
    stored: Literal["rows", "vec0", "files"] = "rows"
    only: tuple[str, Any] | None = None
    folder: str | None = None

    @property
    def rows(self) -> tuple[object, ...]:
        """Which rows of the file it has; equal however the table and the column are spelt."""
        part = None if self.only is None else (self.only[0].lower(), self.only[1])
        return (self.table_name or "").lower(), self.stored, part

    def row(self) -> dict[str, Any]:
        """What users see, by column; 0 and 1 for what is false and true, as SQLite has it."""
        return {name: getattr(self, name) for name in COLUMNS} | {"registered": int(self.registered)}


COLUMNS = (
    "name", "kind", "table_name", "id_columns", "vector_column", "content_column", "format", "dimension", "n_rows", "registered",
    "remark",
)  # fmt: skip
"""What users see of a source, in this order."""


def name_of(table: str, column: str, n_columns: int) -> str:
    """The name of a column of vectors as a source: the table's, if it has no other one."""
    return table if n_columns == 1 else f"{table}.{column}"


UNREADABLE = (CorruptError, StatementError, TooBigError, MismatchError, UnicodeDecodeError)
"""What a damaged or hostile file is met by."""


def or_why_not(sources: Iterable[Source], *, kind: str, name: str, table_name: str | None = None) -> Iterator[Source]:
    """Sources that are being looked for; where a damaged or hostile file cannot be read, one that says so, and no more."""
    try:
        yield from sources
    except UNREADABLE as error:
        yield Source(name=name, kind=kind, table_name=table_name, remark=f"not looked at: {error}")


def remarks(*parts: str | None) -> str:
    """One remark of several."""
    return "; ".join(part for part in parts if part)
