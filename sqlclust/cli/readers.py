"""Embeddings read from files: arrays (.npy, .npz) and records (JSON, newline-delimited JSON, CSV, TSV).

Knows files and no SQL. A row that cannot be used comes out as `Skipped` with its reason; a file that cannot
be used raises InputFileError. An id keeps its type: text that only looks like a number stays text.
"""

from __future__ import annotations

import csv
import json
import math
import re
import stat
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.errors import Id, InputFileError, OptionError
from sqlclust.vectors import STORED, Float32Array

FORMATS = ("npy", "npz", "json", "nl", "csv", "tsv")

_ENDINGS = {f".{name}": name for name in FORMATS} | {".jsonl": "nl", ".ndjson": "nl", ".tab": "tsv"}
_MAGIC = {"npy": b"\x93NUMPY", "npz": b"PK"}
_BOM = b"\xef\xbb\xbf"
_BLOCK_ROWS = 4096
_FIRST_LINE_BYTES = 1 << 24  # enough to tell the format; a binary file may be one endless line
_FIELD_CHARACTERS = 1 << 27  # Python's own limit, 131,072, is less than a vector of 8,192 numbers in CSV
_MORE_FIELDS = "\0fields beyond the header"
_CANONICAL_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,18}")
_EXPECTED = {int: "an integer", float: "a number", str: "text"}
_INT64 = range(-(2**63), 2**63)


class Record(NamedTuple):
    """One embedding; `vector` is in stored form (little-endian float32), finite, not empty, zero or not."""

    id: Id | None
    vector: bytes
    content: str | None
    run_id: Id | None
    sequence_number: int | None


class Skipped(NamedTuple):
    """A row that cannot be used; `row` counts the file's rows from 1, header and blank lines left out."""

    row: int
    reason: str


@dataclass(frozen=True)
class Source:
    """What `read` found: the rows in file order, their number if it is known beforehand, one of `FORMATS`."""

    rows: Iterator[Record | Skipped]
    count: int | None
    format: str


@dataclass(frozen=True)
class Columns:
    """What columns (CSV, TSV) or keys (JSON) are called. By default `embedding` may stand for `vector`."""

    id: str = "id"
    vector: str = "vector"
    content: str = "content"
    run_id: str = "run_id"
    sequence_number: str = "sequence_number"


DEFAULT_COLUMNS = Columns()


class _Unusable(Exception):
    """What is wrong with a row or a file; becomes Skipped or InputFileError and never leaves this module."""


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
    with _reading(path):
        first_line = _first_line(path)
        format = format or _format_of(path.suffix.lower(), first_line)
    if format in ("npy", "npz"):
        return _read_array(path, ids, texts, format)
    for other in filter(None, (ids, texts)):
        reason = f"ids and texts files go with .npy and .npz, and {path} ({format}) has them in its own rows"
        raise InputFileError(str(other), reason=reason)
    # JSON is parsed whole; the others are read again later, so that nothing stays open that nobody iterates
    with closing(_rows_of(path, format)) as rows:
        beginning = list(rows if format == "json" else islice(rows, 1))
    with _reading(path):
        _check_beginning(beginning, columns, format)
    if format == "json":
        return Source(_from_records(beginning, columns), len(beginning), format)
    return Source(_from_records(_rows_of(path, format), columns, cells=format != "nl"), None, format)


@contextmanager
def _reading(path: Path, what: str = "a readable file") -> Iterator[None]:
    """Whatever goes wrong while a file is opened and parsed becomes an InputFileError."""
    try:
        yield
    except _Unusable as error:
        raise InputFileError(str(path), reason=str(error)) from None
    except OSError as error:
        raise InputFileError(str(path), reason=error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        found = f"byte 0x{error.object[error.start]:02x}, {error.reason}"
        raise InputFileError(str(path), reason=f"not {what}: not UTF-8 text ({found})") from error
    except Exception as error:  # for damaged bytes NumPy, zipfile, zlib, csv and json have some twenty types
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputFileError(str(path), reason=f"not {what}: {said}") from error


def _first_line(path: Path) -> bytes:
    """The first line that is not blank, of a file that has something to read."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):  # asked before opening, where a FIFO would wait for its other end
        kind = "a directory" if stat.S_ISDIR(found.st_mode) else "a pipe or a device"
        raise _Unusable(f"is {kind}, expected a regular file")
    if found.st_size == 0:
        raise _Unusable("the file is empty")
    with path.open("rb") as file:
        line = b"\n"
        while line and not line.strip():
            line = file.readline(_FIRST_LINE_BYTES)
    return line


def _format_of(ending: str, line: bytes) -> str:
    format = _ENDINGS.get(ending)
    if format is not None and format != "json":
        return format
    for name, magic in _MAGIC.items():
        if format is None and line.startswith(magic):
            return name
    line = line.removeprefix(_BOM).strip()
    if line.startswith(b"{"):  # one object a line goes under .json as well
        try:
            json.loads(line)
        except (ValueError, RecursionError):
            return "json"
        return "nl"
    if format == "json" or line.startswith(b"["):
        return "json"
    return "tsv" if b"\t" in line else "csv"


# --- arrays -----------------------------------------------------------------------------------------------


def _read_array(path: Path, ids: Path | None, texts: Path | None, format: str) -> Source:
    arrays = _arrays(path, format)
    with _reading(path, "an array of ids or texts"):
        vectors = _matrix(arrays)
        row_ids = None if "ids" not in arrays else _listed(arrays["ids"], "iuU")
        name = "texts" if "texts" in arrays else "content"
        row_texts = None if name not in arrays else _listed(arrays[name], "U")
    row_ids = row_ids if ids is None else _values(ids, "iuU")
    row_texts = row_texts if texts is None else _values(texts, "U")
    for values, what, file in ((row_ids, "ids", ids or path), (row_texts, "texts", texts or path)):
        if values is not None and len(values) != len(vectors):
            counts = f"{len(values):,} {what} for the {len(vectors):,} vectors in {path}"
            raise InputFileError(str(file), reason=f"found {counts}, expected as many")
    return Source(_from_array(vectors, row_ids, row_texts), len(vectors), format)


def _arrays(path: Path, format: str) -> Mapping[str, NDArray[Any]]:
    """The arrays of an .npz file by name, or that of an .npy file, which is mapped and not yet read."""
    with _reading(path, f"a readable .{format} file"):
        if not _first_line(path).startswith(_MAGIC[format]):
            raise ValueError("it does not begin as one")  # NumPy would call it a pickle and advise to load it
        if format == "npy":
            return {"array": np.load(path, mmap_mode="r", allow_pickle=False)}
        # a file of ours, because NumPy leaves its own open if it is a damaged archive
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        return {name: array for name, array in arrays.items() if isinstance(array, np.ndarray)}


def _matrix(arrays: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    """The vectors among arrays, numbers of shape (n > 0, dimension > 0)."""
    matrices = [name for name, array in arrays.items() if array.ndim == 2]
    known = [name for name in ("vectors", "embeddings", "arr_0") if name in matrices]
    if not known and len(matrices) != 1:
        there = ", ".join(f"{name} {array.shape}" for name, array in arrays.items()) or "none"
        raise _Unusable(f"expected one 2-d array, or one named vectors, embeddings or arr_0; found {there}")
    vectors = arrays[(known or matrices)[0]]
    if vectors.dtype.kind not in "fiu" or vectors.size == 0:
        expected = "expected floats or integers, at least one row and one column"
        raise _Unusable(f"found an array of {vectors.dtype}, shape {vectors.shape}, {expected}")
    return vectors


def _values(path: Path, kinds: str) -> Sequence[object]:
    """The ids (`kinds` iuU, NumPy's letters for integers and strings) or texts (U) in a file of their own."""
    ending = path.suffix.lower()
    array = _arrays(path, "npy")["array"] if ending == ".npy" else None
    with _reading(path, "a list of ids" if "i" in kinds else "a list of texts"):
        if array is not None:
            return _listed(array, kinds)
        _first_line(path)
        if ending not in (".txt", ".json"):
            raise _Unusable("expected a file that ends in .npy, .txt or .json")
        text = path.read_bytes().removeprefix(_BOM).decode()
        if ending == ".json":
            values = json.loads(text)
            if not isinstance(values, list):
                raise _Unusable(f"found {_shown(values)}, expected a JSON list")
            return values
        # not str.splitlines(), which would also cut at form feeds and U+2028 within a text
        lines = [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]
        return [_from_cell(line) for line in lines] if "i" in kinds else lines


def _listed(array: NDArray[Any], kinds: str) -> Sequence[object]:
    """An array of ids or texts as plain Python values."""
    if array.ndim != 1 or array.dtype.kind not in kinds:
        expected = "a 1-d array of " + ("integers or strings" if "i" in kinds else "strings")
        raise _Unusable(f"found an array of {array.dtype}, shape {array.shape}, expected {expected}")
    values: list[object] = array.tolist()
    return values


def _from_array(
    vectors: NDArray[Any], ids: Sequence[object] | None, texts: Sequence[object] | None
) -> Iterator[Record | Skipped]:
    for start in range(0, len(vectors), _BLOCK_ROWS):
        given = vectors[start : start + _BLOCK_ROWS]
        block = _float32(given)
        for offset, finite in enumerate(np.all(np.isfinite(block), axis=1)):
            row = start + offset
            try:
                if not finite:
                    raise _not_finite(given[offset], block[offset])
                embedding_id = None if ids is None else _value(ids[row], "id", int, float, str)
                content = None if texts is None else _value(texts[row], "content", str)
            except _Unusable as problem:
                yield Skipped(row + 1, str(problem))
            else:
                yield Record(embedding_id, block[offset].tobytes(), content, None, None)


def _float32(numbers: NDArray[Any]) -> Float32Array:
    """The numbers as they are stored, contiguous; one beyond float32 becomes infinite, without a warning."""
    with np.errstate(all="ignore"):
        return np.ascontiguousarray(numbers, dtype=STORED)


def _not_finite(given: NDArray[Any], stored: Float32Array) -> _Unusable:
    position = int(np.argmin(np.isfinite(stored)))
    found = float(given[position])
    why = "a number beyond float32" if math.isfinite(found) else "expected finite numbers"
    return _Unusable(f"the vector has {found} at position {position}, {why}")


# --- records ----------------------------------------------------------------------------------------------


def _rows_of(path: Path, format: str) -> Generator[object]:
    """The rows of a record file as they are; _Unusable in place of a line that is not JSON."""
    from sqlite_utils.utils import Format, rows_from_file

    kind = {"json": Format.JSON, "nl": Format.NL}.get(format, Format.CSV)
    # CSV is told its dialect: the sniffer trips over vectors, and Format.TSV forgets extras_key
    dialect = csv.excel_tab if format == "tsv" else csv.excel
    limit = csv.field_size_limit(_FIELD_CHARACTERS)  # one for the whole process, so it is put back
    try:
        with _reading(path, format.upper()), path.open("rb") as file:
            while True:
                try:
                    yield from rows_from_file(file, kind, dialect, extras_key=_MORE_FIELDS)[0]
                    return
                except (ValueError, RecursionError) as error:
                    if format != "nl" or isinstance(error, UnicodeDecodeError):
                        raise
                    yield _Unusable(f"the line is not JSON: {error}")  # the next generator goes on after it
    finally:
        csv.field_size_limit(limit)


def _check_beginning(beginning: Sequence[object], columns: Columns, format: str) -> None:
    """Raise _Unusable unless there is an object in it and, in CSV, a column for each field asked for."""
    if not beginning:
        raise _Unusable("it has no rows")
    row = next((row for row in beginning if isinstance(row, dict)), None)
    if row is None:
        found = beginning[0] if isinstance(beginning[0], _Unusable) else f"found {_shown(beginning[0])}"
        raise _Unusable(f"row 1: {found}, expected an object")
    missing = _missing(row, columns, [field.name for field in fields(columns)])
    if missing is not None and format in ("csv", "tsv"):
        header = [repr(name[:40]) for name in row if name != _MORE_FIELDS]
        there = ", ".join(header[:8]) + (", …" if len(header) > 8 else "")
        raise _Unusable(f"no column {missing!r}; its columns: {there}")


def _missing(row: Mapping[str, object], columns: Columns, names: Iterable[str]) -> str | None:
    """The first of these fields that a row should have and has not: `vector`, and any not called as usual."""
    for name in names:
        column = getattr(columns, name)
        usual = column == name and (name != "vector" or "embedding" in row)
        if column not in row and not usual:
            return str(column)
    return None


def _from_records(rows: Iterable[object], columns: Columns, cells: bool = False) -> Iterator[Record | Skipped]:
    """`cells`: the values are text, as in CSV, and integers have to be told from it."""
    first: tuple[int, int] | None = None  # row and dimension of the first usable row
    for number, row in enumerate(rows, 1):
        try:
            record = _record(row, columns, cells=cells)
            dimension = len(record.vector) // STORED.itemsize
            first = first or (number, dimension)
            if dimension != first[1]:
                expected = f"expected {first[1]} as in row {first[0]}"
                raise _Unusable(f"the vector has {dimension} dimensions, {expected}")
        except _Unusable as problem:
            yield Skipped(number, str(problem))
        else:
            yield record


def _record(row: object, columns: Columns, *, cells: bool) -> Record:
    if isinstance(row, _Unusable):
        raise row
    if not isinstance(row, dict):
        raise _Unusable(f"the row is {_shown(row)}, expected an object")
    if _MORE_FIELDS in row:
        more = f"{len(row[_MORE_FIELDS])} more fields than the header has"
        raise _Unusable(f"{more}; a vector that holds commas has to be quoted")
    # an optional key may be left out of an object; an id that was asked for is not for the database to number
    missing = _missing(row, columns, ("vector", "id"))
    if missing is not None:
        raise _Unusable(f"no {missing!r} in the row")
    vector = row[columns.vector] if columns.vector in row else row["embedding"]
    integers = [row.get(name) for name in (columns.id, columns.run_id, columns.sequence_number)]
    embedding_id, run_id, sequence_number = map(_from_cell, integers) if cells else integers
    return Record(
        _value(embedding_id, columns.id, int, float, str),
        _vector(vector),
        _value(row.get(columns.content), columns.content, str),
        _value(run_id, columns.run_id, int, float, str),
        _value(sequence_number, columns.sequence_number, int),
    )


# --- values: each raises _Unusable ------------------------------------------------------------------------


def _vector(value: object) -> bytes:
    """The stored form of a JSON array of numbers, or of text that holds one."""
    numbers = value
    if isinstance(value, str):
        try:
            numbers = json.loads(value)
        except (ValueError, RecursionError):
            numbers = None
    if not isinstance(numbers, list) or not numbers:
        found = "NULL" if value is None else "an empty array" if numbers == [] else _shown(value)
        raise _Unusable(f"the vector is {found}, expected a JSON array of numbers")
    if not {*map(type, numbers)} <= {int, float}:  # exact types: bool is no number here
        position = next(at for at, number in enumerate(numbers) if type(number) not in (int, float))
        found = f"{_shown(numbers[position])} at position {position}"
        raise _Unusable(f"the vector has {found}, expected a number")
    try:
        given = np.array(numbers, dtype=np.float64)
    except OverflowError:
        raise _Unusable("the vector has an integer beyond float32") from None
    stored = _float32(given)
    if not np.isfinite(stored).all():
        raise _not_finite(given, stored)
    return stored.tobytes()


def _from_cell(cell: object) -> object:
    """The integer, if the text is one canonically and of 64 bits; None for no text; otherwise the text.

    Never a float: '1e5' and '0688868048517e121234567890123456' are ids, and as numbers such ids collide.
    """
    if isinstance(cell, str) and _CANONICAL_INTEGER.fullmatch(cell) and int(cell) in _INT64:
        return int(cell)
    return None if cell == "" else cell


def _value(value: object, name: str, *types: type) -> Any:
    """The value, if it is NULL or one of these types, and can be stored as it is."""
    if value is not None and type(value) not in types:
        expected = " or ".join(_EXPECTED[allowed] for allowed in types)
        raise _Unusable(f"{name} is {_shown(value)}, expected {expected}")
    if isinstance(value, int) and value not in _INT64:
        raise _Unusable(f"{name} is {_shown(value)}, beyond SQLite's 64-bit integers")
    if isinstance(value, float) and not math.isfinite(value):
        raise _Unusable(f"{name} is {value}, expected a finite number")
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:  # JSON can spell half a character, such as \ud800; SQLite cannot hold it
            raise _Unusable(f"{name} is {_shown(value)}, which is not valid Unicode") from None
    return value


def _shown(value: object) -> str:
    """A value in a message, short."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "an array"
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:39]}…"
