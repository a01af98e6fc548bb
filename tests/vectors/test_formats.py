"""Every format of vectors, by the registry: what functions make of it, and what they refuse."""

from __future__ import annotations

import ast
import struct
from pathlib import Path
from typing import get_args

import apsw
import numpy as np
import pytest

import sqlclust
from sqlclust.errors import (
    ArgumentError,
    DimensionMismatchError,
    NotFiniteError,
    OptionError,
    VectorJSONError,
    VectorLengthError,
    VectorTypeError,
)
from sqlclust.vectors.formats import FORMAT_NAMES, FORMATS, STORED_FORMAT, FormatName
from tests.small import clustered
from tests.vectors.written import BINARY, WRITTEN, coded, options


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
