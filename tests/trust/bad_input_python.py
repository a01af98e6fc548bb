"""Bad input in Python: name → call with the database's connection, message."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import apsw
import numpy as np

import sqlclust
from sqlclust.options import FitOptions, names
from tests.trust.bad_input_wording import ALL_OPTIONS, CONDITION, FROM_1, NAN, NO_DIRECTION

ONE_ROW_EACH = "expected a two-dimensional array of numbers, one row per vector"

# --- Python: name → call with the database's connection, message --------------------------------------------------


class Call(NamedTuple):
    """Something done with a connection to the database, and what is said."""

    act: Callable[[apsw.Connection], object]
    message: str


def fit(message: str, model: Any = "demo", **arguments: Any) -> Call:
    """sqlclust.fit"""
    return Call(lambda con: sqlclust.fit(con, model, **arguments), message)


def where(condition: Any, reason: str, *, shown: str = "", **parameters: Any) -> Call:
    """sqlclust.fit with a filter."""
    message = f"where {shown or repr(condition)}: {reason}; {CONDITION}"
    return fit(message, where=condition, parameters=parameters or None)


def array(vectors: Any, message: str, **arguments: Any) -> Call:
    """sqlclust.hdbscan"""
    return Call(lambda _: sqlclust.hdbscan(vectors, **arguments), message)


def no_matrix(vectors: Any, found: str) -> Call:
    """sqlclust.hdbscan of what is no matrix."""
    return array(vectors, f"vectors: found {found}, {ONE_ROW_EACH}")


def connect(path: Any, message: str, **arguments: Any) -> Call:
    """sqlclust.connect"""
    return Call(lambda _: sqlclust.connect(path, **arguments), message)


def stale(which: Any, message: str) -> Call:
    """sqlclust.staleness"""
    return Call(lambda con: sqlclust.staleness(con, which), message)


A_NAME = "expected the name of a database file"
A_FILE = "expected that of a database file"
MASKED = np.ma.masked_array([[1.0, 2.0], [3.0, 4.0]], mask=[[False, True], [False, False]])

PYTHON: dict[str, Call] = {
    "model None": fit("fit: embedding_model is None, a NoneType, expected the name of an embedding model, a str", None),
    "model a list": fit(
        "fit: embedding_model is ['demo'], a list, expected the name of an embedding model, a str", ["demo"]
    ),
    "model bytes": fit(
        "fit: embedding_model is b'demo', a bytes, expected the name of an embedding model, a str", b"demo"
    ),
    "model half a character": fit(
        r"no embeddings of model '\ud800'; models in this database: 'demo'", "\ud800"
    ),
    "where empty": where("", 'near ")": syntax error'),
    "where two statements": where("1; DROP TABLE Embedding", 'near ";": syntax error'),
    "where that closes its parentheses": where("1) OR (1", 'near ")": syntax error'),
    "where that writes": where("(DELETE FROM Embedding)", 'near "DELETE": syntax error'),
    "where that loads an extension": where("load_extension('x')", "not authorized"),
    "where of another column": where("nope = 1", "no such column: nope"),
    "where a placeholder without a value": where("id = :x", "no value for :x"),
    "where a value without a placeholder": Call(
        lambda con: sqlclust.fit(con, "demo", where="id = :x", parameters={"x": 1, "y": 2}),
        "where 'id = :x': no placeholder :y in the condition; expected one SQL condition on columns of Embedding",
    ),
    "where a placeholder without a name": where(
        "id = ?", "a placeholder has no name, such as :name"
    ),
    "where with NUL": where("1\0", "it has a NUL character"),
    "where half a character": where("\ud800", "it is not valid Unicode (surrogates not allowed at position 0)"),
    "where bytes": where(b"1", "it is a bytes"),
    "where a number": where(1, "it is a int"),
    "where of 200,000 characters": where(
        "x" * 200_000, "no such column: " + "x" * 200_000, shown="'" + "x" * 79 + "… (200,002 characters)"
    ),
    "where an integer overflows": where("abs(-9223372036854775808)", "integer overflow"),
    "where a value beyond SQLite's limit": where("zeroblob(2000000000) > 1", "string or blob too big"),
    "where a value beyond 64 bits": where("id = :x", "OverflowError: int too big to convert", x=2**70),
    "where a value half a character": where(
        "id = :x", "UnicodeEncodeError: 'utf-8' codec can't encode character '\\ud800' in position 0: surrogates not allowed",
        x="\ud800",
    ),
    "where that selects nothing": fit(
        "embedding model 'demo' has 0 rows after the filter and downsampling, expected at least 2 to cluster", where="0"
    ),
    "parameters a list": fit("fit: parameters is a list, expected a mapping of names to values", parameters=[1]),
    "downsample more than there is": fit(
        "embedding model 'demo' has 1 row after the filter and downsampling, expected at least 2 to cluster",
        downsample=2**31 - 1,
    ),
    "option unknown": fit(f"unknown option 'epsilon'; allowed are {', '.join(names(FitOptions))}", epsilon=1),
    "like no result": fit("no clustering result 99; ids here: 1", like=99),
    "like latest": fit(f"option 'like': found 'latest', {FROM_1}", like="latest"),
    "like True": fit(f"option 'like': found True, {FROM_1}", like=True),
    "option NaN": fit(f"option 'min_samples': found nan, {FROM_1}", min_samples=NAN),
    "option True": fit(f"option 'min_samples': found True, {FROM_1}", min_samples=True),
    "option an array": fit(
        "option 'cluster_selection_epsilon': found array([1, 2]), expected a number of at least 0",
        cluster_selection_epsilon=np.array([1, 2]),
    ),
    "engine unknown": fit(
        "option 'engine': found 'fast', expected 'auto' or 'exact' or 'approximate' or 'sharded'", engine="fast"
    ),
    "array None": no_matrix(None, "shape () of object"),
    "array flat": no_matrix([1.0, 2.0], "shape (2,) of float64"),
    "array of no columns": no_matrix(np.ones((3, 0)), "shape (3, 0) of float64"),
    "array of text": no_matrix([["1"]], "shape (1, 1) of <U1"),
    "array of truth values": no_matrix([[True]], "shape (1, 1) of bool"),
    "array of complex numbers": no_matrix([[1j]], "shape (1, 1) of complex128"),
    "array of dates": no_matrix(np.array([["2020"]], dtype="M8[Y]"), "shape (1, 1) of datetime64[Y]"),
    "array of huge integers": no_matrix([[10**400]], "shape (1, 1) of object"),
    "array of bytes": no_matrix(b"abcd", "shape () of |S4"),
    "array masked": no_matrix(MASKED, "a masked array that hides some of its numbers"),
    "array with NaN": array([[1.0, NAN]], "row 0 has nan at position 1, expected finite numbers"),
    "array beyond float32": array([[1.0], [1e300]], "row 1 has 1e+300 at position 0, expected finite numbers"),
    "array with zeros": array([[1, 1], [0, 0]], f"row 1 {NO_DIRECTION}"),
    "array, option unknown": array([[1.0]], f"unknown option 'eps'; allowed are {ALL_OPTIONS}", eps=1),
    "array like a result": array(
        [[1.0]],
        f"unknown option 'like'; allowed are {ALL_OPTIONS}. It is about stored results, of clust_fit, clust_cut, clust_labels "
        "and sqlclust.fit",
        like=1,
    ),
    "result unknown": stale(99, "no clustering result 99; ids here: 1"),
    "result None": stale(None, "no clustering result None; ids here: 1"),
    "result a fraction": stale(1.5, "no clustering result 1.5; ids here: 1"),
    "result bytes": stale(b"1", "no clustering result b'1'; ids here: 1"),
    "result True": stale(True, "no clustering result True; ids here: 1"),
    "result beyond 64 bits": stale(2**70, f"no clustering result {2**70}; ids here: 1"),
    "result latest but many": stale("latest~9", "no clustering result 'latest~9'; ids here: 1"),
    "path None": connect(None, f"None: is a NoneType, {A_NAME}"),
    "path a number": connect(3, f"3: is a int, {A_NAME}"),
    "path bytes": connect(b"x.db", f"b'x.db': is a bytes, {A_NAME}"),
    "path empty": connect("", f"'': the name is empty, {A_FILE}"),
    "path with NUL": connect("a\0b.db", rf"'a\x00b.db': the name is one with a NUL character, {A_FILE}"),
    "path not of UTF-8": connect(
        "\udcff.db", r"'\udcff.db': the name is not UTF-8, and SQLite opens no such file"
    ),
}  # fmt: skip
