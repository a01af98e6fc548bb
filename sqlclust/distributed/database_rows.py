"""Vectors in an SQLite file, read by the numbers of their rows; every worker opens the file itself, for reading only.

Where all rows of a table are meant, a range of them is a range of its key. Where a condition chose some, or where the rows are
those of a view or of vec0, the client writes their numbers to a file of the spool folder, and workers read them there.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqlclust.bindings.apsw.database import ApswDatabase
from sqlclust.bindings.apsw.files import open_file
from sqlclust.core.geometry.metrics import Float32Array
from sqlclust.distributed.row_readers import between, condition_of, of_numbers, select
from sqlclust.distributed.spool import SpoolFile, write_spool
from sqlclust.distributed.vectors import file_state, in_order
from sqlclust.errors import DimensionMismatchError, SpoolDamagedError, VectorFilesError, VectorsChangedError, shown
from sqlclust.sqlite import opening, statements
from sqlclust.sqlite.layout import quoted
from sqlclust.sqlite.transactions import translated_errors
from sqlclust.vectors.formats import FORMATS, FormatName, check_narrowed, narrowed, to_stored

NUMBERS = "numbers"
"""The numbers of the rows, int64 ascending, where those are not all of a table."""
_READ_AT_A_TIME = 1024
_BUSY_TIMEOUT = 60_000
"""Milliseconds that a worker waits for whoever writes."""


class DatabaseRows:
    """Vectors of an SQLite file in the order of the rows' numbers; opened for reading only.

    Args:
        said: file; table, key and vector, stored: as `ByNumber` has them; format of the vectors; part, (column, value) of the
            rows that are meant, or None; some, whether only rows with a vector are. And listed: whether the rows are those of
            a file in the spool folder; selection, by which they were chosen. `of_numbers` adds what depends on the rows.
        spool: the folder of the fit.
    """

    def __init__(self, said: dict[str, Any], spool: str = "") -> None:
        self._said, self._spool = said, spool
        self._numbers: NDArray[np.int64] | None = None
        self.dimension: int = said["dimension"]
        self.n: int = said["n"]

    @classmethod
    def found(cls, file: str | os.PathLike[str], embedding_model: str, *, block: int = 4096) -> DatabaseRows:
        """The embeddings of a model in our own table, in the order of their rowids.

        Raises:
            DatabaseFileError: the file cannot be read; VectorFilesError: there are no such embeddings.
        """
        return cls.of_table(cls.own(file, embedding_model), block=block)

    @staticmethod
    def own(file: str | os.PathLike[str], embedding_model: str) -> dict[str, Any]:
        """What is to be said of the embeddings of a model in our own table."""
        return {
            "file": os.path.abspath(os.fspath(file)), "table": "Embedding", "key": "rowid", "vector": "vector", "stored": "rows",
            "format": "float32", "part": ["embedding_model", embedding_model],
        }  # fmt: skip

    @classmethod
    def of_table(cls, said: dict[str, Any], *, block: int = 4096) -> DatabaseRows:
        """The rows of any table with an integer key; see the class for what is to be said.

        Cost: reads the keys of all rows, and 8 bytes of memory for each.
        """
        with _opened(said["file"]) as database:
            meant, bindings = condition_of(said)
            sql = f"{select(said, quoted(said['key']))} WHERE {meant} ORDER BY 1"
            with statements.each_row(database, sql, bindings) as rows:
                numbers = np.fromiter((row[0] for row in rows), dtype=np.int64)
        return cls.of_numbers(said, numbers, block=block)

    @classmethod
    def of_numbers(cls, said: dict[str, Any], numbers: NDArray[np.int64], *, block: int = 4096) -> DatabaseRows:
        """As `of_table`, where the numbers of all rows are known, int64 (n,), ascending."""
        if len(numbers) == 0:
            raise VectorFilesError(said["file"], found=f"no rows of {shown(said['part'])}", expected="some")
        dimension = said.get("width")
        if dimension is None:
            with _opened(said["file"]) as database:
                first = dict(of_numbers(database, said, numbers[:1])).get(int(numbers[0]))
            dimension = len(FORMATS[said["format"]].numbers_of(first, f"{said['key']} {numbers[0]}"))
        starts = np.arange(0, len(numbers), block)
        lasts = np.append(starts[1:], len(numbers)) - 1
        if said.get("listed"):
            rows: dict[str, Any] = {"block": block, "digest": _digest(numbers)}
        else:
            rows = {"starts": starts.tolist(), "firsts": numbers[starts].tolist(), "lasts": numbers[lasts].tolist()}
        result = cls({**said, "n": len(numbers), "dimension": dimension, **rows})
        result._numbers = numbers
        return result

    @classmethod
    def from_description(cls, said: dict[str, Any], spool: str) -> DatabaseRows:
        """The same again."""
        return cls(said, spool)

    def described(self) -> dict[str, Any]:
        """As `VectorSource` has it."""
        selection = {"selection": self._said["selection"]} if "selection" in self._said else {}
        return {**selection, "kind": "database", **self._said}  # what is chosen first: messages show how it begins

    @property
    def name(self) -> str:
        """The file and the table."""
        return f"{self._said['file']} ({self._said['table']})"

    # --- which rows ---

    def files(self, spool: str) -> list[str]:
        """As `VectorSource` has it."""
        return [os.path.join(spool, NUMBERS)] if self._is_listed else []

    def write_files(self, spool: str) -> None:
        """As `VectorSource` has it. Cost: 8 bytes a row."""
        assert self._numbers is not None
        [path] = self.files(spool)
        bounds = np.append(np.arange(0, self.n, self._said["block"]), self.n)
        write_spool(path, {"numbers": self._numbers}, facts={"digest": self._said["digest"]}, parts={"numbers": bounds})

    @property
    def _is_listed(self) -> bool:
        return bool(self._said.get("listed"))

    @property
    def _starts(self) -> list[int]:
        """Of each block its first row; and the end."""
        starts = range(0, self.n, self._said["block"]) if self._is_listed else self._said["starts"]
        return [*starts, self.n]

    def ranges(self, rows: int) -> list[tuple[int, int]]:
        """As `VectorSource` has it; never less than a block."""
        starts = self._starts
        step = max(1, rows // max(1, starts[1] - starts[0]))
        return [(starts[at], starts[min(at + step, len(starts) - 1)]) for at in range(0, len(starts) - 1, step)]

    def _numbers_of(self, start: int, stop: int) -> NDArray[np.int64]:
        """The numbers of a range of rows, of the file."""
        if self._numbers is not None:
            return self._numbers[start:stop]
        [path], block = self.files(self._spool), self._said["block"]
        with SpoolFile(path) as file:
            if file.facts.get("digest") != self._said["digest"]:
                raise SpoolDamagedError(path, reason="has the numbers of other rows")
            return np.concatenate([file.part("numbers", at) for at in range(start // block, -(-stop // block))])

    # --- reading ---

    def read(self, start: int, stop: int) -> Float32Array:
        """As `VectorSource` has it."""
        result = np.empty((stop - start, self.dimension), dtype=np.float32)
        key = quoted(self._said["key"])
        expected = self._numbers_of(start, stop) if self._is_listed else None
        with _opened(self._said["file"]) as database:
            if expected is not None:
                between_them = f"{expected[0]} and {expected[-1]}"
                rows = of_numbers(database, self._said, expected)
            else:
                starts = self._starts
                first, last = self._said["firsts"][starts.index(start)], self._said["lasts"][starts.index(stop) - 1]
                between_them = f"{first} and {last}"
                rows = between(database, self._said, first, last)
            done = 0
            with closing(rows):
                while batch := list(islice(rows, _READ_AT_A_TIME)):
                    if done + len(batch) > len(result):
                        raise self._changed("there are more rows than there were")
                    self._put(result, done, batch)
                    done += len(batch)
        if done != len(result):
            raise self._changed(f"of {len(result):,} rows between {key} {between_them} there are {done:,}")
        return result

    def one_by_one(self, order: NDArray[np.intp]) -> Iterator[bytes]:
        """The vectors of all rows as they are stored (float32), in some order of the rows, intp (n,).

        For who knows the numbers: made by `of_numbers` or `of_table`.
        """
        said, numbers = self._said, self._numbers
        assert numbers is not None
        if said["stored"] != "rows":
            yield from in_order(self._some, order, self.dimension)
            return
        with _opened(said["file"]) as database:
            if (np.diff(order) > 0).all() and not self._is_listed:
                rows = between(database, said, int(numbers[0]), int(numbers[-1]))
            else:
                rows = of_numbers(database, said, numbers[order])
            with closing(rows):
                done = 0
                for expected, (number, value) in zip(numbers[order], rows, strict=False):
                    if number != expected:
                        break
                    yield to_stored(value, said["format"], f"{said['key']} {number}")
                    done += 1
                if done < self.n or next(rows, None) is not None:
                    raise self._changed("there are other rows than there were")

    def _some(self, rows: NDArray[np.intp]) -> Float32Array:
        """The vectors of some rows, ascending."""
        assert self._numbers is not None
        result = np.empty((len(rows), self.dimension), dtype=np.float32)
        with _opened(self._said["file"]) as database:
            found = [*of_numbers(database, self._said, self._numbers[rows])]
        if len(found) != len(rows):
            raise self._changed(f"of {len(rows):,} rows there are {len(found):,}")
        self._put(result, 0, found)
        return result

    def _put(self, result: Float32Array, at: int, batch: list[tuple[int, Any]]) -> None:
        """Write rows into their places."""
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

    def _changed(self, change: str) -> VectorsChangedError:
        return VectorsChangedError(self.name, change=change)

    def fingerprint(self) -> list[Any]:
        """Size and time of the file and of the changes beside it."""
        file = self._said["file"]
        waiting = file_state(f"{file}-wal")
        return [file_state(file), waiting if waiting and waiting[0] else None]


def _digest(numbers: NDArray[np.int64]) -> str:
    return hashlib.sha256(np.ascontiguousarray(numbers, dtype="<i8").data).hexdigest()


@contextmanager
def _opened(path: str) -> Iterator[ApswDatabase]:
    """A connection for reading only."""
    database = ApswDatabase(open_file(opening.name_of(path), readonly=True, create=False))
    try:
        database.set_busy_timeout(_BUSY_TIMEOUT)
        with translated_errors(database, doing="reading the vectors"):
            opening.make_safe(database)
            yield database
    finally:
        database.close()
