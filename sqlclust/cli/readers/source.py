"""What a reader finds in a file: embeddings, rows that cannot be used, and how many there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlclust.errors import Id
from sqlclust.vectors.narrowing import Narrowing


class Record(NamedTuple):
    """One embedding; `vector` is in stored form (little-endian float32), finite, not empty, zero or not."""

    id: Id | None
    vector: bytes
    content: str | None
    run_id: Id | None
    sequence_number: int | None


class Skipped(NamedTuple):
    """A row that cannot be used; `row` counts the file's rows from 1, header and blank lines left out."""

    row: int
    reason: str


@dataclass(frozen=True)
class Source:
    """What `read` found.

    Attributes:
        rows: in file order.
        count: how many there are, if that is known beforehand.
        format: one of `FORMATS`.
        id_types: 'text' or 'integer' for `id` and `run_id`, where neither the file nor the user says it: told from the texts of
            the whole column. An integer told so is one that its text can be made of again.
        narrowing: what became equal among the rows that were read so far.
    """

    rows: Iterator[Record | Skipped]
    count: int | None
    format: str
    id_types: Mapping[str, str] = field(default_factory=dict)
    narrowing: Narrowing = field(default_factory=Narrowing)


class Unusable(Exception):
    """What is wrong with a row or a file; becomes Skipped or InputFileError and never leaves the readers."""
