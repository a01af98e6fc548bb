"""Checks of single values in a row. Each raises Unusable."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqlclust.cli.readers.input_file import Unusable
from sqlclust.vectors.blobs import Float32Array

INT64 = range(-(2**63), 2**63)

_EXPECTED = {int: "an integer", float: "a number", str: "text"}
"""Of types that a file of text can have; BLOBs are not advertised."""


def not_finite(given: NDArray[Any], stored: Float32Array) -> Unusable:
    """What is wrong with a vector that has NaN, infinity or a number beyond float32; `given` before it was stored."""
    position = int(np.argmin(np.isfinite(stored)))
    found = float(given[position])
    why = "a number beyond float32" if math.isfinite(found) else "expected finite numbers"
    return Unusable(f"the vector has {found} at position {position}, {why}")


def value_of(value: object, name: str, *types: type) -> Any:
    """The value, if it is NULL or one of these types, and can be stored as it is."""
    if value is not None and type(value) not in types:
        expected = " or ".join(_EXPECTED[allowed] for allowed in types if allowed in _EXPECTED)
        raise Unusable(f"{name} is {value_in_words(value)}, expected {expected}")
    if isinstance(value, int) and value not in INT64:
        raise Unusable(f"{name} is {value_in_words(value)}, beyond SQLite's 64-bit integers")
    if isinstance(value, float) and not math.isfinite(value):
        raise Unusable(f"{name} is {value}, expected a finite number")
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:  # JSON can spell half a character, such as \ud800; SQLite cannot hold it
            raise Unusable(f"{name} is {value_in_words(value)}, which is not valid Unicode") from None
    return value


def value_in_words(value: object) -> str:
    """A value as messages show it: what kind it is, or its text cut at 40 characters."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "an array"
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:39]}…"
