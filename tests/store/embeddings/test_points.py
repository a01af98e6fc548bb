from __future__ import annotations

import logging
import zlib
from typing import Any

import apsw
import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sqlclust.errors import (
    DimensionMismatchError,
    NotFiniteError,
    NullIdError,
    RepeatedIdError,
    VectorLengthError,
    VectorTypeError,
    ZeroVectorError,
)
from sqlclust.store.embeddings.collecting import PointsBuilder
from sqlclust.store.embeddings.ids import sorted_order
from sqlclust.store.embeddings.points import Points, points_of
from tests.small import blob

INT64 = st.integers(-(2**63), 2**63 - 1)
IDS: st.SearchStrategy[Any] = st.one_of(
    INT64,
    st.integers(-3, 3),
    st.floats(allow_nan=False),
    st.sampled_from([2**53, 2**53 + 1, 2.0**53, 2**63 - 1, 2.0**63, -(2**63), -(2.0**63), 1e300, -0.0]),
    st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=6),
    st.sampled_from(["", "a", "A", "é", "e\u0301", "\U0001f600", "\uffff", "a\0b", "10", "9", "0688868048517e121234"]),
    st.binary(max_size=6),
)


def built(rows: list[tuple[Any, Any]], *, keep_first: bool = False) -> Points:
    builder = PointsBuilder(keep_first=keep_first)
    for embedding_id, vector in rows:
        builder.add(embedding_id, vector)
    assert len(builder) == len(rows)
    return builder.finish()


def typed(ids: list[Any]) -> list[tuple[type, Any]]:
    return [(type(value), value) for value in ids]


@settings(max_examples=200, deadline=None)
@given(st.lists(IDS, max_size=12, unique=True))
@example([2**53 + 1, 2.0**53, 2**63 - 1, 2.0**63])
def test_order_is_sqlites(ids: list[Any]) -> None:
    """Compared with an ORDER BY of SQLite itself, over the column that Embedding has."""
    connection = apsw.Connection(":memory:")
    connection.execute("CREATE TABLE t (id ANY PRIMARY KEY NOT NULL) STRICT")
    connection.executemany("INSERT INTO t VALUES (?)", [(value,) for value in ids])
    expected = [row[0] for row in connection.execute("SELECT id FROM t ORDER BY id")]
    connection.close()
    assert typed([ids[row] for row in sorted_order(ids).tolist()]) == typed(expected)


@settings(max_examples=100, deadline=None)
@given(st.lists(IDS, max_size=8))
def test_repeated_is_what_sqlite_calls_repeated(ids: list[Any]) -> None:
    """1 and 1.0 are one id to SQLite's primary key, '1' and x'31' are two."""
    connection = apsw.Connection(":memory:")
    connection.execute("CREATE TABLE t (id ANY PRIMARY KEY NOT NULL) STRICT")
    connection.executemany("INSERT OR IGNORE INTO t VALUES (?)", [(value,) for value in ids])
    distinct = connection.execute("SELECT count(*) FROM t").get
    connection.close()
    rows = [(value, blob(1)) for value in ids]
    if distinct == len(ids):
        assert len(built(rows)) == distinct
    else:
        with pytest.raises(RepeatedIdError) as caught:
            built(rows)
        assert ids.count(caught.value.embedding_id) == caught.value.occurrences > 1


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_many_whole_ids(dtype: Any) -> None:
    ids: list[int] = np.random.default_rng(0).permutation(5000).astype(dtype).tolist()
    assert sorted_order(ids).tolist() == sorted(range(5000), key=ids.__getitem__)


def test_rank_is_the_inverse_of_order() -> None:
    points = points_of(["b", 3, b"a", "a", 2.5], np.ones((5, 1), dtype=np.float32))
    assert points.order.tolist() == [4, 1, 3, 0, 2]
    assert points.rank().tolist() == [3, 1, 4, 2, 0]


@pytest.mark.parametrize(("step", "kept"), [(1, "cadbe"), (2, "cae"), (3, "ad"), (10, "a")])
def test_every_nth_by_rank_in_the_order_they_came(step: int, kept: str) -> None:
    vectors = np.array([[ord(c)] for c in "cadbe"], dtype=np.float32)
    points = points_of(list("cadbe"), vectors).every(step)
    assert list(points.ids) == list(kept)
    assert points.vectors.ravel().tolist() == [float(ord(c)) for c in kept]
    assert [points.ids[row] for row in points.order] == sorted(kept)


# --- hash ------------------------------------------------------------------------------------------------------


def corpus_hash(ids: list[Any], vectors: NDArray[np.float32]) -> str:
    return points_of(ids, vectors).fingerprint().corpus_hash


@settings(max_examples=60, deadline=None)
@given(st.data(), st.lists(IDS, min_size=1, max_size=10, unique=True))
def test_hash_does_not_depend_on_the_order_of_rows(data: st.DataObject, ids: list[Any]) -> None:
    vectors = np.arange(len(ids) * 2, dtype=np.float32).reshape(-1, 2)
    order = data.draw(st.permutations(range(len(ids))))
    assert corpus_hash(ids, vectors) == corpus_hash([ids[row] for row in order], vectors[order])


@settings(max_examples=100, deadline=None)
@given(st.lists(IDS, min_size=1, max_size=4, unique=True), st.lists(IDS, min_size=1, max_size=4, unique=True))
def test_hash_tells_ids_apart(a: list[Any], b: list[Any]) -> None:
    """With their types: 1, 1.0, '1' and x'31' are four ids."""

    def key(ids: list[Any]) -> set[tuple[type, str]]:
        return {(type(value), repr(value)) for value in ids}

    assume(key(a) != key(b))
    width = len(b) if len(a) == len(b) else 1
    ones = [np.ones((len(ids), width), dtype=np.float32) for ids in (a, b)]
    assert corpus_hash(a, ones[0]) != corpus_hash(b, ones[1])


def test_hash_tells_types_vectors_and_shapes_apart() -> None:
    one = np.ones((1, 2), dtype=np.float32)
    hashes = [corpus_hash([value], one) for value in (1, 1.0, "1", b"1")]
    hashes += [
        corpus_hash([1], one * 2),
        corpus_hash([1], np.ones((1, 3), dtype=np.float32)),
        corpus_hash(["ab", "c"], np.ones((2, 1), dtype=np.float32)),
        corpus_hash(["a", "bc"], np.ones((2, 1), dtype=np.float32)),
        corpus_hash([1, 2], np.array([[1], [2]], dtype=np.float32)),
        corpus_hash([1, 2], np.array([[2], [1]], dtype=np.float32)),
    ]
    assert len(set(hashes)) == len(hashes)
    assert all(len(value) == 64 for value in hashes)


def test_hash_is_of_the_stored_bytes() -> None:
    """Known once and for all, on every machine: files keep it."""
    vectors = np.array([[1, 2], [3, 4]], dtype=np.float32)
    points = points_of(["b", 7], vectors)
    assert corpus_hash(["b", 7], vectors) == corpus_hash([7, "b"], vectors[::-1])
    assert points.fingerprint().row_checks.tolist() == [zlib.crc32(blob(3, 4)), zlib.crc32(blob(1, 2))]
    assert points.fingerprint().corpus_hash == "b9e7a14989af3245efd2f52728fccb3bb2fa4bcb91f2202d8d8d858ef984fee1"


# --- building --------------------------------------------------------------------------------------------------


def test_nothing() -> None:
    points = built([])
    assert len(points) == 0
    assert points.vectors.shape == (0, 0)
    assert points.order.tolist() == points.rank().tolist() == []
    points.check_directions()


def test_rows_keep_their_order_and_ids_their_types() -> None:
    points = built([("b", blob(1, 2)), (7, blob(3, 4)), (b"x", blob(5, 6)), (0.5, blob(-0.0, 8))])
    assert typed(list(points.ids)) == typed(["b", 7, b"x", 0.5])
    assert points.vectors.dtype == np.float32
    assert points.vectors.tolist() == [[1, 2], [3, 4], [5, 6], [0, 8]]


def test_null_id() -> None:
    with pytest.raises(NullIdError, match=r"^row 2: the id is NULL, expected an INTEGER, REAL, TEXT or BLOB$"):
        built([(1, blob(1)), (None, blob(1))])


@pytest.mark.parametrize("before", [[], [(1, blob(1, 2))]])
@pytest.mark.parametrize(
    ("vector", "error"),
    [
        (None, VectorTypeError),
        ("[1, 2]", VectorTypeError),
        (3, VectorTypeError),
        (b"", VectorLengthError),
        (b"12345", VectorLengthError),
    ],
)
def test_bad_vectors_name_their_id(before: list[tuple[Any, Any]], vector: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"^embedding 'a17' (is|has) "):
        built([*before, ("a17", vector)])


def test_mixed_dimensions() -> None:
    with pytest.raises(DimensionMismatchError, match=r"^embedding 'a17' has 3 dimensions, expected 2$"):
        built([(1, blob(1, 2)), ("a17", blob(1, 2, 3))])


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_not_finite(bad: float) -> None:
    with pytest.raises(NotFiniteError) as caught:
        built([(1, blob(1, 2)), ("a17", blob(1, bad)), (3, blob(bad, bad))])
    assert str(caught.value) == f"embedding 'a17' has {bad} at position 1, expected finite numbers"
    assert caught.value.embedding_id == "a17"


def test_zero_vector() -> None:
    points = built([(1, blob(1, 2)), (b"\x01", blob(0, -0.0))])
    with pytest.raises(ZeroVectorError, match=r"^embedding b'\\x01' is a zero vector, which has no direction"):
        points.check_directions()


def test_repeated_ids() -> None:
    rows = [("a", blob(1)), ("b", blob(2)), ("a", blob(3)), ("b", blob(4)), ("a", blob(5)), ("c", blob(6))]
    with pytest.raises(RepeatedIdError) as caught:
        built(rows)
    assert str(caught.value).startswith(
        "embedding 'a' came 3 times, expected once (2 ids are repeated); a join in the selection probably repeats rows."
    )
    assert (caught.value.embedding_id, caught.value.occurrences, caught.value.repeated_ids) == ("a", 3, 2)


def test_the_first_of_repeated_ids(caplog: pytest.LogCaptureFixture) -> None:
    rows = [("a", blob(1)), ("b", blob(2)), ("a", blob(float("nan"))), ("a", blob(5)), ("c", blob(6))]
    with caplog.at_level(logging.WARNING, logger="sqlclust"):
        points = built(rows, keep_first=True)
    assert list(points.ids) == ["a", "b", "c"]
    assert points.vectors.tolist() == [[1], [2], [6]]
    assert caplog.messages == ["1 ids came more than once ('a' first); kept the first row of each, left out 2 rows"]
