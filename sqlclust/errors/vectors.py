"""Single vectors: their type, length, format, dimension and numbers."""

from __future__ import annotations

from collections.abc import Sequence

from sqlclust.errors.base import Id
from sqlclust.errors.points import PointsError
from sqlclust.errors.wording import dimensions


class VectorTypeError(PointsError):
    """A vector of another SQL type than its format has."""

    def __init__(
        self,
        subject: str,
        *,
        found: str,
        embedding_id: Id | None = None,
        expected: str = "a BLOB of little-endian float32 (clust_vector makes one from JSON)",
    ) -> None:
        super().__init__(f"{subject} is {found}, expected {expected}")
        self.found, self.embedding_id, self.expected = found, embedding_id, expected


class VectorLengthError(PointsError):
    """A BLOB whose length is not a positive multiple of a number's: of float32 four bytes."""

    def __init__(
        self,
        subject: str,
        *,
        found: int,
        embedding_id: Id | None = None,
        unit: int = 4,
        numbers: str = "float32",
        advice: str = "",
    ) -> None:
        length = "1 byte" if found == 1 else f"{found} bytes"
        super().__init__(f"{subject} has {length}, expected a positive multiple of {unit} ({numbers}){advice}")
        self.found, self.embedding_id, self.unit = found, embedding_id, unit


class VectorFormatError(PointsError):
    """Vectors that are read as float32 because nobody says otherwise, and are numbers of another format."""

    def __init__(
        self, subject: str, *, looks_like: Sequence[str], evidence: str, advice: str, embedding_id: Id | None = None
    ) -> None:
        likely = " or ".join(looks_like)
        super().__init__(f"{subject} and others look like {likely} and not like float32: {evidence}. {advice}")
        self.looks_like, self.evidence, self.embedding_id = tuple(looks_like), evidence, embedding_id


class DimensionMismatchError(PointsError):
    """A vector's dimension differs from the others'."""

    def __init__(self, subject: str, *, found: int, expected: int, embedding_id: Id | None = None) -> None:
        super().__init__(f"{subject} has {dimensions(found)}, expected {expected}")
        self.found, self.expected, self.embedding_id = found, expected, embedding_id


class NotFiniteError(PointsError):
    """A vector with NaN or infinity in it."""

    def __init__(self, subject: str, *, position: int, found: float, embedding_id: Id | None = None) -> None:
        super().__init__(f"{subject} has {found} at position {position}, expected finite numbers")
        self.position, self.found, self.embedding_id = position, found, embedding_id


class ZeroVectorError(PointsError):
    """A zero vector where a direction is needed (normalising, or the cosine metric)."""

    def __init__(self, subject: str, *, embedding_id: Id | None = None) -> None:
        super().__init__(
            f"{subject} is a zero vector, which has no direction: expected a vector that can be normalised "
            "(leave it out, or use metric euclidean with normalize false)"
        )
        self.embedding_id = embedding_id


class VectorJSONError(PointsError):
    """Text that is not a JSON array of numbers."""

    def __init__(self, *, found: str, subject: str = "clust_vector") -> None:
        super().__init__(f"{subject}: found {found}, expected a JSON array of numbers such as '[0.1, 0.2]'")
        self.found, self.subject = found, subject


class MatrixError(PointsError):
    """An array that is no matrix of numbers."""

    def __init__(self, *, found: str) -> None:
        super().__init__(f"vectors: found {found}, expected a two-dimensional array of numbers, one row per vector")
        self.found = found
