"""Vectors in the files of a folder, one file after the other by name: .npy arrays, or a column of Parquet files.

A row is named by its place among all rows, from 0. Nothing of a file is run: arrays of objects are refused.
"""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from sqlclust.errors import VectorFilesError, VectorsChangedError
from sqlclust.vectors.blobs import Float32Array
from sqlclust.vectors.formats import check_narrowed, narrowed

_PIECE = 1 << 24
"""Bytes of vectors that are read at a time where only some of them are wanted."""


class VectorFolder:
    """The vectors of a folder.

    Attributes:
        ending: of its files.
        vector: the column of the vectors; None where files have nothing else.
        libraries: bytes of address space that whoever reads it needs for libraries.
        n: rows of all files.
        dimension: of each.
    """

    ending: str
    vector: str | None = None
    libraries = 0

    def __init__(self, folder: str, rows: Sequence[tuple[str, int]], dimension: int) -> None:
        """`rows`: of each file its name, and how many rows it has."""
        self.folder, self.dimension = folder, dimension
        self._names = [name for name, _ in rows]
        self._starts = np.cumsum([0, *(count for _, count in rows)])
        self.n = int(self._starts[-1])

    def described(self) -> dict[str, Any]:
        """JSON that `from_description` makes it again of, without a look at the files."""
        return {"folder": self.folder, "ending": self.ending, "dimension": self.dimension, "vector": self.vector}

    @property
    def name(self) -> str:
        """The folder."""
        return self.folder

    def row_name(self, row: int) -> str:
        """A row for messages: its file, and its place there."""
        number = int(np.searchsorted(self._starts, row, side="right")) - 1
        return f"{self.path(number)}: row {row - int(self._starts[number])}"

    def read(self, start: int, stop: int) -> Float32Array:
        """float32 (stop - start, dimension), the rows of a range.

        Raises:
            NotFiniteError: a row is no vector; it names the file and the row there.
            VectorFilesError, VectorsChangedError: a file cannot be read any more, or not as it was.
        """
        result = np.empty((stop - start, self.dimension), dtype=np.float32)
        for number in range(len(self._names)):
            low, high = int(self._starts[number]), int(self._starts[number + 1])
            first, last = max(start, low), min(stop, high)
            if first < last:
                given = self._rows(number, first - low, last - low)
                part = narrowed(given)
                check_narrowed(given, part, lambda row, first=first: (self.row_name(first + row), None))  # type: ignore[misc]
                result[first - start : last - start] = part
        return result

    def some(self, rows: NDArray[np.int64]) -> Float32Array:
        """float32 (n, dimension), of some rows, ascending. Reads what is between them too, a piece at a time."""
        result = np.empty((len(rows), self.dimension), dtype=np.float32)
        step, done = max(1, _PIECE // (4 * self.dimension)), 0
        while done < len(rows):
            start = int(rows[done])
            stop = int(np.searchsorted(rows, start + step))
            there = self.read(start, int(rows[stop - 1]) + 1)
            result[done:stop] = there[rows[done:stop] - start]
            done = stop
        return result

    def states(self) -> list[list[int] | None]:
        """Size and time of every file."""
        return [file_state(self.path(number)) for number in range(len(self._names))]

    def path(self, number: int) -> str:
        """Of a file."""
        return os.path.join(self.folder, self._names[number])

    @abstractmethod
    def _rows(self, number: int, start: int, stop: int) -> NDArray[Any]:
        """The rows of a range of a file, as they are there."""


class _File(NamedTuple):
    """A .npy file: where its numbers begin, how many rows it has."""

    name: str
    rows: int
    offset: int
    dtype: str


class NpyFolder(VectorFolder):
    """The rows of all .npy files of a folder, by name: arrays (rows, dimension) of float16, float32 or float64."""

    ending = ".npy"

    def __init__(self, folder: str, files: list[_File], dimension: int) -> None:
        super().__init__(folder, [(file.name, file.rows) for file in files], dimension)
        self._files = files

    @classmethod
    def found(cls, folder: str | os.PathLike[str]) -> NpyFolder:
        """The vectors of a folder.

        Raises:
            VectorFilesError: there is no such folder, no file in it, or one that is no array of such vectors.
        """
        folder, files = os.path.abspath(os.fspath(folder)), list[_File]()
        names = names_in(folder, cls.ending)
        widths = []
        for name in names:
            file, width = _npy_header(os.path.join(folder, name))
            files.append(file)
            widths.append(width)
        return cls(folder, files, same_dimension(folder, names, widths))

    def described(self) -> dict[str, Any]:
        """As `VectorFolder` has it."""
        return {**super().described(), "files": [list(file) for file in self._files]}

    @classmethod
    def from_description(cls, said: dict[str, Any]) -> NpyFolder:
        """The same again."""
        return cls(said["folder"], [_File(*file) for file in said["files"]], said["dimension"])

    def _rows(self, number: int, start: int, stop: int) -> NDArray[Any]:
        file, path = self._files[number], self.path(number)
        dtype = np.dtype(file.dtype)
        count = (stop - start) * self.dimension
        try:
            numbers = np.fromfile(
                path, dtype, count=count, offset=file.offset + start * self.dimension * dtype.itemsize
            )
        except OSError as error:
            raise unreadable(path, error) from None
        if len(numbers) < count:
            raise VectorsChangedError(path, change="it is shorter than it was")
        return numbers.reshape(stop - start, self.dimension)


def _npy_header(path: str) -> tuple[_File, int]:
    expected = "an array (rows, dimension) of float16, float32 or float64 in C order"
    try:
        with open(path, "rb") as file:
            version = npy.read_magic(file)
            read: Callable[..., Any] = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, fortran, dtype = read(file)
            offset = file.tell()
    except (OSError, ValueError) as error:
        raise VectorFilesError(path, found=f"no readable .npy file ({error})", expected=expected) from None
    if len(shape) != 2 or shape[1] == 0 or dtype.kind != "f" or fortran:
        found = f"an array {shape} of {dtype}{' in Fortran order' if fortran else ''}"
        raise VectorFilesError(path, found=found, expected=expected)
    return _File(os.path.basename(path), int(shape[0]), offset, dtype.str), int(shape[1])


def names_in(folder: str, *endings: str) -> list[str]:
    """The files of a folder that end so, by name. Raises VectorFilesError: there are none, or the folder cannot be read."""
    said = " or ".join(endings)
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(endings))
    except OSError as error:
        raise VectorFilesError(
            folder, found=f"cannot be read ({error.strerror})", expected=f"a folder of {said} files"
        ) from None
    if not names:
        raise VectorFilesError(folder, found=f"no {said} file", expected="some with vectors")
    return names


def states_in(folder: str, *endings: str) -> list[tuple[Any, ...]]:
    """Name, size and time of each file of a folder that ends so, by name; no file is opened. None of them where it is gone."""
    try:
        with os.scandir(folder) as entries:
            files = sorted(entry.name for entry in entries if entry.name.endswith(endings))
    except OSError:
        return []
    return [(name, *(file_state(os.path.join(folder, name)) or ())) for name in files]


def same_dimension(folder: str, names: Sequence[str], widths: Sequence[int]) -> int:
    """The dimension that all files have. Raises VectorFilesError: one has another."""
    for name, width in zip(names, widths, strict=True):
        if width != widths[0]:
            found, expected = f"vectors of {width} dimensions", f"{widths[0]} as in {names[0]}"
            raise VectorFilesError(os.path.join(folder, name), found=found, expected=expected)
    return widths[0]


def unreadable(path: str, error: Exception) -> VectorFilesError:
    """What is said of a file that cannot be read where it is wanted."""
    reason = getattr(error, "strerror", None) or str(error)
    return VectorFilesError(path, found=f"cannot be read here ({reason})", expected="the file that the client saw")


def file_state(path: str) -> list[int] | None:
    """Size and time of a file; None if it is not there."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns]
