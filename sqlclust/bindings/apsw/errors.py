"""APSW's exceptions as ours: each is of our class and of APSW's, so that who uses APSW finds what they know."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, cast

import apsw

from sqlclust.errors import SqliteError
from sqlclust.errors import sqlite as errors

_OURS: dict[type[Exception], type[SqliteError]] = {
    **{type(apsw.exception_for(code)): ours for code, ours in errors.BY_CODE.items()},
    apsw.BindingsError: errors.BindingsError,
    apsw.IncompleteExecutionError: errors.IncompleteStatementError,
}


@cache
def _both(theirs: type[Exception]) -> type[SqliteError]:
    """A class that is APSW's, or a host's made of one of APSW's, and ours."""
    ours = next((_OURS[kind] for kind in theirs.__mro__ if kind in _OURS), SqliteError)
    members = {"__doc__": ours.__doc__, "__module__": __name__, "__reduce__": _reduced}
    try:
        return type(theirs.__name__, (ours, theirs), members)
    except TypeError:  # a host's class that nobody may subclass
        return _both(cast(Any, next(kind for kind in theirs.__mro__[1:] if issubclass(kind, Exception))))


def _reduced(error: SqliteError) -> tuple[Any, ...]:
    """For pickle and copy, which do not find a class that was made here by its name."""
    _, theirs = type(error).__bases__
    return _rebuilt, (theirs, error.args, dict(vars(error)))


def _rebuilt(theirs: type[Exception], args: tuple[Any, ...], state: dict[str, Any]) -> SqliteError:
    made = _both(cast(Any, theirs))  # mypy takes no class with __hash__ for hashable
    error = made.__new__(made, *args)
    vars(error).update(state)
    return error


def translated(error: apsw.Error) -> SqliteError:
    """The same error, of our class too: its message, codes and traceback."""
    if isinstance(error, SqliteError):
        return error
    made = _rebuilt(
        type(error), error.args, vars(error)
    )  # result, extendedresult, error_offset, where SQLite gave them
    made.code = getattr(error, "extendedresult", None)
    return made.with_traceback(error.__traceback__)


@contextmanager
def translating() -> Iterator[None]:
    """Raise APSW's exceptions as ours."""
    try:
        yield
    except apsw.Error as error:
        if isinstance(error, SqliteError):
            raise
        raise translated(error) from error.__cause__ or error.__context__


def interruption() -> SqliteError:
    """The error of an interrupt."""
    return translated(apsw.InterruptError("interrupted"))
