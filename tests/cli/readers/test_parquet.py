"""Parquet: rows of it, and files that cannot be used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from sqlclust.cli.readers.files import Columns, DimensionColumns, Record, Skipped, read
from tests.cli.readers.input_files import reason_of, record, skipped, text_file
from tests.small import blob


def parquet_file(path: Path, *, row_group_size: int | None = None, **columns: Any) -> Path:
    parquet.write_table(pa.table(columns), path, row_group_size=row_group_size)
    return path


LISTS: list[pa.DataType] = [
    pa.list_(pa.float32()), pa.list_(pa.float64()), pa.list_(pa.float16()), pa.large_list(pa.float32()),
    pa.list_(pa.int8()), pa.list_(pa.uint64()), pa.list_(pa.float32(), 2), pa.list_(pa.int32(), 2), pa.large_list(pa.int16()),
]  # fmt: skip


@pytest.mark.parametrize("type", LISTS, ids=str)
def test_lists_of_any_number_type(tmp_path: Path, type: pa.DataType) -> None:
    numbers = np.float16 if type.value_type == pa.float16() else float if "float" in str(type) else int
    vectors = pa.array([[numbers(1), numbers(2)]] * 5, type=type)
    path = parquet_file(tmp_path / "v.parquet", id=["a", "b", "c", "d", "e"], vector=vectors, row_group_size=2)
    found = read(path)
    assert (found.count, found.format) == (5, "parquet")
    assert list(found.rows) == [record(id) for id in "abcde"]


@pytest.mark.parametrize(
    "ids",
    [
        pa.array([7, -8], pa.int64()), pa.array([7, 8], pa.uint8()), pa.array(["7", "b"]), pa.array([1.5, -0.5]),
        pa.array([b"\x00\xff", b""], pa.binary()), pa.array([b"ab", b"cd"], pa.binary(2)),
        pa.array(["x", "y"]).dictionary_encode(),
    ],
    ids=lambda ids: str(ids.type),
)  # fmt: skip
def test_ids_keep_their_types(tmp_path: Path, ids: pa.Array) -> None:
    path = parquet_file(tmp_path / "v.pq", id=ids, vector=[[1.0, 2.0]] * 2, content=["one", None])
    rows = list(read(path).rows)
    assert rows == [record(ids[0].as_py(), content="one"), record(ids[1].as_py())]
    assert [type(row.id) for row in rows if isinstance(row, Record)] == [type(value.as_py()) for value in ids]


def test_blobs_json_and_what_else_stands_for_a_vector(tmp_path: Path) -> None:
    blobs = parquet_file(tmp_path / "b.parquet", embedding=[blob(1, 2)])
    assert list(read(blobs).rows) == [record()]
    doubles = parquet_file(tmp_path / "d.parquet", vector=[np.array([1, 2], "<f8").tobytes()])
    assert list(read(doubles, vector_format="float64").rows) == [record()]
    text = parquet_file(tmp_path / "t.parquet", vector=["[1, 2]"], embedding=["other"])
    assert list(read(text).rows) == [record()]


def test_one_column_for_each_dimension(tmp_path: Path) -> None:
    numbers = {f"dim_{at}": pa.array([at, None if at == 9 else at], pa.int32()) for at in (10, 9, *range(9))}
    path = parquet_file(tmp_path / "v.parquet", id=["a", "b"], vector=["other", "other"], **numbers)
    rows = list(read(path, columns=Columns(dimensions=DimensionColumns("dim_*"))).rows)
    assert rows == [record("a", blob(*range(11))), Skipped(2, "dim_9 is null, expected a number")]
    two = list(read(path, columns=Columns(dimensions=DimensionColumns("dim_3,dim_1"))).rows)
    assert two == [record("a", blob(3, 1)), record("b", blob(3, 1))]
    assert "column 'id' is of string, expected numbers" in reason_of(
        path, columns=Columns(dimensions=DimensionColumns("id,dim_1"))
    )


def test_rows_that_cannot_be_used_are_skipped(tmp_path: Path) -> None:
    vectors = [[1.0, 2.0], None, [], [1.0], [1.0, None], [float("nan"), 1.0], [1.0, 1e300]]
    path = parquet_file(tmp_path / "v.parquet", vector=vectors, id=[1, 2, 3, 4, 5, 6, 7])
    assert skipped(read(path)) == {
        2: "the vector is NULL, expected a JSON array of numbers",
        3: "the vector is an empty array, expected numbers",
        4: "the vector has 1 dimension, expected 2 as in row 1",
        5: "the vector has null at position 1, expected a number",
        6: "the vector has nan at position 0, expected finite numbers",
        7: "the vector has 1e+300 at position 1, a number beyond float32",
    }
    dates = parquet_file(tmp_path / "d.parquet", vector=[[1.0]], id=pa.array([0], pa.date32()))
    assert skipped(read(dates)) == {1: "id is datetime.date(1970, 1, 1), expected an integer or a number or text"}


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    good = parquet_file(tmp_path / "v.parquet", id=["a"] * 900, vector=[[1.0, 2.0]] * 900)
    content = good.read_bytes()
    for damaged in (content[:-1], content[:40], b"PAR1", b"id,vector\n", content[:100] + content[200:]):
        assert reason_of(text_file(tmp_path / "damaged.parquet", damaged)).startswith("not a readable Parquet file: ")
    assert reason_of(parquet_file(tmp_path / "n.parquet", x=[1])) == "no column 'vector'; its columns: 'x'"
    assert "--vector-columns 'f*'" in reason_of(parquet_file(tmp_path / "f.parquet", f0=[1], f1=[2]))
    assert (
        reason_of(parquet_file(tmp_path / "e.parquet", vector=pa.array([], pa.list_(pa.float32())))) == "it has no rows"
    )
    other = text_file(tmp_path / "ids.txt", "a\n")
    assert "has them in its own rows" in reason_of(good, ids=other)
    assert "it has no ids, and they are to be TEXT" in reason_of(
        parquet_file(tmp_path / "i.parquet", vector=[[1.0]]), id_type="text"
    )


def test_float64_in_blobs_that_nothing_is_said_of(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(400, 16)).astype("<f4").astype("<f8")
    path = parquet_file(tmp_path / "v.parquet", vector=[row.tobytes() for row in vectors])
    assert "look like float64" in reason_of(path)
    assert len(list(read(path, vector_format="float64").rows)) == 400


@pytest.mark.slow
def test_a_long_file_is_read_a_part_at_a_time(tmp_path: Path) -> None:
    vectors = pa.array(np.random.default_rng(0).random((20_000, 256), dtype="f4").tolist(), pa.list_(pa.float32()))
    path = parquet_file(tmp_path / "v.parquet", vector=vectors, row_group_size=1_000)
    del vectors
    before, most = pa.total_allocated_bytes(), 0
    for number, _ in enumerate(read(path).rows):
        if number % 500 == 0:
            most = max(most, pa.total_allocated_bytes() - before)
    assert number == 19_999
    assert most < 10_000_000  # of 20,480,000


def test_without_pyarrow(tmp_path: Path) -> None:
    path = parquet_file(tmp_path / "v.parquet", vector=[[1.0]])
    program = (
        "import sys; sys.modules['pyarrow'] = None; sys.modules['pyarrow.parquet'] = None\n"
        "from pathlib import Path; from sqlclust.cli.readers.files import read; read(Path(sys.argv[1]))"
    )
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=False)
    assert "reading Parquet needs PyArrow: pip install 'sqlclust[parquet]'" in done.stderr
