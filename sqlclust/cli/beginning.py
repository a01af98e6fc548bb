"""The first command for a database: vectors of another program are clustered where they are, and others are loaded."""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote

from sqlclust.sources import Source


def first_source(sources: Sequence[Source], named: str | None = None) -> Source | None:
    """The source that is `named`, or else the first; of those that can be clustered and are no models of ours."""
    others = [source for source in sources if source.vector_column is not None and source.kind != "sqlclust"]
    others = [source for source in others if source.name.isprintable()]  # what is shown can be pasted
    if named is not None:
        others = [source for source in others if source.name == named] or others
    return next(iter(others), None)


def first_command(db: str, source: Source | None) -> str:
    """The command that clusters a source; None: the one that loads any file."""
    if source is None:
        return f"sqlclust load {quote(db)} FILE --model NAME"
    return f"sqlclust fit {quote(db)} {quote(source.name)}"
