"""Formats of vectors in other programs' columns and files. Each is one record: how a value of it becomes numbers.

What sqlclust computes with and stores is float32. Every other format is read into it. Numbers in BLOBs are little-endian.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from sqlclust.errors import Id, NotFiniteError, VectorLengthError, VectorTypeError
from sqlclust.vectors.blobs import STORED, Float32Array, first_not_finite, json_numbers, sqlite_type
from sqlclust.vectors.recognition import resembles

FormatName = Literal["float32", "float64", "float16", "bfloat16", "int8", "uint8", "bit", "json"]
"""The names in `FORMATS`, for types: a test compares the two."""
Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class VectorFormat:
    """A format of vectors.

    Attributes:
        name: as users say it.
        item_bits: of one number; 0 if vectors are text.
        meaning: what a vector is, for people.
        numbers: uint8 (n, bytes) → (n, dimension), the numbers in a NumPy type that holds them all.
        dtype: the type that NumPy has for these numbers; None if it has none.
        parse: of text, (value, subject) → float64 (dimension,), with an error that names the subject; None if vectors are BLOBs.
    """

    name: FormatName
    item_bits: int
    meaning: str
    numbers: Callable[[Bytes], NDArray[Any]]
    dtype: np.dtype[Any] | None = None
    parse: Callable[[object, str], NDArray[np.float64]] | None = None

    @property
    def is_text(self) -> bool:
        """Whether vectors are text and not BLOBs."""
        return self.parse is not None

    @property
    def unit(self) -> int:
        """Bytes of which a vector has a whole multiple."""
        return max(1, self.item_bits // 8)

    def dimension(self, width: int) -> int:
        """Numbers in a vector of so many bytes."""
        return width * 8 // self.item_bits

    def numbers_of(self, value: object, subject: str) -> NDArray[Any]:
        """(dimension,), the numbers of one value.

        Raises:
            VectorTypeError, VectorLengthError: see `check`; of a BLOB.
            VectorJSONError: it is no array of numbers; of text.
        """
        if self.parse is not None:
            return self.parse(value, subject)
        blob = self.check(value, f"{subject}: the vector")
        numbers: NDArray[Any] = self.numbers(np.frombuffer(blob, dtype=np.uint8)[None])[0]
        return numbers

    def check(self, value: object, subject: str, *, embedding_id: Id | None = None, advice: str = "") -> bytes:
        """The value itself if it is a BLOB of whole numbers of this format.

        Args:
            advice: on other formats, for a length that is none of a few stray bytes.

        Raises:
            VectorTypeError: it is no BLOB.
            VectorLengthError: its length is 0 or no multiple of a number's.
        """
        if not isinstance(value, bytes):
            raise VectorTypeError(subject, found=sqlite_type(value), embedding_id=embedding_id, expected=self.meaning)
        if len(value) == 0 or len(value) % self.unit:
            raise VectorLengthError(
                subject,
                found=len(value),
                embedding_id=embedding_id,
                unit=self.unit,
                numbers=self.name,
                advice=advice if len(value) >= 32 else "",
            )
        return value


def _numpy(name: FormatName, dtype: str, meaning: str) -> VectorFormat:
    """The format of a type that NumPy has."""
    of = np.dtype(dtype)
    return VectorFormat(name, 8 * of.itemsize, meaning, lambda rows: np.ascontiguousarray(rows).view(of), of)


def _bfloat16(rows: Bytes) -> NDArray[Any]:
    return (np.ascontiguousarray(rows).view("<u2").astype(np.uint32) << np.uint32(16)).view(np.float32)


def _bits(rows: Bytes) -> NDArray[Any]:
    return np.unpackbits(rows, axis=1, bitorder="little")


def _no_bytes(rows: Bytes) -> NDArray[Any]:
    raise TypeError("vectors of this format are text and have no bytes")


FORMATS: dict[FormatName, VectorFormat] = {
    record.name: record
    for record in (
        _numpy("float32", "<f4", "a BLOB of little-endian float32 (clust_vector makes one from JSON)"),
        _numpy("float64", "<f8", "a BLOB of little-endian float64"),
        _numpy("float16", "<f2", "a BLOB of little-endian float16 (IEEE half precision)"),
        VectorFormat("bfloat16", 16, "a BLOB of little-endian bfloat16 (the upper half of a float32)", _bfloat16),
        _numpy("int8", "i1", "a BLOB of int8"),
        _numpy("uint8", "u1", "a BLOB of uint8"),
        VectorFormat("bit", 1, "a BLOB of bits, the lowest of each byte first, 0 and 1", _bits),
        VectorFormat("json", 0, "TEXT, a JSON array of numbers", _no_bytes, parse=json_numbers),
    )
}
FORMAT_NAMES: tuple[FormatName, ...] = tuple(FORMATS)
STORED_FORMAT = FORMATS["float32"]
"""What sqlclust stores, and what vectors are taken for where no format is said."""


def narrowed(numbers: NDArray[Any]) -> Float32Array:
    """Numbers as they are stored, contiguous; one beyond float32 becomes infinite, without a warning."""
    with np.errstate(all="ignore"):
        return np.ascontiguousarray(numbers, dtype=STORED)


def check_narrowed(given: NDArray[Any], stored: Float32Array, subject: Callable[[int], tuple[str, Id | None]]) -> None:
    """Raise NotFiniteError for the first row with NaN, infinity or a number beyond float32.

    Args:
        given, stored: (n, d), the numbers before and after.
        subject: a row's name in a message, and its id.
    """
    row = first_not_finite(stored)
    if row is not None:
        position = int(np.argmin(np.isfinite(stored[row])))
        name, embedding_id = subject(row)
        raise NotFiniteError(name, position=position, found=float(given[row, position]), embedding_id=embedding_id)


def to_stored(value: object, format: FormatName, subject: str) -> bytes:
    """The stored form of one vector: little-endian float32.

    Raises:
        VectorTypeError, VectorLengthError, VectorJSONError, NotFiniteError
    """
    given = FORMATS[format].numbers_of(value, subject)[None]
    stored = narrowed(given)
    check_narrowed(given, stored, lambda row: (f"{subject}: the vector", None))
    return stored.tobytes()


@dataclass(frozen=True)
class Resemblance:
    """What bytes that are said to be float32 resemble.

    Attributes:
        formats: the likeliest first.
        evidence: the numbers, read as float32 and as each of these.
    """

    formats: tuple[FormatName, ...]
    evidence: str


def resemblance(rows: Bytes) -> Resemblance | None:
    """What bytes said to be float32 resemble, if it is not float32; see `recognition.resembles`.

    Args:
        rows: uint8 (n, bytes), a sample of the vectors.
    """
    records = [FORMATS[cast(FormatName, name)] for name in resembles(rows)]
    if not records:
        return None
    read = [STORED_FORMAT, *records]
    evidence = ", ".join(f"as {record.name} {_in_words(record, record.numbers(rows))}" for record in read)
    return Resemblance(tuple(record.name for record in records), evidence)


def _in_words(record: VectorFormat, numbers: NDArray[Any]) -> str:
    """What tells numbers from noise: of bits how many are 1, of integers the least and greatest, of others their sizes."""
    if record.item_bits == 1:
        return f"{numbers.mean():.0%} of them are 1"
    if numbers.dtype.kind in "iu":
        return f"they are from {numbers.min()} to {numbers.max()}"
    with np.errstate(invalid="ignore"):  # a NaN may be a signalling one
        sizes = np.abs(numbers.astype(np.float64))
    finite = sizes[np.isfinite(sizes) & (sizes > 0)]
    if len(finite) < np.count_nonzero(sizes):
        return "they have NaN or infinity"
    if not len(finite):
        return "they are all zero"
    return f"they reach from {float(finite.min()):.3g} to {float(finite.max()):.3g}"
