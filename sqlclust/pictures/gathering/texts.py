"""What a picture shows of the texts of a result's rows: their beginnings."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from sqlclust.core.runtime.control import Control
from sqlclust.errors import Id, SourceDamagedError
from sqlclust.sources.registered_rows import registered
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.transactions import translated_errors
from sqlclust.store.origins import origin_of

MOST_CHARACTERS = 300
"""Of a text; 100,000 such are some 30 MB of text, or 10 compressed."""
ELLIPSIS = "…"
_REPORT = 512
"""Texts between two looks at progress and interrupts."""
_PATIENCE = 1.0
"""Seconds to wait for whoever writes to another file."""
_JOINER = "\u200d"
_JOINED_CATEGORIES = ("Mn", "Mc", "Me")
_SKINS, _FLAGS = range(0x1F3FB, 0x1F400), range(0x1F1E6, 0x1F200)


def texts_of_rows(
    database: Database, result_id: int, embedding_model: str, ids: Sequence[Id], control: Control
) -> tuple[list[str | None] | None, int | None]:
    """The beginning of each row's text, None where it has none; None if no row has one.

    Args:
        ids: of all rows of the result, as users see them.

    Returns:
        The texts; and how many characters longer ones were cut to, None if there were none.

    Raises:
        HostTableError, SourceError, NotUnicodeError, LockedError; StatementInterrupted

    Cost: one read of the texts. Of a long one no more than its beginning is kept.
    """
    place = {row_id: row for row, row_id in enumerate(ids)}
    texts: list[str | None] = [None] * len(ids)
    cut_to = None
    with (
        translated_errors(database, doing="reading the texts"),
        control.phase("texts"),
        origin_of(database, embedding_model, patience=_PATIENCE) as origin,
        origin.labelled_texts(result_id) as rows,
    ):
        for number, (row_id, _, text) in enumerate(rows, start=1):
            row = place.get(row_id)
            if row is not None and isinstance(text, str):
                texts[row] = beginning(text)
                cut_to = MOST_CHARACTERS if len(text) > MOST_CHARACTERS else cut_to
            if number % _REPORT == 0:
                control.at(number / len(ids))
                database.check_interrupt()
    return (texts if any(text is not None for text in texts) else None), cut_to


class View(NamedTuple):
    """A view that vectors are in. No picture runs it: it is SQL of the file.

    Attributes:
        name: its own.
        has_texts: whether one of its columns has what was embedded.
    """

    name: str
    has_texts: bool


def view_of(database: Database, embedding_model: str) -> View | None:
    """The view that a model's vectors are in; None if they are in none."""
    try:
        with translated_errors(database, doing="reading a result"):
            source = registered(database, embedding_model)
    except SourceDamagedError:  # whoever reads its rows says so
        return None
    if source is None or source.source.kind != "view":
        return None
    return View(source.source.table_name or "", source.source.content_column is not None)


def beginning(text: str, most: int = MOST_CHARACTERS) -> str:
    """A text, or if it is longer, as much of it as `most` characters have room for, with an ellipsis; no letter loses its marks.

    Args:
        most: code points, >= 1.
    """
    if len(text) <= most:
        return text
    end = most - 1
    least = max(0, end - 32)  # longer ones are no letters but mischief, and are cut anywhere
    while end > least and _belongs_to_one_before(text, end):
        end -= 1
    if end == least:
        end = most - 1
    return text[:end].rstrip() + ELLIPSIS


def _belongs_to_one_before(text: str, place: int) -> bool:
    """Whether the character at a place is shown as one with the one before: most of what UAX 29 calls a grapheme cluster."""
    character, before = text[place], text[place - 1]
    if character == _JOINER or before == _JOINER or ord(character) in _SKINS:
        return True
    if ord(character) in _FLAGS:  # two are a flag
        start = place
        while start > 0 and ord(text[start - 1]) in _FLAGS:
            start -= 1
        return (place - start) % 2 == 1
    return unicodedata.category(character) in _JOINED_CATEGORIES or (before, character) == ("\r", "\n")
