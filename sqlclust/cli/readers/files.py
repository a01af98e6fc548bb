"""Embeddings read from files: arrays (.npy, .npz) and records (JSON, newline-delimited JSON, CSV, TSV, Parquet).

Knows files and no SQL. A row that cannot be used comes out as `Skipped`, with the reason. A file that cannot be used raises
InputFileError. The ids of a column are of one type: text that only looks like a number stays text (see `ids.py`).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from contextlib import closing
from itertools import islice
from pathlib import Path
from shlex import quote

from sqlclust.cli.readers.arrays import MAGIC as ARRAY_MAGIC
from sqlclust.cli.readers.arrays import ids_beside, read_array, texts_beside
from sqlclust.cli.readers.columns import CELL_FORMATS, DEFAULT_COLUMNS, Columns, check_beginning, check_header
from sqlclust.cli.readers.dimensions import DimensionColumns
from sqlclust.cli.readers.ids import IdType, no_ids_error, types_of_columns
from sqlclust.cli.readers.input_file import FailedRow, InputFile, Record, Skipped, Unusable
from sqlclust.cli.readers.opening import BOM, STANDARD_INPUT, Given, first_line, input_errors, opened
from sqlclust.cli.readers.parquet import MAGIC as PARQUET_MAGIC
from sqlclust.cli.readers.parquet import names_and_count, parquet_rows
from sqlclust.cli.readers.records import RecordReader, embeddings_in, raw_rows
from sqlclust.cli.readers.responses import ListBeside, ResponseRow, with_lists
from sqlclust.errors import InputFileError, OptionError
from sqlclust.vectors.formats import FormatName
from sqlclust.vectors.narrowing import Narrowing

__all__ = [
    "FILE_FORMATS",
    "STANDARD_INPUT",
    "Columns",
    "DimensionColumns",
    "Given",
    "InputFile",
    "Record",
    "Skipped",
    "opened",
    "read",
]

FILE_FORMATS = ("npy", "npz", "json", "nl", "csv", "tsv", "parquet")
"""Kinds of file; `nl` is newline-delimited JSON."""

_ENDINGS = {f".{name}": name for name in FILE_FORMATS} | {
    ".jsonl": "nl",
    ".ndjson": "nl",
    ".tab": "tsv",
    ".pq": "parquet",
}
_MAGIC = {**ARRAY_MAGIC, "parquet": PARQUET_MAGIC}
_SQLITE = b"SQLite format 3\0"


def read(
    file: Path | Given,
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
        file: a regular file, compressed by gzip or not; or what `opened` gives. JSON and .npz are held in memory whole; .npy,
            NL, CSV, TSV and Parquet are streamed.
        ids: ids for the rows of an array, or of a response of OpenAI: .npy of integers or strings, .json holding a list, .txt
            one a line.
        texts: contents for the rows of an array or response, in the same kinds of file.
        columns: what the fields of records are called. A CSV file has to have those that are renamed, and a
            row of JSON `id` if it is.
        format: one of `FILE_FORMATS`; by default the file's ending or its first line tells.
        id_type: what all ids become, TEXT or INTEGER. By default ids of JSON, Parquet, .npy and .npz keep their types. Ids of a
            CSV or TSV column, or of a .txt, become integers if each of them is an integer of 64 bits as SQLite writes it
            (`str(int(x)) == x`); otherwise all of them stay text. To tell, the column is read once before anything else, up to
            the first id that is no such integer. Vectors are not decoded then.
        run_id_type: the same for the runs.
        vector_format: of the vectors. By default vectors of records are JSON arrays, arrays hold their own numbers, and what is
            marked as a BLOB is of float32. In another format a vector is a BLOB in base64, or the bytes of a row of the array.

    In CSV, TSV and .txt an empty id is missing (None). A row without an id is skipped where ids are TEXT by `id_type` or by the
    rest of their column, since it could get a number only. Line ends in a CSV cell become newlines.

    Raises:
        InputFileError: the file is not of its format, has no rows, or does not fit ids, texts or columns; an id cannot be of
            the type asked for; there are none and `id_type` is text; float32 looks like another format; PyArrow is missing.
            Damage further on in a streamed file is found, and raised, while `rows` is iterated.
        OptionError: an unknown format.
    """
    if format is not None and format not in FILE_FORMATS:
        raise OptionError("format", found=format, expected=f"one of {', '.join(FILE_FORMATS)}")
    given = Given(str(file), file) if isinstance(file, Path) else file
    with input_errors(given):
        line = first_line(given)
        if line.startswith(_SQLITE):
            raise Unusable(_not_a_database(given))
        format = format or _format_told(given.ending, line)
        if columns.dimensions is not None and format in ARRAY_MAGIC:
            raise Unusable(f"one column for each dimension is for records, and this is an array ({format})")
    if format in ARRAY_MAGIC:
        return read_array(given, ids, texts, format, id_type=id_type, vector_format=vector_format)
    types = {"id": id_type, "run_id": run_id_type}
    if format == "parquet":
        _refuse_lists(given, format, ids, texts)
        return _read_parquet(given, columns, types, vector_format)
    return _read_records(given, format, columns, types, vector_format, ids=ids, texts=texts)


def _not_a_database(given: Given) -> str:
    """What to do with an SQLite database; SQLite itself has to open it, and so it has to be a file, and not compressed."""
    copied = '"sqlclust fit" clusters a table of it where it is, and "sqlclust load" copies one with --from-table TABLE'
    with given.path.open("rb") as file:
        as_it_is = file.read(len(_SQLITE)) == _SQLITE
    if given.name != str(given.path) or not as_it_is:
        return f"is an SQLite database: put it into a file{'' if as_it_is else ', uncompressed'}; then {copied}"
    return f'is an SQLite database: {copied}; "sqlclust sources {quote(given.name)}" lists what it has'


def _refuse_lists(given: Given, format: str, *lists: Path | None) -> None:
    """Raise InputFileError for ids or texts beside a file that has them in its rows."""
    for other in filter(None, lists):
        reason = f"ids and texts files go with .npy and .npz, and {given} ({format}) has them in its own rows"
        raise InputFileError(str(other), reason=reason)


def _read_parquet(
    given: Given, columns: Columns, id_types: Mapping[str, IdType | None], vector_format: FormatName | None
) -> InputFile:
    names, count = names_and_count(given)
    with input_errors(given):
        if not count:
            raise Unusable("it has no rows")
        check_header(names, columns)
    if id_types["id"] == "text" and columns.id not in names:
        raise no_ids_error(given)
    narrowing = Narrowing()
    reader = RecordReader(columns, id_types, vector_format, cells=False)
    rows = embeddings_in(parquet_rows(given, names, columns), reader, given, narrowing)
    return InputFile(rows, count, "parquet", {}, narrowing)


def _read_records(
    given: Given,
    format: str,
    columns: Columns,
    id_types: Mapping[str, IdType | None],
    vector_format: FormatName | None,
    *,
    ids: Path | None,
    texts: Path | None,
) -> InputFile:
    """The embeddings in a file of records. JSON is parsed whole; the others are read again while `rows` is iterated."""
    if format in CELL_FORMATS:
        _refuse_lists(given, format, ids, texts)
    whole = format == "json"
    with closing(raw_rows(given, format)) as rows:
        beginning = list(rows if whole else islice(rows, 1))
    with input_errors(given):
        check_beginning(beginning, columns, format)
    lists, told = _lists_beside(beginning[0], given, format, ids, texts, id_types["id"])
    # a row of streamed JSON may have an id where the first has none
    has_ids = ids is not None or format == "nl" or any(columns.id in _names_of(row) for row in beginning)
    if id_types["id"] == "text" and not has_ids:
        raise no_ids_error(given)
    if format in CELL_FORMATS:
        not_said = {name: getattr(columns, name) for name, said in id_types.items() if said is None}
        there = {name: column for name, column in not_said.items() if column in _names_of(beginning[0])}
        told = _types_told_from_texts(given, format, there)
    narrowing = Narrowing()
    reader = RecordReader(columns, {**id_types, **told}, vector_format, cells=format in CELL_FORMATS)
    every: Iterable[object] = beginning if whole else raw_rows(given, format)
    found = embeddings_in(with_lists(every, lists, columns, given), reader, given, narrowing)
    return InputFile(found, len(beginning) if whole else None, format, told, narrowing)


def _lists_beside(
    first: object, given: Given, format: str, ids: Path | None, texts: Path | None, id_type: IdType | None
) -> tuple[list[ListBeside], Mapping[str, IdType]]:
    """Ids and texts beside a response, which has none; and the type that the ids were told to have, if nobody said it."""
    if not isinstance(first, ResponseRow | FailedRow):
        _refuse_lists(given, format, ids, texts)
        return [], {}
    if ids is not None and (isinstance(first, FailedRow) or "custom_id" in first):
        raise InputFileError(str(ids), reason=f"{given} has its rows in any order; say --id-column custom_id instead")
    own_ids, told = ids_beside(ids, None, id_type, given)
    lists = [ListBeside("id", "ids", own_ids, ids)] if ids is not None and own_ids is not None else []
    lists += [] if texts is None else [ListBeside("content", "texts", texts_beside(texts), texts)]
    return lists, {} if told is None else {"id": told}


def _names_of(row: object) -> Collection[str]:
    """The names of the fields in a row; none if it is no object."""
    return row.keys() if isinstance(row, dict) else ()


def _types_told_from_texts(given: Given, format: str, columns: Mapping[str, str]) -> dict[str, IdType]:
    """The types of columns of ids, told by a pass over the file of their own."""
    if not columns:
        return {}
    with closing(raw_rows(given, format)) as rows:
        types = types_of_columns(rows, list(columns.values()))
    return {name: types[column] for name, column in columns.items()}


def _format_told(ending: str, line: bytes) -> str:
    """The format of a file, told from its ending and its first line."""
    format = _ENDINGS.get(ending)
    if format is not None and format != "json":
        return format
    for name, magic in _MAGIC.items():
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
