"""Rows of Parquet files, a batch at a time. Needs PyArrow, which is imported here only and where a file asks for it."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import Any

import numpy as np

from sqlclust.cli.readers.columns import Columns
from sqlclust.cli.readers.dimensions import ALL_OF_THEM
from sqlclust.cli.readers.input_file import Unusable
from sqlclust.cli.readers.opening import Given, input_errors

MAGIC = b"PAR1"

_BATCH_BYTES = 1 << 20
_BATCH_ROWS = 4096


def names_and_count(given: Given) -> tuple[list[str], int]:
    """The names of a file's columns, and how many rows it has.

    Raises:
        InputFileError: no Parquet file, or PyArrow is not installed.
    """
    with input_errors(given, "a readable Parquet file"), given.uncompressed() as path, _opened(path) as file:
        return list(file.schema_arrow.names), int(file.metadata.num_rows)


def parquet_rows(given: Given, names: Sequence[str], columns: Columns) -> Generator[dict[str, Any]]:
    """The rows, of the columns that are asked for only. A list of numbers comes as an array of NumPy, without copies.

    Args:
        names: of the file's columns.
    """
    dimensions = () if columns.dimensions is None else columns.dimensions.names(names)
    wanted = [name for name in (*columns.names(), "embedding") if name in names]
    if columns.dimensions is not None:
        wanted = [name for name in wanted if name not in (columns.vector, "embedding")]
    elif columns.vector in wanted and "embedding" in wanted and columns.vector != "embedding":
        wanted.remove("embedding")
    with input_errors(given, "a readable Parquet file"), given.uncompressed() as path, _opened(path) as file:
        size = _rows_of_a_batch(file)
        for batch in file.iter_batches(batch_size=size, columns=[*{*wanted, *dimensions}]):
            fields: dict[str, Any] = {name: _values(batch.column(name)) for name in wanted}
            if columns.dimensions is not None:
                fields[ALL_OF_THEM] = _block(batch, dimensions)
            for row in range(batch.num_rows):
                yield {name: values[row] for name, values in fields.items()}


def _opened(path: Any) -> Any:
    try:
        from pyarrow.parquet import ParquetFile
    except ImportError:
        raise Unusable("reading Parquet needs PyArrow: pip install 'sqlclust[parquet]'") from None
    return ParquetFile(path, memory_map=True)


def _rows_of_a_batch(file: Any) -> int:
    """So that vectors of a batch are about a megabyte, however long they are."""
    n = int(file.metadata.num_rows)
    groups = (file.metadata.row_group(at) for at in range(file.metadata.num_row_groups))
    total = sum(int(group.total_byte_size) for group in groups)
    return max(1, min(_BATCH_ROWS, _BATCH_BYTES * n // max(1, total)))


def _values(column: Any) -> Sequence[Any]:
    """Plain values of a column; lists of numbers as arrays of NumPy."""
    import pyarrow as pa

    type_ = column.type
    is_list = pa.types.is_list(type_) or pa.types.is_large_list(type_) or pa.types.is_fixed_size_list(type_)
    if not is_list or not (pa.types.is_floating(type_.value_type) or pa.types.is_integer(type_.value_type)):
        plain: list[Any] = column.to_pylist()
        return plain
    return [_vector(scalar) for scalar in column]


def _vector(scalar: Any) -> Any:
    """Numbers of one list; a plain list where one of them is missing, so that it can be said which."""
    numbers = scalar.values
    if numbers is None:
        return None
    return numbers.to_pylist() if numbers.null_count else numbers.to_numpy(zero_copy_only=False)


def _block(batch: Any, names: Sequence[str]) -> Sequence[Any]:
    """Vectors of a batch, each number of which is in a column of its own."""
    import pyarrow as pa

    columns = [batch.column(name) for name in names]
    for name, column in zip(names, columns, strict=True):
        if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
            raise Unusable(f"column {name!r} is of {column.type}, expected numbers")
    block = np.column_stack([column.to_numpy(zero_copy_only=False) for column in columns])
    if not any(column.null_count for column in columns):
        return list(block)
    missing = np.column_stack([column.is_null().to_numpy(zero_copy_only=False) for column in columns])
    return list(_with_missing(block, missing, names))


def _with_missing(block: Any, missing: Any, names: Sequence[str]) -> Iterator[Any]:
    for row, empty in zip(block, missing, strict=True):
        yield Unusable(f"{names[int(np.argmax(empty))]} is null, expected a number") if empty.any() else row
