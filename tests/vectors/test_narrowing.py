"""Warnings about what float32 and scaling to length one take away: different rows that become equal, vectors on one line."""

from __future__ import annotations

import json
import logging
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import sqlclust
from sqlclust.vectors.narrowing import Narrowing, warn_if_merged
from tests.cli.terminal import run

DIFFER = re.compile(
    r"^([\d,]+) of ([\d,]+) rows differ from another one in digits that float32 does not have.*subtract an origin"
)
LINE = re.compile(r"^all ([\d,]+) vectors (have one dimension|lie on one line through zero): .*normalize: false")


@pytest.fixture
def warned(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.WARNING, "sqlclust")
    return caplog


def texts(warned: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in warned.records]


def merged(rows: list[list[Any]], dtype: str) -> int:
    """The count, by comparing exactly, in Python's own numbers."""
    groups: dict[tuple[float, ...], list[tuple[Any, ...]]] = defaultdict(list)
    for row in rows:
        groups[tuple(float(np.dtype(dtype).type(x).astype(np.float32)) for x in row)].append(tuple(row))
    return sum(len(group) for group in groups.values() if len(set(group)) > 1)


CLOSE = st.sampled_from([0.0, -0.0, 1.0, 1.0 + 2**-40, 1.0 + 2**-41, 1 + 2**-10, 1e9, 1e9 + 1, 1e9 + 2, 5e-324, -7.25])
LARGE = st.sampled_from([0, 1, 2**24, 2**24 + 1, 2**24 + 2, 2**31 - 1, 2**31 - 2, 5])


@settings(max_examples=100, deadline=None)
@given(st.data(), st.integers(1, 40), st.sampled_from(["<f8", ">f8", "<i8", "<i4", "<u4", "<u8"]))
def test_rows_that_become_equal_are_counted(data: st.DataObject, dimension: int, dtype: str) -> None:
    numbers = CLOSE if "f" in dtype else LARGE
    few = data.draw(st.lists(st.lists(numbers, min_size=dimension, max_size=dimension), min_size=1, max_size=4))
    rows = data.draw(st.lists(st.sampled_from(few), min_size=1, max_size=20))
    given = np.array(rows, dtype=dtype)
    stored = given.astype(np.float32)
    expected = merged(rows, dtype)
    found = Narrowing()
    for start in range(0, len(rows), 7):
        found.add(given[start : start + 7], stored[start : start + 7])
    assert found.merged()[0] == expected
    one_by_one = Narrowing()
    if dtype == "<f8":
        for row in given:
            one_by_one.add_row(row)
        assert one_by_one.merged() == (expected, len(rows))
    counted: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: counted.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("sqlclust")
    logger.addHandler(handler)
    try:
        warn_if_merged(given, stored)
    finally:
        logger.removeHandler(handler)
    assert [DIFFER.match(text).groups() for text in counted] == ([(str(expected), str(len(rows)))] if expected else [])  # type: ignore[union-attr]


@pytest.mark.parametrize("dtype", ["f4", "f2", "i1", "u1", "i2", "u2"])
def test_numbers_that_float32_holds_are_not_looked_at(dtype: str) -> None:
    found = Narrowing()
    found.add(np.ones((3, 2), dtype=dtype), np.ones((3, 2), dtype=np.float32))
    assert found.merged() == (0, 0)


def test_zero_is_zero_with_either_sign() -> None:
    near = 1 + 2.0**-40
    for rows, expected in (([[0.0, near], [-0.0, near]], 0), ([[0.0, 1.0], [-0.0, near]], 2)):
        given = np.array(rows)
        found = Narrowing()
        found.add(given, given.astype(np.float32))
        assert found.merged() == (expected, 2)


# --- every way in ------------------------------------------------------------------------------------------------------------

SECONDS = 1.7e9 + np.arange(60.0)[:, None] * [1.0, 2.0]  # of which float32 keeps every 128th


def differing(rows: NDArray[Any] = SECONDS) -> int:
    return merged(rows.tolist(), "<f8")


def test_arrays(warned: pytest.LogCaptureFixture) -> None:
    sqlclust.hdbscan(SECONDS, min_cluster_size=5, normalize=False)
    [text] = texts(warned)
    assert DIFFER.match(text).groups() == (str(differing()), "60")  # type: ignore[union-attr]
    warned.clear()
    sqlclust.hdbscan(SECONDS - SECONDS.mean(axis=0), min_cluster_size=5, normalize=False)
    sqlclust.hdbscan(SECONDS.astype(np.float32), min_cluster_size=5, normalize=False)
    sqlclust.hdbscan(np.random.default_rng(0).normal(size=(60, 4)), min_cluster_size=5)
    assert texts(warned) == []


@pytest.mark.parametrize("format", ["float64", "json"])
def test_points_in_sql(con: apsw.Connection, warned: pytest.LogCaptureFixture, format: str) -> None:
    con.execute("CREATE TABLE doc (id INTEGER PRIMARY KEY, v)")
    values = [json.dumps(row.tolist()) if format == "json" else row.tobytes() for row in SECONDS]
    con.executemany("INSERT INTO doc (v) VALUES (?)", [(value,) for value in values])
    sql = "SELECT count(*) FROM clust_duplicates((SELECT clust_points(id, v, json_object('format', ?) || '') FROM doc))"
    assert con.execute(sql, (format,)).get > 0
    [text] = texts(warned)
    assert DIFFER.match(text).groups() == (str(differing()), "60")  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", ["csv", "json", "nl", "npy"])
def test_files(tmp_path: Path, kind: str) -> None:
    file = tmp_path / f"v.{kind}"
    if kind == "npy":
        np.save(file, SECONDS)
    elif kind == "csv":
        file.write_text("vector\n" + "".join(f'"{json.dumps(row.tolist())}"\n' for row in SECONDS))
    else:
        lines = [json.dumps({"vector": row.tolist()}) for row in SECONDS]
        file.write_text(f"[{', '.join(lines)}]" if kind == "json" else "\n".join(lines))
    done = run("load", tmp_path / "v.db", file, "-m", "m")
    assert done.code == 0
    [line] = done.err.splitlines()
    assert DIFFER.match(line.removeprefix("Warning: ")).groups() == (str(differing()), "60")  # type: ignore[union-attr]
    connection = sqlclust.connect(str(tmp_path / "v.db"))
    sqlclust.fit(connection, "m", normalize=False)
    connection.close()
    done = run("predict", tmp_path / "v.db", 1, file)
    assert DIFFER.match(done.err.removeprefix("Warning: "))


# --- one direction -----------------------------------------------------------------------------------------------------------

NUMBERS = np.concatenate([np.random.default_rng(0).normal(size=30) + 5, np.random.default_rng(1).normal(size=30) - 9])


@pytest.mark.parametrize("direction", [[1.0], [3.0, -4.0], [0.1, 0.7, 0.3], [1e-30, 0, 2e-30], [0, 3e30], [1e-44, 0]])
def test_vectors_on_one_line(warned: pytest.LogCaptureFixture, direction: list[float]) -> None:
    rows = np.outer(NUMBERS.astype(np.float32), direction).astype(np.float32)
    if direction[0] == 1e-44:
        rows = np.outer(np.arange(1, 61), [1e-44, 0]).astype(np.float32)
    sqlclust.hdbscan(rows, min_cluster_size=5)
    [text] = texts(warned)
    assert LINE.match(text).groups() == (  # type: ignore[union-attr]
        "60", "have one dimension" if len(direction) == 1 else "lie on one line through zero"
    )  # fmt: skip
    warned.clear()
    sqlclust.hdbscan(rows, min_cluster_size=5, metric="cosine", normalize=False)
    assert LINE.match(texts(warned)[0])
    warned.clear()
    sqlclust.hdbscan(rows, min_cluster_size=5, normalize=False)
    assert texts(warned) == []


@pytest.mark.parametrize(
    "rows",
    [
        np.random.default_rng(0).normal(size=(60, 2)),
        np.outer(NUMBERS, [1, 2]) + np.outer(np.arange(60) == 59, [0, 1e-3]),  # the last beside the line
        np.random.default_rng(0).choice([-1.0, 1.0], size=(60, 1)),  # nothing to lose
        np.ones((60, 3)),
        np.array([[1.0], [2.0]]),
        1 + 1e-4 * np.random.default_rng(0).normal(size=(60, 8)),  # nearly alike, and not the same direction
    ],
)
def test_vectors_that_scaling_leaves_different(warned: pytest.LogCaptureFixture, rows: NDArray[Any]) -> None:
    sqlclust.hdbscan(rows.astype(np.float32), min_cluster_size=5)
    assert texts(warned) == []


def test_one_dimension_in_sql_and_from_a_fit(con: apsw.Connection, warned: pytest.LogCaptureFixture) -> None:
    vectors = [(number.tobytes(),) for number in NUMBERS.astype("<f4")]
    con.executemany("INSERT INTO Embedding (id, embedding_model, vector) VALUES (hex(randomblob(8)), 'm', ?)", vectors)
    for sql in (
        "SELECT count(*) FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding))",
        "SELECT clust_fit('m')",
    ):
        con.execute(sql).fetchall()
        [text] = texts(warned)
        assert LINE.match(text)
        warned.clear()


def test_one_dimension_on_the_command_line(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", NUMBERS.astype("f4")[:, None])
    run("load", tmp_path / "v.db", tmp_path / "v.npy", "-m", "m")
    done = run("fit", tmp_path / "v.db", "m", "--log-file", tmp_path / "log")
    assert LINE.match(done.err.removeprefix("Warning: "))
    assert "--no-normalize" in done.err
    assert "WARNING all 60 vectors have one dimension" in (tmp_path / "log").read_text()
    assert run("fit", tmp_path / "v.db", "m", "--no-normalize").err == ""
