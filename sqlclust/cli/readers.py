"""Embeddings read from files: arrays (.npy, .npz) and records (JSON, newline-delimited JSON, CSV, TSV).

Knows files and no SQL. A row that cannot be used comes out as `Skipped` with its reason; a file that cannot
be used raises InputFileError. An id keeps its type: text that only looks like a number stays text.
"""

from __future__ import annotations

import json
from contextlib import closing
from itertools import islice
from pathlib import Path

from sqlclust.cli.arrays import MAGIC, read_array
from sqlclust.cli.records import DEFAULT_COLUMNS, Columns, check_beginning, from_records, rows_of
from sqlclust.cli.rows import BOM, Record, Skipped, Source, first_line, reading
from sqlclust.errors import InputFileError, OptionError

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
) -> Source:
    """The embeddings in a file.

    Args:
        path: a regular file. JSON and .npz are held in memory whole; .npy, NL, CSV and TSV are streamed.
        ids: ids for the rows of an array: .npy of integers or strings, .json holding a list, .txt one a line.
        texts: contents for the rows of an array, in the same kinds of file.
        columns: what the fields of records are called. A CSV file has to have those that are renamed, and a
            row of JSON `id` if it is.
        format: one of `FORMATS`; otherwise the file's ending or its first line tells.

    In CSV, TSV and .txt an id is an integer if it is one written canonically (`str(int(x)) == x`) of 64 bits,
    missing (None) if it is empty, and otherwise TEXT as it stands. Line ends in a CSV cell become newlines.

    Raises:
        InputFileError: the file is not of its format, has no rows, or does not fit ids, texts or columns.
            Damage further on in a streamed file is found, and raised, while `rows` is iterated.
        OptionError: an unknown format.
    """
    if format is not None and format not in FORMATS:
        raise OptionError("format", found=format, expected=f"one of {', '.join(FORMATS)}")
    with reading(path):
        line = first_line(path)
        format = format or _format_of(path.suffix.lower(), line)
    if format in ("npy", "npz"):
        return read_array(path, ids, texts, format)
    for other in filter(None, (ids, texts)):
        reason = f"ids and texts files go with .npy and .npz, and {path} ({format}) has them in its own rows"
        raise InputFileError(str(other), reason=reason)
    # JSON is parsed whole; the others are read again later, so that nothing stays open that nobody iterates
    with closing(rows_of(path, format)) as rows:
        beginning = list(rows if format == "json" else islice(rows, 1))
    with reading(path):
        check_beginning(beginning, columns, format)
    if format == "json":
        return Source(from_records(beginning, columns), len(beginning), format)
    return Source(from_records(rows_of(path, format), columns, cells=format != "nl"), None, format)


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
