"""What the columns of a record file are called, and what is wrong with a file that has others."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields
from shlex import quote

from sqlclust.cli.readers.input_file import Unusable
from sqlclust.cli.readers.values import value_in_words


@dataclass(frozen=True)
class Columns:
    """What columns (CSV, TSV) or keys (JSON) are called. By default `embedding` may stand for `vector`."""

    id: str = "id"
    vector: str = "vector"
    content: str = "content"
    run_id: str = "run_id"
    sequence_number: str = "sequence_number"


DEFAULT_COLUMNS = Columns()
CELL_FORMATS = ("csv", "tsv")
"""Files with a header, whose values are text."""
MORE_FIELDS = "\0fields beyond the header"
"""Key of what a row has more than the header."""

_OPTIONS = {"id": "--id-column", "vector": "--vector-column"}
"""Of every command that reads records."""


def check_beginning(beginning: Sequence[object], columns: Columns, format: str) -> None:
    """Raise Unusable unless there is an object in it and, in CSV, a column for each field asked for."""
    if not beginning:
        raise Unusable("it has no rows")
    row = next((row for row in beginning if isinstance(row, dict)), None)
    if row is None:
        found = beginning[0] if isinstance(beginning[0], Unusable) else f"found {value_in_words(beginning[0])}"
        raise Unusable(f"row 1: {found}, expected an object")
    if format in CELL_FORMATS:
        _check_header([name for name in row if name != MORE_FIELDS], columns)


def _check_header(header: Sequence[str], columns: Columns) -> None:
    """Raise Unusable if a column that was asked for is not there, or the ids' only in capitals or with spaces."""
    missing = missing_column(header, columns, [field.name for field in fields(columns)])
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
    separator = next((mark for mark in (";", "\t", "|") if len(header) == 1 and mark in header[0]), None)
    if separator is None:
        return ""
    return f"; fields seem to be separated by {separator!r}, and CSV has commas (TSV tabs, in a file named .tsv)"


def missing_column(there: Collection[str], columns: Columns, fields: Iterable[str]) -> str | None:
    """The first column that should be there and is not: the vector's, and any that has a name of its own."""
    for name in fields:
        column = getattr(columns, name)
        may_be_missing = column == name and (name != "vector" or "embedding" in there)
        if column not in there and not may_be_missing:
            return str(column)
    return None
