"""What a reader finds in a file: embeddings, rows that cannot be used, and how many there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlclust.errors import Id
from sqlclust.vectors.narrowing import Narrowing


class Record(NamedTuple):
    """One embedding. `vector` is in stored form (little-endian float32), finite and not empty; it may be zero."""

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
class InputFile:
    """What `read` found.

    Attributes:
        rows: the embeddings, and the rows that cannot be used, in file order. Read while they are iterated, once.
        count: how many rows there are, if that is known beforehand.
        format: one of `files.FILE_FORMATS`.
        id_types: 'text' or 'integer' for `id` and `run_id`, where neither the file nor the user said it. It is told from the
            texts of the whole column; `str` of such an integer is the text in the file.
        has_content: whether rows can have contents.
        remark: what was concluded, and is to be seen.
        narrowing: counts the rows read so far that became equal as float32.
    """

    rows: Iterator[Record | Skipped]
    count: int | None
    format: str
    id_types: Mapping[str, str] = field(default_factory=dict)
    narrowing: Narrowing = field(default_factory=Narrowing)
    has_content: bool = True
    remark: str = ""


class Unusable(Exception):
    """What is wrong with a row or a file. Becomes Skipped or InputFileError, and never leaves the readers."""


class FailedRow(Unusable):
    """What is wrong with a row of a file that is as it should be: a request of many, to which the answer was an error."""
