"""How a row's vector is read by a number alone: for those who read some rows of a source each, and know their numbers."""

from __future__ import annotations

from typing import Literal, NamedTuple


class ByNumber(NamedTuple):
    """Where the vectors of a source's rows are, each found by a number.

    Attributes:
        table: real table or view.
        key: its column that has the numbers, or its rowid.
        vector: its column with the vectors.
        stored: a vector in each row of a table or of a view; or of vec0, whose numbers are those of `place_number`; or in files
            of a folder, where numbers are the places of rows.
        width: bytes of a vector, where many are in one value.
    """

    table: str
    key: str
    vector: str
    stored: Literal["rows", "view", "vec0", "files"]
    width: int | None = None


PLACES = 1 << 20
"""Of a chunk of vec0, at the most."""
MAX_CHUNK_NUMBER = (1 << 63) // PLACES - 1
"""Of chunks whose places have numbers of 64 bits. vec0 numbers them from 1."""


def place_number(chunk: int, place: int) -> int:
    """The number of a vector that is in a place of a chunk of vec0."""
    return chunk * PLACES + place
