"""Every kind of bad input, and what is said about it: the table that test_bad_input.py goes through.

All on one database: 40 embeddings of model 'demo' of 8 dimensions, with result 1 and its stored fit 1. In messages DB stands
for the database's path, FOLDER for the folder it is in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import apsw
import numpy as np

import sqlclust
from sqlclust.schema import VERSION
from tests.small import blob

NAN, INF = float("nan"), float("inf")
GOOD = blob(1, 0)

# --- what messages end with ------------------------------------------------------------------------------------

NO_BLOB = "expected a BLOB of little-endian float32 (clust_vector makes one from JSON)"
NO_LENGTH = "expected a positive multiple of 4 (float32)"
NO_DIRECTION = (
    "is a zero vector, which has no direction: expected a vector that can be normalised "
    "(leave it out, or use metric euclidean with normalize false)"
)
NO_NUMBERS = "expected a JSON array of numbers such as '[0.1, 0.2]'"
ONE_OBJECT = """expected one JSON object such as '{"min_cluster_size": 14}'"""
CUT_OPTIONS = (
    "min_cluster_size, cluster_selection_epsilon, cluster_selection_method, cluster_selection_persistence, max_cluster_size, "
    "allow_single_cluster"
)
ALL_OPTIONS = f"{CUT_OPTIONS}, min_samples, alpha, metric, normalize, engine, downsample, seed"
FROM_2 = "expected a whole number of at least 2 and at most 2147483647"
FROM_1 = "expected a whole number of at least 1 and at most 2147483647"
FROM_0 = "expected a whole number of at least 0 and at most 2147483647"
METRICS = "expected 'euclidean' or 'cosine'"
CONDITION = "expected one SQL condition on columns of Embedding"
ONCE = (
    "a join in the selection probably repeats rows. "
    'Select each id once, or pass \'{"duplicates": "first"}\' as the third argument of clust_points '
    "to keep each id's first row"
)
HANDLE = "expected (SELECT clust_points(id, vector) FROM …)"
ONE_ROW_EACH = "expected a two-dimensional array of numbers, one row per vector"
NO_ID = "the id is NULL, expected an INTEGER, REAL, TEXT or BLOB"


def lost(function: str) -> str:
    """What a function says that gets NULL for a handle."""
    return (
        f"{function}: the points are NULL. The handle of clust_points lives only inside its own expression and is lost when "
        "it is stored (a temporary table, a MATERIALIZED CTE, a grouped subquery); call clust_points in the argument "
        f"itself: {function}((SELECT clust_points(id, vector) FROM …)). SQLite also wipes it away where one of its JSON "
        "functions stands among clust_points' arguments; there write '' || json_array(…)"
    )


def damaged(reason: str) -> str:
    """What is said about a database of ours whose tables are not ours."""
    return (
        f"DB has the ledger of sqlclust's schema, but {reason}; restore it from a backup, or make a new file with sqlclust "
        "init and copy the rows"
    )


# --- SQL: name → statement, values, message ----------------------------------------------------------------------

Statement = tuple[str, Sequence[Any], str]


def points(*rows: tuple[Any, Any], message: str) -> Statement:
    """Clustering these ids and vectors."""
    sql = " UNION ALL ".join(["SELECT ? AS id, ? AS vector"] * len(rows))
    values = [value for row in rows for value in row]
    return f"SELECT * FROM clust_hdbscan((SELECT clust_points(id, vector) FROM ({sql})))", values, message


def options(text: object, message: str) -> Statement:
    """Clustering all embeddings with these options."""
    return "SELECT * FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding), ?)", [text], message


def scalar(call: str, *values: object, message: str) -> Statement:
    """A scalar or aggregate function."""
    return f"SELECT {call}", values, message


def repeated(shown: str) -> str:
    """What is said about an id that came twice."""
    return f"embedding {shown} came 2 times, expected once (1 id is repeated); {ONCE}"


SQL: dict[str, Statement] = {
    # ids
    "id NULL": points((1, GOOD), (None, GOOD), message=f"row 2: {NO_ID}"),
    "id NaN, which SQLite makes NULL": points((NAN, GOOD), message=f"row 1: {NO_ID}"),
    "id INTEGER and REAL of one value": points((5, GOOD), (5.0, GOOD), message=repeated("5")),
    "id REAL twice": points((2.5, GOOD), (2.5, GOOD), message=repeated("2.5")),
    "id infinite twice": points((INF, GOOD), (INF, GOOD), message=repeated("inf")),
    "id TEXT twice": points(("a17", GOOD), ("b", GOOD), ("a17", GOOD), message=repeated("'a17'")),
    "id TEXT empty twice": points(("", GOOD), ("", GOOD), message=repeated("''")),
    "id TEXT with NUL twice": points(("a\0b", GOOD), ("a", GOOD), ("a\0b", GOOD), message=repeated(r"'a\x00b'")),
    "id TEXT of other scripts twice": points(("ключ🗝", GOOD), ("ключ🗝", GOOD), message=repeated("'ключ🗝'")),
    "id TEXT of 2,000 characters twice": points(
        ("x" * 2_000, GOOD), ("x" * 2_000, GOOD), message=repeated("'" + "x" * 79 + "… (2,002 characters)")
    ),
    "id BLOB twice": points((b"\xff\x00", GOOD), (b"\xff\x00", GOOD), message=repeated(r"b'\xff\x00'")),
    "id BLOB of 100,000 bytes twice": points(
        (bytes(100_000), GOOD), (bytes(100_000), GOOD), message=repeated("b'" + r"\x00" * 19 + r"\x" + "… (400,003 characters)")
    ),
    "id of clust_medoid NULL": scalar("clust_medoid(NULL, ?)", GOOD, message=f"row 1: {NO_ID}"),
    "id of clust_medoid twice": scalar(
        "clust_medoid(1, x) FROM (SELECT ? AS x UNION ALL SELECT ?)", GOOD, GOOD, message=repeated("1")
    ),
    # vectors
    "vector NULL": points((1, GOOD), (2, None), message=f"embedding 2 is NULL, {NO_BLOB}"),
    "vector TEXT": points((1, "[1, 2]"), message=f"embedding 1 is TEXT, {NO_BLOB}"),
    "vector INTEGER": points((1, 3), message=f"embedding 1 is an INTEGER, {NO_BLOB}"),
    "vector REAL": points((1, 0.5), message=f"embedding 1 is a REAL, {NO_BLOB}"),
    "vector empty": points((1, b""), message=f"embedding 1 has 0 bytes, {NO_LENGTH}"),
    "vector of one byte": points((1, b"\x01"), message=f"embedding 1 has 1 byte, {NO_LENGTH}"),
    "vector of odd length": points((1, GOOD), (2, GOOD + b"\x01"), message=f"embedding 2 has 9 bytes, {NO_LENGTH}"),
    "vector of one dimension among two": points(
        (1, GOOD), (2, blob(1)), message="embedding 2 has 1 dimension, expected 2"
    ),
    "vector of more dimensions": points(
        (1, GOOD), (2, blob(1, 2, 3)), message="embedding 2 has 3 dimensions, expected 2"
    ),
    "vector with NaN": points((1, blob(0, NAN)), message="embedding 1 has nan at position 1, expected finite numbers"),
    "vector with infinity": points(
        (b"i", blob(-INF, 0)), message="embedding b'i' has -inf at position 0, expected finite numbers"
    ),
    "vector zero": points((1, GOOD), (2, blob(0, -0.0)), message=f"embedding 2 {NO_DIRECTION}"),
    "clust_to_json of TEXT": scalar("clust_to_json('x')", message=f"clust_to_json: the vector is TEXT, {NO_BLOB}"),
    "clust_to_json of NaN": scalar(
        "clust_to_json(?)", blob(NAN), message="clust_to_json: the vector has nan at position 0, expected finite numbers"
    ),
    "clust_dimension of odd length": scalar(
        "clust_dimension(x'0102')", message=f"clust_dimension: the vector has 2 bytes, {NO_LENGTH}"
    ),
    "clust_norm of nothing": scalar("clust_norm(x'')", message=f"clust_norm: the vector has 0 bytes, {NO_LENGTH}"),
    "clust_norm of infinity": scalar(
        "clust_norm(?)", blob(INF), message="clust_norm: the vector has inf at position 0, expected finite numbers"
    ),
    "clust_normalize of zeros": scalar(
        "clust_normalize(?)", blob(0), message=f"clust_normalize: the vector {NO_DIRECTION}"
    ),
    "clust_distance of two dimensions": scalar(
        "clust_distance(?, ?)", blob(1), GOOD, message="clust_distance: the second vector has 2 dimensions, expected 1"
    ),
    "clust_distance by cosine of zeros": scalar(
        "clust_distance(?, ?, 'cosine')", GOOD, blob(0, 0), message=f"clust_distance: the second vector {NO_DIRECTION}"
    ),
    "clust_distance in an unknown metric": scalar(
        "clust_distance(?, ?, 'l' || char(0))", GOOD, GOOD, message=rf"clust_distance: metric is 'l\x00', {METRICS}"
    ),
    "clust_distance in a metric of 500 characters": scalar(
        "clust_distance(?, ?, ?)", GOOD, GOOD, "m" * 500,
        message="clust_distance: metric is '" + "m" * 79 + f"… (502 characters), {METRICS}",
    ),
    "clust_centroid of TEXT": scalar("clust_centroid('x')", message=f"clust_centroid: a vector is TEXT, {NO_BLOB}"),
    "clust_centroid of mixed dimensions": scalar(
        "clust_centroid(x) FROM (SELECT ? AS x UNION ALL SELECT ?)", GOOD, blob(1),
        message="clust_centroid: a vector has 1 dimension, expected 2",
    ),
    "clust_medoid of mixed dimensions": scalar(
        "clust_medoid(id, x) FROM (SELECT 1 AS id, ? AS x UNION ALL SELECT 2, ?)", GOOD, blob(1),
        message="embedding 2 has 1 dimension, expected 2",
    ),
    "clust_vector of a BLOB": scalar("clust_vector(x'00')", message=f"clust_vector: found a BLOB, {NO_NUMBERS}"),
    "clust_vector of an object": scalar("clust_vector('{}')", message=f"clust_vector: found '{{}}', {NO_NUMBERS}"),
    "clust_vector of nothing": scalar("clust_vector('[]')", message=f"clust_vector: found '[]', {NO_NUMBERS}"),
    "clust_vector with null": scalar(
        "clust_vector('[1, null]')", message=f"clust_vector: found None at position 1, {NO_NUMBERS}"
    ),
    "clust_vector with NaN": scalar(
        "clust_vector('[NaN]')",
        message=f"clust_vector: found text that is not JSON (NaN is not a JSON number), {NO_NUMBERS}",
    ),
    "clust_vector beyond float32": scalar(
        "clust_vector('[0, 1e39]')", message=f"clust_vector: found 1e+39 at position 1, beyond float32, {NO_NUMBERS}"
    ),
    "clust_vector with NUL": scalar(
        "clust_vector('[1' || char(0) || ']')",
        message="clust_vector: found text that is not JSON (Expecting ',' delimiter: line 1 column 3 (char 2)), " + NO_NUMBERS,
    ),
    "clust_vector 100,000 deep": scalar(
        "clust_vector(?)", "[" * 100_000 + "]" * 100_000,
        message=f"clust_vector: found JSON nested too deeply, {NO_NUMBERS}",
    ),
    # options
    "option unknown": options('{"eps": 1}', f"unknown option 'eps'; allowed are {ALL_OPTIONS}"),
    "option with NUL": options(r'{"seed\u0000": 1}', rf"unknown option 'seed\x00'; allowed are {ALL_OPTIONS}"),
    "option half a character": options(r'{"\ud800": 1}', rf"unknown option '\ud800'; allowed are {ALL_OPTIONS}"),
    "option of 5,000 characters": options(
        '{"' + "k" * 5_000 + '": 1}', "unknown option '" + "k" * 79 + f"… (5,002 characters); allowed are {ALL_OPTIONS}"
    ),
    "option given twice": options(
        '{"seed": 1, "seed": 1}', f"options: found a key that occurs twice, {ONE_OBJECT}"
    ),
    "number NaN": options(
        '{"cluster_selection_epsilon": NaN}',
        "option 'cluster_selection_epsilon': found nan, expected a number of at least 0",
    ),
    "number infinite": options(
        '{"alpha": -Infinity}', "option 'alpha': found -inf, expected a number of at least 0.001 and at most 1000"
    ),
    "number too small": options(
        '{"alpha": 1e-300}', "option 'alpha': found 1e-300, expected a number of at least 0.001 and at most 1000"
    ),
    "number negative": options('{"min_cluster_size": -5}', f"option 'min_cluster_size': found -5, {FROM_2}"),
    "number beyond 31 bits": options('{"min_samples": 2147483648}', f"option 'min_samples': found 2147483648, {FROM_1}"),
    "number of 4,000 digits": options(
        '{"seed": ' + "9" * 4_000 + "}", "option 'seed': found " + "9" * 80 + f"… (4,000 characters), {FROM_0}"
    ),
    "number a fraction": options('{"downsample": 1.5}', f"option 'downsample': found 1.5, {FROM_1}"),
    "number true": options('{"min_cluster_size": true}', f"option 'min_cluster_size': found True, {FROM_2}"),
    "number text": options('{"min_cluster_size": "5"}', f"option 'min_cluster_size': found '5', {FROM_2}"),
    "truth a number": options('{"normalize": 1}', "option 'normalize': found 1, expected true or false"),
    "choice unknown": options('{"metric": "manhattan"}', f"option 'metric': found 'manhattan', {METRICS}"),
    "choice half a character": options(r'{"metric": "\ud800"}', rf"option 'metric': found '\ud800', {METRICS}"),
    "choice an array": options('{"metric": ["cosine"]}', f"option 'metric': found ['cosine'], {METRICS}"),
    "options NULL": options(None, f"options: found NULL, {ONE_OBJECT}"),
    "options a number": options(14, f"options: found 14, {ONE_OBJECT}"),
    "options a BLOB": options(b"{}", f"options: found b'{{}}', {ONE_OBJECT}"),
    "options an array": options("[]", f"options: found '[]', {ONE_OBJECT}"),
    "options empty": options(
        "", f"options: found '', which is not JSON (Expecting value: line 1 column 1 (char 0)), {ONE_OBJECT}"
    ),
    "options with NUL after them": options(
        "{}\0", rf"options: found '{{}}\x00', which is not JSON (Extra data: line 1 column 3 (char 2)), {ONE_OBJECT}"
    ),
    "options 49,000 deep": options(
        '{"seed":' + "[" * 49_000 + "]" * 49_000 + "}",
        "options: found '{\"seed\":" + "[" * 52 + f"', nested too deeply, {ONE_OBJECT}",
    ),
    "options 100,000 deep": options("[" * 100_000 + "]" * 100_000, f"options: found 200,000 characters, {ONE_OBJECT}"),
    "options of 10 MB": options(
        '{"metric": "' + "x" * 10_000_000 + '"}', f"options: found 10,000,014 characters, {ONE_OBJECT}"
    ),
    "options of clust_neighbors": (
        "SELECT * FROM clust_neighbors((SELECT clust_points(id, vector) FROM Embedding), '{\"k\": 0}')", (),
        f"option 'k': found 0, {FROM_1}",
    ),
    "options of clust_points": scalar(
        "clust_points(1, ?, '{\"duplicates\": \"last\"}')", GOOD,
        message="option 'duplicates': found 'last', expected 'error' or 'first'",
    ),
    "options of clust_cut": scalar(
        "clust_cut(1, '{\"metric\": \"cosine\"}')",
        message="option 'metric': found 'cosine', but clustering fit 1 was made with 'euclidean', and that cannot be changed "
        "by cutting; a new fit is needed",
    ),
    "options of clust_sweep": (
        "SELECT * FROM clust_sweep(1, '{\"k\": [1, 2]}')", (), f"unknown option 'k'; allowed are {CUT_OPTIONS}",
    ),
    "options of clust_sweep, too many": (
        "SELECT * FROM clust_sweep(1, ?)", ['{"min_cluster_size": [' + "5, " * 1_000 + "5]}"],
        "option 'min_cluster_size': found '1,001 combinations', expected at most 1,000",
    ),
    # handles
    "points lost": ("SELECT * FROM clust_hdbscan(NULL)", (), lost("clust_hdbscan")),
    "points TEXT": ("SELECT * FROM clust_neighbors('x')", (), f"clust_neighbors: points is TEXT, {HANDLE}"),
    "points a BLOB": ("SELECT * FROM clust_duplicates(x'00')", (), f"clust_duplicates: points is a BLOB, {HANDLE}"),
    "points not given": (
        "SELECT * FROM clust_duplicates", (),
        "clust_duplicates: points is not given, expected a call as in: SELECT id, representative_id, copies FROM "
        "clust_duplicates((SELECT clust_points(key, clust_vector(value)) FROM json_each('[\"[1]\", \"[2]\", \"[1]\"]'))) "
        "WHERE id = 2",
    ),
    # models
    "model unknown": scalar(
        "clust_fit('nope')", message="no embeddings of model 'nope'; models in this database: 'demo'"
    ),
    "model empty": scalar("clust_fit('')", message="no embeddings of model ''; models in this database: 'demo'"),
    "model with NUL": scalar(
        "clust_fit('demo' || char(0))", message=r"no embeddings of model 'demo\x00'; models in this database: 'demo'"
    ),
    "model of 100,000 characters": scalar(
        "clust_fit(?)", "ü" * 100_000,
        message="no embeddings of model '" + "ü" * 79 + "… (100,002 characters); models in this database: 'demo'",
    ),
    "model NULL": scalar(
        "clust_fit(NULL)", message="clust_fit: embedding_model is NULL, expected TEXT, the name of an embedding model"
    ),
    "model a BLOB": scalar(
        "clust_fit(x'64656d6f')",
        message="clust_fit: embedding_model is a BLOB, expected TEXT, the name of an embedding model",
    ),
    # functions that write, inside other statements
    "clust_fit inside another statement": scalar(
        "clust_fit('demo') FROM Embedding",
        message="clust_fit publishes in a transaction of its own and was called inside another one (after BEGIN, or in a "
        "statement that reads or writes a table); COMMIT first, then call it alone: SELECT clust_fit('model'). "
        "Inside a transaction use INSERT … SELECT … FROM clust_hdbscan(…)",
    ),
}  # fmt: skip

WRONG_IDS: dict[str, tuple[object, str]] = {
    "NULL": (None, "is NULL"),
    "TEXT": ("1", "is TEXT"),
    "REAL": (1.0, "is a REAL"),
    "BLOB": (b"1", "is a BLOB"),
}
"""What is no id of a fit or a result, and how it is called; every function that takes one refuses them."""

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
FILLED = b"\x7fELF" * 10

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
    "where a placeholder without a name": where(
        "id = ?", "Binding 1 has no name, but you supplied a dict (which only has names)."
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
    "option unknown": fit(f"unknown option 'epsilon'; allowed are {ALL_OPTIONS}, format", epsilon=1),
    "option NaN": fit(f"option 'min_samples': found nan, {FROM_1}", min_samples=NAN),
    "option True": fit(f"option 'min_samples': found True, {FROM_1}", min_samples=True),
    "option an array": fit(
        "option 'cluster_selection_epsilon': found array([1, 2]), expected a number of at least 0",
        cluster_selection_epsilon=np.array([1, 2]),
    ),
    "engine unknown": fit(
        "option 'engine': found 'fast', expected 'auto' or 'exact' or 'approximate'", engine="fast"
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

# --- files that are no database of ours: name → how to make it, message --------------------------------------------


class File(NamedTuple):
    """A file that is not what it should be; `make` gets the path of a good one and returns that of the bad one."""

    make: Callable[[Path], Path]
    message: str
    with_any_command: bool = True


def _content(change: Callable[[bytes], bytes]) -> Callable[[Path], Path]:
    def make(good: Path) -> Path:
        path = good.with_name("bad.db")
        path.write_bytes(change(good.read_bytes()))
        return path

    return make


def _named(name: str) -> Callable[[Path], Path]:
    return lambda good: good.parent / name


def _fifo(good: Path) -> Path:
    import os

    path = good.with_name("bad.db")
    os.mkfifo(path)
    return path


def _fifo_for_journal(good: Path) -> Path:
    import os

    os.mkfifo(good.with_name(good.name + "-journal"))
    return good


def _socket(good: Path) -> Path:
    import os
    import socket

    here = os.getcwd()  # the name of a socket may have 100 characters
    os.chdir(good.parent)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind("bad.db")
    finally:
        os.chdir(here)
    return good.with_name("bad.db")


def _folder(good: Path) -> Path:
    path = good.with_name("bad.db")
    path.mkdir()
    return path


def _loop(good: Path) -> Path:
    path = good.with_name("bad.db")
    path.symlink_to(path)
    return path


NOISE = np.random.default_rng(5).integers(0, 256, 20_000, dtype=np.uint8).tobytes()
NO_DATABASE = "DB: not an SQLite database (or it is encrypted)"
DAMAGED = "DB: the database is damaged (database disk image is malformed); see PRAGMA integrity_check"
NO_SUCH_FILE = "DB: there is no such file; sqlclust init makes one"
NOT_REGULAR = "DB: is not a regular file, expected a database file"
NO_TABLES = "DB has no sqlclust tables; run: sqlclust init DB"

FILES: dict[str, File] = {
    "no such file": File(_named("nowhere.db"), NO_SUCH_FILE),
    "no such folder": File(_named("nowhere/x.db"), NO_SUCH_FILE),
    "a file for a folder": File(_named("good.db/x.db"), NO_SUCH_FILE),
    "a name of 300 characters": File(_named("x" * 300), "DB: cannot be opened (File name too long)"),
    "a folder": File(_folder, "DB: is a directory, expected a database file"),
    "a FIFO": File(_fifo, NOT_REGULAR),
    "a socket": File(_socket, NOT_REGULAR),
    "a link to itself": File(_loop, "DB: cannot be opened (Too many levels of symbolic links)"),
    "a FIFO for its journal": File(_fifo_for_journal, "DB: DB-journal beside it is not a regular file"),
    "text": File(_content(lambda _: b"no database"), NO_DATABASE),
    "noise, as of encryption": File(_content(lambda _: NOISE), NO_DATABASE),
    "a header and noise": File(_content(lambda good: good[:16] + NOISE), NO_DATABASE),
    "a header alone": File(_content(lambda good: good[:100]), DAMAGED),
    "a database cut off after a page": File(_content(lambda good: good[:5000]), DAMAGED),
    "a database without its last page": File(_content(lambda good: good[:-4096]), DAMAGED),
    "an empty file": File(_content(lambda _: b""), NO_TABLES, with_any_command=False),
}

# --- databases whose tables are not ours: name → SQL that makes a good one so, message ----------------------------

_AS_VIEW = """
PRAGMA legacy_alter_table = ON; ALTER TABLE {name} RENAME TO hidden; CREATE VIEW {name} AS SELECT * FROM hidden
"""

TABLES: dict[str, tuple[str, str]] = {
    "of a newer version": (
        "INSERT INTO SqlclustMigration (version, name) VALUES (99, 'later')",
        f"DB has schema version 99, and this sqlclust knows {VERSION} at most; upgrade sqlclust",
    ),
    "of version 0": ("UPDATE SqlclustMigration SET version = -version", damaged("the version in it is -1")),
    "Embedding missing": ("DROP TABLE Embedding", damaged("table Embedding is missing")),
    "EmbeddingCluster missing": ("DROP TABLE EmbeddingCluster", damaged("table EmbeddingCluster is missing")),
    "ClusteringFit missing": ("DROP TABLE ClusteringFit", damaged("table ClusteringFit is missing")),
    "ClusteringSummary missing": ("DROP VIEW ClusteringSummary", damaged("view ClusteringSummary is missing")),
    "a column of another name": (
        "ALTER TABLE Embedding RENAME COLUMN vector TO numbers",
        damaged("table Embedding has no column vector BLOB"),
    ),
    "other columns": (
        "DROP TABLE Cluster; CREATE TABLE Cluster (id INTEGER) STRICT",
        damaged("table Cluster has no column clustering_result_id INTEGER"),
    ),
    "a column of another type": (
        "DROP TABLE Run; CREATE TABLE Run (id TEXT, initial_prompt TEXT, created_at TEXT) STRICT",
        damaged("table Run has no column id ANY"),
    ),
    "not STRICT": (
        "DROP TABLE Run; CREATE TABLE Run (id ANY, initial_prompt TEXT, created_at TEXT)",
        damaged("table Run is not STRICT"),
    ),
    "a view for Embedding": (_AS_VIEW.format(name="Embedding"), damaged("Embedding is a view and not a table")),
    "a view for EmbeddingCluster": (
        _AS_VIEW.format(name="EmbeddingCluster"), damaged("EmbeddingCluster is a view and not a table"),
    ),
    "a virtual table for Embedding": (
        "DROP TABLE Embedding; CREATE VIRTUAL TABLE Embedding USING fts5(id, invocation_id, embedding_model, vector, content, "
        "created_at)",
        damaged("Embedding is a virtual and not a table"),
    ),
}  # fmt: skip

# --- the command line: name → arguments, exit status, message -----------------------------------------------------

FIT = ("fit", "DB", "demo")

CLI: dict[str, tuple[tuple[str, ...], int, str]] = {
    "no command": (("nothing",), 2, "No such command 'nothing'."),
    "no statement": (("query", "DB"), 2, "Missing argument 'SQL'."),
    "an unknown option": ((*FIT, "--qqqq", "1"), 2, "No such option '--qqqq'."),
    "a number too small": (
        (*FIT, "--min-cluster-size", "1"), 2,
        "Invalid value for '--min-cluster-size': 1 is not in the range x>=2.",
    ),
    "a number too large": (
        (*FIT, "--min-samples", "2147483648"), 2, f"option 'min_samples': found 2147483648, {FROM_1}",
    ),
    "no number": (
        (*FIT, "--epsilon", "near"), 2,
        "Invalid value for '--epsilon' / '--cluster-selection-epsilon': 'near' is not a valid float range.",
    ),
    "NaN": (
        (*FIT, "--epsilon", "nan"), 2,
        "option 'cluster_selection_epsilon': found nan, expected a number of at least 0",
    ),
    "infinity": ((*FIT, "--alpha", "inf"), 2, "option 'alpha': found inf, expected a number of at least 0.001 and at most 1000"),
    "an unknown choice": (
        (*FIT, "--metric", "l1"), 2, "Invalid value for '--metric': 'l1' is not one of 'euclidean', 'cosine'.",
    ),
    "an unknown model": (
        ("fit", "DB", "nope"), 1, "no embeddings of model 'nope'; models in this database: 'demo'",
    ),
    "a model with NUL and a line break": (
        ("fit", "DB", "a\0\nb"), 1, r"no embeddings of model 'a\x00\nb'; models in this database: 'demo'",
    ),
    "a model that is not UTF-8": (
        ("fit", "DB", "\udcff"), 1, r"no embeddings of model '\udcff'; models in this database: 'demo'",
    ),
    "list of an unknown model": (
        ("list", "DB", "nope"), 1, "no embeddings of model 'nope'; models in this database: 'demo'",
    ),
    "where of two lines": (
        (*FIT, "--where", "nope\n= 1"), 1, rf"where 'nope\n= 1': no such column: nope; {CONDITION}",
    ),
    "where with NUL": ((*FIT, "--where", "1\0"), 1, rf"where '1\x00': it has a NUL character; {CONDITION}"),
    "where that writes": (
        (*FIT, "--where", "1; DELETE FROM Embedding"), 1,
        f"where '1; DELETE FROM Embedding': near \";\": syntax error; {CONDITION}",
    ),
    "a result that is not there": (("show", "DB", "9"), 1, "no clustering result '9'; ids here: 1"),
    "a result by a fraction": (("show", "DB", "1.0"), 1, "no clustering result '1.0'; ids here: 1"),
    "a result by half a character": (("compare", "DB", "1", "\udcff"), 1, r"no clustering result '\udcff'; ids here: 1"),
    "a result of 5,000 digits": (
        ("predict", "DB", "9" * 5_000), 1, "no clustering result '" + "9" * 79 + "… (5,002 characters); ids here: 1",
    ),
    "a fit that is not there": (("cut", "DB", "9"), 1, "no clustering fit 9; ids here: 1"),
    "a fit by name": (("sweep", "DB", "nope"), 1, "no clustering fit 'nope'; ids here: 1"),
    "a sweep of no number": (
        ("sweep", "DB", "1", "--min-cluster-size", "5,x"), 2,
        "Invalid value for '--min-cluster-size': 'x' is not a whole number; write several with commas between them",
    ),
    "a sweep of too many": (
        ("sweep", "DB", "1", "--min-cluster-size", ",".join(["5"] * 1_001)), 2,
        "option 'min_cluster_size': found '1,001 combinations', expected at most 1,000",
    ),
    "delete of a name": (("delete", "DB", "latest"), 2, "Invalid value for 'ID': 'latest' is not a valid integer."),
    "delete of what is not there": (("delete", "DB", "9", "--yes"), 1, "no clustering result 9; ids here: 1"),
    "SQL with an error": (("query", "DB", "SELECT nope"), 1, "no such column: nope"),
    "SQL with our error": (("query", "DB", "SELECT clust_norm(1)"), 1, f"clust_norm: the vector is an INTEGER, {NO_BLOB}"),
    "SQL with NUL": (("query", "DB", "SELECT 1\0; DROP TABLE Run"), 2, "the SQL has a NUL character"),
    "SQL that is not UTF-8": (("query", "DB", "SELECT '\udcff'"), 2, "the SQL is not UTF-8"),
    "SQL of two statements": (
        ("query", "DB", "SELECT 1; DROP TABLE Run"), 2, "more than one SQL statement; sqlclust shell runs several",
    ),
    "SQL of none": (("query", "DB", "/* nothing */"), 2, "there is no SQL statement"),
    "SQL that reads TEXT of no UTF-8": (
        ("query", "DB", "SELECT CAST(x'61ff' AS TEXT)"), 1,
        "a value x'61ff' is TEXT that is not UTF-8 (byte 0xff at position 1: invalid start byte); store it as UTF-8, or as a "
        "BLOB",
    ),
    "SQL that loads an extension": (("query", "DB", "SELECT load_extension('x')"), 1, "not authorized"),
    "SQL that writes, read-only": (
        ("query", "DB", "DROP TABLE Run", "--readonly"), 1, "attempt to write a readonly database",
    ),
    "SQL that writes another file, read-only": (
        ("query", "DB", "VACUUM INTO 'FOLDER/copy.db'", "--readonly"), 1,
        "VACUUM INTO writes a file, and --readonly was given",
    ),
    "SQL that makes another file, read-only": (
        ("query", "DB", "ATTACH 'FOLDER/new.db' AS new", "--readonly"), 1, "unable to open database: FOLDER/new.db",
    ),
    "load of no file": (("load", "DB", "FOLDER/no.json", "--model", "m"), 1, "FOLDER/no.json: No such file or directory"),
    "load of another format": (
        ("load", "DB", "VECTORS", "--model", "m", "--format", "npy"), 1,
        "VECTORS: not a readable .npy file: it does not begin as one",
    ),
    "load without a model": (("load", "DB", "FOLDER/no.json"), 2, "Missing option '--model' / '-m'."),
    "load into a folder that is not there": (
        ("load", "FOLDER/nowhere/x.db", "VECTORS", "--model", "m"), 1,
        "FOLDER/nowhere/x.db: cannot be opened: there is no folder FOLDER/nowhere",
    ),
    "load of another dimension": (
        ("load", "DB", "VECTORS", "--model", "demo"), 1,
        "VECTORS: a new vector of model 'demo' has 2 dimensions, expected 8; nothing of the file was written",
    ),
    "init in a folder that is not there": (
        ("init", "FOLDER/nowhere/x.db"), 1,
        "FOLDER/nowhere/x.db: cannot be opened: there is no folder FOLDER/nowhere",
    ),
    "a log that cannot be written": (
        (*FIT, "--log-file", "FOLDER/nowhere/x.log"), 1, "--log-file FOLDER/nowhere/x.log: No such file or directory",
    ),
}  # fmt: skip
