"""A vector in one field of a record: a JSON array, a BLOB in base64, or what a binary file has."""

from __future__ import annotations

import base64
import json
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from sqlclust.cli.readers.input_file import Unusable
from sqlclust.cli.readers.values import value_in_words
from sqlclust.vectors.blobs import STORED
from sqlclust.vectors.formats import FORMATS, FormatName, resemblance

_SAMPLE = 128


class LooksLike(Exception):
    """Vectors that nobody said the format of look like another one: the file cannot be read as it was going to be."""


class Sample:
    """Some vectors that are of float32, or BLOBs taken for it, since nobody said what they are of."""

    def __init__(self) -> None:
        self._rows: list[bytes] = []
        self._done = False

    def add(self, numbers: NDArray[Any]) -> None:
        """Keep one, until there are enough to look at.

        Raises:
            LooksLike: they look like another format.
        """
        if self._done or numbers.dtype != STORED:
            return
        blob = numbers.tobytes()
        if not self._rows or len(blob) == len(self._rows[0]):
            self._rows.append(blob)
        if len(self._rows) == _SAMPLE:
            self.look()

    def look(self) -> None:
        """Look at those there are, at the end. Raises as `add`."""
        if self._rows and not self._done:
            width = len(self._rows[0])
            check_resemblance(
                np.frombuffer(b"".join(self._rows), dtype=np.uint8).reshape(-1, width), "vectors of float32 that look"
            )
        self._done, self._rows = True, []


def check_resemblance(rows: NDArray[np.uint8], what: str) -> None:
    """Raise LooksLike if rows of bytes taken for float32 look like another format; `what` begins the message."""
    found = resemblance(rows)
    if found is not None:
        raise LooksLike(
            f"found {what} like {' or '.join(found.formats)}: {found.evidence}. Say --vector-format "
            f"{found.formats[0]}, or --vector-format float32 if it is that all the same"
        )


def numbers_of(value: object, format: FormatName | None) -> NDArray[Any]:
    """The numbers of one vector.

    Args:
        format: None: numbers are what they are, and BLOBs float32.
    """
    if isinstance(value, Unusable):
        raise value
    if isinstance(value, np.ndarray):
        if not value.size:
            raise Unusable("the vector is an empty array, expected numbers")
        if format is not None:
            raise Unusable(
                f"the vector is an array of {value.dtype}, expected a BLOB ({format}); say no --vector-format"
            )
        return value
    is_blob = isinstance(value, bytes) or _is_marked(value)
    if FORMATS[format or "json"].is_text and not (is_blob and format is None):
        return numbers_of_json(value)
    return _numbers_of_blob(value, format or "float32")


def blob_in(value: object) -> object:
    """The BLOB that an object of sqlite-utils holds, `{"$base64": true, "encoded": …}`; anything else is itself."""
    decoded = _decoded(value.get("encoded")) if _is_marked(value) else None
    return value if decoded is None else decoded


def _is_marked(value: object) -> TypeGuard[dict[str, Any]]:
    """Whether it is a BLOB as sqlite-utils marks one."""
    return isinstance(value, dict) and value.get("$base64") is True


def _decoded(text: object) -> bytes | None:
    """The bytes that text in base64 stands for; None if it is no such text."""
    try:
        return base64.b64decode(text, validate=True) if isinstance(text, str) else None
    except ValueError:
        return None


def _numbers_of_blob(value: object, format: FormatName) -> NDArray[Any]:
    """The numbers of a BLOB: bytes, base64, or an object as sqlite-utils has it."""
    if _is_marked(value):
        value = value.get("encoded")
    blob = value if isinstance(value, bytes) else _decoded(value)
    unit = FORMATS[format].unit
    if not blob:
        found = "NULL" if value is None else "an empty BLOB" if value in ("", b"") else value_in_words(value)
        raise Unusable(f"the vector is {found}, expected a BLOB in base64 ({format})")
    if len(blob) % unit:
        raise Unusable(f"the vector has {len(blob)} bytes, expected a positive multiple of {unit} ({format})")
    numbers: NDArray[Any] = FORMATS[format].numbers(np.frombuffer(blob, dtype=np.uint8)[None])[0]
    return numbers


def _may_be_base64(value: object) -> bool:
    """Whether a vector that is no JSON may be a BLOB in base64: of more than a word, or an object as sqlite-utils has it."""
    return _is_marked(value) or (isinstance(value, str) and len(value) >= 8 and bool(_decoded(value)))


def numbers_of_json(value: object) -> NDArray[np.float64]:
    """The numbers of a JSON array, or of text that holds one."""
    numbers = value
    if isinstance(value, str):
        try:
            numbers = json.loads(value)
        except (ValueError, RecursionError):
            numbers = None
    if not isinstance(numbers, list) or not numbers:
        found = "NULL" if value is None else "an empty array" if numbers == [] else value_in_words(value)
        advice = " (--vector-format says which numbers a BLOB in base64 holds)" if _may_be_base64(value) else ""
        raise Unusable(f"the vector is {found}, expected a JSON array of numbers{advice}")
    if not {*map(type, numbers)} <= {int, float}:  # exact types: bool is no number here
        position = next(at for at, number in enumerate(numbers) if type(number) not in (int, float))
        found = f"{value_in_words(numbers[position])} at position {position}"
        raise Unusable(f"the vector has {found}, expected a number")
    try:
        return np.array(numbers, dtype=np.float64)
    except OverflowError:
        raise Unusable("the vector has an integer beyond float32") from None
