"""Where the vectors of a fit in shards are: every worker reads its ranges of rows itself.

A source is said in JSON, so that it can be part of a plan: `described` gives that, `source_of` makes the source again of it.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from sqlclust.bindings.apsw.database import ApswDatabase
from sqlclust.bindings.apsw.files import open_file
from sqlclust.core.geometry.metrics import Float32Array
from sqlclust.errors import (
    DatabaseFileError,
    DimensionMismatchError,
    SqliteError,
    VectorFilesError,
    VectorsChangedError,
    shown,
)
from sqlclust.sqlite import opening, statements
from sqlclust.sqlite.layout import quoted
from sqlclust.vectors.formats import FORMATS, FormatName, check_narrowed, narrowed

_READ_AT_A_TIME = 1024


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
        """What `source_of` makes it again of."""


def source_of(described: dict[str, Any]) -> VectorSource:
    """The source of a description."""
    kinds: dict[str, type[NpyFolder] | type[DatabaseRows]] = {"npy": NpyFolder, "database": DatabaseRows}
    said = dict(described)
    return kinds[said.pop("kind")].from_description(said)


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
    def from_description(cls, said: dict[str, Any]) -> NpyFolder:
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
                path = os.path.join(self._folder, file.name)
                check_narrowed(given, part, lambda row, path=path, at=first - low: (f"{path}: row {at + row}", None))
                result[first - start : last - start] = part
        return result

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
        return [_state(os.path.join(self._folder, file.name)) for file in self._files]


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


def _state(path: str) -> list[int] | None:
    """Size and time of a file; None if it is not there."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns]


class DatabaseRows:
    """Vectors in a column of a table of an SQLite file, in the order of an integer key; opened for reading only.

    Args:
        said: file; table, key and vector, names of the table and of its columns; format of the vectors; part, (column, value)
            of the rows that are meant, or None; starts, firsts and lasts: of each block of rows its first row, first key, last.
    """

    def __init__(self, said: dict[str, Any]) -> None:
        self._said = said
        self.dimension: int = said["dimension"]
        self.n: int = said["n"]

    @classmethod
    def found(cls, file: str | os.PathLike[str], embedding_model: str, *, block: int = 4096) -> DatabaseRows:
        """The embeddings of a model in our own table, in the order of their rowids.

        Raises:
            DatabaseFileError: the file cannot be read; VectorFilesError: there are no such embeddings.
        """
        said = {
            "file": os.path.abspath(os.fspath(file)), "table": "Embedding", "key": "rowid", "vector": "vector",
            "format": "float32", "part": ["embedding_model", embedding_model],
        }  # fmt: skip
        return cls.of_table(said, block=block)

    @classmethod
    def of_table(cls, said: dict[str, Any], *, block: int = 4096) -> DatabaseRows:
        """The rows of any table with an integer key; see the class for what is to be said.

        Cost: reads the keys of all rows, and 8 bytes of memory for each.
        """
        with _opened(said["file"]) as database:
            of_part, bindings = _part(said)
            key, table = quoted(said["key"]), quoted(said["table"])
            sql = f"SELECT {key} FROM main.{table} WHERE {of_part} ORDER BY 1"
            with statements.each_row(database, sql, bindings) as rows:
                keys = np.fromiter((row[0] for row in rows), dtype=np.int64)
            if len(keys) == 0:
                raise VectorFilesError(said["file"], found=f"no rows of {shown(said['part'])}", expected="some")
            sql = f"SELECT {quoted(said['vector'])} FROM main.{table} WHERE {of_part} AND {key} = ?"
            first = statements.value(database, sql, [*bindings, int(keys[0])])
        dimension = len(FORMATS[said["format"]].numbers_of(first, f"{key} {keys[0]}"))
        starts = np.arange(0, len(keys), block)
        lasts = np.append(starts[1:], len(keys)) - 1
        blocks = {"starts": starts.tolist(), "firsts": keys[starts].tolist(), "lasts": keys[lasts].tolist()}
        return cls({**said, "n": len(keys), "dimension": dimension, **blocks})

    @classmethod
    def from_description(cls, said: dict[str, Any]) -> DatabaseRows:
        """The same again."""
        return cls(said)

    def described(self) -> dict[str, Any]:
        """As `VectorSource` has it."""
        return {"kind": "database", **self._said}

    @property
    def name(self) -> str:
        """The file and the table."""
        return f"{self._said['file']} ({self._said['table']})"

    def ranges(self, rows: int) -> list[tuple[int, int]]:
        """As `VectorSource` has it; never less than a block."""
        starts = [*self._said["starts"], self.n]
        step = max(1, rows // max(1, starts[1] - starts[0]))
        return [(starts[at], starts[min(at + step, len(starts) - 1)]) for at in range(0, len(starts) - 1, step)]

    def read(self, start: int, stop: int) -> Float32Array:
        """As `VectorSource` has it."""
        said, starts = self._said, [*self._said["starts"], self.n]
        low, high = said["firsts"][starts.index(start)], said["lasts"][starts.index(stop) - 1]
        result = np.empty((stop - start, self.dimension), dtype=np.float32)
        key, vector = quoted(said["key"]), quoted(said["vector"])
        of_part, bindings = _part(said)
        sql = f"SELECT {key}, {vector} FROM main.{quoted(said['table'])} WHERE {of_part} AND {key} BETWEEN ? AND ? ORDER BY 1"
        done = 0
        with _opened(said["file"]) as database, statements.each_row(database, sql, [*bindings, low, high]) as rows:
            batch: list[tuple[int, Any]] = []
            for row in rows:
                batch.append(row)
                if len(batch) == _READ_AT_A_TIME:
                    done += self._put(result, done, batch)
                    batch.clear()
            done += self._put(result, done, batch)
        if done != len(result):
            raise self._changed(f"of {len(result):,} rows between {key} {low} and {high} there are {done:,}")
        return result

    def _put(self, result: Float32Array, at: int, batch: list[tuple[int, Any]]) -> int:
        """Write rows into their places; how many."""
        if at + len(batch) > len(result):
            raise self._changed("there are more rows than there were")
        format_name: FormatName = self._said["format"]
        record = FORMATS[format_name]
        key = self._said["key"]
        for place, (row, value) in enumerate(batch, at):
            numbers = record.numbers_of(value, f"{key} {row}")
            if len(numbers) != self.dimension:
                raise DimensionMismatchError(f"{key} {row}", found=len(numbers), expected=self.dimension)
            result[place] = narrowed(numbers)
        part = result[at : at + len(batch)]
        check_narrowed(part, part, lambda row: (f"{key} {batch[row][0]}: the vector", None))
        return len(batch)

    def _changed(self, change: str) -> VectorsChangedError:
        return VectorsChangedError(self.name, change=change)

    def fingerprint(self) -> list[Any]:
        """Size and time of the file and of the changes beside it."""
        file = self._said["file"]
        waiting = _state(f"{file}-wal")
        return [_state(file), waiting if waiting and waiting[0] else None]


def _part(said: dict[str, Any]) -> tuple[str, list[Any]]:
    return ("1", []) if said["part"] is None else (f"{quoted(said['part'][0])} = ?", [said["part"][1]])


class _opened:  # noqa: N801  # used as a function
    """A connection for reading only."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> ApswDatabase:
        self._database = ApswDatabase(open_file(opening.name_of(self._path), readonly=True, create=False))
        try:
            opening.make_safe(self._database)
            self._database.set_busy_timeout(60_000)
        except SqliteError as error:
            self._database.close()
            raise DatabaseFileError(self._path, reason=str(error)) from None
        return self._database

    def __exit__(self, *_: object) -> None:
        self._database.close()
