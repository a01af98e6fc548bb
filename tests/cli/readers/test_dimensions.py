"""One column for each dimension of a vector."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sqlclust.cli.readers.files import Columns, DimensionColumns, Skipped, read
from tests.cli.readers.input_files import array_file, csv_file, reason_of, record, skipped, text_file
from tests.small import blob


def by(said: str, **columns: Any) -> Any:
    return {"columns": Columns(dimensions=DimensionColumns(said), **columns)}


@pytest.mark.parametrize(
    ("header", "said", "expected"),
    [
        (["id", "0", "1", "2"], "*", [1, 2, 3]),
        (["id", "2", "0", "1"], "*", [2, 3, 1]),
        (["id", "dim_1", "dim_2", "dim_3"], "dim_*", [1, 2, 3]),
        (["id", "dim_00", "dim_01", "dim_02"], "dim_*", [1, 2, 3]),
        (["id", "x[0]", "x[1]", "x"], "x[*]", [1, 2]),
        (["id", "x1y", "x2y", "x3y"], "x*y", [1, 2, 3]),
        (["id", "r", "g", "b"], "b,r", [3, 1]),
        (["id", "a,b", "g", "b"], '"a,b",g', [1, 2]),
        (["id", "vector", "embedding", "v0"], "v*", [3]),
    ],
)
def test_columns_of_csv(tmp_path: Path, header: list[str], said: str, expected: list[float]) -> None:
    path = csv_file(tmp_path / "v.csv", [header, ["a", 1, 2, 3], ["b", "1.0", " 2", "3e0"]])
    assert list(read(path, **by(said)).rows) == [record("a", blob(*expected)), record("b", blob(*expected))]


def test_more_than_ten_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    numbers = [*range(12)]
    path = csv_file(tmp_path / "v.tsv", [[f"e{at}" for at in sorted(numbers, key=str)], sorted(numbers, key=str)], "\t")
    assert list(read(path, **by("e*")).rows) == [record(None, blob(*numbers))]


@pytest.mark.parametrize(
    ("header", "said", "reason"),
    [
        (["e0", "e2"], "e*", "no column 'e1': dimensions are numbered from 0 or 1 without a gap, and there are 2 columns"),
        (["e2", "e3"], "e*", "no column 'e0': dimensions are numbered from 0 or 1"),
        (["e1", "e01"], "e*", "columns 'e1' and 'e01' are the same dimension"),
        (["e1", "e2"], "f*", "no column is called 'f*' with a number for the *"),
        (["e1", "e2"], "e1,x", "no column 'x', which is to be a dimension"),
        (["e²", "ex"], "e*", "no column is called 'e*' with a number for the *"),
    ],
)  # fmt: skip
def test_columns_that_are_not_there(tmp_path: Path, header: list[str], said: str, reason: str) -> None:
    assert reason_of(csv_file(tmp_path / "v.csv", [header, [1, 2]]), **by(said)).startswith(reason)


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("", "e1 is empty, expected a number"),
        ("x", "e1 is 'x', expected a number"),
        ("1_0", "e1 is '1_0', expected a number"),
        ("1,5", "e1 is '1,5', expected a number"),
        ("nan", "the vector has nan at position 1, expected finite numbers"),
        ("-inf", "the vector has -inf at position 1, expected finite numbers"),
        ("1e39", "the vector has 1e+39 at position 1, a number beyond float32"),
    ],
)
def test_cells_that_are_no_numbers(tmp_path: Path, cell: str, reason: str) -> None:
    path = csv_file(tmp_path / "v.csv", [["e0", "e1"], ["1", "2"], ["1", cell], ["1", "2"]])
    assert list(read(path, **by("e*")).rows) == [record(), Skipped(2, reason), record()]


def test_keys_of_json(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"id": "a", "e0": 1, "e1": 2.0}, {"e1": 2, "id": "b", "e0": 1}, {"id": "c", "e0": 1}, {"id": "d", "e0": 1, "e1": "2"},
        {"id": "e", "e0": 1, "e1": None}, {"id": "f", "e0": True, "e1": 1}, {"id": "g", "e0": 1, "e1": 2, "e2": 3},
        {"id": "h", "e0": 10**400, "e1": 2}, {"id": "i"},
    ]  # fmt: skip
    reasons = {
        3: "the vector has 1 dimension, expected 2 as in row 1",
        4: "e1 is '2', expected a number",
        5: "e1 is null, expected a number",
        6: "e0 is true, expected a number",
        7: "the vector has 3 dimensions, expected 2 as in row 1",
        8: "the vector has an integer beyond float32",
        9: "no column is called 'e*' with a number for the *",
    }
    for name, text in (("v.json", json.dumps(rows)), ("v.jsonl", "\n".join(map(json.dumps, rows)))):
        path = text_file(tmp_path / name, text)
        assert skipped(read(path, **by("e*"))) == reasons
        assert list(read(path, **by("e*")).rows)[:2] == [record("a"), record("b")]


@pytest.mark.parametrize(
    ("header", "pattern"),
    [(["id", "0", "1"], "'*'"), (["id", "dim_1", "dim_2"], "'dim_*'"), (["V1", "V2", "V3"], "'V*'")],
)
def test_a_header_of_dimensions_says_the_option(tmp_path: Path, header: list[str], pattern: str) -> None:
    reason = reason_of(csv_file(tmp_path / "v.csv", [header, [1, 2, 3]]))
    assert reason.endswith(f"; for one column for each dimension say --vector-columns {pattern}")


def test_arrays_have_no_such_columns(tmp_path: Path) -> None:
    assert "this is an array (npy)" in reason_of(array_file(tmp_path / "v.npy", [[1, 2]]), **by("*"))


def test_a_column_listed_twice(tmp_path: Path) -> None:
    path = csv_file(tmp_path / "v.csv", [["id", "a", "b"], [1, 2, 3]])
    assert reason_of(path, **by("a,b,a")) == "column 'a' is to be two dimensions"


@pytest.mark.parametrize(
    ("said", "name", "expected"),
    [
        ("dim_*", "dim_0", True), ("dim_*", "dim_", False), ("dim_*", "xdim_0", False), ("*", "7", True), ("*", "id", False),
        ("id*", "id", False), ("x*y", "x1y", True), ("x*y", "x1", False), ("a,id", "id", True), ("a,b", "id", False),
    ],
)  # fmt: skip
def test_which_names_may_be_dimensions(said: str, name: str, expected: bool) -> None:
    assert DimensionColumns(said).may_be(name) is expected
