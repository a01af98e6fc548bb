"""Arrays, and the ids and texts beside them: what is read, and what is wrong with the others."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sqlclust.cli.readers.files import Skipped, read
from sqlclust.errors import InputFileError
from tests.cli.readers.input_files import (
    NO_NUMBER,
    UUID_LIKE,
    array_file,
    npy_bytes,
    npz_bytes,
    reason_of,
    record,
    skipped,
    text_file,
)
from tests.small import blob


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "f2", "f8", "longdouble", "i1", ">i8", "u2", "u8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_of_any_number_type_becomes_little_endian_float32(tmp_path: Path, dtype: str, order: Any) -> None:
    path = array_file(tmp_path / "v.npy", np.array([[1, 2], [0, 0], [5, 6]], dtype=dtype, order=order))
    source = read(path)
    assert (source.count, source.format) == (3, "npy")
    assert list(source.rows) == [record(vector=blob(*row)) for row in ((1, 2), (0, 0), (5, 6))]


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
    assert rows[4098] == record(vector=blob(0, 0, 0))


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
