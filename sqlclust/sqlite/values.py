"""What rows hold: JSON objects, times as they are stored, and how many bytes a value has."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from sqlclust.sqlite.database import Database


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


def octets(database: Database, column: str) -> str:
    """SQL for the bytes of a column's value, of a number those of its text. The column is quoted where it has to be.

    A BLOB is not read for it. Of a TEXT an SQLite before 3.43 has to read all.
    """
    version = tuple(map(int, database.versions["sqlite"].split(".")[:2]))
    if version >= (3, 43):
        return f"octet_length({column})"
    return f"CASE typeof({column}) WHEN 'text' THEN length(CAST({column} AS BLOB)) ELSE length({column}) END"
