"""Files of any kind: how it is told, and what no reader may do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sqlclust.cli.readers.files import FILE_FORMATS, read
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
    with pytest.raises(OptionError, match="expected one of npy, npz, json, nl, csv, tsv"):
        read(text_file(tmp_path / "v.csv", "x"), format="parquet")


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
