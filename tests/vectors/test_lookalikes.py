"""Vectors that look like another format than the one that is said, to functions and to the doctor."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import apsw
import numpy as np
import pytest

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.errors import (
    OptionError,
    UnknownOptionError,
    VectorFormatError,
)
from sqlclust.store import prediction
from tests.cli.terminal import fail, succeed
from tests.small import add_embeddings, clustered
from tests.vectors.written import MADE, options, others


@pytest.mark.parametrize("format", MADE)
def test_points_that_look_like_another_format(con: apsw.Connection, format: str) -> None:
    con.execute("CREATE TABLE doc (id INTEGER PRIMARY KEY, v)")
    con.executemany("INSERT INTO doc (v) VALUES (?)", [(value,) for value in others(format)])
    with pytest.raises(
        VectorFormatError, match=rf"embedding 1 and others look like {format}\b.* not like float32"
    ) as caught:
        con.execute("SELECT clust_points(id, v) FROM doc").fetchall()
    assert caught.value.looks_like[0] == format
    assert f"'{options(format)}'" in str(caught.value)  # how to say it
    said = "SELECT count(*) FROM clust_duplicates((SELECT clust_points(id, v, ?) FROM doc))"
    assert con.execute(said, (options(format),)).get == 0
    if format != "float64":  # of which some are NaN as float32
        assert (
            con.execute("SELECT typeof(clust_points(id, v, ?)) FROM doc WHERE id < 0", (options("float32"),)).get
            == "null"
        )
    finite = [row for row in others(format) if np.isfinite(np.frombuffer(row, "<f4")).all()]
    con.execute("DELETE FROM doc")
    con.executemany("INSERT INTO doc (v) VALUES (?)", [(value,) for value in finite])
    assert len(finite) > 5 or format in ("float64", "int8")
    assert con.execute(said, (options("float32"),)).get == 0  # what is said is believed


def told(con: apsw.Connection, values: np.ndarray) -> str:
    con.execute("CREATE TEMP TABLE told (id INTEGER PRIMARY KEY, v)")
    con.executemany("INSERT INTO told (v) VALUES (?)", [(row.tobytes(),) for row in values])
    with pytest.raises(VectorFormatError) as caught:
        con.execute("SELECT clust_points(id, v) FROM told").fetchall()
    con.execute("DROP TABLE told")
    return str(caught.value)


def test_the_evidence_is_of_every_format_that_is_named(con: apsw.Connection) -> None:
    random = np.random.default_rng(0)
    numbers = (random.normal(size=(100, 16)) + 100).astype("<f2")
    least = numbers.min()
    numbers[0, :2] = 0  # of zeros no size is told
    found = told(con, numbers)
    assert (
        "embedding 1 and others look like float16 or bfloat16 and not like float32: as float32 they reach from 3.64e+13 to 6.6"
        in found
    )
    reach = f"as float16 they reach from {least:.3g} to {numbers.max():.3g}, as bfloat16 they reach from "
    assert reach in found
    bits = np.packbits(random.random((100, 1024)) < 0.5, axis=1)
    assert "as bit 50% of them are 1, as uint8 they are from 0 to 255, as int8 they are from -128 to 127. " in told(
        con, bits
    )


@pytest.mark.parametrize("format", MADE)
def test_a_medoid_of_vectors_that_look_like_another_format(con: apsw.Connection, format: str) -> None:
    con.execute("CREATE TABLE doc (id INTEGER PRIMARY KEY, v)")
    con.executemany("INSERT INTO doc (v) VALUES (?)", [(value,) for value in others(format)])
    with pytest.raises(
        VectorFormatError, match=rf"look like {format}\b.*clust_vector\(vector, '{format}'\) makes"
    ) as caught:
        con.execute("SELECT clust_medoid(id, v) FROM doc").fetchall()
    assert "clust_points" not in str(caught.value)
    numbers = MADE[format](np.random.default_rng(0).normal(size=(300, 128)))
    found = con.execute("SELECT clust_medoid(id, clust_vector(v, ?)) FROM doc", (format,)).get
    if format != "bfloat16":  # of which NumPy has no type
        mean = numbers.astype(float).mean(axis=0)
        assert found == 1 + int(np.argmin(((numbers.astype(float) - mean) ** 2).sum(axis=1)))


def test_rows_further_on_are_looked_at_too(con: apsw.Connection) -> None:
    con.execute("CREATE TABLE doc (id INTEGER PRIMARY KEY, v)")
    con.executemany("INSERT INTO doc (v) VALUES (?)", [(bytes(1024),)] * 15 * 128)  # zeros tell nothing
    con.executemany("INSERT INTO doc (v) VALUES (?)", [(value,) for value in others("float64")])
    with pytest.raises(VectorFormatError, match="embedding 1921 and others look like float64"):
        con.execute("SELECT clust_points(id, v) FROM doc").fetchall()


def test_embeddings_that_look_like_another_format(con: apsw.Connection) -> None:
    con.executemany(
        "INSERT INTO Embedding (id, embedding_model, vector) VALUES (?, 'm', ?)", list(enumerate(others("float64")))
    )
    for sql in (
        "SELECT clust_fit('m')",
        "SELECT * FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding))",
    ):
        with pytest.raises(VectorFormatError, match="look like float64"):
            con.execute(sql).fetchall()
    with pytest.raises(
        VectorFormatError, match=r"clust_vector\(vector, 'float64'\) makes that of them; sqlclust doctor"
    ):
        sqlclust.fit(con, "m")
    [finding] = [found for found in sqlclust.doctor(con).findings if found.finding == "vector-format"]
    assert (finding.severity, finding.table, finding.column, finding.id, finding.n) == (
        "error", "Embedding", "vector", 0, 300,
    )  # fmt: skip
    assert "clust_vector(vector, 'float64')" in finding.remedy
    con.execute("UPDATE Embedding SET vector = clust_vector(vector, 'float64')").fetchall()
    assert sqlclust.doctor(con).findings == []
    sqlclust.fit(con, "m")


@pytest.mark.parametrize("way", ["SQL", "Python"])
def test_stored_vectors_that_are_float32_all_the_same(con: apsw.Connection, way: str) -> None:
    """What is said is believed, by what goes on from the fit too; and nothing is said of others."""
    sqlclust.initialize(con)
    rows = [row for row in others("float16") if np.isfinite(np.frombuffer(row, "<f4")).all()]
    con.executemany("INSERT INTO Embedding (id, embedding_model, vector) VALUES (?, 'm', ?)", enumerate(rows))
    with pytest.raises(
        VectorFormatError, match=r'look like float16 .*\'\{"format": "float32"\}\' or --vector-format float32'
    ):
        sqlclust.fit(con, "m", where="id > 2", metric="cosine")
    [finding] = [found for found in sqlclust.doctor(con).findings if found.finding == "vector-format"]
    assert "clust_vector(vector, 'float16')" in finding.remedy
    assert "--vector-format float32" in finding.remedy
    if way == "SQL":
        con.execute("SELECT clust_fit('m', '{\"format\": \"float32\"}')").fetchall()
    else:
        sqlclust.fit(con, "m", format="float32")
    parameters = json.loads(con.execute("SELECT parameters FROM ClusteringResult").get)
    assert parameters["format"] == "float32"
    con.execute("SELECT clust_cut(1, '{\"min_cluster_size\": 7}')").fetchall()
    con.executemany(
        "INSERT INTO Embedding (id, embedding_model, vector) VALUES (?, 'm', ?)", enumerate(rows, start=1000)
    )
    for result_id in (1, 2):
        recovered = prediction.recover(database_of(con), result_id)
        assert len(prediction.others(database_of(con), recovered)) == len(rows)
    assert sqlclust.staleness(con, 1).n_new == len(rows)


def test_the_command_line_says_it_too(tmp_path: Path) -> None:
    db, array = tmp_path / "a.db", tmp_path / "a.npy"
    vectors = np.frombuffer(b"".join(others("float16")), "<f4").reshape(300, -1)
    np.save(array, vectors[np.isfinite(vectors).all(axis=1)])
    load = ("load", db, array, "--model", "m")
    assert "--vector-format float32 if it is that all the same" in fail(*load)
    succeed(*load, "--vector-format", "float32")
    assert "or --vector-format float32" in fail("fit", db, "m")
    succeed("fit", db, "m", "--vector-format", "float32")
    assert "format float32" in succeed("show", db, "1")


def test_a_format_that_is_not_said_is_not_stored(con: apsw.Connection) -> None:
    sqlclust.initialize(con)
    add_embeddings(con, clustered())
    sqlclust.fit(con, "demo", format=None)
    stored = con.execute("SELECT parameters, selection FROM ClusteringResult, ClusteringFit").fetchall()
    assert "format" not in str(stored)
    assert sqlclust.fit(con, "demo", format="float32") == 2  # no other fit for that
    assert con.execute("SELECT count(*) FROM ClusteringFit").get == 1


def test_the_formats_a_fit_takes(con: apsw.Connection) -> None:
    with pytest.raises(OptionError, match="option 'format': found 'float16', expected 'float32'"):
        sqlclust.fit(con, "m", format="float16")
    elsewhere = "unknown option 'format'; .*The format of points is said where they are made, to clust_points"
    with pytest.raises(UnknownOptionError, match=elsewhere):
        sqlclust.hdbscan(np.eye(3), format="float32")
    with pytest.raises(UnknownOptionError, match=elsewhere):
        con.execute(
            "SELECT * FROM clust_hdbscan((SELECT clust_points(1, x'00000000')), '{\"format\": \"float32\"}')"
        ).fetchall()


@pytest.mark.parametrize("format", [*MADE, "json"])
def test_the_doctor_on_the_columns_of_others(con: apsw.Connection, format: str) -> None:
    con.execute(f"CREATE TABLE doc (id INTEGER PRIMARY KEY, embedding {'TEXT' if format == 'json' else 'BLOB'})")
    values = [json.dumps([float(row), 1.0]) for row in range(300)] if format == "json" else others(format)
    con.executemany("INSERT INTO doc (embedding) VALUES (?)", [(value,) for value in values])
    found = sqlclust.doctor(con).findings
    if format == "json":
        assert "vector-format" not in {f.finding for f in found}
    else:
        [finding] = found  # and no advice to delete those that have NaN as float32
        assert finding.finding == "vector-format"
        assert (finding.severity, finding.table, finding.id, finding.n) == ("note", "doc", 1, 300)
        assert f"look like {format}" in finding.detail
        assert f'{{"format": "{format}"}}' in finding.remedy
    assert sqlclust.doctor(con, format=format).findings == []
    assert con.execute("SELECT count(*) FROM clust_doctor(?)", (options(format),)).get == 0


def test_the_doctor_judges_by_the_format_that_is_said(con: apsw.Connection) -> None:
    con.execute("CREATE TABLE doc (id INTEGER PRIMARY KEY, embedding)")
    bad = [
        bytes(16),
        struct.pack("<2d", 1, 1e300),
        bytes(12),
        struct.pack("<3d", 1, 2, 3),
        "[1, 2]",
        struct.pack("<2d", 1, 2),
    ]
    con.executemany("INSERT INTO doc (embedding) VALUES (?)", [(value,) for value in bad])
    found = {f.finding: (f.id, f.detail) for f in sqlclust.doctor(con, format="float64").findings}
    assert {name: id for name, (id, _) in found.items()} == {
        "zero-vector": 1, "not-finite": 2, "vector-length": 3, "mixed-dimensions": 4, "vector-type": 5,
    }  # fmt: skip
    assert "no multiple of 8 bytes (float64); the example has 12 bytes" in found["vector-length"][1]
    assert "1e+300" in found["not-finite"][1]
    texts = {f.finding: (f.n, f.id) for f in sqlclust.doctor(con, format="json").findings}
    assert texts == {"vector-type": (5, 1)}
