"""Every statement of ours runs through here: conveniences over `Database`.

When a function here returns, or a `with` ends, its statement is at its end or closed. So no read transaction stays open.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import chain
from typing import Any

from sqlclust.errors import NoMemoryError
from sqlclust.sqlite.database import Bindings, Database, Row, Rows
from sqlclust.sqlite.rolling_back import savepoint_ends, transaction_ends


def run(database: Database, sql: str, bindings: Bindings = None) -> None:
    """Run statements to their end; rows are passed over."""
    database.run(sql, bindings)


def run_many(database: Database, sql: str, many: Iterable[Bindings]) -> None:
    """Run a statement for each of many bindings; `many` is iterated meanwhile.

    Raises:
        NoMemoryError: the transaction is gone, and nothing said so: what came next would have been committed by itself.
    """
    was_inside = database.in_transaction
    with database.rows_of_many(sql, many) as rows:
        for _ in rows:
            pass
    if was_inside and not database.in_transaction:  # seen of APSW where the last memory is used up at a statement's end
        raise NoMemoryError("out of memory: SQLite undid the transaction")


_MOST_VALUES = 900
"""Of one statement: SQLite may have been built for 999."""


def insert_rows(database: Database, into: str, values: str, rows: Sequence[Row]) -> None:
    """Insert many rows, some hundred in one statement: with small rows most of the time goes to starting and ending statements.

    Args:
        into: the statement up to VALUES.
        values: of one row, as `(1, ?, ?)`: a placeholder for each value.
        rows: all of the same width.
    """
    if not rows:
        return
    n = max(1, _MOST_VALUES // max(1, len(rows[0])))
    full = len(rows) - len(rows) % n
    if full:
        sets = (tuple(chain.from_iterable(rows[start : start + n])) for start in range(0, full, n))
        run_many(database, f"{into} VALUES {', '.join([values] * n)}", sets)
    run_many(database, f"{into} VALUES {values}", rows[full:])


def all_rows(database: Database, sql: str, bindings: Bindings = None) -> list[Row]:
    """All rows."""
    with database.rows(sql, bindings) as rows:
        return list(rows)


def dict_rows(database: Database, sql: str, bindings: Bindings = None) -> list[dict[str, Any]]:
    """All rows, each as column name → value."""
    names: tuple[str, ...] = ()
    found: list[dict[str, Any]] = []
    with database.rows(sql, bindings) as rows:
        for row in rows:
            names = names or rows.columns
            found.append(dict(zip(names, row, strict=True)))
    return found


def first_row(database: Database, sql: str, bindings: Bindings = None) -> Row | None:
    """The first row, or None. Of what only reads the rest is not computed."""
    with database.rows(sql, bindings) as rows:
        row = next(iter(rows), None)
        if row is not None and not rows.is_readonly:
            for _ in rows:  # what is written is complete, and checked, at the end only
                pass
        return row


def value(database: Database, sql: str, bindings: Bindings = None) -> Any:
    """The first value of the first row; None where there is no row."""
    row = first_row(database, sql, bindings)
    return None if row is None else row[0]


def each_row(database: Database, sql: str, bindings: Bindings = None) -> AbstractContextManager[Rows]:
    """Rows one after the other, for those that are too many to hold; the statement ends with the `with`."""
    return database.rows(sql, bindings)


def each_row_of_many(database: Database, sql: str, many: Iterable[Bindings]) -> AbstractContextManager[Iterator[Row]]:
    """As `each_row`: the rows that a statement gives for each of many bindings."""
    return database.rows_of_many(sql, many)


def pragma(database: Database, name: str, setting: bool | int | str | None = None) -> Any:
    """The value of a PRAGMA, after it was set to `setting` if there is one."""
    given = "" if setting is None else f" = {int(setting) if isinstance(setting, bool) else setting}"
    return value(database, f"PRAGMA {name}{given}")


@contextmanager
def one_moment(database: Database) -> Iterator[None]:
    """What several statements read inside is of one moment: one more stays at work, and keeps the read transaction open."""
    with database.rows("SELECT 1 FROM main.sqlite_schema UNION ALL SELECT 2"):
        yield


@contextmanager
def distrusting_schema(database: Database) -> Iterator[None]:
    """Views and generated columns of the file call only what SQLite knows to be harmless, in what is compiled meanwhile.

    A statement is compiled again if it has not made its first step when this ends: read its first row inside.
    """
    before = database.trusts_schema  # a PRAGMA would not set it back after an interrupt
    if before:
        database.set_trusted_schema(False)
    try:
        yield
    finally:
        if before:
            database.set_trusted_schema(True)


@contextmanager
def savepoint(database: Database) -> Iterator[None]:
    """All of what is inside or nothing, inside the transaction that there is; where there is none, it is one."""
    is_inside = database.in_transaction
    with savepoint_ends(database, "sqlclust") if is_inside else transaction_ends(database):
        run(database, "SAVEPOINT sqlclust")  # in here: Ctrl-C may come when it is made and `run` has not returned
        yield
        run(database, "RELEASE sqlclust")
