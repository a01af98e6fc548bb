"""Formats of vectors in files, for load and predict."""

from __future__ import annotations

import base64
import json
import logging
import struct
from pathlib import Path

import apsw
import numpy as np
import pytest

import sqlclust
from sqlclust.vectors.formats import FORMAT_NAMES
from tests.cli.terminal import fail, rows, run, succeed
from tests.vectors.written import BINARY, WRITTEN, options

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("format", BINARY)
@pytest.mark.parametrize("kind", ["csv", "nl", "npy"])
def test_load_and_predict(tmp_path: Path, kind: str, format: str) -> None:
    numbers, value = WRITTEN[format]
    file, db = tmp_path / f"v.{kind}", tmp_path / "v.db"
    text = base64.b64encode(value).decode()
    if kind == "csv":
        file.write_text(f"id,vector\na,{text}\nb,{text}\n")
    elif kind == "nl":
        lines = [{"id": "a", "vector": text}, {"id": "b", "vector": {"$base64": True, "encoded": text}}]
        file.write_text("\n".join(map(json.dumps, lines)))
    else:
        np.save(file, np.frombuffer(value * 2, dtype=np.uint8).reshape(2, -1))
    succeed("load", db, file, "-m", "m", "--vector-format", format)
    assert rows(db, "SELECT vector FROM Embedding") == [(struct.pack(f"<{len(numbers)}f", *numbers),)] * 2
    connection = sqlclust.connect(str(db))
    sqlclust.fit(connection, "m", normalize=False)
    connection.close()
    found = json.loads(succeed("predict", db, 1, file, "--vector-format", format, "--json"))
    assert [row["distance"] for row in found] == [0, 0]


@pytest.mark.parametrize("kind", ["csv", "nl"])
def test_base64_that_nothing_is_said_of(tmp_path: Path, kind: str) -> None:
    file, text = tmp_path / "v", base64.b64encode(struct.pack("<2d", 1, 2)).decode()
    file.write_text(f"id,vector\na,{text}\n" if kind == "csv" else json.dumps({"id": "a", "vector": text}))
    message = run("load", tmp_path / "v.db", file, "-m", "m").err
    assert "expected a JSON array of numbers (--vector-format says which numbers a BLOB in base64 holds)" in message


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", "<f2"])
def test_arrays_of_the_format_that_is_said_are_what_they_are(tmp_path: Path, dtype: str) -> None:
    np.save(tmp_path / "v.npy", np.array([[1.5, 2.5], [3, 4]], dtype=dtype))
    format = {"4": "float32", "8": "float64", "2": "float16"}[dtype[-1]]
    succeed("load", tmp_path / "v.db", tmp_path / "v.npy", "-m", "m", "--vector-format", format)
    assert rows(tmp_path / "v.db", "SELECT vector FROM Embedding LIMIT 1") == [(struct.pack("<2f", 1.5, 2.5),)]


def test_bfloat16_as_numpy_saves_it(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.frombuffer(WRITTEN["bfloat16"][1], dtype="V2").reshape(1, 3))
    message = fail("load", tmp_path / "v.db", tmp_path / "v.npy", "-m", "m")
    assert "found an array of |V2" in message
    assert "--vector-format says what they are, such as bfloat16" in message
    succeed("load", tmp_path / "v.db", tmp_path / "v.npy", "-m", "m", "--vector-format", "bfloat16")
    assert rows(tmp_path / "v.db", "SELECT vector FROM Embedding") == [(struct.pack("<3f", *WRITTEN["bfloat16"][0]),)]


def test_an_array_of_float32_that_looks_like_another_format(tmp_path: Path) -> None:
    db, file = tmp_path / "v.db", tmp_path / "v.npy"
    doubles = np.random.default_rng(0).normal(size=(50, 16)).astype("<f4").astype("<f8")
    np.save(file, doubles.view("<f4"))
    message = fail("load", db, file, "-m", "m")
    assert "an array of float32 that looks like float64" in message
    assert "--vector-format float64, or --vector-format float32 if" in message
    assert not db.exists()
    succeed("load", db, file, "-m", "m", "--vector-format", "float64")
    assert rows(db, "SELECT vector FROM Embedding LIMIT 1") == [(doubles[0].astype("<f4").tobytes(),)]
    succeed("load", db, file, "-m", "as it is", "--vector-format", "float32")
    assert rows(db, "SELECT count(DISTINCT length(vector)) FROM Embedding") == [(2,)]


def test_files_that_are_not_of_the_format_that_is_said(tmp_path: Path) -> None:
    db, array, lines = tmp_path / "v.db", tmp_path / "v.npy", tmp_path / "v.nl"
    np.save(array, np.zeros((2, 6), dtype=np.uint8))
    assert "its rows have 6 bytes, expected a multiple of 8 (float64)" in fail(
        "load", db, array, "-m", "m", "--vector-format", "float64"
    )
    assert "vector format json is for" in fail("load", db, array, "-m", "m", "--vector-format", "json")
    bad = [
        [1.0, 2.0],
        "?",
        base64.b64encode(bytes(7)).decode(),
        None,
        base64.b64encode(struct.pack("<d", 1e300)).decode(),
    ]
    good = {"vector": base64.b64encode(struct.pack("<d", 1)).decode()}
    lines.write_text("\n".join(json.dumps(row) for row in [good, *({"vector": value} for value in bad)]))
    done = run("load", db, lines, "-m", "m", "--vector-format", "float64")
    assert [line.partition(": skipped ")[2] for line in done.err.splitlines()] == [
        "row 2: the vector is an array, expected a BLOB in base64 (float64)",
        "row 3: the vector is '?', expected a BLOB in base64 (float64)",
        "row 4: the vector has 7 bytes, expected a positive multiple of 8 (float64)",
        "row 5: the vector is NULL, expected a BLOB in base64 (float64)",
        "row 6: the vector has 1e+300 at position 0, a number beyond float32",
    ]


def test_nothing_is_logged_of_formats_that_lose_nothing(con: apsw.Connection, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "sqlclust"):
        for format in FORMAT_NAMES:
            _, value = WRITTEN[format]
            con.execute(
                "SELECT clust_points(value, ?, ?) FROM json_each('[1, 2, 3]')", (value, options(format))
            ).fetchall()
    assert caplog.records == []
