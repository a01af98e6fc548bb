"""Input files: opening them, and what goes wrong while they are read."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlclust.cli.readers.input_file import Unusable
from sqlclust.errors import InputFileError

BOM = b"\xef\xbb\xbf"

_FIRST_LINE_BYTES = 1 << 24  # enough to tell the format; a binary file may be one endless line


@contextmanager
def input_errors(path: Path, what: str = "a readable file") -> Iterator[None]:
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
