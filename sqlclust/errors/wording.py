"""How messages say values and numbers."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

MOST_LISTED = 20
"""Names or ids that a message lists; the others are counted."""


def shown(value: object) -> str:
    """A value as messages show it: its repr, if that is short enough to read and can be made at all."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an int of thousands of digits, a list of thousands of lists
        return f"a value of type {type(value).__name__}, too long to show"
    return text if len(text) <= 100 else f"{text[:80]}… ({len(text):,} characters)"


def dimensions(count: int) -> str:
    """A dimension in words: 1 dimension, 768 dimensions."""
    return "1 dimension" if count == 1 else f"{count} dimensions"


def counted_rows(count: int) -> str:
    """A number of rows in words: 1 row, 1,200 rows."""
    return "1 row" if count == 1 else f"{count:,} rows"


def rows_differ(count: int) -> str:
    """How many rows differ, as a clause: 1 row differs, 1,200 rows differ."""
    return f"{counted_rows(count)} {'differs' if count == 1 else 'differ'}"


def known_ids(known: Sequence[int], otherwise: str) -> str:
    """Which ids there are, the latest if they are many."""
    if not known:
        return otherwise
    left_out = f"{len(known) - MOST_LISTED:,} others and " if len(known) > MOST_LISTED else ""
    return f"ids here: {left_out}{', '.join(map(str, known[-MOST_LISTED:]))}"


def did_you_mean(name: object, names: Sequence[str]) -> str:
    """A question that ends a message, about the one that is closest to a name that is not there; '' if none is."""
    lower = {other.lower(): other for other in names[:_MOST_COMPARED]}
    found = difflib.get_close_matches(str(name).lower(), lower, n=1)
    return f". Did you mean {shown(lower[found[0]])}?" if found else ""


_MOST_COMPARED = 1_000
"""Names that are compared with another one: a comparison takes some microseconds."""
