"""A condition that a caller wrote, on the columns of a table: checked before it runs, and its errors in our words."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

from sqlclust.errors import BindingsError, FilterError, IncompleteStatementError, StatementError, TooBigError
from sqlclust.sqlite.database import Database


def check_text(where: object, *, table: str = "Embedding") -> None:
    """Refuse what is no text that SQLite reads to its end.

    Args:
        table: whose columns it is on, for the message.

    Raises:
        FilterError
    """
    if not isinstance(where, str):
        raise FilterError(where, reason=f"it is a {type(where).__name__}", table=table)
    if "\0" in where:  # where SQLite would stop reading
        raise FilterError(where, reason="it has a NUL character", table=table)
    try:
        where.encode()
    except UnicodeEncodeError as error:
        reason = f"it is not valid Unicode ({error.reason} at position {error.start})"
        raise FilterError(where, reason=reason, table=table) from None


def check_condition(
    database: Database,
    where: str,
    *,
    parameters: Mapping[str, object] | None,
    bound: Collection[str] = (),
    rows: str = "main.Embedding",
    table: str = "Embedding",
) -> None:
    """Refuse what is not one condition, or would write: `1) OR (1`, `1; DELETE …`; and values that are not those it needs.

    It is tried in two sentences, between parentheses and between words. Text that closes the parentheses and opens new ones
    fits into the first and not into the second.

    Args:
        parameters: the values of its placeholders, by name: of each one, and of no others.
        bound: names of placeholders that have a value anyway.
        rows: what stands after FROM.
        table: whose columns it is on, for the message.

    Raises:
        FilterError
    """
    for sentence in (f"({where}\n)", f"CASE WHEN {where}\nTHEN 1 END"):
        try:
            found = database.described(f"SELECT 1 FROM {rows} WHERE {sentence}")
        except (StatementError, IncompleteStatementError) as error:
            raise FilterError(where, reason=str(error), table=table) from None
        if found.rest or not found.is_readonly:
            raise FilterError(where, reason="more than a condition", table=table)
    given = parameters or {}
    for name in found.parameters:
        if name is None or not (name in given or name in bound):
            reason = "a placeholder has no name, such as :name" if name is None else f"no value for :{name}"
            raise FilterError(where, reason=reason, table=table)
    for other in given:
        if other not in found.parameters:
            raise FilterError(where, reason=f"no placeholder :{other} in the condition", table=table)


@contextmanager
def filter_errors(where: str | None, *, table: str = "Embedding") -> Iterator[None]:
    """What goes wrong while a statement with a condition runs, as a FilterError: a placeholder without a value, a bad value."""
    try:
        yield
    except KeyError as error:
        raise FilterError(where, reason=f"no value for :{error.args[0]}", table=table) from None
    except (StatementError, BindingsError, TooBigError) as error:
        raise FilterError(where, reason=str(error), table=table) from None
    except (TypeError, OverflowError, UnicodeEncodeError) as error:  # a value that SQLite cannot hold
        raise FilterError(where, reason=f"{type(error).__name__}: {error}", table=table) from None
