"""Vectors as they are stored: BLOBs of little-endian float32, the format of llm and sqlite-vec; and JSON arrays, made into that.

Every check that a vector has to pass is here. Its error names what the vector belongs to: `subject`, such as `embedding 'a17'`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence, Sized

import numpy as np
from numpy.typing import NDArray

from sqlclust.errors import (
    DimensionMismatchError,
    Id,
    MatrixError,
    NotFiniteError,
    VectorJSONError,
    VectorLengthError,
    VectorTypeError,
    ZeroVectorError,
    shown,
)
from sqlclust.vectors.narrowing import warn_if_merged

Float32Array = NDArray[np.float32]

ITEM_BYTES = 4
"""Bytes of one number."""
STORED = np.dtype("<f4")
"""NumPy's type of the numbers."""
_BEYOND = (2 - 2.0**-24) * 2.0**127
"""The smallest number that float32 rounds to infinity."""
_SQLITE_TYPES = {type(None): "NULL", int: "an INTEGER", float: "a REAL", str: "TEXT", bytes: "a BLOB"}


def sqlite_type(value: object) -> str:
    """How SQLite calls the type of a value, for messages: `NULL`, `an INTEGER`, `TEXT`, …"""
    return _SQLITE_TYPES.get(type(value), f"a {type(value).__name__} object")


def subject_of(embedding_id: Id) -> str:
    """How messages call an embedding."""
    return f"embedding {shown(embedding_id)}"


def check_blob(value: object, subject: str, *, embedding_id: Id | None = None) -> bytes:
    """The value itself if it is a BLOB of whole float32 numbers; finiteness is checked on arrays, not here.

    Raises:
        VectorTypeError: the value is no BLOB.
        VectorLengthError: its length is 0 or no multiple of 4.
    """
    if not isinstance(value, bytes):
        raise VectorTypeError(subject, found=sqlite_type(value), embedding_id=embedding_id)
    if len(value) == 0 or len(value) % ITEM_BYTES:
        raise VectorLengthError(subject, found=len(value), embedding_id=embedding_id)
    return value


def decode(value: object, subject: str, *, embedding_id: Id | None = None) -> Float32Array:
    """float32 (dimension,) view of a stored vector.

    Raises:
        VectorTypeError, VectorLengthError: see `check_blob`.
        NotFiniteError: NaN or infinity in it.
    """
    vector = np.frombuffer(check_blob(value, subject, embedding_id=embedding_id), dtype=STORED)
    check_finite(vector, subject, embedding_id=embedding_id)
    return vector


def encode(vector: NDArray[np.floating]) -> bytes:
    """A vector as it is stored: its numbers as little-endian float32."""
    return np.ascontiguousarray(vector, dtype=STORED).tobytes()


def json_numbers(text: object, subject: str = "clust_vector") -> NDArray[np.float64]:
    """float64 (dimension,), the numbers of a JSON array, none of them beyond float32.

    Raises:
        VectorJSONError: not TEXT, not JSON, not an array of numbers, empty, or a number beyond float32; `subject` is named.
    """
    if not isinstance(text, str):
        raise VectorJSONError(found=sqlite_type(text), subject=subject)
    try:
        numbers = json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise VectorJSONError(found="JSON nested too deeply", subject=subject) from None
    except ValueError as error:
        raise VectorJSONError(found=f"text that is not JSON ({error})", subject=subject) from None
    if not isinstance(numbers, list) or not numbers:
        raise VectorJSONError(found=f"{text[:40]!r}", subject=subject)
    return _float64_numbers(numbers, subject)


def _as_float32(numbers: NDArray[np.float64]) -> Float32Array:
    with np.errstate(over="ignore"):
        return numbers.astype(STORED)


def _float64_numbers(numbers: Sequence[object], subject: str) -> NDArray[np.float64]:
    if set(map(type, numbers)) <= {int, float}:
        try:
            vector = np.array(numbers, dtype=np.float64)
        except OverflowError:  # an int beyond float64
            vector = np.array([math.inf])
        if np.isfinite(_as_float32(vector)).all():
            return vector
    for position, number in enumerate(numbers):
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise VectorJSONError(found=f"{shown(number)} at position {position}", subject=subject)
        if not abs(number) < _BEYOND:
            raise VectorJSONError(found=f"{shown(number)} at position {position}, beyond float32", subject=subject)
    return np.array(numbers, dtype=np.float64)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


def to_json(vector: Float32Array) -> str:
    """A JSON array of the shortest decimals that give the same float32 back, written as Python writes them: versions of
    NumPy differ in when they write an exponent.
    """
    return "[" + ", ".join(map(repr, map(float, map(str, vector)))) + "]"


def as_matrix(vectors: object, *, check: Callable[[int, int, int], None] | None = None) -> Float32Array:
    """float32 (n, dimension) of anything array-like, checked. Different rows that become equal are logged as a warning.

    Args:
        check: called with n, the dimension, and the bytes that copies of the vectors will take, before any copy is made.

    Raises:
        MatrixError: not two-dimensional, no columns, or not numbers.
        NotFiniteError: NaN, infinity or a number beyond float32; it names the row.
    """
    if isinstance(vectors, np.ma.MaskedArray) and np.ma.is_masked(vectors):
        raise MatrixError(found="a masked array that hides some of its numbers")  # asarray would take them in again
    if check is not None and isinstance(vectors, list | tuple):  # NumPy makes float64 of them before it has a shape
        dimension = len(vectors[0]) if vectors and isinstance(vectors[0], Sized) else 0
        check(len(vectors), dimension, len(vectors) * dimension * (8 + ITEM_BYTES))
    try:
        given = np.asarray(vectors)
    except ValueError as error:  # rows of different lengths
        raise MatrixError(found=f"no array ({error})") from None
    if given.ndim != 2 or given.shape[1] == 0 or given.dtype.kind not in "fiu":
        raise MatrixError(found=f"shape {given.shape} of {given.dtype}")
    if check is not None:
        needs_no_copy = given.dtype == np.float32 and given.flags.c_contiguous
        check(given.shape[0], given.shape[1], 0 if needs_no_copy else ITEM_BYTES * given.size)
    with np.errstate(over="ignore"):
        matrix = np.ascontiguousarray(given, dtype=np.float32)
    row = first_not_finite(matrix)
    if row is not None:
        position = int(np.argmin(np.isfinite(matrix[row])))
        raise NotFiniteError(f"row {row}", position=position, found=float(given[row, position]))
    warn_if_merged(given, matrix)
    return matrix


def check_finite(vector: Float32Array, subject: str, *, embedding_id: Id | None = None) -> None:
    """Raise NotFiniteError for the first NaN or infinity in a float32 (dimension,) vector."""
    finite = np.isfinite(vector)
    if not finite.all():
        position = int(np.argmin(finite))
        raise NotFiniteError(subject, position=position, found=float(vector[position]), embedding_id=embedding_id)


def check_dimension(found: int, expected: int, subject: str, *, embedding_id: Id | None = None) -> None:
    """Raise DimensionMismatchError unless the two dimensions agree."""
    if found != expected:
        raise DimensionMismatchError(subject, found=found, expected=expected, embedding_id=embedding_id)


def check_direction(vector: Float32Array, subject: str, *, embedding_id: Id | None = None) -> None:
    """Raise ZeroVectorError for a vector that has no direction."""
    if not vector.any():
        raise ZeroVectorError(subject, embedding_id=embedding_id)


def all_finite(numbers: Float32Array) -> bool:
    """Whether there is no NaN or infinity. The extremes tell, and finding them is cheaper than looking at each number."""
    with np.errstate(invalid="ignore"):
        return numbers.size == 0 or bool(np.isfinite(numbers.max()) and np.isfinite(numbers.min()))


def first_not_finite(vectors: Float32Array, *, block: int = 64) -> int | None:
    """Row of the first vector with NaN or infinity in float32 (n, dimension), or None. O(n·dimension), O(block) memory."""
    for start in range(0, len(vectors), block):
        part = vectors[start : start + block]
        if not all_finite(part):
            return start + int(np.argmin(np.isfinite(part).all(axis=1)))
    return None


def first_zero(vectors: Float32Array, *, block: int = 4096, check: Callable[[], None] = lambda: None) -> int | None:
    """Row of the first zero vector in float32 (n, dimension), or None; `check` is called for each block.

    Cost: O(n·dimension), O(block) memory.
    """
    for start in range(0, len(vectors), block):
        check()
        nonzero = vectors[start : start + block].any(axis=1)
        if not nonzero.all():
            return start + int(np.argmin(nonzero))
    return None
