"""A connection of our own beside a host's: for work that the host's settings must neither see nor change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database

_STEPS = 2_000
"""SQLite's steps between two looks at the host's interrupts."""


@contextmanager
def own_connection(host: Database, *, foreign_keys: bool) -> Iterator[Database]:
    """A second connection to the host's file. It runs no trigger, and stops where the host is interrupted.

    Args:
        foreign_keys: whether it enforces them. Off, it runs no ON DELETE action, and dropping or renaming a table leaves
            the keys of other tables alone.
    """
    own = host.opened_again()
    try:
        statements.pragma(own, "trusted_schema", False)
        statements.pragma(own, "foreign_keys", foreign_keys)
        own.set_triggers(False)
        # asked again and again: the host is the one whom Ctrl-C and interrupts reach
        with own.watched(lambda: host.is_interrupted, every=_STEPS):
            yield own
    finally:
        own.close()
