"""Rows of a cursor as dicts."""

from __future__ import annotations

from typing import Any

import apsw


def rows_as_dicts(cursor: apsw.Cursor) -> list[dict[str, Any]]:
    """All rows of a cursor, each as column name → value."""
    rows: list[dict[str, Any]] = []
    names: tuple[str, ...] = ()
    for row in cursor:
        names = names or tuple(name for name, _ in cursor.get_description())
        rows.append(dict(zip(names, row, strict=True)))
    return rows
