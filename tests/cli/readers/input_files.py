"""Small input files of every kind, and what reading them gives."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from sqlclust.cli.readers.files import InputFile, Record, Skipped, read
from sqlclust.errors import InputFileError
from tests.small import blob

NO_NUMBER = "no id, and the ids of this column are TEXT, so that no number is given"
UUID_LIKE = "0688868048517e121234567890123456"  # as a number: infinity
GOOD_ROW = '{"id": 1, "vector": [1, 2]}'


def record(id: Any = None, vector: bytes = b"", content: str | None = None, run: Any = None, at: Any = None) -> Record:
    return Record(id, vector or blob(1, 2), content, run, at)


def text_file(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def array_file(path: Path, values: Any) -> Path:
    np.save(path, values)
    return path


def csv_file(path: Path, rows: list[list[Any]], delimiter: str = ",") -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    return path


def reason_of(path: Path, **options: Any) -> str:
    """The reason of the InputFileError for that file, whether it comes at once or while iterating."""
    with pytest.raises(InputFileError) as caught:
        list(read(path, **options).rows)
    assert str(caught.value) == f"{caught.value.path}: {caught.value.reason}"
    assert "\n" not in caught.value.reason
    return caught.value.reason


def skipped(source: InputFile) -> dict[int, str]:
    return {row.row: row.reason for row in source.rows if isinstance(row, Skipped)}


def parquet_bytes() -> bytes:
    buffer = io.BytesIO()
    parquet.write_table(pa.table({"id": ["a", "b"], "vector": [[1.0, 2.0]] * 2}), buffer)
    return buffer.getvalue()


def npy_bytes() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.ones((10, 4), dtype="<f4"))
    return buffer.getvalue()


def npz_bytes(encrypted: bool = False) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("vectors.npy", npy_bytes())
    found = bytearray(buffer.getvalue())
    if encrypted:  # the flag of the member, in both of its headers
        found[found.index(b"PK\x03\x04") + 6] |= 1
        found[found.index(b"PK\x01\x02") + 8] |= 1
    return bytes(found)
