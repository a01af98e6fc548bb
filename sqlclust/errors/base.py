"""The base of every error, and what an id may be."""

from __future__ import annotations

from typing import Any

Id = int | float | str | bytes
"""What SQLite can hold in an `ANY` id column, NULL excepted."""


class SqlclustError(ValueError):
    """Base of all errors of this package. They can be pickled: workers in other processes raise them, too."""

    def __reduce__(self) -> tuple[Any, ...]:
        # by default an error is made again by its class with `args`, and ours take other arguments
        return _as_it_was, (type(self), self.args, self.__dict__)


def _as_it_was(kind: type[SqlclustError], args: tuple[Any, ...], facts: dict[str, Any]) -> SqlclustError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(facts)
    return error
