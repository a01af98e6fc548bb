"""Vectors that a database has from other programs: the command that brings them in."""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote

from sqlclust.sources import Source


def first_to_bring_in(sources: Sequence[Source], named: str | None = None) -> Source | None:
    """The source that is `named`, or else the first; of those that can be copied and are not ours."""
    others = [source for source in sources if source.vector_column is not None and source.kind != "sqlclust"]
    others = [source for source in others if source.name.isprintable()]  # what is shown can be pasted
    if named is not None:
        others = [source for source in others if source.name == named] or others
    return next(iter(others), None)


def bringing_in(db: str, source: Source | None, *, ours: bool) -> str:
    """The command that brings a source in; None: any file.

    Args:
        ours: whether the database has our tables; else another one gets the copy, and this one stays as it is.
    """
    if source is None:
        return f"sqlclust load {quote(db)} FILE --model NAME"
    model = source.name.rpartition(":")[2] or source.name
    files = quote(db) if ours else f"NEW.db {quote(db)}"
    return f"sqlclust load {files} --from-table {quote(source.name)} --model {quote(model)}"
