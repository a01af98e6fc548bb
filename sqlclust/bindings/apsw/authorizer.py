"""What a host's authorizer says, taken at its word."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import apsw

from sqlclust.bindings.apsw.errors import translated
from sqlclust.errors import NotAuthorizedError, SqliteError
from sqlclust.errors.sqlite import says_not_authorized


class _Strict:
    """A host's authorizer whose SQLITE_IGNORE is SQLITE_DENY.

    Attributes:
        hidden: what it last said SQLITE_IGNORE to; empty: nothing.
    """

    def __init__(self, host: apsw.Authorizer) -> None:
        self.host, self.hidden = host, ""

    def __call__(
        self, operation: int, first: str | None, second: str | None, database: str | None, inside: str | None
    ) -> int:
        answer = self.host(operation, first, second, database, inside)
        if answer != apsw.SQLITE_IGNORE or operation == apsw.SQLITE_DELETE:  # ignored, a DELETE deletes all the same
            return answer
        of_what = ".".join(filter(None, (first, second)))
        self.hidden = f"{apsw.mapping_authorizer_function[operation]} {of_what}".strip()
        return apsw.SQLITE_DENY


@contextmanager
def nothing_hidden(connection: apsw.Connection) -> Iterator[None]:
    """Compile statements so that they do all of what they say, or raise NotAuthorizedError.

    With SQLITE_IGNORE, SQLite takes NULL for a column or leaves a statement out and says nothing. What is made of NULLs that
    nobody stored would be wrong, so it is taken as a refusal.
    """
    host = connection.authorizer
    if host is None or isinstance(host, _Strict):
        yield
        return
    strict = _Strict(host)
    connection.authorizer = strict
    try:
        yield
    except apsw.Error as error:
        refusal = refusal_of(connection, error, hidden=strict.hidden)
        if refusal is None:
            raise
        raise refusal from None
    finally:
        if connection.authorizer is strict:
            connection.authorizer = host


def refusal_of(connection: apsw.Connection, error: apsw.Error, *, hidden: str = "") -> NotAuthorizedError | None:
    """What to say where an authorizer is why."""
    refused = isinstance(error, apsw.AuthError) or (
        isinstance(error, apsw.SQLError) and says_not_authorized(str(error))
    )
    return NotAuthorizedError(connection.filename, reason=str(error), hidden=hidden) if refused else None


@contextmanager
def refusals(connection: apsw.Connection) -> Iterator[None]:
    """Raise APSW's exceptions as ours: where an authorizer is why, NotAuthorizedError."""
    try:
        yield
    except apsw.Error as error:
        if isinstance(error, SqliteError):
            raise
        refusal = refusal_of(connection, error)
        if refusal is not None:
            raise refusal from None
        raise translated(error) from error.__cause__ or error.__context__
