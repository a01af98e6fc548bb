"""What APSW raises comes out as of our class and of APSW's; what a callback raises comes out as it was raised."""

from __future__ import annotations

import copy
import inspect
import pickle
import sqlite3
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import apsw
import pytest

import sqlclust
from sqlclust.bindings.apsw.database import ApswDatabase, database_of
from sqlclust.bindings.apsw.errors import interruption, translated
from sqlclust.errors import ArgumentError, Interrupted, SqlclustError
from sqlclust.errors import sqlite as errors
from sqlclust.errors.sqlite import BY_CODE, SqliteError
from sqlclust.sqlite import statements

WITHOUT_A_CODE: dict[type[apsw.Error], type[SqliteError]] = {
    apsw.BindingsError: errors.BindingsError,
    apsw.IncompleteExecutionError: errors.IncompleteStatementError,
}
OURS = [one for one in vars(errors).values() if inspect.isclass(one) and issubclass(one, SqliteError)]
THEIRS = [one for one in vars(apsw).values() if inspect.isclass(one) and issubclass(one, apsw.Error)]


def given(code: int) -> apsw.Error:
    """As SQLite gives it: with its codes, and a place in the statement."""
    error = apsw.exception_for(code)
    assert isinstance(error, apsw.Error)
    vars(error)["error_offset"] = 7
    return error


@pytest.mark.parametrize("code", BY_CODE, ids=lambda code: BY_CODE[code].__name__)
@pytest.mark.parametrize("extension", [0, 3], ids=["primary", "extended"])
def test_a_result_code(code: int, extension: int) -> None:
    error = given(code | extension << 8)
    made = translated(error)
    assert isinstance(made, BY_CODE[code])
    assert isinstance(made, type(error))
    assert type(made).__name__ == type(error).__name__
    assert str(made) == str(error)
    assert made.code == made.extendedresult == code | extension << 8  # type: ignore[attr-defined]
    assert (made.result, made.error_offset) == (code, 7)  # type: ignore[attr-defined]
    assert translated(made) is made


def test_every_class_of_ours_comes_out() -> None:
    made = [translated(given(code)) for code in BY_CODE] + [translated(kind("said")) for kind in WITHOUT_A_CODE]
    assert {kind for error in made for kind in type(error).__mro__} >= {*OURS}


@pytest.mark.parametrize("kind", THEIRS, ids=lambda kind: kind.__name__)
def test_every_class_of_theirs_is_kept(kind: type[apsw.Error]) -> None:
    made = translated(kind("what it said"))
    assert isinstance(made, kind)
    assert isinstance(made, SqlclustError)
    assert (str(made), made.code) == ("what it said", None)
    if kind in WITHOUT_A_CODE:
        assert isinstance(made, WITHOUT_A_CODE[kind])


def test_a_class_that_nobody_knows_yet() -> None:
    class NewError(apsw.Error):
        """Of a later APSW."""

    error = NewError("new in this version")
    error.extendedresult, error.place = 99, "somewhere"  # type: ignore[attr-defined]
    made = translated(error)
    assert type(made).__bases__ == (SqliteError, NewError)
    assert (str(made), made.code, vars(made)["place"]) == ("new in this version", 99, "somewhere")


def test_an_interrupt_is_of_three_classes() -> None:
    made = interruption()
    assert isinstance(made, errors.StatementInterrupted)
    assert isinstance(made, Interrupted)
    assert isinstance(made, apsw.InterruptError)


HAPPENING: dict[str, tuple[str, type[SqliteError], type[apsw.Error]]] = {
    "wrong SQL": ("SELEC 1", errors.StatementError, apsw.SQLError),
    "no such table": ("SELECT * FROM nope", errors.StatementError, apsw.SQLError),
    "a CHECK": ("CREATE TABLE t (a CHECK (a > 0)); INSERT INTO t VALUES (0)", errors.ConstraintError, apsw.ConstraintError),
    "a STRICT type": (
        "CREATE TABLE t (a INTEGER) STRICT; INSERT INTO t VALUES ('x')", errors.ConstraintError, apsw.ConstraintError),
    "a rowid": ("CREATE TABLE t (a INTEGER PRIMARY KEY); INSERT INTO t VALUES ('x')", errors.MismatchError, apsw.MismatchError),
    "no file": ("ATTACH '/nowhere/at/all.db' AS other", errors.CantOpenError, apsw.CantOpenError),
    "read only": ("PRAGMA query_only = 1; CREATE TABLE t (a)", errors.ReadOnlyError, apsw.ReadOnlyError),
    "no value": ("SELECT ?", errors.BindingsError, apsw.BindingsError),
    "too big": ("SELECT zeroblob(2000000000)", errors.TooBigError, apsw.TooBigError),
}  # fmt: skip


@pytest.mark.parametrize("case", HAPPENING)
def test_what_happens_in_a_statement(case: str) -> None:
    sql, ours, theirs = HAPPENING[case]
    database = ApswDatabase(apsw.Connection(":memory:"))
    with pytest.raises(ours) as caught:
        statements.all_rows(database, sql, () if case == "no value" else None)
    assert isinstance(caught.value, theirs)
    assert caught.value.code == getattr(caught.value, "extendedresult", None)
    assert "_cursor" in [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    database.close()


RAISED: list[Callable[[], BaseException]] = [
    lambda: RuntimeError("enough"), lambda: ArgumentError("f", "a", found="x", expected="y"), KeyboardInterrupt,
    lambda: MemoryError("full"),
]  # fmt: skip


@pytest.mark.parametrize("make", RAISED, ids=["RuntimeError", "ours", "KeyboardInterrupt", "MemoryError"])
@pytest.mark.parametrize("where", ["function", "watched", "collation"])
def test_what_a_callback_raises_is_left_as_it_is(make: Callable[[], BaseException], where: str) -> None:
    error = make()

    def fail(*_: Any) -> Any:
        if where != "watched" or in_statement:
            raise error
        return False

    connection = apsw.Connection(":memory:")
    database = ApswDatabase(connection)
    in_statement = False
    connection.create_scalar_function("fail", fail, 0)
    database.create_collation("failing", fail)
    statement = {
        "function": "SELECT fail()",
        "collation": "SELECT 'a' = 'b' COLLATE failing",
        "watched": "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT count(n) FROM c",
    }[where]
    with database.watched(fail if where == "watched" else lambda: False, every=1):
        in_statement = True
        with pytest.raises(type(error)) as caught:
            statements.run(database, statement)
    assert caught.value is error
    database.close()


def test_what_the_bindings_of_a_statement_raise_is_left_as_it_is() -> None:
    def values() -> Iterator[tuple[int]]:
        yield (1,)
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough") as caught:
        statements.run_many(ApswDatabase(apsw.Connection(":memory:")), "SELECT ?", values())
    assert type(caught.value) is RuntimeError


def test_a_connection_of_the_standard_library_is_refused() -> None:
    connection = sqlite3.connect(":memory:")
    uses: list[Any] = [database_of, sqlclust.register, sqlclust.initialize]
    for use in uses:
        with pytest.raises(ArgumentError) as caught:
            use(connection)
        assert str(caught.value) == (
            "sqlclust: connection is a sqlite3.Connection, expected an apsw.Connection; for one of Python's sqlite3 there is "
            "sqlclust.load"
        )
    connection.close()


# --- classes that a host makes, and errors that go to another process ----------------------------------------------


class Worded(apsw.BusyError):
    """A host's own, with a text of its own."""

    def __str__(self) -> str:
        return f"worded: {self.args[0]}"


class Sealed(apsw.FullError):
    """A host's own that cannot be subclassed without an argument."""

    def __init_subclass__(cls, *, needed: object) -> None:
        raise AssertionError


def test_a_host_s_own_class_is_ours_by_the_class_it_is_made_of() -> None:
    made = translated(Worded("x", 2))
    assert isinstance(made, errors.BusyError)
    assert isinstance(made, Worded)
    assert (made.args, str(made)) == (("x", 2), "worded: x")
    assert translated(Worded()).args == ()


def test_a_host_s_class_that_cannot_be_subclassed() -> None:
    made = translated(Sealed("x"))
    assert isinstance(made, errors.DiskFullError)
    assert isinstance(made, apsw.FullError)
    assert str(made) == "x"


@pytest.mark.parametrize("again", [lambda error: pickle.loads(pickle.dumps(error)), copy.copy, copy.deepcopy])
@pytest.mark.parametrize("error", [*map(given, BY_CODE), Worded("x"), apsw.MisuseError("y")], ids=repr)
def test_to_another_process(error: apsw.Error, again: Callable[[SqliteError], SqliteError]) -> None:
    made = translated(error)
    there = again(made)
    assert (type(there), there.args, vars(there)) == (type(made), made.args, vars(made))


def test_an_error_of_ours_inside_a_callback_stays_what_it_was(demo: apsw.Connection) -> None:
    mine = interruption()

    def progress(phase: str, fraction: float) -> None:
        if phase != "load":
            raise mine

    with pytest.raises(apsw.InterruptError) as caught:
        sqlclust.fit(demo, "demo", progress=progress)
    assert id(caught.value) == id(mine)
