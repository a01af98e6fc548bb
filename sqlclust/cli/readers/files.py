"""Embeddings read from files: arrays (.npy, .npz) and records (JSON, newline-delimited JSON, CSV, TSV).

Knows files and no SQL. A row that cannot be used comes out as `Skipped`, with the reason. A file that cannot be used raises
InputFileError. The ids of a column are of one type: text that only looks like a number stays text (see `ids.py`).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from contextlib import closing
from itertools import islice
from pathlib import Path

from sqlclust.cli.readers.arrays import MAGIC, read_array
from sqlclust.cli.readers.columns import CELL_FORMATS, DEFAULT_COLUMNS, Columns, check_beginning
from sqlclust.cli.readers.ids import IdType, no_ids_error, types_of_columns
from sqlclust.cli.readers.input_file import InputFile, Record, Skipped
from sqlclust.cli.readers.opening import BOM, first_line, input_errors
from sqlclust.cli.readers.records import RecordReader, embeddings_in, raw_rows
from sqlclust.errors import InputFileError, OptionError
from sqlclust.vectors.formats import FormatName
from sqlclust.vectors.narrowing import Narrowing

__all__ = ["FILE_FORMATS", "Columns", "InputFile", "Record", "Skipped", "read"]

FILE_FORMATS = ("npy", "npz", "json", "nl", "csv", "tsv")
"""Kinds of file; `nl` is newline-delimited JSON."""

_ENDINGS = {f".{name}": name for name in FILE_FORMATS} | {".jsonl": "nl", ".ndjson": "nl", ".tab": "tsv"}


def read(
    path: Path,
    *,
    ids: Path | None = None,
    texts: Path | None = None,
    columns: Columns = DEFAULT_COLUMNS,
    format: str | None = None,
    id_type: IdType | None = None,
    run_id_type: IdType | None = None,
    vector_format: FormatName | None = None,
) -> InputFile:
    """The embeddings in a file.

    Args:
        path: a regular file. JSON and .npz are held in memory whole; .npy, NL, CSV and TSV are streamed.
        ids: ids for the rows of an array: .npy of integers or strings, .json holding a list, .txt one a line.
        texts: contents for the rows of an array, in the same kinds of file.
        columns: what the fields of records are called. A CSV file has to have those that are renamed, and a
            row of JSON `id` if it is.
        format: one of `FILE_FORMATS`; by default the file's ending or its first line tells.
        id_type: what all ids become, TEXT or INTEGER. By default ids of JSON, .npy and .npz keep their types. Ids of a CSV or TSV
            column, or of a .txt, become integers if each of them is an integer of 64 bits as SQLite writes it
            (`str(int(x)) == x`); otherwise all of them stay text. To tell, the column is read once before anything else, up to
            the first id that is no such integer. Vectors are not decoded then.
        run_id_type: the same for the runs.
        vector_format: of the vectors. By default vectors of records are JSON arrays, and arrays hold their own numbers. In
            another format a vector is a BLOB in base64, or the bytes of a row of the array.

    In CSV, TSV and .txt an empty id is missing (None). A row without an id is skipped where ids are TEXT by `id_type` or by the
    rest of their column, since it could get a number only. Line ends in a CSV cell become newlines.

    Raises:
        InputFileError: the file is not of its format, has no rows, or does not fit ids, texts or columns; an id cannot be of
            the type asked for; there are none and `id_type` is text; an array of float32 looks like another format.
            Damage further on in a streamed file is found, and raised, while `rows` is iterated.
        OptionError: an unknown format.
    """
    if format is not None and format not in FILE_FORMATS:
        raise OptionError("format", found=format, expected=f"one of {', '.join(FILE_FORMATS)}")
    with input_errors(path):
        line = first_line(path)
        format = format or _format_told(path.suffix.lower(), line)
    if format in MAGIC:
        return read_array(path, ids, texts, format, id_type=id_type, vector_format=vector_format)
    for other in filter(None, (ids, texts)):
        reason = f"ids and texts files go with .npy and .npz, and {path} ({format}) has them in its own rows"
        raise InputFileError(str(other), reason=reason)
    return _read_records(path, format, columns, {"id": id_type, "run_id": run_id_type}, vector_format or "json")


def _read_records(
    path: Path, format: str, columns: Columns, id_types: Mapping[str, IdType | None], vector_format: FormatName
) -> InputFile:
    """The embeddings in a file of records. JSON is parsed whole; the others are read again while `rows` is iterated."""
    whole = format == "json"
    with closing(raw_rows(path, format)) as rows:
        beginning = list(rows if whole else islice(rows, 1))
    with input_errors(path):
        check_beginning(beginning, columns, format)
    # a row of streamed JSON may have an id where the first has none
    has_ids = format == "nl" or any(columns.id in _names_of(row) for row in beginning)
    if id_types["id"] == "text" and not has_ids:
        raise no_ids_error(path)
    told: Mapping[str, IdType] = {}
    if format in CELL_FORMATS:
        not_said = {name: getattr(columns, name) for name, said in id_types.items() if said is None}
        there = {name: column for name, column in not_said.items() if column in _names_of(beginning[0])}
        told = _types_told_from_texts(path, format, there)
    narrowing = Narrowing()
    reader = RecordReader(columns, {**id_types, **told}, vector_format, cells=format in CELL_FORMATS)
    found = embeddings_in(beginning if whole else raw_rows(path, format), reader, path, narrowing)
    return InputFile(found, len(beginning) if whole else None, format, told, narrowing)


def _names_of(row: object) -> Collection[str]:
    """The names of the fields in a row; none if it is no object."""
    return row.keys() if isinstance(row, dict) else ()


def _types_told_from_texts(path: Path, format: str, columns: Mapping[str, str]) -> dict[str, IdType]:
    """The types of columns of ids, told by a pass over the file of their own."""
    if not columns:
        return {}
    with closing(raw_rows(path, format)) as rows:
        types = types_of_columns(rows, list(columns.values()))
    return {name: types[column] for name, column in columns.items()}


def _format_told(ending: str, line: bytes) -> str:
    """The format of a file, told from its ending and its first line."""
    format = _ENDINGS.get(ending)
    if format is not None and format != "json":
        return format
    for name, magic in MAGIC.items():
        if format is None and line.startswith(magic):
            return name
    line = line.removeprefix(BOM).strip()
    if line.startswith(b"{"):  # one object a line goes under .json as well
        try:
            json.loads(line)
        except (ValueError, RecursionError):
            return "json"
        return "nl"
    if format == "json" or line.startswith(b"["):
        return "json"
    return "tsv" if b"\t" in line else "csv"
