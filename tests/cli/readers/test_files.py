"""Files of any kind: how it is told, and what no reader may do."""

from __future__ import annotations

import base64
import gzip
import json
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from sqlclust.cli.readers.files import FILE_FORMATS, Columns, DimensionColumns, read
from sqlclust.errors import OptionError
from sqlclust.vectors.blobs import to_json
from tests.cli.readers.input_files import (
    GOOD_ROW,
    array_file,
    csv_file,
    npy_bytes,
    npz_bytes,
    reason_of,
    record,
    skipped,
    text_file,
)


@pytest.mark.parametrize("format", [None, *FILE_FORMATS])
def test_paths_that_are_no_readable_file(tmp_path: Path, format: str | None) -> None:
    assert reason_of(tmp_path / "none.npy", format=format) == "No such file or directory"
    assert reason_of(tmp_path, format=format) == "is a directory, expected a regular file"
    assert reason_of(text_file(tmp_path / "empty", ""), format=format) == "the file is empty"
    assert "null" in reason_of(Path("a\0b"), format=format)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs on this system")
def test_a_fifo_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "v.csv")
    assert reason_of(tmp_path / "v.csv") == "is a pipe or a device, expected a regular file"


@pytest.mark.parametrize(
    ("content", "format"),
    [
        (npy_bytes(), "npy"),
        (npz_bytes(), "npz"),
        (f"\n [{GOOD_ROW}]", "json"),
        (json.dumps({"vector": [1]}, indent=1), "json"),
        (f"\n{GOOD_ROW}\n", "nl"),
        ('id\tvector\n1\t"[1]"\n', "tsv"),
        ('id,vector\n1,"[1]"\n', "csv"),
    ],
)
def test_format_is_told_by_content_without_an_ending_and_can_be_said(
    tmp_path: Path, content: str | bytes, format: str
) -> None:
    path = text_file(tmp_path / "v", content)
    found = read(path)
    assert found.format == format
    assert not skipped(found)
    misnamed = text_file(tmp_path / ("v.csv" if format != "csv" else "v.npy"), content)
    assert list(read(misnamed, format=format).rows) == list(read(path).rows)


def test_unknown_format(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="expected one of npy, npz, json, nl, csv, tsv, parquet"):
        read(text_file(tmp_path / "v.csv", "x"), format="orc")


def test_importing_the_readers_imports_no_sqlite_utils() -> None:
    program = "import sys, sqlclust.cli.readers.files; sys.exit('sqlite_utils' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_nothing_stays_open_if_the_rows_are_not_read(tmp_path: Path) -> None:
    path = csv_file(tmp_path / "v.csv", [["vector"], ["[1]"], ["[2]"]])
    read(path)
    next(read(path).rows)  # a file left open would be a ResourceWarning, which is an error in these tests


MATRICES = st.integers(1, 5).flatmap(
    lambda dimension: st.lists(
        st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=dimension, max_size=dimension),
        min_size=1,
        max_size=6,
    )
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows=MATRICES)
def test_any_finite_float32_matrix_round_trips(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[float]]
) -> None:
    folder = tmp_path_factory.getbasetemp()
    matrix = np.array(rows, dtype="<f4")
    ids = [f"id {row}" for row in range(len(rows))]
    expected = [record(id, vector.tobytes()) for id, vector in zip(ids, matrix, strict=True)]
    npy, names = array_file(folder / "v.npy", matrix), text_file(folder / "ids.txt", "\n".join(ids))
    assert list(read(npy, ids=names).rows) == expected
    objects = [{"id": id, "vector": vector.tolist()} for id, vector in zip(ids, matrix, strict=True)]
    assert list(read(text_file(folder / "v.json", json.dumps(objects))).rows) == expected
    lines = "\n".join(json.dumps(row) for row in objects)
    assert list(read(text_file(folder / "v.nl", lines)).rows) == expected
    cells = [[id, to_json(vector)] for id, vector in zip(ids, matrix, strict=True)]
    assert list(read(csv_file(folder / "v.csv", [["id", "vector"], *cells])).rows) == expected
    # each number in a column of its own
    names_of = [f"e{at}" for at in range(matrix.shape[1])]
    columns = Columns(dimensions=DimensionColumns("e*"))
    wide = csv_file(
        folder / "w.csv", [["id", *names_of], *([id, *row.tolist()] for id, row in zip(ids, matrix, strict=True))]
    )
    assert list(read(wide, columns=columns).rows) == expected
    lines = "\n".join(
        json.dumps({"id": id, **dict(zip(names_of, row.tolist(), strict=True))})
        for id, row in zip(ids, matrix, strict=True)
    )
    assert list(read(text_file(folder / "w.nl", lines), columns=columns).rows) == expected
    table = pa.table({"id": ids, **{name: matrix[:, at] for at, name in enumerate(names_of)}})
    parquet.write_table(table, folder / "w.parquet")
    assert list(read(folder / "w.parquet", columns=columns).rows) == expected
    # BLOBs, lists, responses
    blobs = [vector.tobytes() for vector in matrix]
    marked = [{"$base64": True, "encoded": base64.b64encode(blob).decode()} for blob in blobs]
    of_sqlite_utils = [{"id": id, "vector": value} for id, value in zip(ids, marked, strict=True)]
    assert list(read(text_file(folder / "b.json", json.dumps(of_sqlite_utils))).rows) == expected
    for values in (blobs, list(matrix)):
        parquet.write_table(pa.table({"id": ids, "vector": values}), folder / "v.parquet")
        assert list(read(folder / "v.parquet").rows) == expected
    data = [{"index": at, "embedding": value["encoded"]} for at, value in enumerate(marked)]
    response = text_file(folder / "r.json", json.dumps({"object": "list", "data": data}))
    assert list(read(response, ids=names).rows) == expected


DTYPES = ["<f2", ">f2", "<f4", ">f4", "<f8", ">f8", "longdouble", "i1", "<i2", ">i4", "i8", "u1", "<u2", ">u4", "u8"]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(dtype=st.sampled_from(DTYPES), order=st.sampled_from(["C", "F"]), data=st.data())
def test_arrays_of_any_dtype_are_their_numbers(
    tmp_path_factory: pytest.TempPathFactory, dtype: str, order: Any, data: st.DataObject
) -> None:
    folder, of = tmp_path_factory.getbasetemp(), np.dtype(dtype)
    whole = of.kind in "iu"
    least, most = (-100 if of.kind != "u" else 0), 100
    numbers = st.integers(least, most) if whole else st.floats(-1000, 1000, width=16)
    rows = data.draw(st.lists(st.lists(numbers, min_size=3, max_size=3), min_size=1, max_size=6))
    matrix = np.array(rows, dtype=of, order=order)
    expected = [record(None, struct.pack("<3f", *row)) for row in rows]
    npy = array_file(folder / "d.npy", matrix)
    assert list(read(npy).rows) == expected
    assert list(read(text_file(folder / "d.npy.gz", gzip.compress(npy.read_bytes(), 1))).rows) == expected
    np.savez(folder / "d.npz", matrix)
    assert list(read(folder / "d.npz").rows) == expected
