"""Ids: a column has one type."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sqlclust.cli.readers.files import Given, Record, Skipped, read
from sqlclust.cli.readers.records import raw_rows
from sqlclust.errors import InputFileError
from tests.cli.readers.input_files import NO_NUMBER, UUID_LIKE, array_file, csv_file, reason_of, record, text_file
from tests.small import blob

INTEGERS = ["0", "7", "-7", "9223372036854775807", "-9223372036854775808"]
TEXT = [UUID_LIKE, "1e5", "1e999", "007", "-0", "+7", " 7", "7.0", "7_0", "٧", "9223372036854775808", "inf", "nan"]
TEXT += ["-9223372036854775809", "9" * 5000, "0x10", "true", "a\tb"]


KINDS_OF_COLUMN = ["id", "run_id", "ids.txt"]


def column_of(folder: Path, kind: str, cells: list[str], **options: Any) -> list[Any]:
    """The ids that a column of texts gives, of a CSV file or of ids.txt."""
    if kind == "ids.txt":
        path = array_file(folder / "v.npy", np.ones((len(cells), 1)))
        source = read(path, ids=text_file(folder / "ids.txt", "\n".join(cells) + "\n"), **options)
    else:
        rows = [[cell, "[1]", at] for at, cell in enumerate(cells)]
        source = read(csv_file(folder / "v.csv", [[kind, "vector", "sequence_number"], *rows]), **options)
    return [
        getattr(row, "id" if kind == "ids.txt" else kind) if isinstance(row, Record) else row for row in source.rows
    ]


@pytest.mark.parametrize("kind", KINDS_OF_COLUMN)
def test_a_column_of_canonical_64_bit_integers_becomes_integers(tmp_path: Path, kind: str) -> None:
    found = column_of(tmp_path, kind, ["", *INTEGERS])  # an empty cell is no id, and of no type
    assert [(type(id), id) for id in found] == [(type(None), None), *((int, int(cell)) for cell in INTEGERS)]


@pytest.mark.parametrize("kind", KINDS_OF_COLUMN)
@pytest.mark.parametrize("cell", TEXT)
def test_one_other_id_makes_text_of_the_whole_column(tmp_path: Path, kind: str, cell: str) -> None:
    cells = ["", *INTEGERS, cell, "8"]
    assert column_of(tmp_path, kind, cells) == [None if kind == "run_id" else Skipped(1, NO_NUMBER), *cells[1:]]


def test_each_column_has_a_type_of_its_own(tmp_path: Path) -> None:
    path = csv_file(tmp_path / "v.csv", [["id", "vector", "run_id"], ["1", "[1]", "07"], ["2", "[1]", "7"]])
    source = read(path)
    assert source.id_types == {"id": "integer", "run_id": "text"}
    assert list(source.rows) == [record(1, blob(1), run="07"), record(2, blob(1), run="7")]


def test_the_first_pass_ends_where_the_types_are_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def counting(given: Given, format: str) -> Any:
        for number, row in enumerate(raw_rows(given, format)):
            seen.append(number)
            yield row

    monkeypatch.setattr("sqlclust.cli.readers.files.raw_rows", counting)
    path = csv_file(tmp_path / "v.csv", [["id", "vector"], ["1", "[1]"], ["x", "[1]"], *[["2", "[1]"]] * 100])
    read(path)
    assert seen == [0, 0, 1]  # the first row by itself, then up to x; a column that is not there has nothing to tell


@pytest.mark.parametrize("kind", ["id", "ids.txt"])
def test_a_type_that_is_said(tmp_path: Path, kind: str) -> None:
    assert column_of(tmp_path, kind, INTEGERS, id_type="text") == INTEGERS
    assert column_of(tmp_path, kind, INTEGERS, id_type="integer") == [int(cell) for cell in INTEGERS]
    for cell in TEXT:
        with pytest.raises(InputFileError, match=r"row 2: id is .*, expected an integer as SQLite writes it") as caught:
            column_of(tmp_path, kind, ["1", cell, "3"], id_type="integer")
        assert repr(cell)[:20] in str(caught.value)


def test_a_type_that_is_said_of_runs(tmp_path: Path) -> None:
    assert column_of(tmp_path, "run_id", ["1", "2"], run_id_type="text") == ["1", "2"]
    with pytest.raises(InputFileError, match=r"row 2: run_id is '02', expected an integer"):
        column_of(tmp_path, "run_id", ["1", "02"], run_id_type="integer")


def test_a_type_that_is_said_of_ids_that_have_types(tmp_path: Path) -> None:
    path = text_file(tmp_path / "v.json", '[{"id": 7, "vector": [1]}, {"id": "8", "vector": [1]}, {"vector": [1]}]')
    ids = [row.id for row in read(path, id_type="text").rows if isinstance(row, Record)]
    assert ids == ["7", "8"]  # no number of its own for the third
    ids = [row.id for row in read(path, id_type="integer").rows if isinstance(row, Record)]
    assert ids == [7, 8, None]
    array = array_file(tmp_path / "v.npy", np.ones((2, 1)))
    names = array_file(tmp_path / "ids.npy", np.array(["7", "8"]))
    assert [row.id for row in read(array, ids=names, id_type="integer").rows if isinstance(row, Record)] == [7, 8]
    for text, reason in (("7.0", "id is 7.0"), ('"a"', "id is 'a'"), (str(2**63), f"id is {2**63}")):
        path = text_file(tmp_path / "v.nl", f'{{"vector": [1]}}\n{{"id": {text}, "vector": []}}\n')
        assert reason_of(path, id_type="integer").startswith(f"row 2: {reason}, expected an integer")
    path = text_file(tmp_path / "v.nl", '{"id": 7.0, "vector": [1]}')
    assert reason_of(path, id_type="text") == "row 1: id is 7.0, expected text or an integer"


def test_json_ids_keep_their_type(tmp_path: Path) -> None:
    ids = [1, 1.0, "1", "", -(2**63), 1e300, "1e5"]
    path = text_file(tmp_path / "v.json", json.dumps([{"id": id, "vector": [1]} for id in ids]))
    found = [row.id for row in read(path).rows if isinstance(row, Record)]
    assert [(type(id), id) for id in found] == [(type(id), id) for id in ids]
