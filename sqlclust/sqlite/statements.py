"""The one room through which every statement of ours runs, on a connection that may be somebody else's.

A host's connection may turn rows into dicts (row_trace), watch or veto statements (exec_trace), convert values, or make cursors
of its own (cursor_factory), which may be in a reference cycle and never end. Nothing of that is touched: the cursors here are
APSW's own, without traces and conversions, and every statement is at its end, or closed, when a function here returns or a
`with` ends. So no read transaction stays open.

A host's authorizer is asked and obeyed. But SQLITE_IGNORE, where SQLite takes NULL for a column or leaves a statement out and
says nothing, is taken as a refusal: what is made of NULLs that nobody stored would be wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple, cast

import apsw

from sqlclust.errors import NotAuthorizedError

Bindings = Sequence[Any] | Mapping[str, Any] | None
Row = tuple[Any, ...]


def _as_it_is(cursor: apsw.Cursor, row: Row) -> Row:
    return row


def _let_it_run(cursor: apsw.Cursor, sql: str, bindings: Any) -> bool:
    return True


_NONE_IS_NONE = tuple(map(int, apsw.apsw_version().split(".")[:2])) >= (3, 51)
"""Before, None for a cursor's trace was the connection's."""
_NO_ROW_TRACE = None if _NONE_IS_NONE else _as_it_is
_NO_EXEC_TRACE = None if _NONE_IS_NONE else _let_it_run


class Statement(NamedTuple):
    """What SQLite says of a statement before it runs.

    Attributes:
        columns: names of its columns; none where it gives no rows.
        is_readonly: whether it writes nothing.
        rest: the text after it.
    """

    columns: tuple[str, ...]
    is_readonly: bool
    rest: str


def run(connection: apsw.Connection, sql: str, bindings: Bindings = None) -> None:
    """Run statements to their end; rows are passed over."""
    with _cursor(connection) as cursor, _nothing_hidden(connection):  # the later ones are compiled at their turn
        for _ in cursor.execute(sql, bindings):
            pass


def run_many(connection: apsw.Connection, sql: str, many: Iterable[Bindings]) -> None:
    """Run a statement for each of many bindings; `many` is iterated meanwhile."""
    with _cursor(connection) as cursor:
        for _ in _started_many(cursor, sql, many):
            pass


def all_rows(connection: apsw.Connection, sql: str, bindings: Bindings = None) -> list[Row]:
    """All rows."""
    with _cursor(connection) as cursor:
        rows: list[Row] = _started(cursor, sql, bindings).fetchall()
        return rows


def dict_rows(connection: apsw.Connection, sql: str, bindings: Bindings = None) -> list[dict[str, Any]]:
    """All rows, each as column name → value."""
    names: tuple[str, ...] = ()
    found: list[dict[str, Any]] = []
    with _cursor(connection) as cursor:
        for row in _started(cursor, sql, bindings):
            names = names or tuple(name for name, _ in cursor.get_description())
            found.append(dict(zip(names, row, strict=True)))
    return found


def first_row(connection: apsw.Connection, sql: str, bindings: Bindings = None) -> Row | None:
    """The first row, or None. Of what only reads the rest is not computed."""
    with _cursor(connection) as cursor:
        row: Row | None = next(_started(cursor, sql, bindings), None)
        if row is not None and not cursor.is_readonly:
            for _ in cursor:  # what is written is complete, and checked, at the end only
                pass
        return row


def value(connection: apsw.Connection, sql: str, bindings: Bindings = None) -> Any:
    """The first value of the first row; None where there is no row."""
    row = first_row(connection, sql, bindings)
    return None if row is None else row[0]


@contextmanager
def each_row(connection: apsw.Connection, sql: str, bindings: Bindings = None) -> Iterator[Iterator[Row]]:
    """Rows one after the other, for those that are too many to hold; the statement ends with the `with`."""
    with _cursor(connection) as cursor:
        yield _started(cursor, sql, bindings)


@contextmanager
def each_row_of_many(connection: apsw.Connection, sql: str, many: Iterable[Bindings]) -> Iterator[Iterator[Row]]:
    """As `each_row`: the rows that a statement gives for each of many bindings."""
    with _cursor(connection) as cursor:
        yield _started_many(cursor, sql, many)


def pragma(connection: apsw.Connection, name: str, setting: bool | int | str | None = None) -> Any:
    """The value of a PRAGMA, after it was set to `setting` if there is one."""
    given = "" if setting is None else f" = {int(setting) if isinstance(setting, bool) else setting}"
    return value(connection, f"PRAGMA {name}{given}")


@contextmanager
def savepoint(connection: apsw.Connection) -> Iterator[None]:
    """All of what is inside or nothing, inside the transaction that there is; where there is none, it is one."""
    run(connection, "SAVEPOINT sqlclust")
    try:
        yield
        run(connection, "RELEASE sqlclust")
    except BaseException:
        if connection.in_transaction:  # SQLite rolls all of it back itself on some errors
            run(connection, "ROLLBACK TO sqlclust; RELEASE sqlclust")
        raise


def described(connection: apsw.Connection, sql: str) -> Statement:
    """What SQLite says of the first of some statements; nothing is run. Errors are SQLite's own."""
    found: list[Statement] = []

    def stop(cursor: apsw.Cursor, first: str, _: object) -> bool:
        columns = tuple(name for name, _ in cursor.get_description())
        found.append(Statement(columns, cursor.is_readonly, sql[len(first) :]))
        return False

    with _cursor(connection) as cursor, _nothing_hidden(connection):
        cursor.exec_trace = stop
        with suppress(apsw.ExecTraceAbort):
            any_values = cast(Any, apsw)._null_bindings  # apsw.ext has no others either
            cursor.execute(sql, any_values, can_cache=False)
    return found[0]


@contextmanager
def _cursor(connection: apsw.Connection) -> Iterator[apsw.Cursor]:
    """A cursor of APSW's own, closed afterwards: connection.cursor() would be the host's factory's."""
    cursor = apsw.Cursor(connection)
    cursor.row_trace, cursor.exec_trace = _NO_ROW_TRACE, _NO_EXEC_TRACE
    if hasattr(cursor, "convert_binding"):
        cursor.convert_binding = cursor.convert_jsonb = None
    try:
        yield cursor
    except (apsw.AuthError, apsw.SQLError) as error:
        if not _is_refusal(error):
            raise
        raise NotAuthorizedError(connection.filename, reason=str(error)) from None
    finally:
        cursor.close(True)  # also where rows or statements are left


def _started(cursor: apsw.Cursor, sql: str, bindings: Bindings) -> apsw.Cursor:
    with _nothing_hidden(
        cursor.connection
    ):  # not while rows are read: a host may run statements of its own between them
        return cursor.execute(sql, bindings)


def _started_many(cursor: apsw.Cursor, sql: str, many: Iterable[Bindings]) -> apsw.Cursor:
    with _nothing_hidden(cursor.connection):
        return cursor.executemany(sql, many)  # type: ignore[arg-type]  # the stubs want a list of one kind


# --- what a host's authorizer says ---------------------------------------------------------------------------------


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
def _nothing_hidden(connection: apsw.Connection) -> Iterator[None]:
    """Compile statements so that they do all of what they say, or raise NotAuthorizedError."""
    host = connection.authorizer
    if host is None or isinstance(host, _Strict):
        yield
        return
    strict = _Strict(host)
    connection.authorizer = strict
    try:
        yield
    except (apsw.AuthError, apsw.SQLError) as error:
        if not _is_refusal(error):
            raise
        raise NotAuthorizedError(connection.filename, reason=str(error), hidden=strict.hidden) from None
    finally:
        if connection.authorizer is strict:
            connection.authorizer = host


def _is_refusal(error: apsw.Error) -> bool:
    """Whether an authorizer is why; of a function SQLite says so in an error as of any wrong SQL."""
    if isinstance(error, apsw.AuthError):
        return True
    return str(error).startswith(("not authorized to use function: ", "authorizer malfunction"))
