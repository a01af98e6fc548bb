"""What every reader of input files needs: rows, what is wrong with them, and the checks of single values."""

from __future__ import annotations

import json
import math
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.errors import Id, InputFileError
from sqlclust.vectors.blobs import Float32Array
from sqlclust.vectors.narrowing import Narrowing

BOM = b"\xef\xbb\xbf"
INT64 = range(-(2**63), 2**63)

_FIRST_LINE_BYTES = 1 << 24  # enough to tell the format; a binary file may be one endless line
_EXPECTED = {int: "an integer", float: "a number", str: "text"}


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
    """What `read` found.

    Attributes:
        rows: in file order.
        count: how many there are, if that is known beforehand.
        format: one of `FORMATS`.
        id_types: 'text' or 'integer' for `id` and `run_id`, where neither the file nor the user says it: told from the texts of
            the whole column. An integer told so is one that its text can be made of again.
        narrowing: what became equal among the rows that were read so far.
    """

    rows: Iterator[Record | Skipped]
    count: int | None
    format: str
    id_types: Mapping[str, str] = field(default_factory=dict)
    narrowing: Narrowing = field(default_factory=Narrowing)


class Unusable(Exception):
    """What is wrong with a row or a file; becomes Skipped or InputFileError and never leaves the readers."""


@contextmanager
def reading(path: Path, what: str = "a readable file") -> Iterator[None]:
    """Whatever goes wrong while a file is opened and parsed becomes an InputFileError."""
    try:
        yield
    except Unusable as error:
        raise InputFileError(str(path), reason=str(error)) from None
    except OSError as error:
        raise InputFileError(str(path), reason=error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        found = f"byte 0x{error.object[error.start]:02x}, {error.reason}"
        raise InputFileError(str(path), reason=f"not {what}: not UTF-8 text ({found})") from error
    except Exception as error:  # for damaged bytes NumPy, zipfile, zlib, csv and json have some twenty types
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputFileError(str(path), reason=f"not {what}: {said}") from error


def first_line(path: Path) -> bytes:
    """The first line that is not blank, of a file that has something to read."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):  # asked before opening, where a FIFO would wait for its other end
        kind = "a directory" if stat.S_ISDIR(found.st_mode) else "a pipe or a device"
        raise Unusable(f"is {kind}, expected a regular file")
    if found.st_size == 0:
        raise Unusable("the file is empty")
    with path.open("rb") as file:
        line = b"\n"
        while line and not line.strip():
            line = file.readline(_FIRST_LINE_BYTES)
    return line


# --- values: each raises Unusable -------------------------------------------------------------------------


def not_finite(given: NDArray[Any], stored: Float32Array) -> Unusable:
    """What is wrong with a vector that has NaN, infinity or a number beyond float32; `given` before it was stored."""
    position = int(np.argmin(np.isfinite(stored)))
    found = float(given[position])
    why = "a number beyond float32" if math.isfinite(found) else "expected finite numbers"
    return Unusable(f"the vector has {found} at position {position}, {why}")


def value_of(value: object, name: str, *types: type) -> Any:
    """The value, if it is NULL or one of these types, and can be stored as it is."""
    if value is not None and type(value) not in types:
        expected = " or ".join(_EXPECTED[allowed] for allowed in types)
        raise Unusable(f"{name} is {shown(value)}, expected {expected}")
    if isinstance(value, int) and value not in INT64:
        raise Unusable(f"{name} is {shown(value)}, beyond SQLite's 64-bit integers")
    if isinstance(value, float) and not math.isfinite(value):
        raise Unusable(f"{name} is {value}, expected a finite number")
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:  # JSON can spell half a character, such as \ud800; SQLite cannot hold it
            raise Unusable(f"{name} is {shown(value)}, which is not valid Unicode") from None
    return value


def shown(value: object) -> str:
    """A value in a message, short."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "an array"
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:39]}…"
