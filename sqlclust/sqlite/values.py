"""What rows hold: JSON objects, and times as they are stored."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any


def stored_object(text: object) -> dict[str, Any]:
    """A JSON object as it is stored. A file that others have written to may hold anything there.

    Raises:
        ValueError: it is no JSON object.
    """
    if not isinstance(text, str):
        raise ValueError("no text")
    try:
        values = json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(values, dict):
        raise ValueError("no JSON object")
    return values


def now() -> str:
    """The time as it is stored: UTC, ISO 8601, milliseconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
