"""Bad input in SQL: name → statement, values, message.

This table and those of the other ways in (`bad_input_*.py`) are what test_bad_input.py goes through. All on one database: 40
embeddings of model 'demo' of 8 dimensions, with result 1 and its stored fit 1. In messages DB stands for the database's path,
FOLDER for the folder it is in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.small import blob
from tests.trust.bad_input_wording import ALL_OPTIONS, CUT_OPTIONS, FROM_1, INF, NAN, NO_BLOB, NO_DIRECTION

GOOD = blob(1, 0)
NO_LENGTH = "expected a positive multiple of 4 (float32)"
NO_NUMBERS = "expected a JSON array of numbers such as '[0.1, 0.2]'"
ONE_OBJECT = """expected one JSON object such as '{"min_cluster_size": 14}'"""
FROM_2 = "expected a whole number of at least 2 and at most 2147483647"
FROM_0 = "expected a whole number of at least 0 and at most 2147483647"
METRICS = "expected 'euclidean' or 'cosine'"
ONCE = (
    "a join in the selection probably repeats rows. "
    'Select each id once, or pass \'{"duplicates": "first"}\' as the third argument of clust_points '
    "to keep each id's first row"
)
HANDLE = "expected (SELECT clust_points(id, vector) FROM …)"
NO_ID = "the id is NULL, expected an INTEGER, REAL, TEXT or BLOB"


def lost(function: str) -> str:
    """What a function says that gets NULL for a handle."""
    return (
        f"{function}: the points are NULL. The handle of clust_points lives only inside its own expression and is lost when "
        "it is stored (a temporary table, a MATERIALIZED CTE, a grouped subquery); call clust_points in the argument "
        f"itself: {function}((SELECT clust_points(id, vector) FROM …)). SQLite also wipes it away where one of its JSON "
        "functions stands among clust_points' arguments; there write '' || json_array(…)"
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


TEXTS = "expected the INTEGER id of a ClusteringResult, or (SELECT clust_texts(label, text) FROM …)"
SQL: dict[str, Statement] = {
    # texts
    "terms of TEXT": ("SELECT * FROM clust_terms('latest')", [], f"clust_terms: result_or_texts is TEXT, {TEXTS}"),
    "terms of NULL": (
        "SELECT * FROM clust_terms(NULL)",
        [],
        f"clust_terms: result_or_texts is NULL, {TEXTS}; NULL is also what is left of a handle that is stored (a temporary "
        "table, a MATERIALIZED CTE, a grouped subquery): call clust_texts in the argument itself",
    ),
    "terms of points": (
        "SELECT * FROM clust_terms((SELECT clust_points(id, vector) FROM Embedding))",
        [],
        f"clust_terms: result_or_texts is a handle of clust_points, {TEXTS}",
    ),
    "terms with no ngrams": (
        "SELECT * FROM clust_terms(1, '{\"ngrams\": 0}')",
        [],
        "option 'ngrams': found 0, expected a whole number of at least 1 and at most 5",
    ),
    "points that are texts": (
        "SELECT * FROM clust_neighbors((SELECT clust_texts(1, 'a')))",
        [],
        f"clust_neighbors: points is a handle of clust_texts, {HANDLE}",
    ),
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
    "clust_cut like no result": scalar("clust_cut(1, '{\"like\": 99}')", message="no clustering result 99; ids here: 1"),
    "clust_labels like no result": (
        "SELECT * FROM clust_labels(1, '{\"like\": 99}')", (), "no clustering result 99; ids here: 1",
    ),
    "clust_condensed_tree like a fraction": (
        "SELECT * FROM clust_condensed_tree(1, '{\"like\": 1.5}')", (), f"option 'like': found 1.5, {FROM_1}",
    ),
    "options of clust_sweep": (
        "SELECT * FROM clust_sweep(1, '{\"k\": [1, 2]}')", (), f"unknown option 'k'; allowed are {CUT_OPTIONS}, min_samples",
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
        "clust_fit('demo' || char(0))",
        message=r"no embeddings of model 'demo\x00'; models in this database: 'demo'. Did you mean 'demo'?",
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
