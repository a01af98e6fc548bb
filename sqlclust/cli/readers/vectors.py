"""A vector in one field of a record: a JSON array, or a BLOB in base64."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqlclust.cli.readers.input_file import Unusable
from sqlclust.cli.readers.values import value_in_words
from sqlclust.vectors.formats import FORMATS, FormatName


def numbers_of_base64(value: object, format: FormatName) -> NDArray[Any]:
    """The numbers of a BLOB in base64: text, or an object as sqlite-utils has it."""
    if isinstance(value, dict) and value.get("$base64") is True:
        value = value.get("encoded")
    try:
        blob = base64.b64decode(value, validate=True) if isinstance(value, str) else b""
    except ValueError:
        blob = b""
    unit = FORMATS[format].unit
    if not blob:
        raise Unusable(
            f"the vector is {'NULL' if value is None else value_in_words(value)}, expected a BLOB in base64 ({format})"
        )
    if len(blob) % unit:
        raise Unusable(f"the vector has {len(blob)} bytes, expected a positive multiple of {unit} ({format})")
    numbers: NDArray[Any] = FORMATS[format].numbers(np.frombuffer(blob, dtype=np.uint8)[None])[0]
    return numbers


def _may_be_base64(value: object) -> bool:
    """Whether a vector that is no JSON may be a BLOB in base64: of more than a word, or an object as sqlite-utils has it."""
    if isinstance(value, dict):
        return value.get("$base64") is True
    if not isinstance(value, str) or len(value) < 8:
        return False
    try:
        return bool(base64.b64decode(value, validate=True))
    except ValueError:
        return False


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
