"""Vectors in a column of the Parquet files of a folder. Needs PyArrow, which is imported here only and where it is asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqlclust.errors import VectorFilesError, VectorsChangedError
from sqlclust.vectors.folders import VectorFolder, names_in, same_dimension, unreadable

ENDINGS = (".parquet", ".pq")
_CALLED = ("vector", "embedding")
_BATCH_BYTES = 1 << 24
_EXPECTED = "a column of lists of float16, float32 or float64, all of one length"


class ParquetFolder(VectorFolder):
    """The rows of all Parquet files of a folder, by name, of which one column has the vectors: lists of numbers.

    A file is read by its row groups. One that has more than some 64 MB of vectors is read from its beginning for each range.
    """

    ending = ".parquet"
    libraries = 220 << 20  # PyArrow's, measured as VmSize before its import and after a read

    def __init__(self, folder: str, rows: Sequence[tuple[str, int]], dimension: int, vector: str) -> None:
        super().__init__(folder, rows, dimension)
        self.vector: str = vector

    @classmethod
    def found(cls, folder: str | os.PathLike[str], *, vector: str | None = None) -> ParquetFolder:
        """The vectors of a folder.

        Args:
            vector: their column; None: the one that is called vector or embedding, or the only one with lists of numbers.

        Raises:
            VectorFilesError: there is no such folder, no file in it, or one without such a column; or PyArrow is not installed.
        """
        folder = os.path.abspath(os.fspath(folder))
        names, rows, widths = names_in(folder, *ENDINGS), [], []
        for name in names:
            with _Opened(os.path.join(folder, name)) as file:
                vector = vector or _vector_column(file)
                rows.append((name, int(file.parquet.metadata.num_rows)))
                widths.append(_width(file, vector))
        known = [(name, width) for name, width in zip(names, widths, strict=True) if width is not None]
        if not known or vector is None:
            raise VectorFilesError(folder, found="no row", expected="some with vectors")
        dimension = same_dimension(folder, *zip(*known, strict=True))
        return cls(folder, rows, dimension, vector)

    def described(self) -> dict[str, Any]:
        """As `VectorFolder` has it."""
        counts = np.diff(self._starts).tolist()
        return {**super().described(), "files": [list(each) for each in zip(self._names, counts, strict=True)]}

    @classmethod
    def from_description(cls, said: dict[str, Any]) -> ParquetFolder:
        """The same again."""
        return cls(said["folder"], said["files"], said["dimension"], said["vector"])

    def values(self, column: str) -> Iterator[list[Any]]:
        """The values of another column, some at a time, in the order of the rows.

        Raises:
            VectorFilesError: a file has no such column, or cannot be read.
        """
        for number in range(len(self._names)):
            with _Opened(self.path(number)) as file:
                file.check_column(column)
                for batch in file.batches(columns=[column], batch_size=1 << 16):
                    yield batch.column(0).to_pylist()

    def _rows(self, number: int, start: int, stop: int) -> NDArray[Any]:
        with _Opened(self.path(number)) as file:
            expected = int(self._starts[number + 1] - self._starts[number])
            file.check_column(self.vector)
            if file.parquet.metadata.num_rows != expected:
                raise VectorsChangedError(file.path, change="it has other rows than it had")
            groups, at, first = list[int](), 0, 0
            for group in range(file.parquet.metadata.num_row_groups):
                count = file.parquet.metadata.row_group(group).num_rows
                if at + count > start and at < stop:
                    first = at if not groups else first
                    groups.append(group)
                at += count
            parts, at = [], first
            size = max(1, _BATCH_BYTES // (8 * self.dimension))
            for batch in file.batches(row_groups=groups, columns=[self.vector], batch_size=size):
                low, high = max(start - at, 0), min(stop - at, batch.num_rows)
                if low < high:
                    parts.append(_numbers(file, batch.column(0).slice(low, high - low), self.dimension, at + low))
                at += batch.num_rows
                if at >= stop:
                    break
        return np.concatenate(parts)


class _Opened:
    """A Parquet file, open in a `with`; whatever PyArrow says of it becomes an error of ours."""

    def __init__(self, path: str) -> None:
        os.environ.setdefault(
            "ARROW_DEFAULT_MEMORY_POOL", "system"
        )  # the others reserve room that a worker may not have
        try:
            from pyarrow.parquet import ParquetFile
        except ImportError:
            raise VectorFilesError(
                path, found="PyArrow is not installed", expected="it to read Parquet: pip install 'sqlclust[parquet]'"
            ) from None
        self.path = path
        try:
            self.parquet = ParquetFile(path, memory_map=False, buffer_size=1 << 20, pre_buffer=False)
        except Exception as error:  # PyArrow has many
            raise self._wrong(error) from None

    def __enter__(self) -> _Opened:
        return self

    def __exit__(self, *_: object) -> None:
        self.parquet.close()

    def batches(self, **said: Any) -> Iterator[Any]:
        """Record batches, read by this thread alone."""
        try:
            yield from self.parquet.iter_batches(use_threads=False, **said)
        except (OSError, ValueError) as error:
            raise self._wrong(error) from None

    def check_column(self, name: str) -> None:
        """Raise VectorFilesError if there is no such column, or more than one."""
        there = self.parquet.schema_arrow.names
        if name not in there:
            columns = ", ".join(map(repr, there[:12]))
            raise VectorFilesError(self.path, found=f"no column {name!r} ({columns})", expected="one of that name")
        if there.count(name) > 1:
            found = f"{there.count(name)} columns {name!r}"
            raise VectorFilesError(self.path, found=found, expected="one of that name")

    def _wrong(self, error: Exception) -> VectorFilesError:
        if isinstance(error, OSError) and error.strerror:
            return unreadable(self.path, error)
        found = f"no readable Parquet file ({str(error).partition(chr(10))[0]})"
        return VectorFilesError(self.path, found=found, expected=_EXPECTED)


def _is_vectors(type_: Any) -> bool:
    import pyarrow as pa

    is_list = pa.types.is_list(type_) or pa.types.is_large_list(type_) or pa.types.is_fixed_size_list(type_)
    return bool(is_list and pa.types.is_floating(type_.value_type))


def _vector_column(file: _Opened) -> str:
    schema = file.parquet.schema_arrow
    lists = [field.name for field in schema if _is_vectors(field.type)]
    called = [name for name in _CALLED if name in lists] or lists
    if (len(lists) > 1 and called == lists) or not called:
        columns = ", ".join(repr(name) for name in lists or schema.names[:12])
        found = f"{'several columns of' if lists else 'no column of'} lists of numbers ({columns})"
        raise VectorFilesError(file.path, found=found, expected="one, or to be told which has the vectors")
    return called[0]


def _width(file: _Opened, vector: str) -> int | None:
    """Numbers of the first vector; None where there is none."""
    file.check_column(vector)
    type_ = file.parquet.schema_arrow.field(vector).type
    if not _is_vectors(type_):
        raise VectorFilesError(file.path, found=f"a column {vector!r} of {type_}", expected=_EXPECTED)
    for batch in file.batches(columns=[vector], batch_size=1):
        if batch.num_rows:
            first = batch.column(0)[0].values
            if first is None or len(first) == 0:
                raise VectorFilesError(file.path, found=f"no vector in {vector!r} of row 0", expected=_EXPECTED)
            return len(first)
    return None


def _numbers(file: _Opened, column: Any, dimension: int, first: int) -> NDArray[Any]:
    """(rows, dimension), the lists of a column."""
    import pyarrow.compute as pc

    lengths = pc.fill_null(pc.list_value_length(column), -1).to_numpy(zero_copy_only=False)
    wrong = np.flatnonzero(lengths != dimension)
    if len(wrong):
        length = int(lengths[wrong[0]])
        found = f"{'no vector' if length < 0 else f'a vector of {length} dimensions'} in row {first + int(wrong[0])}"
        raise VectorFilesError(file.path, found=found, expected=f"{dimension} numbers in each")
    flat = column.flatten()
    if flat.null_count:
        row = first + int(np.flatnonzero(flat.is_null().to_numpy(zero_copy_only=False))[0]) // dimension
        raise VectorFilesError(file.path, found=f"a null among the numbers of row {row}", expected=_EXPECTED)
    numbers: NDArray[Any] = flat.to_numpy(zero_copy_only=False).reshape(len(column), dimension)
    return numbers
