"""Vectors in an SQLite file, read by ranges of keys; every worker opens the file itself, for reading only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqlclust.bindings.apsw.database import ApswDatabase
from sqlclust.bindings.apsw.files import open_file
from sqlclust.core.geometry.metrics import Float32Array
from sqlclust.distributed.vectors import file_state
from sqlclust.errors import DimensionMismatchError, VectorFilesError, VectorsChangedError, shown
from sqlclust.sqlite import opening, statements
from sqlclust.sqlite.database import Row
from sqlclust.sqlite.layout import quoted
from sqlclust.sqlite.transactions import translated_errors
from sqlclust.vectors.formats import FORMATS, FormatName, check_narrowed, narrowed, to_stored

_READ_AT_A_TIME = 1024
_BUSY_TIMEOUT = 60_000
"""Milliseconds that a worker waits for whoever writes."""


class DatabaseRows:
    """Vectors in a column of a table of an SQLite file, in the order of an integer key; opened for reading only.

    Args:
        said: file; table, key and vector, names of the table and of its columns; format of the vectors; part, (column, value)
            of the rows that are meant, or None; some, whether only rows with a vector are; starts, firsts and lasts: of each
            block of rows its first row, first key, last.
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
        return cls.of_table(cls.own(file, embedding_model), block=block)

    @staticmethod
    def own(file: str | os.PathLike[str], embedding_model: str) -> dict[str, Any]:
        """What is to be said of the embeddings of a model in our own table."""
        return {
            "file": os.path.abspath(os.fspath(file)), "table": "Embedding", "key": "rowid", "vector": "vector",
            "format": "float32", "part": ["embedding_model", embedding_model],
        }  # fmt: skip

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
        return cls.of_keys(said, keys, block=block)

    @classmethod
    def of_keys(cls, said: dict[str, Any], keys: NDArray[np.int64], *, block: int = 4096) -> DatabaseRows:
        """As `of_table`, where the keys of all rows are known, int64 (n,), ascending."""
        with _opened(said["file"]) as database:
            of_part, bindings = _part(said)
            key, table = quoted(said["key"]), quoted(said["table"])
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

    def one_by_one(self, keys: NDArray[np.int64], order: NDArray[np.intp]) -> Iterator[bytes]:
        """The vectors of all rows as they are stored (float32), in some order of the rows.

        Args:
            keys: int64 (n,), of the rows.
            order: intp (n,), the rows.
        """
        said, key, vector = self._said, quoted(self._said["key"]), quoted(self._said["vector"])
        select = f"SELECT {key}, {vector} FROM main.{quoted(said['table'])}"
        of_part, bindings = _part(said)
        with _opened(said["file"]) as database:
            rows: AbstractContextManager[Iterator[Row]]
            if (np.diff(order) > 0).all():
                rows = statements.each_row(database, f"{select} WHERE {of_part} ORDER BY 1", bindings)
            else:
                chosen = ((int(each),) for each in keys[order])
                rows = statements.each_row_of_many(database, f"{select} WHERE {key} = ?", chosen)
            with rows as read:
                for row, value in read:
                    yield to_stored(value, said["format"], f"{said['key']} {row}")

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
        waiting = file_state(f"{file}-wal")
        return [file_state(file), waiting if waiting and waiting[0] else None]


def _part(said: dict[str, Any]) -> tuple[str, list[Any]]:
    """That a row is meant, as SQL, and the values of its placeholders."""
    some = f"length({quoted(said['vector'])}) > 0" if said.get("some") else "1"
    if said["part"] is None:
        return some, []
    return f"{some} AND {quoted(said['part'][0])} = ? COLLATE BINARY", [said["part"][1]]


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
