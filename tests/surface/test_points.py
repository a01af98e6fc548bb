"""What clust_points refuses and keeps, on a table without any check of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import apsw
import pytest

import sqlclust
from sqlclust.errors import (
    DimensionMismatchError,
    NotFiniteError,
    NullIdError,
    RepeatedIdError,
    SqlclustError,
    VectorLengthError,
    VectorTypeError,
    ZeroVectorError,
)
from tests.extension import originals
from tests.small import blob

GOOD = blob(1, 0)

NO_BLOB = "expected a BLOB of little-endian float32 (clust_vector makes one from JSON)"

NO_LENGTH = "expected a positive multiple of 4 (float32)"

REFUSED: dict[str, tuple[list[tuple[Any, Any]], type[SqlclustError], str]] = {
    "NULL id": ([(1, GOOD), (None, GOOD)], NullIdError, "row 2: the id is NULL, expected an INTEGER, REAL, TEXT or BLOB"),
    "repeated id": (
        [("a17", GOOD), ("b", GOOD), ("a17", GOOD), ("b", GOOD), ("b", GOOD)], RepeatedIdError,
        "embedding 'a17' came 2 times, expected once (2 ids are repeated); a join in the selection probably repeats rows. "
        'Select each id once, or pass \'{"duplicates": "first"}\' as the third argument of clust_points '
        "to keep each id's first row",
    ),
    "NULL vector": ([(b"\x07", None)], VectorTypeError,
                    "embedding b'\\x07' is NULL, " + NO_BLOB),
    "TEXT vector": ([("a17", "[1, 2]")], VectorTypeError,
                    "embedding 'a17' is TEXT, " + NO_BLOB),
    "number as vector": ([(1, GOOD), (2, 5)], VectorTypeError,
                         "embedding 2 is an INTEGER, " + NO_BLOB),
    "wrong length": ([("a17", b"12345")], VectorLengthError,
                     "embedding 'a17' has 5 bytes, " + NO_LENGTH),
    "empty first": ([("a17", b"")], VectorLengthError, "embedding 'a17' has 0 bytes, " + NO_LENGTH),
    "empty later": ([(1, GOOD), ("a17", b"")], VectorLengthError,
                    "embedding 'a17' has 0 bytes, " + NO_LENGTH),
    "mixed dimensions": ([(1, GOOD), ("a17", blob(1, 2, 3))], DimensionMismatchError,
                         "embedding 'a17' has 3 dimensions, expected 2"),
    "NaN": ([(1, GOOD), ("a17", blob(0, float("nan")))], NotFiniteError,
            "embedding 'a17' has nan at position 1, expected finite numbers"),
    "infinity": ([(2.5, blob(float("-inf"), 0)), (1, GOOD)], NotFiniteError,
                 "embedding 2.5 has -inf at position 0, expected finite numbers"),
    "zero": ([(1, GOOD), ("a17", blob(0, -0.0))], ZeroVectorError,
             "embedding 'a17' is a zero vector, which has no direction: expected a vector that can be normalised "
             "(leave it out, or use metric euclidean with normalize false)"),
}  # fmt: skip


@pytest.fixture
def source(con: apsw.Connection) -> Callable[[list[tuple[Any, Any]]], apsw.Connection]:
    """A table without any check of its own: the functions work on any table."""

    def fill(rows: list[tuple[Any, Any]]) -> apsw.Connection:
        con.execute("CREATE TABLE source (position INTEGER PRIMARY KEY, id, vector)")
        con.executemany("INSERT INTO source (id, vector) VALUES (?, ?)", rows)
        return con

    return fill


@pytest.mark.parametrize("function", ["clust_hdbscan", "clust_neighbors"])
@pytest.mark.parametrize("case", REFUSED)
def test_points_are_refused(source: Callable[..., apsw.Connection], case: str, function: str) -> None:
    rows, error, message = REFUSED[case]
    con = source(rows)
    with pytest.raises(error) as caught:
        con.execute(
            f"SELECT * FROM {function}((SELECT clust_points(id, vector ORDER BY position) FROM source))"
        ).fetchall()
    assert str(caught.value) == message


def test_zero_vectors_are_clustered_where_nothing_is_normalised(source: Callable[..., apsw.Connection]) -> None:
    con = source([(1, blob(0, 0)), (2, blob(1, 0))])
    sql = "SELECT count(*) FROM clust_hdbscan((SELECT clust_points(id, vector) FROM source), ?)"
    assert con.execute(sql, ('{"normalize": false}',)).get == 2
    with pytest.raises(ZeroVectorError, match="embedding 1 is a zero vector"):
        con.execute(sql, ('{"normalize": false, "metric": "cosine"}',)).fetchall()


def test_the_first_of_a_repeated_id_is_kept_on_request(
    source: Callable[..., apsw.Connection], caplog: pytest.LogCaptureFixture
) -> None:
    con = source([("b", blob(1, 0)), ("a", blob(0, 1)), ("b", blob(0, 2)), ("a", blob(0, 1)), ("b", blob(1, 0))])
    points = '(SELECT clust_points(id, vector, \'{"duplicates": "first"}\' ORDER BY position) FROM source)'
    with caplog.at_level(logging.WARNING, logger="sqlclust"):
        rows = con.execute(f"SELECT id, distance FROM clust_neighbors({points}, '{{\"normalize\": false}}')").fetchall()
    assert rows == [("a", 2**0.5), ("b", 2**0.5)]
    assert [record.getMessage() for record in caplog.records] == [
        "2 ids came more than once ('b' first); kept the first row of each, left out 3 rows"
    ]


def test_ids_that_are_equal_in_sqlite_are_one_id(source: Callable[..., apsw.Connection]) -> None:
    con = source([(1, GOOD), (1.0, GOOD)])
    with pytest.raises(RepeatedIdError, match="embedding 1 came 2 times"):
        con.execute("SELECT * FROM clust_hdbscan((SELECT clust_points(id, vector) FROM source))").fetchall()
    con.execute("DELETE FROM source")
    con.executemany("INSERT INTO source (id, vector) VALUES (?, ?)", [(1, GOOD), ("1", GOOD), (b"1", GOOD)])
    rows = con.execute("SELECT id FROM clust_hdbscan((SELECT clust_points(id, vector) FROM source))").fetchall()
    assert rows == [(1,), ("1",), (b"1",)]


def test_a_json_function_among_the_arguments(con: apsw.Connection) -> None:
    """Some versions of SQLite wipe the handle away then, 3.54 does and 3.49 does not: the right rows, or what to write."""
    sql = (
        "SELECT count(*) FROM clust_hdbscan((SELECT clust_points(key, clust_vector(json_array(value, 1))) "
        "FROM json_each('[1, 2, 3]')))"
    )
    try:
        with originals():
            assert con.execute(sql).get == 3
    except sqlclust.SqlclustError as error:
        assert "SQLite also wipes it away where one of its JSON functions stands" in str(error)  # noqa: PT017 - or none
