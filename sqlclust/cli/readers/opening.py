"""Input files: opening them, compressed ones and standard input too, and what goes wrong while they are read."""

from __future__ import annotations

import gzip
import io
import shutil
import stat
import sys
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from sqlclust.cli.readers.input_file import Unusable
from sqlclust.errors import InputFileError

BOM = b"\xef\xbb\xbf"
STANDARD_INPUT = Path("-")

_GZIP = b"\x1f\x8b"
_FIRST_LINE_BYTES = 1 << 24  # enough to tell the format; a binary file may be one endless line


@dataclass(frozen=True)
class Given:
    """A file as messages name it, and where its bytes are, compressed or not.

    Attributes:
        name: what `str` gives.
        path: where the bytes are.
    """

    name: str
    path: Path

    def __str__(self) -> str:
        return self.name

    @property
    def ending(self) -> str:
        """Of the name, in small letters: '.csv' of 'V.csv.gz' too."""
        return Path(self.name.lower().removesuffix(".gz")).suffix

    def open(self) -> BinaryIO:
        """Its bytes; those of a gzip file are uncompressed as they are read."""
        file = self.path.open("rb")
        compressed = file.read(len(_GZIP)) == _GZIP
        file.seek(0)
        return cast(BinaryIO, io.BufferedReader(_Uncompressed(file), 1 << 16)) if compressed else file

    @contextmanager
    def uncompressed(self) -> Iterator[Path]:
        """A file that can be mapped, or read from any place: its own, or a temporary one where that is compressed."""
        with self.open() as file:
            if not isinstance(file.raw, _Uncompressed):  # type: ignore[attr-defined]
                yield self.path
                return
            # where an open file cannot be removed, the folder stays until the system clears it
            with tempfile.TemporaryDirectory(prefix="sqlclust-", ignore_cleanup_errors=True) as folder:
                path = Path(folder, "uncompressed")
                with path.open("wb") as copy:
                    shutil.copyfileobj(file, copy, 1 << 20)
                yield path


class _Uncompressed(io.RawIOBase):
    """The bytes in a gzip file; damage in it is said as such."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file, self._bytes = file, gzip.GzipFile(fileobj=file, mode="rb")

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """As of any raw file."""
        try:
            return self._bytes.readinto(buffer)
        except EOFError:
            raise Unusable("the gzip file is cut off: it ends before its end is marked") from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise Unusable(f"the gzip file is damaged: {error}") from None

    def close(self) -> None:
        """Closes the file as well."""
        self._bytes.close()
        self._file.close()
        super().close()


@contextmanager
def opened(path: Path) -> Iterator[Given]:
    """A file that somebody names; `-` is standard input.

    That is kept in a temporary file first (where TMPDIR says), since most kinds of file are read from more than one place. So
    nobody waits for a slow pipe with a database locked.
    """
    if path != STANDARD_INPUT:
        yield Given(str(path), path)
        return
    with tempfile.NamedTemporaryFile(prefix="sqlclust-") as copy:
        with input_errors(Path("standard input")):
            if sys.stdin is None:  # of a program that was started with it closed
                raise Unusable("it is closed")
            shutil.copyfileobj(sys.stdin.buffer, copy, 1 << 20)
            copy.flush()
        yield Given("standard input", Path(copy.name))


@contextmanager
def input_errors(path: Path | Given, what: str = "a readable file") -> Iterator[None]:
    """Whatever goes wrong while a file is opened and parsed becomes an InputFileError."""
    try:
        yield
    except Unusable as error:
        raise InputFileError(str(path), reason=str(error)) from None
    except OSError as error:  # PyArrow's have no number where it is the content that is wrong
        said = error.strerror or " ".join(str(error).split())[:200]
        raise InputFileError(str(path), reason=said if error.errno else f"not {what}: {said}") from error
    except UnicodeDecodeError as error:
        found = f"byte 0x{error.object[error.start]:02x}, {error.reason}"
        raise InputFileError(str(path), reason=f"not {what}: not UTF-8 text ({found})") from error
    except Exception as error:  # for damaged bytes NumPy, zipfile, zlib, csv and json have some twenty types
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputFileError(str(path), reason=f"not {what}: {said}") from error


def first_line(given: Given) -> bytes:
    """The first line that is not blank, of a file that has something to read."""
    found = given.path.stat()
    if not stat.S_ISREG(found.st_mode):  # asked before opening, where a FIFO would wait for its other end
        kind = "a directory" if stat.S_ISDIR(found.st_mode) else "a pipe or a device"
        raise Unusable(f"is {kind}, expected a regular file")
    if found.st_size == 0:
        raise Unusable("the file is empty")
    with given.open() as file:
        line = b"\n"
        while line and not line.strip():
            line = file.readline(_FIRST_LINE_BYTES)
    return line
