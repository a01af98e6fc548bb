"""Formats of vectors: what each decodes to, how it is said in SQL, on the command line and to the doctor, and what is refused."""

from __future__ import annotations

import ast
import base64
import json
import logging
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import apsw
import numpy as np
import pytest

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.errors import (
    ArgumentError,
    DimensionMismatchError,
    NotFiniteError,
    OptionError,
    UnknownOptionError,
    VectorFormatError,
    VectorJSONError,
    VectorLengthError,
    VectorTypeError,
)
from sqlclust.store import prediction
from sqlclust.vectors.formats import FORMAT_NAMES, FORMATS, STORED_FORMAT, FormatName
from tests.cli.terminal import fail, rows, run, succeed
from tests.small import add_embeddings, clustered

BINARY = [name for name, record in FORMATS.items() if not record.is_text]

# how Python writes them: independent of NumPy
WRITTEN: dict[str, tuple[list[float], Any]] = {
    "float32": ([1.5, -2.0, 0.0], struct.pack("<3f", 1.5, -2.0, 0.0)),
    "float64": ([1.5, -2.0, 0.25], struct.pack("<3d", 1.5, -2.0, 0.25)),
    "float16": ([1.5, -2.0, 2.0**-24], struct.pack("<3e", 1.5, -2.0, 2.0**-24)),
    "bfloat16": ([1.5, -2.0, 2.0**100], b"".join(struct.pack("<f", x)[2:] for x in (1.5, -2.0, 2.0**100))),
    "int8": ([1, -128, 127], struct.pack("3b", 1, -128, 127)),
    "uint8": ([1, 255, 0], bytes([1, 255, 0])),
    "bit": ([1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1], bytes([0b00000001, 0b10000110])),
    "json": ([1.5, -2, 0.25], "[1.5, -2, 0.25]"),
}


def options(format: str) -> str:
    return json.dumps({"format": format})


def coded(vectors: np.ndarray[Any, Any], format: str) -> list[Any]:
    """Vectors of multiples of 1/64 below 2, in a format that holds them; bit: whether they are positive."""
    made: dict[str, Callable[[], list[Any]]] = {
        "bfloat16": lambda: [(row.astype("<f4").view("<u4") >> 16).astype("<u2").tobytes() for row in vectors],
        "bit": lambda: [np.packbits(row > 0, bitorder="little").tobytes() for row in vectors],
        "json": lambda: [json.dumps(row.tolist()) for row in vectors],
    }
    types = {"float32": "<f4", "float64": "<f8", "float16": "<f2", "int8": "i1", "uint8": "u1"}
    return made[format]() if format in made else [row.astype(types[format]).tobytes() for row in vectors]


def test_the_registry() -> None:
    assert get_args(FormatName) == FORMAT_NAMES == tuple(WRITTEN)
    assert {name for name, record in FORMATS.items() if record.item_bits == 0} == {"json"}
    for name, record in FORMATS.items():
        assert record.name == name
        assert record.is_text == (record.item_bits == 0)
        if record.dtype is not None:
            assert record.dtype.itemsize * 8 == record.item_bits
            assert record.dtype.newbyteorder("<") == record.dtype
    assert STORED_FORMAT.dtype == np.dtype("<f4")


@pytest.mark.parametrize("room", ["vectors", "options", "surface", "cli"])
def test_nothing_compares_names_of_formats(room: str) -> None:
    """What differs from format to format is in the records, so that another format is one record."""
    for path in (Path(sqlclust.__file__).parent / room).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Compare):
                constants = {part.value for part in ast.walk(node) if isinstance(part, ast.Constant)}
                assert not constants & {*BINARY}, f"{path}, line {node.lineno}"


@pytest.mark.parametrize("format", FORMAT_NAMES)
def test_clust_vector(con: apsw.Connection, format: str) -> None:
    numbers, value = WRITTEN[format]
    found = con.execute("SELECT clust_vector(?, ?)", (value, format)).get
    assert found == struct.pack(f"<{len(numbers)}f", *numbers)
    assert con.execute("SELECT clust_vector(NULL, ?)", (format,)).get is None
    assert con.execute("SELECT clust_vector(?, NULL)", (value,)).get is None


@pytest.mark.parametrize("format", FORMAT_NAMES)
def test_clust_points(con: apsw.Connection, format: str) -> None:
    numbers, value = WRITTEN[format]
    far = [0.0 if format == "bit" else 1.0] * len(numbers)
    others = coded(np.array([far]), format)
    con.execute("CREATE TABLE doc (id, v)")
    con.execute("INSERT INTO doc VALUES ('a', ?), ('b', ?)", (value, others[0]))
    sql = """SELECT distance FROM clust_neighbors((SELECT clust_points(id, v, ?) FROM doc), '{"k": 1, "normalize": false}')"""
    found = con.execute(sql, (options(format),)).fetchall()
    assert found == [(pytest.approx(np.linalg.norm(np.subtract(numbers, far)), rel=1e-12),)] * 2


@pytest.mark.parametrize("format", FORMAT_NAMES)
def test_the_same_clusters_in_every_format(con: apsw.Connection, format: str) -> None:
    scaled = np.round(np.abs(clustered(200, noise=4)) * 64)  # whole numbers, which all of them hold
    if format == "bit":
        scaled = np.repeat((scaled > 30).astype(float), 2, axis=1)
    con.execute("CREATE TABLE doc (id INTEGER PRIMARY KEY, v, same)")
    stored = [row.astype("<f4").tobytes() for row in scaled]
    con.executemany("INSERT INTO doc (v, same) VALUES (?, ?)", list(zip(coded(scaled, format), stored, strict=True)))
    sql = "SELECT * FROM clust_hdbscan((SELECT clust_points(id, {}, ?) FROM doc), '{{\"normalize\": false}}')"
    found = con.execute(sql.format("v"), (options(format),)).fetchall()
    assert found == con.execute(sql.format("same"), ("{}",)).fetchall()
    assert len({row[1] for row in found}) > 2


# --- what is refused --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", BINARY)
def test_values_that_are_no_vector_of_the_format(con: apsw.Connection, format: str) -> None:
    both = "SELECT clust_vector(?1, ?2)", "SELECT clust_points('a', ?1, json_object('format', ?2) || '')"
    for sql in both:
        for value, found in (("text", "TEXT"), (5, "an INTEGER")):
            with pytest.raises(VectorTypeError, match=rf"is {found}, expected a BLOB of "):
                con.execute(sql, (value, format)).fetchall()
        for wrong in [b""] + ([bytes(9)] if format in ("float32", "float64", "float16", "bfloat16") else []):
            with pytest.raises(VectorLengthError, match=rf"has {len(wrong)} bytes, expected a positive multiple of"):
                con.execute(sql, (wrong, format)).fetchall()


def test_json_that_is_none(con: apsw.Connection) -> None:
    sql = "SELECT clust_points(id, v, '{\"format\": \"json\"}') FROM (SELECT 1 AS id, '[1, 2]' AS v UNION ALL SELECT 'x', ?)"
    for value, found in (
        (b"\0\0\0\0", "a BLOB"),
        ("[1, NaN]", "text that is not JSON"),
        ("[1, 1e39]", "1e[+]39 at position 1"),
    ):
        with pytest.raises(VectorJSONError, match=rf"^embedding 'x': found {found}"):
            con.execute(sql, (value,)).fetchall()
    with pytest.raises(DimensionMismatchError, match="embedding 'x' has 1 dimension, expected 2"):
        con.execute(sql, ("[1]",)).fetchall()


def test_dimensions_are_counted_in_numbers_of_the_format(con: apsw.Connection) -> None:
    sql = "SELECT clust_points(column1, column2, ?1) FROM (VALUES (1, ?2), ('x', ?3))"
    for format, dimension in (("float64", 3), ("float16", 12), ("int8", 24), ("bit", 192)):
        with pytest.raises(
            DimensionMismatchError, match=f"embedding 'x' has {2 * dimension} dimensions, expected {dimension}"
        ):
            con.execute(sql, (options(format), bytes(24), bytes(48))).fetchall()


@pytest.mark.parametrize(("number", "shown"), [(1e300, "1e[+]300"), (float("nan"), "nan"), (-1e39, "-1e[+]39")])
def test_numbers_that_float32_has_not(con: apsw.Connection, number: float, shown: str) -> None:
    blob = struct.pack("<2d", 1.0, number)
    with pytest.raises(NotFiniteError, match=rf"^embedding 'x' has {shown} at position 1"):
        con.execute("SELECT clust_points('x', ?, ?)", (blob, options("float64"))).fetchall()
    with pytest.raises(NotFiniteError, match=rf"^clust_vector: the vector has {shown} at position 1"):
        con.execute("SELECT clust_vector(?, 'float64')", (blob,)).fetchall()


def test_formats_that_do_not_exist(con: apsw.Connection) -> None:
    with pytest.raises(OptionError, match="'format': found 'double', expected 'float32' or 'float64'"):
        con.execute("SELECT clust_points(1, x'00000000', '{\"format\": \"double\"}')").fetchall()
    with pytest.raises(ArgumentError, match="clust_vector: format is 'double', expected 'float32' or 'float64'"):
        con.execute("SELECT clust_vector(x'00000000', 'double')").fetchall()
    with pytest.raises(OptionError, match="'format'"):
        sqlclust.doctor(con, format="double")


# --- what looks like another format -------------------------------------------------------------------------------------------

MADE: dict[str, Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]] = {
    "float64": lambda x: x.astype("<f8"),
    "float16": lambda x: x.astype("<f2"),
    "bfloat16": lambda x: (x.astype("<f4").view("<u4") >> 16).astype("<u2"),
    "int8": lambda x: np.round(x / np.abs(x).max() * 127).astype("i1"),
}


def others(format: str) -> list[bytes]:
    return [row.tobytes() for row in MADE[format](np.random.default_rng(0).normal(size=(300, 128)))]


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
    found = told(con, numbers)
    assert (
        "embedding 1 and others look like float16 or bfloat16 and not like float32: as float32 they reach from 3.64e+13 to 6.6"
        in found
    )
    reach = f"as float16 they reach from {numbers.min():.3g} to {numbers.max():.3g}, as bfloat16 they reach from "
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


# --- the doctor ---------------------------------------------------------------------------------------------------------------


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


# --- files ------------------------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("kind", ["csv", "nl", "object"])
def test_base64_that_nothing_is_said_of(tmp_path: Path, kind: str) -> None:
    file, text = tmp_path / "v", base64.b64encode(struct.pack("<2d", 1, 2)).decode()
    value = {"$base64": True, "encoded": text} if kind == "object" else text
    file.write_text(f"id,vector\na,{text}\n" if kind == "csv" else json.dumps({"id": "a", "vector": value}))
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
