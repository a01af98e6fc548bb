"""A kind of source is one record: a name, and how to find those of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sqlclust.sources.found import Source
from sqlclust.sources.look import Look

MOST = 1000
"""Collections, models, columns of one kind that are listed."""


@dataclass(frozen=True)
class Kind:
    """A kind of source.

    Attributes:
        name: as users see it.
        what: where its vectors are, in a few words, for the reference.
        find: gives the sources of this kind, and takes the tables that are then of no other one.
    """

    name: str
    what: str
    find: Callable[[Look], Iterable[Source]]
