"""What the columns of a record file are called, and what is wrong with a file that has others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from shlex import quote

from sqlclust.cli.readers.source import Unusable
from sqlclust.cli.readers.values import described


@dataclass(frozen=True)
class Columns:
    """What columns (CSV, TSV) or keys (JSON) are called. By default `embedding` may stand for `vector`."""

    id: str = "id"
    vector: str = "vector"
    content: str = "content"
    run_id: str = "run_id"
    sequence_number: str = "sequence_number"


DEFAULT_COLUMNS = Columns()


_OPTIONS = {"id": "--id-column", "vector": "--vector-column"}
"""Of every command that reads records."""


MORE_FIELDS = "\0fields beyond the header"


def check_beginning(beginning: Sequence[object], columns: Columns, format: str) -> None:
    """Raise Unusable unless there is an object in it and, in CSV, a column for each field asked for."""
    if not beginning:
        raise Unusable("it has no rows")
    row = next((row for row in beginning if isinstance(row, dict)), None)
    if row is None:
        found = beginning[0] if isinstance(beginning[0], Unusable) else f"found {described(beginning[0])}"
        raise Unusable(f"row 1: {found}, expected an object")
    missing = missing_column(row, columns, [field.name for field in fields(columns)])
    if format not in ("csv", "tsv"):
        return
    if missing is None and columns.id not in row and any(name.strip().casefold() == columns.id for name in row):
        missing = columns.id  # the database would number the rows, and nobody would see that the file's ids are lost
    if missing is not None:
        header = [repr(name[:40]) for name in row if name != MORE_FIELDS]
        there = ", ".join(header[:8]) + (", …" if len(header) > 8 else "")
        raise Unusable(
            f"no column {missing!r}; its columns: {there}{_advice([name for name in row if name != MORE_FIELDS], columns)}"
        )


def _advice(header: Sequence[str], columns: Columns) -> str:
    """What to do about a header whose names differ from those asked for in capitals, in spaces or in what is between them."""
    options = []
    for name, option in _OPTIONS.items():
        wanted = {getattr(columns, name)} | ({"embedding"} if columns.vector == name else set())
        folded = {column.casefold() for column in wanted}
        alike = [column for column in header if column.strip().casefold() in folded and len(column) <= 40]
        if not wanted & {*header} and len(alike) == 1:
            options.append(f"{option} {quote(alike[0])}")
    if options:
        return f"; names are taken as they are written, so say {' '.join(options)}"
    between = next((mark for mark in (";", "\t", "|") if len(header) == 1 and mark in header[0]), None)
    return (
        f"; fields seem to be separated by {between!r}, and CSV has commas (TSV tabs, in a file named .tsv)"
        if between
        else ""
    )


def missing_column(row: Mapping[str, object], columns: Columns, names: Iterable[str]) -> str | None:
    """The first of these fields that a row should have and has not: `vector`, and any not called as usual."""
    for name in names:
        column = getattr(columns, name)
        usual = column == name and (name != "vector" or "embedding" in row)
        if column not in row and not usual:
            return str(column)
    return None
