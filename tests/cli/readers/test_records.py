"""Records of JSON, CSV and TSV: what is read, and what is wrong with the others."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sqlclust.cli.readers.files import Columns, Record, Skipped, read
from sqlclust.errors import InputFileError
from tests.cli.readers.input_files import (
    GOOD_ROW,
    NO_NUMBER,
    UUID_LIKE,
    csv_file,
    reason_of,
    record,
    skipped,
    text_file,
)

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
        columns = Columns(**{"vector": "x", name: "typo"})  # type: ignore[arg-type]
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
    advice = "; for one column for each dimension say --vector-columns '*'"  # pandas writes such a header
    assert reason_of(path).endswith("'0', '1', '2', '3', '4', '5', '6', '7', …" + advice)


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
