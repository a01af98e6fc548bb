"""Vectors in an SQLite file, read by the numbers of their rows; every worker opens the file itself, for reading only.

Where all rows of a table are meant, a range of them is a range of its key. Where a condition chose some, or where the rows are
those of a view or of vec0, the client writes their numbers to a file of the spool folder, and workers read them there.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqlclust.bindings.apsw.database import ApswDatabase
from sqlclust.bindings.apsw.files import open_file
from sqlclust.core.geometry.metrics import Float32Array
from sqlclust.distributed.listed_numbers import BLOCK, ListedNumbers, ranges_of
from sqlclust.distributed.row_readers import between, of_numbers, row_named
from sqlclust.errors import DimensionMismatchError, VectorFilesError, VectorsChangedError, shown
from sqlclust.sqlite import opening
from sqlclust.sqlite.layout import quoted
from sqlclust.sqlite.transactions import translated_errors
from sqlclust.vectors.folders import file_state
from sqlclust.vectors.formats import FORMATS, FormatName, check_narrowed, narrowed

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

    libraries = 0

    def __init__(self, said: dict[str, Any], spool: str = "") -> None:
        self._said = said
        self._numbers: NDArray[np.int64] | None = None
        self._listed = ListedNumbers(said["digest"], spool=spool) if "digest" in said else None
        self.dimension: int = said["dimension"]
        self.n: int = said["n"]

    @staticmethod
    def own(file: str | os.PathLike[str], embedding_model: str) -> dict[str, Any]:
        """What is to be said of the embeddings of a model in our own table."""
        return {
            "file": os.path.abspath(os.fspath(file)), "table": "Embedding", "key": "rowid", "vector": "vector", "stored": "rows",
            "format": "float32", "part": ["embedding_model", embedding_model],
        }  # fmt: skip

    @classmethod
    def of_numbers(cls, said: dict[str, Any], numbers: NDArray[np.int64], *, block: int = BLOCK) -> DatabaseRows:
        """The rows of these numbers, int64 (n,), ascending, which are all of a table that are meant unless they are `listed`.

        Raises:
            DatabaseFileError: the file cannot be read; VectorFilesError: there are no rows; and what is wrong with the first.
        """
        if len(numbers) == 0:
            raise VectorFilesError(said["file"], found=f"no rows of {shown(said['part'])}", expected="some")
        with _opened(said["file"]) as database:
            first = dict(of_numbers(database, said, numbers[:1])).get(int(numbers[0]))
        dimension = len(FORMATS[said["format"]].numbers_of(first, row_named(said, int(numbers[0]))))
        starts = np.arange(0, len(numbers), block)
        lasts = np.append(starts[1:], len(numbers)) - 1
        if said.get("listed"):
            rows: dict[str, Any] = {"digest": ListedNumbers.of(numbers).digest}
        else:
            rows = {"starts": starts.tolist(), "firsts": numbers[starts].tolist(), "lasts": numbers[lasts].tolist()}
        result = cls({**said, "n": len(numbers), "dimension": dimension, **rows})
        result._numbers = numbers
        if result._listed is not None:
            result._listed.values = numbers
        return result

    @classmethod
    def from_description(cls, said: dict[str, Any], spool: str) -> DatabaseRows:
        """The same again."""
        return cls(said, spool)

    def described(self) -> dict[str, Any]:
        """As `VectorSource` has it."""
        return {"kind": "database", **self._said}

    @property
    def name(self) -> str:
        """The file and the table."""
        return f"{self._said['file']} ({self._said['table']})"

    def row_name(self, row: int) -> str:
        """As `VectorSource` has it."""
        if self._listed is not None:
            return row_named(self._said, self._listed.number_of(row))
        block = bisect_right(self._starts, row) - 1
        with (
            _opened(self._said["file"]) as database,
            closing(between(database, self._said, self._said["firsts"][block], self._said["lasts"][block])) as rows,
        ):
            number, _ = next(islice(rows, row - self._starts[block], None))
        return row_named(self._said, number)

    # --- which rows ---

    def files(self, spool: str) -> list[str]:
        """As `VectorSource` has it."""
        return [] if self._listed is None else self._listed.files(spool)

    def write_files(self, spool: str) -> None:
        """As `VectorSource` has it."""
        assert self._listed is not None
        self._listed.write(spool)

    @property
    def _starts(self) -> list[int]:
        """Of each block its first row; and the end."""
        return [*(range(0, self.n, BLOCK) if self._listed is not None else self._said["starts"]), self.n]

    def ranges(self, rows: int) -> list[tuple[int, int]]:
        """As `VectorSource` has it; never less than a block."""
        return ranges_of(self._starts, rows)

    # --- reading ---

    def read(self, start: int, stop: int) -> Float32Array:
        """As `VectorSource` has it."""
        result = np.empty((stop - start, self.dimension), dtype=np.float32)
        key = quoted(self._said["key"])
        expected = None if self._listed is None else self._listed.between(start, stop)
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

    def _put(self, result: Float32Array, at: int, batch: list[tuple[int, Any]]) -> None:
        """Write rows into their places."""
        format_name: FormatName = self._said["format"]
        record = FORMATS[format_name]
        for place, (row, value) in enumerate(batch, at):
            named = row_named(self._said, row)
            numbers = record.numbers_of(value, named)
            if len(numbers) != self.dimension:
                raise DimensionMismatchError(named, found=len(numbers), expected=self.dimension)
            result[place] = narrowed(numbers)
        part = result[at : at + len(batch)]
        check_narrowed(part, part, lambda row: (f"{row_named(self._said, batch[row][0])}: the vector", None))

    def _changed(self, change: str) -> VectorsChangedError:
        return VectorsChangedError(self.name, change=change)

    def fingerprint(self) -> list[Any]:
        """Size and time of the file and of the changes beside it."""
        file = self._said["file"]
        waiting = file_state(f"{file}-wal")
        return [file_state(file), waiting if waiting and waiting[0] else None]


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
