"""Formats of vectors in other programs' columns and files, each a record: how its bytes become numbers.

What is computed with and stored is float32; the others are read into it, all of them little-endian.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from sqlclust.errors import Id, NotFiniteError, VectorLengthError, VectorTypeError
from sqlclust.vectors.blobs import STORED, Float32Array, first_not_finite, json_numbers, sqlite_type
from sqlclust.vectors.recognition import resembles

FormatName = Literal["float32", "float64", "float16", "bfloat16", "int8", "uint8", "bit", "json"]
FORMAT_NAMES: tuple[FormatName, ...] = get_args(FormatName)
Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class VectorFormat:
    """A format of vectors.

    Attributes:
        name: as users say it.
        item_bits: of one number; 0: text.
        meaning: what a vector is, for people.
        numbers: uint8 (n, bytes) → (n, dimension), the numbers in a NumPy type that holds them all.
    """

    name: FormatName
    item_bits: int
    meaning: str
    numbers: Callable[[Bytes], NDArray[Any]]

    @property
    def unit(self) -> int:
        """Bytes of which a vector has a whole multiple."""
        return max(1, self.item_bits // 8)

    def dimension(self, width: int) -> int:
        """Numbers in a vector of so many bytes."""
        return width * 8 // self.item_bits

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


def _of(dtype: str) -> Callable[[Bytes], NDArray[Any]]:
    return lambda rows: np.ascontiguousarray(rows).view(dtype)


def _bfloat16(rows: Bytes) -> NDArray[Any]:
    return (np.ascontiguousarray(rows).view("<u2").astype(np.uint32) << np.uint32(16)).view(np.float32)


def _bits(rows: Bytes) -> NDArray[Any]:
    return np.unpackbits(rows, axis=1, bitorder="little")


def _text(rows: Bytes) -> NDArray[Any]:
    raise TypeError("JSON has no bytes")


FORMATS: dict[FormatName, VectorFormat] = {
    record.name: record
    for record in (
        VectorFormat("float32", 32, "a BLOB of little-endian float32 (clust_vector makes one from JSON)", _of("<f4")),
        VectorFormat("float64", 64, "a BLOB of little-endian float64", _of("<f8")),
        VectorFormat("float16", 16, "a BLOB of little-endian float16 (IEEE half precision)", _of("<f2")),
        VectorFormat("bfloat16", 16, "a BLOB of little-endian bfloat16 (the upper half of a float32)", _bfloat16),
        VectorFormat("int8", 8, "a BLOB of int8", _of("i1")),
        VectorFormat("uint8", 8, "a BLOB of uint8", _of("u1")),
        VectorFormat("bit", 1, "a BLOB of bits, the lowest of each byte first, 0 and 1", _bits),
        VectorFormat("json", 0, "TEXT, a JSON array of numbers", _text),
    )
}


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
    if format == "json":
        return narrowed(json_numbers(value, subject)).tobytes()
    record = FORMATS[format]
    given = record.numbers(np.frombuffer(record.check(value, f"{subject}: the vector"), dtype=np.uint8)[None])
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
    names = tuple(name for likely in resembles(rows) for name in FORMAT_NAMES if name == likely)
    if not names:
        return None
    read: tuple[FormatName, ...] = ("float32", *names)
    return Resemblance(names, ", ".join(f"as {name} {_extent(FORMATS[name].numbers(rows), name)}" for name in read))


def _extent(numbers: NDArray[Any], name: FormatName) -> str:
    """What a reader can tell numbers from noise by: of bits how many are 1, of integers the least and greatest, else sizes."""
    if name == "bit":
        return f"{numbers.mean():.0%} of them are 1"
    if numbers.dtype.kind in "iu":
        return f"they are from {numbers.min()} to {numbers.max()}"
    with np.errstate(invalid="ignore"):  # of signalling NaN
        wide = np.abs(numbers.astype(np.float64))
    finite = wide[np.isfinite(wide) & (wide > 0)]
    if len(finite) < np.count_nonzero(wide):
        return "they have NaN or infinity"
    if not len(finite):
        return "they are all zero"
    return f"they reach from {float(finite.min()):.3g} to {float(finite.max()):.3g}"
