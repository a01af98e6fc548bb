"""What the columns of a record file are called, and what is wrong with a file that has others."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from shlex import quote

from sqlclust.cli.readers.dimensions import DimensionColumns, pattern_of
from sqlclust.cli.readers.input_file import FailedRow, Unusable
from sqlclust.cli.readers.values import value_in_words


@dataclass(frozen=True)
class Columns:
    """What columns (CSV, TSV, Parquet) or keys (JSON) are called. By default `embedding` may stand for `vector`.

    `dimensions`, if there are any, stand for it in any case.
    """

    id: str = "id"
    vector: str = "vector"
    content: str = "content"
    run_id: str = "run_id"
    sequence_number: str = "sequence_number"
    dimensions: DimensionColumns | None = None

    def names(self) -> tuple[str, ...]:
        """Of the columns for which there is one name."""
        return tuple(getattr(self, name) for name in _FIELDS)


_FIELDS = ("id", "vector", "content", "run_id", "sequence_number")

DEFAULT_COLUMNS = Columns()
CELL_FORMATS = ("csv", "tsv")
"""Files whose values are text."""
FORMATS_WITH_HEADER = (*CELL_FORMATS, "parquet")
MORE_FIELDS = "\0fields beyond the header"
"""Key of what a row has more than the header."""

_OPTIONS = {"id": "--id-column", "vector": "--vector-column"}
"""Of every command that reads records."""


def check_beginning(beginning: Sequence[object], columns: Columns, format: str) -> None:
    """Raise Unusable unless there is an object in it and, in CSV, a column for each field asked for."""
    if not beginning:
        raise Unusable("it has no rows")
    if isinstance(beginning[0], Unusable) and not isinstance(beginning[0], FailedRow):
        raise Unusable(f"row 1: {beginning[0]}, expected an object")
    row = next((row for row in beginning if isinstance(row, dict)), None)
    if row is None and not any(isinstance(row, FailedRow) for row in beginning):
        raise Unusable(f"row 1: found {value_in_words(beginning[0])}, expected an object")
    if row is not None and format in FORMATS_WITH_HEADER:
        check_header([name for name in row if name != MORE_FIELDS], columns)


def check_header(header: Sequence[str], columns: Columns) -> None:
    """Raise Unusable if a column that was asked for is not there, or the ids' only in capitals or with spaces."""
    if columns.dimensions is not None:
        columns.dimensions.names(header)
    missing = missing_column(header, columns, _FIELDS)
    if missing is None and columns.id not in header and any(name.strip().casefold() == columns.id for name in header):
        missing = columns.id  # the database would number the rows, and nobody would see that the file's ids are lost
    if missing is not None:
        there = ", ".join(repr(name[:40]) for name in header[:8]) + (", …" if len(header) > 8 else "")
        raise Unusable(f"no column {missing!r}; its columns: {there}{_advice(header, columns)}")


def _advice(header: Sequence[str], columns: Columns) -> str:
    """What to do about a header whose names differ from those asked for in capitals or spaces, or that is one name only."""
    options = []
    for name, option in _OPTIONS.items():
        wanted = {getattr(columns, name)} | ({"embedding"} if columns.vector == name else set())
        folded = {column.casefold() for column in wanted}
        alike = [column for column in header if column.strip().casefold() in folded and len(column) <= 40]
        if not wanted & {*header} and len(alike) == 1:
            options.append(f"{option} {quote(alike[0])}")
    if options:
        return f"; names are taken as they are written, so say {' '.join(options)}"
    pattern = pattern_of(header)
    if pattern is not None:
        return f"; for one column for each dimension say --vector-columns {quote(pattern)}"
    separator = next((mark for mark in (";", "\t", "|") if len(header) == 1 and mark in header[0]), None)
    if separator is None:
        return ""
    return f"; fields seem to be separated by {separator!r}, and CSV has commas (TSV tabs, in a file named .tsv)"


def missing_column(there: Collection[str], columns: Columns, fields: Iterable[str]) -> str | None:
    """The first column that should be there and is not: the vector's, and any that has a name of its own."""
    for name in fields:
        column = getattr(columns, name)
        may_be_missing = column == name and (name != "vector" or "embedding" in there)
        may_be_missing |= name == "vector" and columns.dimensions is not None
        if column not in there and not may_be_missing:
            return str(column)
    return None
