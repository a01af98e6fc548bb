from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sqlclust.errors import (
    DimensionMismatchError,
    MatrixError,
    NotFiniteError,
    SqlclustError,
    VectorJSONError,
    VectorLengthError,
    VectorTypeError,
    ZeroVectorError,
)
from sqlclust.vectors.blobs import (
    as_matrix,
    check_dimension,
    check_direction,
    decode,
    encode,
    first_not_finite,
    first_zero,
    subject_of,
    to_json,
)
from sqlclust.vectors.formats import to_stored
from tests.small import blob as blob_of


def from_json(text: object) -> bytes:
    return to_stored(text, "json", "clust_vector")


numbers = st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=20)


def test_stored_form_is_little_endian_float32() -> None:
    assert from_json("[1, -2.5]") == bytes.fromhex("0000803f000020c0")
    assert decode(bytes.fromhex("0000803f000020c0"), "v").tolist() == [1.0, -2.5]
    assert encode(np.array([1, -2.5], dtype=">f8")) == bytes.fromhex("0000803f000020c0")


@given(numbers)
def test_numbers_to_blob_to_json_and_back(values: list[float]) -> None:
    blob = from_json(json.dumps(values))
    assert blob == struct.pack(f"<{len(values)}f", *values)
    vector = decode(blob, "v")
    assert encode(vector) == blob
    text = to_json(vector)
    assert from_json(text) == blob
    assert [np.float32(x) for x in json.loads(text)] == values


@given(st.binary(min_size=4, max_size=40))
def test_blob_to_json_to_blob(blob: bytes) -> None:
    try:
        vector = decode(blob, "v")
    except SqlclustError:
        return
    assert from_json(to_json(vector)) == blob


@given(st.binary(max_size=40) | st.none() | st.integers() | st.floats() | st.text())
def test_any_value_is_a_vector_or_our_error(value: object) -> None:
    try:
        vector = decode(value, "v")
    except SqlclustError:
        return
    assert isinstance(value, bytes)
    assert vector.nbytes == len(value)
    assert np.isfinite(vector).all()


@given(st.text() | st.text(alphabet='[]0123456789.,eE+-"nulINaf {}:', max_size=30))
def test_any_text_is_a_vector_or_our_error(text: str) -> None:
    message = ""
    try:
        assert np.isfinite(decode(from_json(text), "v")).all()
    except SqlclustError as error:
        message = str(error)
    assert len(message) < 500


@pytest.mark.parametrize(
    ("value", "kind"), [(None, "NULL"), (3, "an INTEGER"), (0.5, "a REAL"), ("[1]", "TEXT"), ([1], "a list object")]
)
def test_not_a_blob(value: object, kind: str) -> None:
    with pytest.raises(VectorTypeError) as caught:
        decode(value, subject_of("a17"), embedding_id="a17")
    assert str(caught.value) == (
        f"embedding 'a17' is {kind}, expected a BLOB of little-endian float32 (clust_vector makes one from JSON)"
    )
    assert caught.value.embedding_id == "a17"


@pytest.mark.parametrize("length", [0, 1, 3, 5, 4097])
def test_not_whole_numbers(length: int) -> None:
    with pytest.raises(VectorLengthError) as caught:
        decode(bytes(length), "vector")
    found = "1 byte" if length == 1 else f"{length} bytes"
    assert str(caught.value) == f"vector has {found}, expected a positive multiple of 4 (float32)"


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_not_finite(bad: float) -> None:
    blob = np.array([1, bad, bad], dtype="<f4").tobytes()
    with pytest.raises(NotFiniteError) as caught:
        decode(blob, subject_of(7), embedding_id=7)
    assert str(caught.value) == f"embedding 7 has {bad} at position 1, expected finite numbers"
    assert (caught.value.position, caught.value.embedding_id) == (1, 7)


LARGEST = float(np.finfo(np.float32).max)

BAD_JSON: list[tuple[object, str]] = [
    (None, "NULL"),
    (b"[1]", "a BLOB"),
    ("[1, 2", "text that is not JSON (Expecting ',' delimiter: line 1 column 6 (char 5))"),
    ("[NaN]", "text that is not JSON (NaN is not a JSON number)"),
    ("[-Infinity]", "text that is not JSON (-Infinity is not a JSON number)"),
    ("[]", "'[]'"),
    ("{}", "'{}'"),
    ("3", "'3'"),
    ('[1, "2"]', "'2' at position 1"),
    ("[1, null]", "None at position 1"),
    ("[true]", "True at position 0"),
    ("[[1]]", "[1] at position 0"),
    ("[0, 1e39]", "1e+39 at position 1, beyond float32"),
    ("[1e999]", "inf at position 0, beyond float32"),
    ("[1, " + "9" * 400 + "]", f"{'9' * 80}… (400 characters) at position 1, beyond float32"),
    ('[3.4028235e38, "x"]', "'x' at position 1"),
    ('["' + "x" * 200 + '"]', f"'{'x' * 79}… (202 characters) at position 0"),
]


@pytest.mark.parametrize(("text", "found"), BAD_JSON, ids=lambda value: repr(value)[:20])
def test_bad_json(text: object, found: str) -> None:
    with pytest.raises(VectorJSONError) as caught:
        from_json(text)
    assert str(caught.value) == f"clust_vector: found {found}, expected a JSON array of numbers such as '[0.1, 0.2]'"


@pytest.mark.parametrize("depth", [500, 950, 990, 1000, 100_000])
def test_deep_json(depth: int) -> None:
    with pytest.raises(VectorJSONError):
        from_json("[" * depth + "]" * depth)


def test_the_largest_number_and_the_next() -> None:
    """What float32 rounds to its largest number is that number; from half a step above it is infinity."""
    half_a_step = 2.0**103
    for number in (LARGEST + half_a_step * (1 - 2.0**-20), int(LARGEST), LARGEST):
        assert from_json(json.dumps([number])) == blob_of(LARGEST)
    for number in (LARGEST + half_a_step, int(LARGEST + half_a_step), 10**4000):
        with pytest.raises(VectorJSONError, match="beyond float32"):
            from_json(json.dumps([0, number]))


def test_dimension_and_direction() -> None:
    check_dimension(3, 3, "v")
    with pytest.raises(DimensionMismatchError, match=r"^embedding 'a17' has 384 dimensions, expected 768$"):
        check_dimension(384, 768, subject_of("a17"), embedding_id="a17")
    check_direction(np.array([0, 1e-45], dtype=np.float32), "v")
    with pytest.raises(ZeroVectorError, match=r"^v is a zero vector, which has no direction: "):
        check_direction(np.array([0.0, -0.0], dtype=np.float32), "v")


@pytest.mark.parametrize("row", [0, 4, 5, 8])
def test_first_bad_rows_across_blocks(row: int) -> None:
    vectors = np.ones((9, 2), dtype=np.float32)
    assert first_not_finite(vectors, block=4) is None
    assert first_zero(vectors, block=4) is None
    vectors[row:, 1] = np.nan
    assert first_not_finite(vectors, block=4) == row
    vectors[row:] = 0
    assert first_zero(vectors, block=4) == row


GOOD_MATRICES: list[Any] = [
    [[1, 2], [3, 4]],
    ((1.0, 2.0), (3.0, 4.0)),
    [np.array([1, 2]), np.array([3, 4])],
    np.array([[1, 2], [3, 4]], dtype=np.uint8),
    np.array([[1, 2], [3, 4]], dtype=">f8"),
    np.array([[1, 2], [3, 4]], dtype=np.float16),
    np.array([[1, 3], [2, 4]], dtype=np.float32).T,
    np.array([[1, 0, 2, 0], [3, 0, 4, 0]], dtype=np.float64)[:, ::2],
]


@pytest.mark.parametrize("given_matrix", GOOD_MATRICES, ids=lambda value: type(value).__name__)
def test_matrices(given_matrix: Any) -> None:
    matrix = as_matrix(given_matrix)
    assert matrix.dtype == np.float32
    assert matrix.flags.c_contiguous
    assert matrix.tolist() == [[1.0, 2.0], [3.0, 4.0]]


@pytest.mark.parametrize(
    ("given_matrix", "found"),
    [
        ([1.0, 2.0], "shape (2,) of float64"),
        ([], "shape (0,) of float64"),
        ([[], []], "shape (2, 0) of float64"),
        (3.0, "shape () of float64"),
        (None, "shape () of object"),
        (np.zeros((2, 2, 2)), "shape (2, 2, 2) of float64"),
        ([["1", "2"]], "shape (1, 2) of <U1"),
        ([[1, "x"]], "shape (1, 2) of <U21"),
        ([[b"ab"]], "shape (1, 1) of |S2"),
        ([[1, None]], "shape (1, 2) of object"),
        ([[2**70, 1]], "shape (1, 2) of object"),
        ([[True, False]], "shape (1, 2) of bool"),
        ([[1j]], "shape (1, 1) of complex128"),
        ({"a": [1]}, "shape () of object"),
    ],
    ids=repr,
)
def test_no_matrix_of_numbers(given_matrix: Any, found: str) -> None:
    with pytest.raises(MatrixError) as caught:
        as_matrix(given_matrix)
    assert (
        str(caught.value) == f"vectors: found {found}, expected a two-dimensional array of numbers, one row per vector"
    )


def test_rows_of_different_lengths() -> None:
    with pytest.raises(
        MatrixError, match=r"^vectors: found no array \(.*inhomogeneous.*\), expected a two-dimensional"
    ):
        as_matrix([[1, 2], [3]])


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e300, -4e38])
def test_matrix_names_row_and_position(bad: float) -> None:
    matrix = np.ones((5, 3))
    matrix[3, 1] = bad
    with pytest.raises(NotFiniteError) as caught:
        as_matrix(matrix)
    assert str(caught.value) == f"row 3 has {bad} at position 1, expected finite numbers"


@given(arrays.arrays(dtype=arrays.floating_dtypes(), shape=arrays.array_shapes(max_dims=3, max_side=4)))
def test_any_array_is_a_matrix_or_our_error(given_matrix: Any) -> None:
    try:
        matrix = as_matrix(given_matrix)
    except SqlclustError:
        return
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(matrix, given_matrix.astype(np.float32))
