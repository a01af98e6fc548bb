"""The base of every error, and what an id may be."""

from __future__ import annotations

Id = int | float | str | bytes
"""What SQLite can hold in an `ANY` id column, NULL excepted."""


class SqlclustError(ValueError):
    """Base of all errors of this package."""
