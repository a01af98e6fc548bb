"""Where the vectors of a fit in shards are: every worker reads its ranges of rows itself. And those in a folder of .npy files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from sqlclust.core.geometry.metrics import Float32Array
from sqlclust.errors import (
    VectorFilesError,
    VectorsChangedError,
)
from sqlclust.vectors.blobs import STORED
from sqlclust.vectors.formats import check_narrowed, narrowed


class VectorSource(Protocol):
    """Vectors in an order of their own, read by ranges of rows.

    Attributes:
        n: rows.
        dimension: of each.
    """

    n: int
    dimension: int

    @property
    def name(self) -> str:
        """For messages."""

    def ranges(self, rows: int) -> list[tuple[int, int]]:
        """Ranges (start, stop) of at most so many rows, one after the other, in which it can be read."""

    def read(self, start: int, stop: int) -> Float32Array:
        """float32 (stop - start, dimension), the rows of one of the ranges.

        Raises:
            NotFiniteError, VectorTypeError, …: a row is no vector; it names the row.
            VectorsChangedError: there are other rows than there were.
        """

    def fingerprint(self) -> list[Any]:
        """Changes whenever the files do; equal ones mean that nothing was written."""

    def described(self) -> dict[str, Any]:
        """JSON that `opening.source_of` makes it again of."""

    def files(self, spool: str) -> list[str]:
        """The files in the folder of a fit that workers need to read it; none where its description says all."""

    def write_files(self, spool: str) -> None:
        """Write those. Raises SpoolFileError, SpoolFullError."""


_IN_ORDER = 1 << 27
"""Bytes of vectors that are held at a time to give them in another order than they are read in."""


def in_order(
    read: Callable[[NDArray[np.intp]], Float32Array], order: NDArray[np.intp], dimension: int
) -> Iterator[bytes]:
    """Vectors as they are stored, float32, in some order of the rows.

    Args:
        read: gives those of some rows, ascending.
        order: intp (n,), the rows.

    Cost: 128 MiB of memory. All is read once where the order is nearly that of the rows; at the worst once for each 128 MiB.
    """
    step = max(1, _IN_ORDER // (4 * dimension))
    for start in range(0, len(order), step):
        rows = order[start : start + step]
        ascending = np.argsort(rows, kind="stable")
        vectors = read(rows[ascending])
        place = np.empty(len(rows), dtype=np.intp)
        place[ascending] = np.arange(len(rows))
        for at in place.tolist():
            yield vectors[at].astype(STORED, copy=False).tobytes()


class _File(NamedTuple):
    """A .npy file: where its numbers begin, how many rows it has."""

    name: str
    rows: int
    offset: int
    dtype: str


class NpyFolder:
    """The rows of all .npy files of a folder, by name: arrays (rows, dimension) of float16, float32 or float64."""

    def __init__(self, folder: str, files: list[_File], dimension: int) -> None:
        self._folder, self._files, self.dimension = folder, files, dimension
        self._starts = np.cumsum([0, *(file.rows for file in files)])
        self.n = int(self._starts[-1])

    @classmethod
    def found(cls, folder: str | os.PathLike[str]) -> NpyFolder:
        """The source of a folder.

        Raises:
            VectorFilesError: there is no such folder, no file in it, or one that is no array of such vectors.
        """
        folder = os.path.abspath(os.fspath(folder))
        try:
            names = sorted(name for name in os.listdir(folder) if name.endswith(".npy"))
        except OSError as error:
            raise VectorFilesError(
                folder, found=f"cannot be read ({error.strerror})", expected="a folder of .npy files"
            ) from None
        if not names:
            raise VectorFilesError(folder, found="no .npy file", expected="some with vectors")
        files, dimension = [], None
        for name in names:
            file, width = _npy_header(os.path.join(folder, name))
            if dimension is not None and width != dimension:
                raise VectorFilesError(
                    os.path.join(folder, name),
                    found=f"vectors of {width} dimensions",
                    expected=f"{dimension} as in {names[0]}",
                )
            files.append(file)
            dimension = width
        return cls(folder, files, dimension or 0)

    @classmethod
    def from_description(cls, said: dict[str, Any], spool: str) -> NpyFolder:
        """The same again."""
        return cls(said["folder"], [_File(*file) for file in said["files"]], said["dimension"])

    def described(self) -> dict[str, Any]:
        """As `VectorSource` has it."""
        files = [list(file) for file in self._files]
        return {"kind": "npy", "folder": self._folder, "files": files, "dimension": self.dimension}

    @property
    def name(self) -> str:
        """The folder."""
        return self._folder

    def ranges(self, rows: int) -> list[tuple[int, int]]:
        """As `VectorSource` has it."""
        return [(start, min(start + rows, self.n)) for start in range(0, self.n, rows)]

    def read(self, start: int, stop: int) -> Float32Array:
        """As `VectorSource` has it."""
        result = np.empty((stop - start, self.dimension), dtype=np.float32)
        for number, file in enumerate(self._files):
            low, high = int(self._starts[number]), int(self._starts[number + 1])
            first, last = max(start, low), min(stop, high)
            if first < last:
                given = self._rows(file, first - low, last - low)
                part = narrowed(given)
                _check(given, part, os.path.join(self._folder, file.name), first - low)
                result[first - start : last - start] = part
        return result

    def files(self, spool: str) -> list[str]:
        """None."""
        return []

    def write_files(self, spool: str) -> None:
        """Nothing."""

    def _rows(self, file: _File, start: int, stop: int) -> NDArray[Any]:
        dtype, path = np.dtype(file.dtype), os.path.join(self._folder, file.name)
        count = (stop - start) * self.dimension
        try:
            numbers = np.fromfile(
                path, dtype, count=count, offset=file.offset + start * self.dimension * dtype.itemsize
            )
        except OSError as error:
            reason = error.strerror or str(error)
            raise VectorFilesError(
                path, found=f"cannot be read here ({reason})", expected="the file that the client saw"
            ) from None
        if len(numbers) < count:
            raise VectorsChangedError(path, change="it is shorter than it was")
        return numbers.reshape(stop - start, self.dimension)

    def fingerprint(self) -> list[Any]:
        """Size and time of every file."""
        return [file_state(os.path.join(self._folder, file.name)) for file in self._files]


def _check(given: NDArray[Any], part: Float32Array, path: str, first: int) -> None:
    check_narrowed(given, part, lambda row: (f"{path}: row {first + row}", None))


def _npy_header(path: str) -> tuple[_File, int]:
    expected = "an array (rows, dimension) of float16, float32 or float64 in C order"
    try:
        with open(path, "rb") as file:
            version = npy.read_magic(file)
            read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, fortran, dtype = read(file)
            offset = file.tell()
    except (OSError, ValueError) as error:
        raise VectorFilesError(path, found=f"no readable .npy file ({error})", expected=expected) from None
    if len(shape) != 2 or shape[1] == 0 or dtype.kind != "f" or fortran:
        found = f"an array {shape} of {dtype}{' in Fortran order' if fortran else ''}"
        raise VectorFilesError(path, found=found, expected=expected)
    return _File(os.path.basename(path), int(shape[0]), offset, dtype.str), int(shape[1])


def file_state(path: str) -> list[int] | None:
    """Size and time of a file; None if it is not there."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns]
