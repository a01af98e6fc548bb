"""Embeddings from records: JSON, newline-delimited JSON, CSV, TSV; and from rows of Parquet."""

from __future__ import annotations

import csv
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqlclust.cli.readers.columns import MORE_FIELDS, Columns, missing_column
from sqlclust.cli.readers.dimensions import ALL_OF_THEM, numbers_of_fields
from sqlclust.cli.readers.ids import IdType, WrongId, as_id, check_has_id, is_integer
from sqlclust.cli.readers.input_file import Record, Skipped, Unusable
from sqlclust.cli.readers.opening import Given, input_errors
from sqlclust.cli.readers.responses import rows_of_responses
from sqlclust.cli.readers.values import not_finite, value_in_words, value_of
from sqlclust.cli.readers.vectors import LooksLike, Sample, blob_in, numbers_of
from sqlclust.errors import InputFileError, dimensions
from sqlclust.vectors.blobs import STORED
from sqlclust.vectors.formats import FormatName, narrowed
from sqlclust.vectors.narrowing import Narrowing

_FIELD_CHARACTERS = 1 << 27  # Python's own limit, 131,072, is less than a vector of 8,192 numbers in CSV


def raw_rows(given: Given, format: str) -> Generator[object]:
    """The rows of a record file, those of a response taken out of it; Unusable in place of a line that is not JSON."""
    with closing(_rows_in(given, format)) as rows:
        yield from rows_of_responses(rows) if format in ("json", "nl") else rows


def _rows_in(given: Given, format: str) -> Generator[object]:
    from sqlite_utils.utils import Format, rows_from_file

    kind = {"json": Format.JSON, "nl": Format.NL}.get(format, Format.CSV)
    # CSV is told its dialect: the sniffer trips over vectors, and Format.TSV forgets extras_key
    dialect = csv.excel_tab if format == "tsv" else csv.excel
    limit = csv.field_size_limit(_FIELD_CHARACTERS)  # one for the whole process, so it is put back
    try:
        with input_errors(given, format.upper()), given.open() as file:
            while True:
                try:
                    yield from rows_from_file(file, kind, dialect, extras_key=MORE_FIELDS)[0]
                    return
                except (ValueError, RecursionError) as error:
                    if format != "nl" or isinstance(error, UnicodeDecodeError):
                        raise
                    yield Unusable(f"the line is not JSON: {error}")  # the next generator goes on after it
    finally:
        csv.field_size_limit(limit)


@dataclass(frozen=True)
class RecordReader:
    """How the rows of a record file become embeddings.

    Attributes:
        columns: what the fields are called.
        id_types: what `id` and `run_id` become; None: what they are.
        format: of the vectors; one of BLOBs is read from base64. None: nobody said it.
        cells: values are text, as in CSV, where empty text means that nothing is there.
        sample: of vectors whose format nobody said.
    """

    columns: Columns
    id_types: Mapping[str, IdType | None]
    format: FormatName | None
    cells: bool
    sample: Sample = field(default_factory=Sample)

    def embedding_in(self, row: object) -> tuple[Record, NDArray[Any]]:
        """The embedding in a row, and its numbers before they became float32.

        Raises:
            Unusable: the row has none.
            WrongId: an id cannot be of its type.
            LooksLike: vectors that nobody said the format of look like another one.
        """
        columns = self.columns
        fields = self._fields(row)
        embedding_id, run_id, sequence_number = self._ids_of(fields)
        numbers = self._numbers_in(fields)
        if self.format is None:
            self.sample.add(numbers)
        stored = narrowed(numbers)
        if not np.isfinite(stored).all():
            raise not_finite(numbers, stored)
        record = Record(
            embedding_id,
            stored.tobytes(),
            value_of(fields.get(columns.content), columns.content, str),
            value_of(run_id, columns.run_id, int, float, str, bytes),
            value_of(sequence_number, columns.sequence_number, int),
        )
        return record, numbers

    def _numbers_in(self, fields: dict[str, Any]) -> NDArray[Any]:
        columns = self.columns
        if columns.dimensions is not None:
            names = () if ALL_OF_THEM in fields else columns.dimensions.names(fields)
            return numbers_of_fields(fields, names, cells=self.cells)
        return numbers_of(fields[columns.vector] if columns.vector in fields else fields["embedding"], self.format)

    def _fields(self, row: object) -> dict[str, Any]:
        """The row itself, if it is an object with the fields that it needs."""
        if isinstance(row, Unusable):
            raise row
        if not isinstance(row, dict):
            raise Unusable(f"the row is {value_in_words(row)}, expected an object")
        if MORE_FIELDS in row:
            more = f"{len(row[MORE_FIELDS])} more fields than the header has"
            raise Unusable(f"{more}; a vector that holds commas has to be quoted")
        # an optional key may be left out of an object; an id that was asked for is not for the database to number
        missing = missing_column(row, self.columns, ("vector", "id"))
        if missing is not None:
            raise Unusable(f"no {missing!r} in the row")
        return row

    def _ids_of(self, fields: Mapping[str, Any]) -> tuple[Any, Any, Any]:
        """The id, the run and the sequence number; the id is checked, the others have their types only."""
        columns = self.columns
        values = [blob_in(fields.get(name)) for name in (columns.id, columns.run_id, columns.sequence_number)]
        embedding_id, run_id, sequence_number = (None if self.cells and value == "" else value for value in values)
        # before anything is skipped: it is the file that is wrong
        embedding_id = as_id(embedding_id, self.id_types["id"], columns.id)
        run_id = as_id(run_id, self.id_types["run_id"], columns.run_id)
        check_has_id(embedding_id, self.id_types["id"], columns.id)
        if self.cells and is_integer(sequence_number):
            sequence_number = int(str(sequence_number))
        return value_of(embedding_id, columns.id, int, float, str, bytes), run_id, sequence_number


def embeddings_in(
    rows: Iterable[object], reader: RecordReader, given: Given, narrowing: Narrowing
) -> Iterator[Record | Skipped]:
    """The embeddings in the rows of a file. The first usable row says what dimension all have.

    Args:
        given: the file, for errors.
        narrowing: is shown the numbers.

    Raises:
        InputFileError: an id that cannot be of its type, or vectors that are not of the format they are taken for.
    """
    first: tuple[int, int] | None = None  # row and dimension of the first usable row
    for number, row in enumerate(rows, 1):
        try:
            record, numbers = reader.embedding_in(row)
            dimension = len(record.vector) // STORED.itemsize
            first = first or (number, dimension)
            if dimension != first[1]:
                expected = f"expected {first[1]} as in row {first[0]}"
                raise Unusable(f"the vector has {dimensions(dimension)}, {expected}")
        except WrongId as error:
            raise InputFileError(str(given), reason=f"row {number:,}: {error}") from None
        except LooksLike as error:
            raise InputFileError(str(given), reason=str(error)) from None
        except Unusable as problem:
            yield Skipped(number, str(problem))
        else:
            narrowing.add_row(numbers)
            yield record
    try:
        reader.sample.look()
    except LooksLike as error:
        raise InputFileError(str(given), reason=str(error)) from None
