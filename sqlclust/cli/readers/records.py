"""Embeddings from records: JSON, newline-delimited JSON, CSV, TSV."""

from __future__ import annotations

import base64
import csv
import json
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqlclust.cli.readers.ids import IdType, WrongId, as_id, check_given, is_integer
from sqlclust.cli.readers.rows import Record, Skipped, Unusable, not_finite, reading, shown, value_of
from sqlclust.errors import InputFileError, dimensions
from sqlclust.vectors.blobs import STORED
from sqlclust.vectors.formats import FORMATS, FormatName, narrowed
from sqlclust.vectors.narrowing import Narrowing

_FIELD_CHARACTERS = 1 << 27  # Python's own limit, 131,072, is less than a vector of 8,192 numbers in CSV
_MORE_FIELDS = "\0fields beyond the header"


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


def rows_of(path: Path, format: str) -> Generator[object]:
    """The rows of a record file as they are; Unusable in place of a line that is not JSON."""
    from sqlite_utils.utils import Format, rows_from_file

    kind = {"json": Format.JSON, "nl": Format.NL}.get(format, Format.CSV)
    # CSV is told its dialect: the sniffer trips over vectors, and Format.TSV forgets extras_key
    dialect = csv.excel_tab if format == "tsv" else csv.excel
    limit = csv.field_size_limit(_FIELD_CHARACTERS)  # one for the whole process, so it is put back
    try:
        with reading(path, format.upper()), path.open("rb") as file:
            while True:
                try:
                    yield from rows_from_file(file, kind, dialect, extras_key=_MORE_FIELDS)[0]
                    return
                except (ValueError, RecursionError) as error:
                    if format != "nl" or isinstance(error, UnicodeDecodeError):
                        raise
                    yield Unusable(f"the line is not JSON: {error}")  # the next generator goes on after it
    finally:
        csv.field_size_limit(limit)


def check_beginning(beginning: Sequence[object], columns: Columns, format: str) -> None:
    """Raise Unusable unless there is an object in it and, in CSV, a column for each field asked for."""
    if not beginning:
        raise Unusable("it has no rows")
    row = next((row for row in beginning if isinstance(row, dict)), None)
    if row is None:
        found = beginning[0] if isinstance(beginning[0], Unusable) else f"found {shown(beginning[0])}"
        raise Unusable(f"row 1: {found}, expected an object")
    missing = _missing(row, columns, [field.name for field in fields(columns)])
    if format not in ("csv", "tsv"):
        return
    if missing is None and columns.id not in row and any(name.strip().casefold() == columns.id for name in row):
        missing = columns.id  # the database would number the rows, and nobody would see that the file's ids are lost
    if missing is not None:
        header = [repr(name[:40]) for name in row if name != _MORE_FIELDS]
        there = ", ".join(header[:8]) + (", …" if len(header) > 8 else "")
        raise Unusable(
            f"no column {missing!r}; its columns: {there}{_advice([name for name in row if name != _MORE_FIELDS], columns)}"
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


def _missing(row: Mapping[str, object], columns: Columns, names: Iterable[str]) -> str | None:
    """The first of these fields that a row should have and has not: `vector`, and any not called as usual."""
    for name in names:
        column = getattr(columns, name)
        usual = column == name and (name != "vector" or "embedding" in row)
        if column not in row and not usual:
            return str(column)
    return None


def from_records(
    rows: Iterable[object],
    columns: Columns,
    path: Path,
    *,
    types: Mapping[str, IdType | None],
    format: FormatName,
    narrowing: Narrowing,
    cells: bool = False,
) -> Iterator[Record | Skipped]:
    """The embeddings in rows.

    Args:
        path: of the file, for errors.
        types: what `id` and `run_id` become; None: what they are.
        format: of the vectors; others than json are BLOBs in base64.
        narrowing: is shown the numbers.
        cells: the values are text, as in CSV, where no text means nothing.

    Raises:
        InputFileError: an id that cannot be of its type.
    """
    first: tuple[int, int] | None = None  # row and dimension of the first usable row
    for number, row in enumerate(rows, 1):
        try:
            record, numbers = _record(row, columns, types, format, cells=cells)
            dimension = len(record.vector) // STORED.itemsize
            first = first or (number, dimension)
            if dimension != first[1]:
                expected = f"expected {first[1]} as in row {first[0]}"
                raise Unusable(f"the vector has {dimensions(dimension)}, {expected}")
        except WrongId as error:
            raise InputFileError(str(path), reason=f"row {number:,}: {error}") from None
        except Unusable as problem:
            yield Skipped(number, str(problem))
        else:
            narrowing.add_row(numbers)
            yield record


def _record(
    row: object, columns: Columns, types: Mapping[str, IdType | None], format: FormatName, *, cells: bool
) -> tuple[Record, NDArray[Any]]:
    """The embedding in a row, and its numbers before they became float32."""
    if isinstance(row, Unusable):
        raise row
    if not isinstance(row, dict):
        raise Unusable(f"the row is {shown(row)}, expected an object")
    if _MORE_FIELDS in row:
        more = f"{len(row[_MORE_FIELDS])} more fields than the header has"
        raise Unusable(f"{more}; a vector that holds commas has to be quoted")
    # an optional key may be left out of an object; an id that was asked for is not for the database to number
    missing = _missing(row, columns, ("vector", "id"))
    if missing is not None:
        raise Unusable(f"no {missing!r} in the row")
    values = [row.get(name) for name in (columns.id, columns.run_id, columns.sequence_number)]
    embedding_id, run_id, sequence_number = (None if cells and value == "" else value for value in values)
    # before anything is skipped: it is the file that is wrong
    embedding_id = as_id(embedding_id, types["id"], columns.id)
    run_id = as_id(run_id, types["run_id"], columns.run_id)
    check_given(embedding_id, types["id"], columns.id)
    if cells and is_integer(sequence_number):
        sequence_number = int(str(sequence_number))
    vector = row[columns.vector] if columns.vector in row else row["embedding"]
    embedding_id = value_of(embedding_id, columns.id, int, float, str)
    numbers = _numbers(vector) if FORMATS[format].is_text else _of_base64(vector, format)
    stored = narrowed(numbers)
    if not np.isfinite(stored).all():
        raise not_finite(numbers, stored)
    record = Record(
        embedding_id,
        stored.tobytes(),
        value_of(row.get(columns.content), columns.content, str),
        value_of(run_id, columns.run_id, int, float, str),
        value_of(sequence_number, columns.sequence_number, int),
    )
    return record, numbers


def _of_base64(value: object, format: FormatName) -> NDArray[Any]:
    """The numbers of a BLOB in base64: text, or an object as sqlite-utils has it."""
    if isinstance(value, dict) and value.get("$base64") is True:
        value = value.get("encoded")
    try:
        blob = base64.b64decode(value, validate=True) if isinstance(value, str) else b""
    except ValueError:
        blob = b""
    unit = FORMATS[format].unit
    if not blob:
        raise Unusable(
            f"the vector is {'NULL' if value is None else shown(value)}, expected a BLOB in base64 ({format})"
        )
    if len(blob) % unit:
        raise Unusable(f"the vector has {len(blob)} bytes, expected a positive multiple of {unit} ({format})")
    numbers: NDArray[Any] = FORMATS[format].numbers(np.frombuffer(blob, dtype=np.uint8)[None])[0]
    return numbers


def _may_be_base64(value: object) -> bool:
    """Whether a vector that is no JSON may be a BLOB in base64: of more than a word, or an object as sqlite-utils has it."""
    if isinstance(value, dict):
        return value.get("$base64") is True
    if not isinstance(value, str) or len(value) < 8:
        return False
    try:
        return bool(base64.b64decode(value, validate=True))
    except ValueError:
        return False


def _numbers(value: object) -> NDArray[np.float64]:
    """The numbers of a JSON array, or of text that holds one."""
    numbers = value
    if isinstance(value, str):
        try:
            numbers = json.loads(value)
        except (ValueError, RecursionError):
            numbers = None
    if not isinstance(numbers, list) or not numbers:
        found = "NULL" if value is None else "an empty array" if numbers == [] else shown(value)
        advice = " (--vector-format says which numbers a BLOB in base64 holds)" if _may_be_base64(value) else ""
        raise Unusable(f"the vector is {found}, expected a JSON array of numbers{advice}")
    if not {*map(type, numbers)} <= {int, float}:  # exact types: bool is no number here
        position = next(at for at, number in enumerate(numbers) if type(number) not in (int, float))
        found = f"{shown(numbers[position])} at position {position}"
        raise Unusable(f"the vector has {found}, expected a number")
    try:
        return np.array(numbers, dtype=np.float64)
    except OverflowError:
        raise Unusable("the vector has an integer beyond float32") from None
