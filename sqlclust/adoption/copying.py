"""Copying the old project's rows into our tables, in the order in which they point at each other."""

from __future__ import annotations

from sqlclust.adoption.copy import Copy
from sqlclust.adoption.embeddings import EmbeddingsCopy
from sqlclust.adoption.results import ResultsCopy
from sqlclust.errors import NotUnicodeError


def copy_rows(copy: Copy) -> None:
    """Copy everything; the caller commits, or rolls back.

    Raises:
        NotUnicodeError: TEXT that cannot be read.
    """
    try:
        EmbeddingsCopy(copy).run()
        if copy.tables.has("result"):
            with copy.control.phase("results"):
                ResultsCopy(copy).run()
    except UnicodeDecodeError as error:
        raise NotUnicodeError(
            f"in table {copy.reading}, a value",
            value=bytes(error.object),
            position=error.start,
            reason=error.reason,
        ) from None
