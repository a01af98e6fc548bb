"""Embeddings read from files: arrays (.npy, .npz) and records (JSON, newline-delimited JSON, CSV, TSV).

Knows files and no SQL. A row that cannot be used comes out as `Skipped` with its reason; a file that cannot
be used raises InputFileError. The ids of a column are of one type: text that only looks like a number stays text (`cli.ids`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import closing
from itertools import islice
from pathlib import Path

from sqlclust.cli.readers.arrays import MAGIC, read_array
from sqlclust.cli.readers.columns import DEFAULT_COLUMNS, Columns, check_beginning
from sqlclust.cli.readers.ids import IdType, no_ids, types_of_columns
from sqlclust.cli.readers.opening import BOM, first_line, reading
from sqlclust.cli.readers.records import from_records, rows_of
from sqlclust.cli.readers.source import Record, Skipped, Source
from sqlclust.errors import InputFileError, OptionError
from sqlclust.vectors.formats import FormatName
from sqlclust.vectors.narrowing import Narrowing

__all__ = ["FORMATS", "Columns", "Record", "Skipped", "Source", "read"]

FORMATS = ("npy", "npz", "json", "nl", "csv", "tsv")

_ENDINGS = {f".{name}": name for name in FORMATS} | {".jsonl": "nl", ".ndjson": "nl", ".tab": "tsv"}


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
) -> Source:
    """The embeddings in a file.

    Args:
        path: a regular file. JSON and .npz are held in memory whole; .npy, NL, CSV and TSV are streamed.
        ids: ids for the rows of an array: .npy of integers or strings, .json holding a list, .txt one a line.
        texts: contents for the rows of an array, in the same kinds of file.
        columns: what the fields of records are called. A CSV file has to have those that are renamed, and a
            row of JSON `id` if it is.
        format: one of `FORMATS`; otherwise the file's ending or its first line tells.

        id_type: what all ids become, TEXT or INTEGER. By default ids of JSON, .npy and .npz keep their types, and the ids of a
            CSV or TSV column or a .txt are integers if every one of them is an integer of 64 bits that is written canonically
            (`str(int(x)) == x`), and otherwise all TEXT as they stand. To tell, a column is read once more, before
            anything else, up to the first id that is no such integer; vectors are not decoded.
        run_id_type: the same for the runs.
        vector_format: of the vectors. By default those of records are JSON arrays, and arrays hold their own numbers; of another
            format are BLOBs in base64, or the bytes of an array's rows.

    In CSV, TSV and .txt an empty id is missing (None). A row without an id is skipped where ids are TEXT by `id_type` or by the
    rest of their column, since it could get a number only. Line ends in a CSV cell become newlines.

    Raises:
        InputFileError: the file is not of its format, has no rows, or does not fit ids, texts or columns; an id cannot be of
            the type asked for; there are none and `id_type` is text; an array of float32 looks like another format.
            Damage further on in a streamed file is found, and raised, while `rows` is iterated.
        OptionError: an unknown format.
    """
    if format is not None and format not in FORMATS:
        raise OptionError("format", found=format, expected=f"one of {', '.join(FORMATS)}")
    with reading(path):
        line = first_line(path)
        format = format or _format_of(path.suffix.lower(), line)
    if format in ("npy", "npz"):
        return read_array(path, ids, texts, format, id_type=id_type, vector_format=vector_format)
    for other in filter(None, (ids, texts)):
        reason = f"ids and texts files go with .npy and .npz, and {path} ({format}) has them in its own rows"
        raise InputFileError(str(other), reason=reason)
    # JSON is parsed whole; the others are read again later, so that nothing stays open that nobody iterates
    with closing(rows_of(path, format)) as rows:
        beginning = list(rows if format == "json" else islice(rows, 1))
    with reading(path):
        check_beginning(beginning, columns, format)
    # of JSON that is streamed each row is asked
    if (
        id_type == "text"
        and format != "nl"
        and not any(isinstance(row, dict) and columns.id in row for row in beginning)
    ):
        raise no_ids(path)
    types: dict[str, IdType | None] = {"id": id_type, "run_id": run_id_type}
    vectors, narrowing = vector_format or "json", Narrowing()
    if format == "json":
        records = from_records(beginning, columns, path, types=types, format=vectors, narrowing=narrowing)
        return Source(records, len(beginning), format, narrowing=narrowing)
    told: dict[str, IdType] = {}
    if format != "nl":
        header = beginning[0] if isinstance(beginning[0], dict) else {}
        untold = {name: getattr(columns, name) for name, said in types.items() if said is None}
        told = _told(path, format, {name: column for name, column in untold.items() if column in header})
    types.update(told)
    again, cells = rows_of(path, format), format != "nl"
    records = from_records(again, columns, path, types=types, format=vectors, narrowing=narrowing, cells=cells)
    return Source(records, None, format, told, narrowing)


def _told(path: Path, format: str, columns: Mapping[str, str]) -> dict[str, IdType]:
    """The types of columns of ids, by a pass over the file of their own."""
    if not columns:
        return {}
    with closing(rows_of(path, format)) as rows:
        types = types_of_columns(rows, list(columns.values()))
    return {name: types[column] for name, column in columns.items()}


def _format_of(ending: str, line: bytes) -> str:
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
