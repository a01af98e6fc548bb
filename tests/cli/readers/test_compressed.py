"""Files compressed by gzip, and standard input."""

from __future__ import annotations

import gzip
import io
import os
import sys
import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from sqlclust.cli.readers.files import STANDARD_INPUT, Record, opened, read
from sqlclust.errors import InputFileError
from tests.cli.readers.input_files import GOOD_ROW, npy_bytes, npz_bytes, parquet_bytes, reason_of, record, text_file
from tests.small import blob

CSV = 'id,vector\na,"[1, 2]"\nb,"[1, 2]"\n'
CONTENTS: dict[str, tuple[bytes, str]] = {
    "npy": (npy_bytes(), "npy"),
    "npz": (npz_bytes(), "npz"),
    "json": (f"[{GOOD_ROW}]".encode(), "json"),
    "jsonl": (f"{GOOD_ROW}\n{GOOD_ROW}".encode(), "nl"),
    "csv": (CSV.encode(), "csv"),
    "tsv": (b"id\tvector\na\t[1, 2]\n", "tsv"),
    "parquet": (parquet_bytes(), "parquet"),
}


@pytest.mark.parametrize("ending", CONTENTS)
@pytest.mark.parametrize("name", ["v.{}.gz", "V.{}.GZ", "v.gz", "v", "v.{}"])
def test_gzip_is_told_by_its_first_bytes(tmp_path: Path, ending: str, name: str) -> None:
    content, format = CONTENTS[ending]
    plain = text_file(tmp_path / f"plain.{ending}", content)
    found = read(text_file(tmp_path / name.format(ending), gzip.compress(content)))
    assert found.format == format
    assert list(found.rows) == list(read(plain).rows)


@pytest.mark.parametrize("format", CONTENTS)
def test_a_file_that_only_ends_in_gz(tmp_path: Path, format: str) -> None:
    content, _ = CONTENTS[format]
    found = list(read(text_file(tmp_path / f"v.{format}.gz", content)).rows)
    assert found == list(read(text_file(tmp_path / f"v.{format}", content)).rows)


def test_files_of_several_members(tmp_path: Path) -> None:
    halves = CSV.encode()[:20], CSV.encode()[20:]
    path = text_file(tmp_path / "v.csv.gz", b"".join(map(gzip.compress, halves)))
    assert list(read(path).rows) == [record("a"), record("b")]


@pytest.mark.parametrize("ending", CONTENTS)
@pytest.mark.parametrize("cut", [1, 8, 9, 15])
def test_files_that_are_cut_off(tmp_path: Path, ending: str, cut: int) -> None:
    content, _ = CONTENTS[ending]
    path = text_file(tmp_path / f"v.{ending}.gz", gzip.compress(content)[:-cut])
    assert reason_of(path) == "the gzip file is cut off: it ends before its end is marked"


def test_damage_far_into_a_file(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    lines = "".join(f"{row},{row % 7}.{number}\n" for row, number in enumerate(generator.integers(1 << 60, size=9_000)))
    content = bytearray(gzip.compress(f"id,vector\n{lines}".encode()))
    for place in range(len(content) - 3000, len(content) - 2000):
        content[place] ^= 0x55
    path = text_file(tmp_path / "v.csv.gz", bytes(content))
    reason = reason_of(path)
    assert reason.startswith(("the gzip file is damaged: ", "the gzip file is cut off: "))
    assert "the gzip file is damaged: CRC check failed" in reason_of(
        text_file(tmp_path / "crc.csv.gz", gzip.compress(CSV.encode())[:-8] + bytes(8))
    )
    assert "the gzip file is damaged: Not a gzipped file" in reason_of(
        text_file(tmp_path / "more.csv.gz", gzip.compress(CSV.encode()) + b"more")
    )
    assert reason_of(text_file(tmp_path / "none.csv.gz", gzip.compress(b""))) == "it has no rows"


def test_a_compressed_array_leaves_no_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "here"))
    (tmp_path / "here").mkdir()
    path = text_file(tmp_path / "v.npy.gz", gzip.compress(npy_bytes()))
    assert len(list(read(path).rows)) == 10
    assert os.listdir(tmp_path / "here") == []


class _Stdin:
    def __init__(self, content: bytes) -> None:
        self.buffer = io.BytesIO(content)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("ending", CONTENTS)
def test_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, compressed: bool) -> None:
    content, format = CONTENTS[ending]
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "here"))
    (tmp_path / "here").mkdir()
    monkeypatch.setattr(sys, "stdin", _Stdin(gzip.compress(content) if compressed else content))
    with opened(STANDARD_INPUT) as given:
        found = read(given)
        assert found.format == format
        expected = list(read(text_file(tmp_path / f"v.{ending}", content)).rows)
        assert list(found.rows) == expected
    assert os.listdir(tmp_path / "here") == []


def test_standard_input_that_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)  # as in a program that was started with <&-
    with pytest.raises(InputFileError, match=r"^standard input: it is closed$"), opened(STANDARD_INPUT):
        pass


def test_standard_input_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for content, reason in ((b"", "the file is empty"), (b"id,x\n1,2\n", "no column 'vector'; its columns: 'id', 'x'")):
        monkeypatch.setattr(sys, "stdin", _Stdin(content))
        with opened(STANDARD_INPUT) as given, pytest.raises(InputFileError) as caught:
            read(given)
        assert str(caught.value) == f"standard input: {reason}"


@pytest.mark.parametrize("name", ["SQLite.npy", "v.csv", "v", "v.db"])
def test_an_sqlite_file_says_what_to_do_instead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    content = b"SQLite format 3\0" + bytes(100)
    path = text_file(tmp_path / name, content)
    copied = '"sqlclust fit" clusters a table of it where it is, and "sqlclust load" copies one with --from-table TABLE'
    assert reason_of(path) == f'is an SQLite database: {copied}; "sqlclust sources {path}" lists what it has'
    # neither of these can be opened by SQLite
    compressed = text_file(tmp_path / f"{name}.gz", gzip.compress(content))
    assert reason_of(compressed) == f"is an SQLite database: put it into a file, uncompressed; then {copied}"
    monkeypatch.setattr(sys, "stdin", _Stdin(content))
    with opened(STANDARD_INPUT) as given, pytest.raises(InputFileError) as caught:
        read(given)
    assert caught.value.reason == f"is an SQLite database: put it into a file; then {copied}"


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_a_long_compressed_stream_is_not_held_in_memory(tmp_path: Path, ending: str) -> None:
    vector = "[" + ", ".join(["0.123456789"] * 64) + "]"
    head, line = (
        ("", f'{{"id": "a", "vector": {vector}}}\n') if ending == "jsonl" else ("id,vector\n", f'a,"{vector}"\n')
    )
    path = text_file(tmp_path / f"v.{ending}.gz", gzip.compress((head + line * 6_000).encode(), 1))
    next(read(path).rows)  # imports
    tracemalloc.start()
    try:
        n = sum(len(row.vector) == len(blob(*[0] * 64)) for row in read(path).rows if isinstance(row, Record))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert n == 6_000
    assert peak < 3_000_000  # the file is 5,000,000 bytes of text
