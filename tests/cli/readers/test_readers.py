from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sqlclust.cli.readers.files import FILE_FORMATS, Columns, InputFile, Record, Skipped, read
from sqlclust.cli.readers.records import raw_rows
from sqlclust.errors import InputFileError, OptionError
from sqlclust.vectors.blobs import to_json

NO_NUMBER = "no id, and the ids of this column are TEXT, so that no number is given"
UUID_LIKE = "0688868048517e121234567890123456"  # as a number: infinity


def stored(*numbers: float) -> bytes:
    return np.array(numbers, dtype="<f4").tobytes()


def record(id: Any = None, vector: bytes = b"", content: str | None = None, run: Any = None, at: Any = None) -> Record:
    return Record(id, vector or stored(1, 2), content, run, at)


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


# --- arrays -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "f2", "f8", "longdouble", "i1", ">i8", "u2", "u8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_of_any_number_type_becomes_little_endian_float32(tmp_path: Path, dtype: str, order: Any) -> None:
    path = array_file(tmp_path / "v.npy", np.array([[1, 2], [0, 0], [5, 6]], dtype=dtype, order=order))
    source = read(path)
    assert (source.count, source.format) == (3, "npy")
    assert list(source.rows) == [record(vector=stored(*row)) for row in ((1, 2), (0, 0), (5, 6))]


def test_npy_rows_that_cannot_be_used_are_skipped_across_blocks(tmp_path: Path) -> None:
    vectors = np.ones((4099, 3), dtype="f8")
    vectors[1, 2], vectors[4095, 0], vectors[4096, 1], vectors[4098] = np.nan, -np.inf, 1e300, 1e-300
    rows = list(read(array_file(tmp_path / "v.npy", vectors)).rows)
    assert {row.row: row.reason for row in rows if isinstance(row, Skipped)} == {
        2: "the vector has nan at position 2, expected finite numbers",
        4096: "the vector has -inf at position 0, expected finite numbers",
        4097: "the vector has 1e+300 at position 1, a number beyond float32",
    }
    assert len(rows) == 4099
    assert rows[4098] == record(vector=stored(0, 0, 0))


IDS: dict[str, Callable[[Path], Path]] = {
    "npy": lambda folder: array_file(folder / "ids.npy", np.array([7, -8], dtype=">i4")),
    "txt": lambda folder: text_file(folder / "ids.txt", "7\n-8\n"),
    "txt without a last newline": lambda folder: text_file(folder / "ids.TXT", b"\xef\xbb\xbf7\r\n-8"),
    "json": lambda folder: text_file(folder / "ids.json", "[7, -8]"),
}


@pytest.mark.parametrize("ids", IDS.values(), ids=IDS)
def test_ids_file(tmp_path: Path, ids: Callable[[Path], Path]) -> None:
    path = array_file(tmp_path / "v.npy", [[1, 2], [1, 2]])
    assert list(read(path, ids=ids(tmp_path)).rows) == [record(7), record(-8)]


TEXTS: dict[str, Callable[[Path], Path]] = {
    "npy": lambda folder: array_file(folder / "t.npy", np.array(["12", "é\u2028b"])),
    "txt": lambda folder: text_file(folder / "t.txt", "12\né\u2028b\n"),
    "json": lambda folder: text_file(folder / "t.json", '["12", "é\u2028b"]'),
}


@pytest.mark.parametrize("texts", TEXTS.values(), ids=TEXTS)
def test_texts_file(tmp_path: Path, texts: Callable[[Path], Path]) -> None:
    path = array_file(tmp_path / "v.npy", [[1, 2], [1, 2]])
    rows = list(read(path, texts=texts(tmp_path)).rows)
    assert rows == [record(content="12"), record(content="é\u2028b")]


def test_blank_lines_are_no_id_and_an_empty_text(tmp_path: Path) -> None:
    path = array_file(tmp_path / "v.npy", [[1, 2], [1, 2]])
    blank = text_file(tmp_path / "blank.txt", "\na\n")
    assert list(read(path, ids=blank, texts=blank).rows) == [Skipped(1, NO_NUMBER), record("a", content="a")]
    blank = text_file(tmp_path / "numbers.txt", "\n7\n")
    assert list(read(path, ids=blank, texts=blank).rows) == [record(None, content=""), record(7, content="7")]


def test_strings_in_an_ids_array_or_list_stay_strings(tmp_path: Path) -> None:
    path = array_file(tmp_path / "v.npy", [[1, 2], [1, 2]])
    for ids in (array_file(tmp_path / "i.npy", np.array(["7", UUID_LIKE])), tmp_path / "i.json"):
        (tmp_path / "i.json").write_text(json.dumps(["7", UUID_LIKE]))
        assert list(read(path, ids=ids).rows) == [record("7"), record(UUID_LIKE)]


def test_ids_and_texts_that_cannot_be_used_are_skipped(tmp_path: Path) -> None:
    path = array_file(tmp_path / "v.npy", np.ones((4, 2)))
    texts = text_file(tmp_path / "t.json", '["a", null, 3, "\\ud800"]')
    assert skipped(read(path, texts=texts)) == {
        3: "content is 3, expected text",
        4: "content is '\\ud800', which is not valid Unicode",
    }
    ids = array_file(tmp_path / "i.npy", np.array([1, 2**63 - 1, 2**63, 4], dtype="u8"))
    assert skipped(read(path, ids=ids)) == {3: "id is 9223372036854775808, beyond SQLite's 64-bit integers"}


@pytest.mark.parametrize("name", ["vectors", "embeddings", "arr_0", "anything"])
@pytest.mark.parametrize("texts", ["texts", "content"])
def test_npz_holds_vectors_ids_and_texts(tmp_path: Path, name: str, texts: str) -> None:
    path = tmp_path / "v.npz"
    arrays: dict[str, Any] = {name: [[1, 2], [1, 2]], "ids": ["a", "b"], texts: ["x", "y"]}
    np.savez_compressed(path, **arrays)
    source = read(path)
    assert (source.count, source.format) == (2, "npz")
    assert list(source.rows) == [record("a", content="x"), record("b", content="y")]


def test_npz_known_name_wins_and_files_win_over_its_own_arrays(tmp_path: Path) -> None:
    path = tmp_path / "v.npz"
    np.savez(path, aside=np.zeros((5, 5)), embeddings=[[1, 2]], ids=[1], texts=["x"])
    assert list(read(path).rows) == [record(1, content="x")]
    ids, texts = text_file(tmp_path / "i.txt", "9"), text_file(tmp_path / "t.txt", "y")
    assert list(read(path, ids=ids, texts=texts).rows) == [record(9, content="y")]


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"a": [[1.0]], "b": [[2.0]]}, "found a (1, 1), b (1, 1)"),
        ({"vectors": [1.0, 2.0]}, "found vectors (2,)"),
        ({"vectors": [[1.0]], "ids": [1.5]}, "found an array of float64, shape (1,), expected a 1-d array of int"),
        ({"vectors": [[1.0]], "ids": 1}, "shape (), expected a 1-d array of integers or strings"),
        ({"vectors": [[1.0]], "texts": [1]}, "expected a 1-d array of strings"),
        ({"vectors": [[1.0]], "ids": [1, 2]}, "found 2 ids for the 1 vectors in"),
        ({"vectors": [[1.0]], "texts": ["a", "b"]}, "found 2 texts for the 1 vectors in"),
        ({"vectors": [[1.0]], "ids": np.array(["a", 1], dtype=object)}, "not a readable .npz file: Object arrays"),
    ],
)
def test_npz_that_cannot_be_used(tmp_path: Path, arrays: dict[str, Any], reason: str) -> None:
    np.savez(tmp_path / "v.npz", **arrays)
    assert reason in reason_of(tmp_path / "v.npz")


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros(3), "expected one 2-d array, or one named vectors, embeddings or arr_0; found array (3,)"),
        (np.zeros((2, 2, 2)), "found array (2, 2, 2)"),
        (np.zeros(()), "found array ()"),
        (np.zeros((0, 3)), "found an array of float64, shape (0, 3), expected floats or integers, at least one row"),
        (np.zeros((3, 0)), "at least one row and one column"),
        (np.array([["a"]]), "found an array of <U1, shape (1, 1), expected floats or integers"),
        (np.array([[True]]), "found an array of bool"),
        (np.array([[1j]]), "found an array of complex128"),
        (np.array([[{}]], dtype=object), "not a readable .npy file: Array can't be memory-mapped: Python objects"),
        (np.zeros((2, 2), dtype=[("a", "f4")]), "expected floats or integers"),
    ],
)
def test_npy_that_cannot_be_used(tmp_path: Path, array: NDArray[Any], reason: str) -> None:
    assert reason in reason_of(array_file(tmp_path / "v.npy", array))


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


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cut.npy", npy_bytes()[:-1]),
        ("cut header.npy", npy_bytes()[:40]),
        ("magic only.npy", npy_bytes()[:6]),
        ("version.npy", npy_bytes().replace(b"\x93NUMPY\x01", b"\x93NUMPY\x09")),
        ("huge.npy", npy_bytes().replace(b"(10, 4)", b"(9999999999999999999999, 4)")),
        ("negative.npy", npy_bytes().replace(b"(10, 4)", b"(-1, 4)")),
        ("not an array.npy", b"0.1 0.2\n0.3 0.4\n"),
        ("pickle.npy", b"\x80\x04]\x94."),
        ("an archive.npy", npz_bytes()),
        ("cut.npz", npz_bytes()[:-30]),
        ("garbage.npz", b"PK\x03\x04garbage"),
        ("not an archive.npz", npy_bytes()),
        ("damaged.npz", npz_bytes().replace(np.ones(4, dtype="<f4").tobytes(), bytes(16))),
        ("encrypted.npz", npz_bytes(encrypted=True)),
    ],
)
def test_damaged_array_files(tmp_path: Path, name: str, content: bytes) -> None:
    path = text_file(tmp_path / name, content)
    assert reason_of(path).startswith(f"not a readable {path.suffix} file: ")
    assert "pickle" not in reason_of(path)


def test_npz_without_arrays(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "v.npz", "w") as archive:
        archive.writestr("notes.txt", "no array")
    assert reason_of(tmp_path / "v.npz").endswith("found none")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("ids.txt", "a\nb\nc\n", "found 3 ids for the 2 vectors in {}, expected as many"),
        ("ids.json", "[1]", "found 1 ids for the 2 vectors in {}, expected as many"),
        ("ids.json", '{"a": 1}', "found an object, expected a JSON list"),
        ("ids.json", "[1,", "not a list of ids: Expecting value"),
        ("ids.txt", b"a\n\xff\n", "not a list of ids: not UTF-8 text (byte 0xff, invalid start byte)"),
        ("ids.txt", "", "the file is empty"),
        ("ids.csv", "a\nb\n", "expected a file that ends in .npy, .txt or .json"),
        ("ids.npy", "a\nb\n", "not a readable .npy file: it does not begin as one"),
    ],
)
def test_ids_files_that_cannot_be_used(tmp_path: Path, name: str, content: str | bytes, reason: str) -> None:
    path = array_file(tmp_path / "v.npy", np.ones((2, 2)))
    ids = text_file(tmp_path / name, content)
    with pytest.raises(InputFileError) as caught:
        read(path, ids=ids)
    assert caught.value.path == str(ids)
    assert caught.value.reason.startswith(reason.format(path))
    with pytest.raises(InputFileError):
        read(path, texts=ids)


def test_ids_and_texts_arrays_of_other_types(tmp_path: Path) -> None:
    path = array_file(tmp_path / "v.npy", np.ones((2, 2)))
    for values in ([1.0, 2.0], [[1], [2]], [b"a", b"b"], [True, False]):
        other = array_file(tmp_path / "i.npy", np.array(values))
        assert "expected a 1-d array of integers or strings" in reason_of(path, ids=other)
        assert "expected a 1-d array of strings" in reason_of(path, texts=other)
    numbers = array_file(tmp_path / "i.npy", np.array([1, 2]))
    assert "expected a 1-d array of strings" in reason_of(path, texts=numbers)
    damaged = np.array([0x110000, 1], dtype="<u4").view("<U1")  # no such character
    assert reason_of(path, ids=array_file(tmp_path / "i.npy", damaged)).startswith("not a list of ids: ")


def test_missing_ids_file(tmp_path: Path) -> None:
    path = array_file(tmp_path / "v.npy", np.ones((2, 2)))
    with pytest.raises(InputFileError, match=r"none\.txt: No such file"):
        read(path, ids=tmp_path / "none.txt")


# --- records ----------------------------------------------------------------------------------------------

OBJECTS: list[dict[str, Any]] = [
    {"id": "a", "vector": [1, 2.0], "content": "one,\ntwo", "run_id": "r", "sequence_number": 3},
    {"id": 7, "vector": "[1, 2]", "content": "", "run_id": 9, "sequence_number": 0},
    {"id": None, "vector": [1, 2]},
    {"id": 1.5, "vector": [1, 2]},
    {"id": UUID_LIKE, "vector": [1, 2], "surplus": 1},
]
EXPECTED = [
    record("a", content="one,\ntwo", run="r", at=3),
    record(7, content="", run=9, at=0),
    record(),
    record(1.5),
    record(UUID_LIKE),
]


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"], ids=["no BOM", "BOM"])
@pytest.mark.parametrize("indent", [None, 2])
def test_json(tmp_path: Path, bom: bytes, indent: int | None) -> None:
    path = text_file(tmp_path / "v.json", bom + json.dumps(OBJECTS, indent=indent).encode())
    source = read(path)
    assert (source.count, source.format) == (5, "json")
    assert list(source.rows) == EXPECTED


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"], ids=["no BOM", "BOM"])
@pytest.mark.parametrize("name", ["v.nl", "v.jsonl", "v.NDJSON", "v.json", "v", "v.data"])
def test_newline_delimited_json(tmp_path: Path, name: str, bom: bytes) -> None:
    lines = "\r\n\r\n".join(json.dumps(row) for row in OBJECTS)
    source = read(text_file(tmp_path / name, bom + lines.encode()))
    assert (source.count, source.format) == (None, "nl")
    assert list(source.rows) == EXPECTED


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"], ids=["no BOM", "BOM"])
@pytest.mark.parametrize(("format", "delimiter"), [("csv", ","), ("tsv", "\t")])
def test_csv_and_tsv(tmp_path: Path, format: str, delimiter: str, bom: bytes) -> None:
    rows: list[list[Any]] = [
        ["id", "vector", "content", "run_id", "sequence_number", "surplus"],
        ["a", "[1, 2.0]", "one,\n\ttwo", "r", "3", ""],
        ["7", "[1, 2]", "", "9", "0", ""],
        ["", "[1, 2]", "'", "", "", ""],
        [UUID_LIKE, "[1, 2]", "é", "1e5", "", "x"],
    ]
    path = csv_file(tmp_path / "v", rows, delimiter)
    source = read(text_file(path, bom + path.read_bytes()))
    assert (source.count, source.format) == (None, format)
    assert list(source.rows) == [
        record("a", content="one,\n\ttwo", run="r", at=3),
        record("7", content="", run="9", at=0),
        Skipped(3, NO_NUMBER),
        record(UUID_LIKE, content="é", run="1e5"),
    ]


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
    assert list(source.rows) == [record(1, stored(1), run="07"), record(2, stored(1), run="7")]


def test_the_first_pass_ends_where_the_types_are_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def counting(path: Path, format: str) -> Any:
        for number, row in enumerate(raw_rows(path, format)):
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


def test_embedding_stands_for_vector_unless_another_name_is_given(tmp_path: Path) -> None:
    path = text_file(tmp_path / "v.nl", '{"embedding": [1, 2]}\n{"vector": [1, 2], "embedding": "other"}\n')
    assert list(read(path).rows) == [record(), record()]
    assert skipped(read(path, columns=Columns(vector="v"))) == {1: "no 'v' in the row", 2: "no 'v' in the row"}
    path = csv_file(tmp_path / "v.csv", [["embedding"], ["[1, 2]"]])
    assert list(read(path).rows) == [record()]


@pytest.mark.parametrize("format", ["csv", "json", "nl"])
def test_columns_can_be_renamed(tmp_path: Path, format: str) -> None:
    columns = Columns(id="key", vector="v", content="text", run_id="run", sequence_number="at")
    names = ["key", "v", "text", "run", "at", "id", "vector"]
    values = ["k", "[1, 2]", "c", "r", 4, "not this", "nor this"]
    if format == "csv":
        path = csv_file(tmp_path / "v.csv", [names, values])
    else:
        row = json.dumps(dict(zip(names, values, strict=True)))
        path = text_file(tmp_path / f"v.{format}", f"[{row}]" if format == "json" else row)
    assert list(read(path, columns=columns).rows) == [record("k", content="c", run="r", at=4)]


BAD_ROWS = [
    ('{"id": 1}', "no 'vector' in the row"),
    ('{"vector": null}', "the vector is NULL, expected a JSON array of numbers"),
    ('{"vector": []}', "the vector is an empty array, expected a JSON array of numbers"),
    ('{"vector": "[]"}', "the vector is an empty array, expected a JSON array of numbers"),
    ('{"vector": {"a": 1}}', "the vector is an object, expected a JSON array of numbers"),
    ('{"vector": 1.5}', "the vector is 1.5, expected a JSON array of numbers"),
    ('{"vector": true}', "the vector is true, expected a JSON array of numbers"),
    (
        '{"vector": "AACAPwAAAEA="}',
        "the vector is 'AACAPwAAAEA=', expected a JSON array of numbers (--vector-format says which numbers a BLOB in base64 "
        "holds)",
    ),
    ('{"vector": "null"}', "the vector is 'null', expected a JSON array of numbers"),
    ('{"vector": "[0.1, 0.2"}', "the vector is '[0.1, 0.2', expected a JSON array of numbers"),
    (
        '{"vector": "' + "0123456789" * 9 + '"}',
        "the vector is '01234567890123456789012345678901234567…, expected a JSON array of numbers",
    ),
    ('{"vector": [1, NaN]}', "the vector has nan at position 1, expected finite numbers"),
    ('{"vector": [-Infinity, 1]}', "the vector has -inf at position 0, expected finite numbers"),
    ('{"vector": [1, 1e999]}', "the vector has inf at position 1, expected finite numbers"),
    ('{"vector": "[1, NaN]"}', "the vector has nan at position 1, expected finite numbers"),
    ('{"vector": [1, 1e39]}', "the vector has 1e+39 at position 1, a number beyond float32"),
    ('{"vector": [1, 1' + "0" * 400 + "]}", "the vector has an integer beyond float32"),
    ('{"vector": [1, "2"]}', "the vector has '2' at position 1, expected a number"),
    ('{"vector": [1, true]}', "the vector has true at position 1, expected a number"),
    ('{"vector": [null, 1]}', "the vector has null at position 0, expected a number"),
    ('{"vector": [[1, 2]]}', "the vector has an array at position 0, expected a number"),
    ('{"vector": [{}, 2]}', "the vector has an object at position 0, expected a number"),
    ('{"vector": [1, 2, 3]}', "the vector has 3 dimensions, expected 2 as in row 1"),
    ('{"id": true, "vector": [1, 2]}', "id is true, expected an integer or a number or text"),
    ('{"id": [1], "vector": [1, 2]}', "id is an array, expected an integer or a number or text"),
    ('{"id": {}, "vector": [1, 2]}', "id is an object, expected an integer or a number or text"),
    ('{"id": NaN, "vector": [1, 2]}', "id is nan, expected a finite number"),
    ('{"id": 1e999, "vector": [1, 2]}', "id is inf, expected a finite number"),
    (
        '{"id": 9223372036854775808, "vector": [1, 2]}',
        "id is 9223372036854775808, beyond SQLite's 64-bit integers",
    ),
    ('{"id": "\\ud800", "vector": [1, 2]}', "id is '\\ud800', which is not valid Unicode"),
    ('{"run_id": false, "vector": [1, 2]}', "run_id is false, expected an integer or a number or text"),
    ('{"sequence_number": 1.0, "vector": [1, 2]}', "sequence_number is 1.0, expected an integer"),
    ('{"sequence_number": "1", "vector": [1, 2]}', "sequence_number is '1', expected an integer"),
    ('{"sequence_number": true, "vector": [1, 2]}', "sequence_number is true, expected an integer"),
    (
        '{"sequence_number": -9223372036854775809, "vector": [1, 2]}',
        "sequence_number is -9223372036854775809, beyond SQLite's 64-bit integers",
    ),
    ('{"content": 5, "vector": [1, 2]}', "content is 5, expected text"),
    ('{"content": ["a"], "vector": [1, 2]}', "content is an array, expected text"),
    ('{"content": "a\\udfff", "vector": [1, 2]}', "content is 'a\\udfff', which is not valid Unicode"),
    ("[1, 2]", "the row is an array, expected an object"),
    ("null", "the row is null, expected an object"),
]
GOOD_ROW = '{"id": 1, "vector": [1, 2]}'


@pytest.mark.parametrize(("row", "reason"), BAD_ROWS)
def test_rows_that_cannot_be_used_are_skipped(tmp_path: Path, row: str, reason: str) -> None:
    path = text_file(tmp_path / "v.json", f"[{GOOD_ROW}, {row}, {GOOD_ROW}]")
    assert list(read(path).rows) == [record(1), Skipped(2, reason), record(1)]
    path = text_file(tmp_path / "v.nl", f"{GOOD_ROW}\n{row}\n{GOOD_ROW}\n")
    assert list(read(path).rows) == [record(1), Skipped(2, reason), record(1)]


def test_the_first_usable_row_gives_the_dimension(tmp_path: Path) -> None:
    rows = '[{"vector": [1, 2, 3], "id": true}, {"vector": [1, 2]}, {"vector": [1]}]'
    assert skipped(read(text_file(tmp_path / "v.json", rows))) == {
        1: "id is true, expected an integer or a number or text",
        3: "the vector has 1 dimension, expected 2 as in row 2",
    }


@pytest.mark.parametrize("line", ["nonsense", '{"vector": [1, 2]', '{"id": ' + "9" * 5000 + "}", "[" * 100_000])
def test_a_line_that_is_not_json_is_skipped(tmp_path: Path, line: str) -> None:
    path = text_file(tmp_path / "v.nl", f"{GOOD_ROW}\n{line}\n{line}\n{GOOD_ROW}\n")
    first, second, third, fourth = read(path).rows
    assert first == fourth == record(1)
    assert isinstance(second, Skipped)
    assert isinstance(third, Skipped)
    assert (second.row, third.row) == (2, 3)
    assert second.reason.startswith("the line is not JSON: ")


def test_csv_rows_that_cannot_be_used_are_skipped(tmp_path: Path) -> None:
    text = (
        "id,vector,sequence_number\n"
        '1,"[1, 2]",1\n'
        "2,[1, 2],2\n"  # not quoted
        "3,,3\n"
        "4\n"
        '5,"[1, NaN]",5\n'
        '6,"[1, 2]",2.5\n'
        '7,"[1, 2]"\n'
        '8,"[1, 2'
    )
    assert list(read(text_file(tmp_path / "v.csv", text)).rows) == [
        record(1, at=1),
        Skipped(2, "1 more fields than the header has; a vector that holds commas has to be quoted"),
        Skipped(3, "the vector is '', expected a JSON array of numbers"),
        Skipped(4, "the vector is NULL, expected a JSON array of numbers"),
        Skipped(5, "the vector has nan at position 1, expected finite numbers"),
        Skipped(6, "sequence_number is '2.5', expected an integer"),
        record(7),
        Skipped(8, "the vector is '[1, 2', expected a JSON array of numbers"),
    ]


def test_tsv_rows_with_more_fields_are_skipped(tmp_path: Path) -> None:
    path = text_file(tmp_path / "v.tab", "id\tvector\n1\t[1, 2]\n2\t[1, 2]\tx\ty\n3\t[1, 2]\n")
    rows = list(read(path).rows)
    assert rows[::2] == [record(1), record(3)]
    assert rows[1] == Skipped(2, "2 more fields than the header has; a vector that holds commas has to be quoted")


def test_csv_fields_may_be_longer_than_pythons_limit_which_is_left_alone(tmp_path: Path) -> None:
    limit = csv.field_size_limit()
    vector = "[" + ", ".join(["0.12345678901234567"] * 20_000) + "]"
    path = csv_file(tmp_path / "v.csv", [["vector"], [vector], [vector]])
    rows = read(path).rows
    found = next(rows)
    assert isinstance(found, Record)
    assert len(found.vector) == 80_000
    rows.close()  # type: ignore[attr-defined]
    assert csv.field_size_limit() == limit


@pytest.mark.parametrize("format", ["csv", "tsv"])
def test_csv_without_the_columns_asked_for(tmp_path: Path, format: str) -> None:
    rows: list[list[Any]] = [["key", "x"], ["k", "[1, 2]"]]
    path = csv_file(tmp_path / f"v.{format}", rows, "," if format == "csv" else "\t")
    assert reason_of(path) == "no column 'vector'; its columns: 'key', 'x'"
    for name in ("id", "vector", "content", "run_id", "sequence_number"):
        columns = Columns(**({"vector": "x"} | {name: "typo"}))
        assert reason_of(path, columns=columns) == "no column 'typo'; its columns: 'key', 'x'"


@pytest.mark.parametrize(
    ("header", "advice"),
    [
        ("ID,Vector", "; names are taken as they are written, so say --id-column ID --vector-column Vector"),
        (
            " id , vector ",
            "; names are taken as they are written, so say --id-column ' id ' --vector-column ' vector '",
        ),
        ("id,EMBEDDING", "; names are taken as they are written, so say --vector-column EMBEDDING"),
        ("Id,VEC", "; names are taken as they are written, so say --id-column Id"),
        ("Vector,VECTOR", ""),  # either could be meant
        ("id;vector", "; fields seem to be separated by ';', and CSV has commas (TSV tabs, in a file named .tsv)"),
        ("id\tvector", "; fields seem to be separated by '\\t', and CSV has commas (TSV tabs, in a file named .tsv)"),
    ],
)
def test_csv_with_a_header_that_is_nearly_right(tmp_path: Path, header: str, advice: str) -> None:
    path = text_file(tmp_path / "v.csv", header + '\n1,"[1, 2]"\n')
    columns = ", ".join(map(repr, header.split(",")))
    assert reason_of(path) == f"no column 'vector'; its columns: {columns}{advice}"


@pytest.mark.parametrize("name", ["ID", "Id", " id"])
def test_ids_under_another_name_are_not_lost(tmp_path: Path, name: str) -> None:
    """Without an id column the database numbers the rows; here the ids are there."""
    path = text_file(tmp_path / "v.csv", f'{name},vector\n7,"[1, 2]"\n')
    assert f"no column 'id'; its columns: '{name}', 'vector'; " in reason_of(path)
    path = text_file(tmp_path / "v.csv", 'uid,vector\n7,"[1, 2]"\n')
    assert list(read(path).rows) == [record(None)]


def test_the_option_for_a_column_reads_it(tmp_path: Path) -> None:
    path = text_file(tmp_path / "v.csv", 'ID,Vector\n7,"[1, 2]"\n')
    [found] = read(path, columns=Columns(id="ID", vector="Vector")).rows
    assert isinstance(found, Record)
    assert (found.id, np.frombuffer(found.vector, "<f4").tolist()) == (7, [1, 2])


def test_csv_without_a_header_shows_no_endless_message(tmp_path: Path) -> None:
    path = csv_file(tmp_path / "v.csv", [[0.123456789] * 768] * 2)
    assert len(reason_of(path)) < 500
    path = csv_file(tmp_path / "v.csv", [list(range(768)), list(range(768))])
    assert reason_of(path).endswith("'0', '1', '2', '3', '4', '5', '6', '7', …")


def test_an_id_asked_for_is_not_left_to_the_database(tmp_path: Path) -> None:
    path = text_file(tmp_path / "v.nl", '{"key": 1, "vector": [1, 2]}\n{"vector": [1, 2]}\n')
    rows = list(read(path, columns=Columns(id="key", content="text")).rows)
    assert rows == [record(1), Skipped(2, "no 'key' in the row")]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("v.json", "[]", "it has no rows"),
        ("v.json", "[[1, 2], [3, 4]]", "row 1: found an array, expected an object"),
        ("v.json", "3", "not JSON: JSON must be a list or a dictionary"),
        ("v.json", '[{"id": 1}', "not JSON: Expecting ',' delimiter"),
        ("v.json", "[" * 100_000, "not JSON: "),
        ("v.json", f'[{{"id": {"9" * 5000}}}]', "not JSON: Exceeds the limit"),
        ("v.json", '[{"id": "é"}]'.encode("latin-1"), "not JSON: not UTF-8 text (byte 0xe9"),
        ("v.json", " \n \n", "not JSON: Expecting value"),
        ("v.nl", " \n \n", "it has no rows"),
        ("v.nl", "[1, 2]\n", "row 1: found an array, expected an object"),
        ("v.nl", "id,vector\n", "row 1: the line is not JSON: Expecting value"),
        ("v.nl", b'{"id": "\xff"}', "not NL: not UTF-8 text (byte 0xff"),
        ("v.nl", GOOD_ROW.encode() + b'\n{"id": "\xff"}', "not NL: not UTF-8 text (byte 0xff"),
        ("v.csv", "id,vector\n", "it has no rows"),
        ("v.csv", b'id,vector\n\xff,"[1]"\n', "not CSV: not UTF-8 text (byte 0xff, invalid start byte)"),
        ("v.csv", b'id,vector\n1,"[1]"\n' + b"\n" * 9000 + b"\xff", "not CSV: not UTF-8 text (byte 0xff"),
        ("v.csv", "id,vector\n".encode("utf-16"), "not CSV: not UTF-8 text (byte 0xff"),
        ("v", b"\x00\x01\x02\xff" * 99, "not CSV: not UTF-8 text"),
        ("v", "just text\nand more\n", "no column 'vector'; its columns: 'just text'"),
    ],
)
def test_record_files_that_cannot_be_used(tmp_path: Path, name: str, content: str | bytes, reason: str) -> None:
    assert reason_of(text_file(tmp_path / name, content)).startswith(reason)


def test_csv_field_beyond_all_measure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sqlclust.cli.readers.records._FIELD_CHARACTERS", 100)
    path = text_file(tmp_path / "v.csv", 'id,vector\n1,"[1]"\n2,"' + "never closed\n" * 20)
    assert reason_of(path) == "not CSV: field larger than field limit (100)"


@pytest.mark.parametrize("name", ["v.json", "v.nl", "v.csv", "v.tsv"])
def test_ids_and_texts_files_go_with_arrays_only(tmp_path: Path, name: str) -> None:
    other = text_file(tmp_path / "other.txt", "a\n")
    path = text_file(tmp_path / name, GOOD_ROW)
    for ids, texts in ((other, None), (None, other)):
        with pytest.raises(InputFileError, match=r"go with \.npy and \.npz") as caught:
            read(path, ids=ids, texts=texts)
        assert caught.value.path == str(other)


# --- any file ---------------------------------------------------------------------------------------------


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
