"""APSW's exceptions as ours: each is of our class and of APSW's, so that who uses APSW finds what they know."""

from __future__ import annotations

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
    """A class that is APSW's and ours."""
    ours = _OURS.get(theirs, SqliteError)
    return type(theirs.__name__, (ours, theirs), {"__doc__": ours.__doc__, "__module__": __name__})


def translated(error: apsw.Error) -> SqliteError:
    """The same error, of our class too: its message, codes and traceback."""
    if isinstance(error, SqliteError):
        return error
    made = _both(cast(Any, type(error)))(str(error))  # mypy takes no class with __hash__ for hashable
    vars(made).update(vars(error))  # result, extendedresult, error_offset, where SQLite gave them
    made.code = getattr(error, "extendedresult", None)
    return made.with_traceback(error.__traceback__)


def interruption() -> SqliteError:
    """The error of an interrupt."""
    return translated(apsw.InterruptError("interrupted"))
