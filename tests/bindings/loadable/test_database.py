"""A host's connection as a `Database` does what APSW's does: statements, values, rows and errors."""

from __future__ import annotations

from collections import UserDict
from collections.abc import Iterator
from enum import IntEnum
from functools import partial
from operator import methodcaller
from typing import Any

import apsw
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlclust import schema
from sqlclust.errors import StatementError
from sqlclust.options import HdbscanOptions
from sqlclust.sqlite.database import Database
from sqlclust.store.fit import fit
from tests.bindings.loadable.both import Both, both, rows_of_many
from tests.extension import why_not
from tests.small import add_embeddings, clustered

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(why_not()), reason=why_not())]


@pytest.fixture
def two() -> Iterator[Both]:
    made = both()
    made.rows("CREATE TABLE t (a, b)")
    yield made
    for connection in made.connections:
        connection.close()


# --- texts ----------------------------------------------------------------------------------------------------------------

TEXTS = [
    "", " ", ";", ";;", ";SELECT 1", "-- c", "-- c\n;SELECT 2", "/* c */", "/* c", "-- c\0", "\0", "SELECT 1", "SELECT 1;",
    "SELECT 1; ;-- x\n", "SELECT 1;-- x", "SELECT 1; SELECT 2, 3 AS x; /* */ SELECT 4", "SELECT 1;;;\n\n", "SELECT 1;\f SELECT 2",
    "SELECT 1;\v SELECT 2", "\ufeffSELECT 1", "SELECT 1\0; SELECT 2", "SELECT 1;\0 SELECT 2", "SELECT 1; SELECT 2\0",
    "SELECT 1; \0", "SELECT 'a\0b'", "SELECT (", "SELECT 'a", "EXPLAIN", "select 1;select",
    "SELECT 1; SELECT * FROM nope; SELECT 3", "SELECT 1; SELEC", "INSERT INTO t VALUES (1, 2); SELECT 1",
    "INSERT INTO t VALUES (1, 2), (3, 4) RETURNING a; SELECT 'é' AS \"ü\"; SELECT 'x", "SELECT 'é'; SELECT 2 AS ü, '😀'",
    "SELECT 1 WHERE 0; SELECT 2", "CREATE TABLE u (a); DROP TABLE u", "EXPLAIN SELECT 1", "EXPLAIN QUERY PLAN SELECT 1; SELECT 1",
    "SELECT CAST(x'ff' AS TEXT)", "SELECT 1 UNION ALL SELECT CAST(x'ff' AS TEXT)", "SELECT '\ud800'", "SELECT ?1, :é, @b, $c",
    "SELECT zeroblob(3), x'', '', NULL, 1e999, -1e999, 0.0, -0.0, 9223372036854775807, CAST('a' || char(0) || 'b' AS TEXT)",
    "SELECT abs(-9223372036854775807 - 1)", "SELECT value FROM json_each('[1, 2, 3]'); SELECT nope",
    "SELECT json_extract('{', '$')",
    "SELECT 1 UNION ALL SELECT abs('-9223372036854775808' + 0)", "PRAGMA user_version = 3; PRAGMA user_version",
    "BEGIN; INSERT INTO t VALUES (1, 2); COMMIT; COMMIT", "BEGIN; SELECT 1", "ROLLBACK", "INSERT INTO t SELECT 1, 2 WHERE 0",
    "SELECT 1 -- " + "x" * 1_000_001, "SELECT '" + "é" * 100_000 + "'", "SELECT zeroblob(1000000001)",
    "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n LIMIT 1000) SELECT i, hex(zeroblob(1000)) FROM n",
]  # fmt: skip


@pytest.mark.parametrize("sql", TEXTS, ids=range(len(TEXTS)))
def test_texts(two: Both, sql: str) -> None:
    for _ in range(2):
        two.rows(sql)
    two.many(sql, [(), ()])
    two.do(lambda database: database.described(sql))


STATEMENTS = (
    "SELECT 1", "SELECT ?", "SELECT :a, ?", "INSERT INTO t VALUES (?, ?)", "INSERT INTO t VALUES (:a, :b) RETURNING b",
    "SELECT count(*) FROM t", "SELECT value FROM json_each('[1, 2, 3]')", "-- c\n", "", "SELECT nope", "BEGIN", "ROLLBACK",
    "UPDATE t SET a = a + ?", "SELECT abs(-9223372036854775807 - ?)",
)  # fmt: skip
VALUE = st.none() | st.integers(-3, 3) | st.floats() | st.text(max_size=3) | st.binary(max_size=3)
BINDINGS = (
    st.none()
    | st.lists(VALUE, max_size=5)
    | st.lists(VALUE, max_size=5).map(tuple)
    | st.dictionaries(st.sampled_from(["a", "b", "c"]), VALUE)
    | st.dictionaries(st.sampled_from(["a", "b", "c"]), VALUE).map(UserDict)
)


@given(
    texts=st.lists(
        st.tuples(st.lists(st.sampled_from(STATEMENTS), max_size=4), st.sampled_from([";", "; ", ";;\n", ";-- c\n"])),
        min_size=1,
        max_size=3,
    ),
    bindings=BINDINGS,
    sets=st.lists(BINDINGS.filter(lambda given: given is not None), max_size=3),
)
def test_any_statements_and_values(texts: list[tuple[list[str], str]], bindings: Any, sets: list[Any]) -> None:
    two = both()
    two.rows("CREATE TABLE t (a, b)")
    for statements, between in texts:
        sql = between.join(statements)
        two.rows(sql, bindings)
        two.many(sql, sets)
        two.do(methodcaller("described", sql))
        two.rows("SELECT rowid, a, b FROM t")
    for connection in two.connections:
        connection.close()


UNSTEPPED = (";SELECT 1", "-- c\n;SELECT 2", "EXPLAIN QUERY PLAN SELECT 1; SELECT 1")
"""To ask, EXPLAIN is put before them."""


@pytest.mark.parametrize("sql", TEXTS, ids=range(len(TEXTS)))
def test_steps_are_those_of_the_first_statement_and_nothing_is_run(two: Both, sql: str) -> None:
    if sql in UNSTEPPED:
        with pytest.raises(StatementError, match="syntax error"):
            two.host.steps(sql)
    else:
        two.do(methodcaller("steps", sql))
    assert two.rows("SELECT count(*) FROM t; PRAGMA user_version")[0] == ((0,), ("count(*)",), True)


def test_steps_of_a_statement_with_placeholders(two: Both) -> None:
    found = two.do(lambda database: database.steps("INSERT INTO t VALUES (?, :b); DELETE FROM t"))
    assert "Insert" in str(found[0])
    assert "Delete" not in str(found[0])


CONDITIONS = (
    "id > 2", "id > 2; ", "id > 2;;", "id > :least", "id > :given", "id > ?", "id > ?1", "id > 2 --", "id > 2 /* ", "id > 2\0",
    "id > 2); SELECT (1", "1; DELETE FROM Embedding", "id IN (SELECT nope)", "'", "id > $a::b(c)", "id > :model", "json('{')",
    "id > 5 OR json(id || '{')", "load_extension('x')", "vector = 'é'", "\udcff", "(" * 2000,
)  # fmt: skip


@pytest.mark.parametrize("where", CONDITIONS, ids=range(len(CONDITIONS)))
def test_conditions_are_refused_with_the_same_words(where: str) -> None:
    two = both()
    two.do(schema.initialize)
    for connection in two.connections:
        add_embeddings(connection, clustered())
    for parameters in ({"given": 3}, {}):
        two.do(partial(fit, embedding_model="demo", options=HdbscanOptions(), where=where, parameters=parameters))
    for connection in two.connections:
        connection.close()


# --- values ---------------------------------------------------------------------------------------------------------------


class Number(IntEnum):
    THREE = 3


VALUES = (
    None, 0, 2**63 - 1, -(2**63), 2**63, -(2**63) - 1, 2**200, True, Number.THREE, float("nan"), float("inf"), -0.0, 5e-324,
    "", "a\0b", "é😀", "\ud800", b"", b"\0\xff", np.float64(1.5), np.str_("q"), np.bytes_(b"x"), "x" * 3_000_000,
    b"x" * 3_000_000,
)  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:20])
def test_values(two: Both, value: Any) -> None:
    sql = "SELECT ?1, typeof(?1), quote(?1) = '-0.0', length(CAST(?1 AS BLOB)); SELECT 1"
    assert two.rows(sql, (value,))
    two.rows("SELECT :a, typeof(:a)", {"a": value})
    two.many("INSERT INTO t VALUES (?, typeof(?1))", [(1,), (value,), (3,)])
    two.many("INSERT INTO t VALUES (?, typeof(?1)) RETURNING a, b", [(1,), (value,), (3,)])
    two.rows("SELECT * FROM t")


@pytest.mark.parametrize("value", [object(), [1], (1,), {}, 1j, np.int64(3), np.float32(1), np.zeros(2), bytearray(1)])
def test_what_sqlite_has_no_type_for(two: Both, value: Any) -> None:
    """APSW takes what has bytes for a BLOB, a number of NumPy's among it: here that is an error."""
    with pytest.raises(TypeError, match="SQLite has no type for"):
        two.host.run("INSERT INTO t VALUES (1, ?)", (value,))
    with pytest.raises(TypeError, match="SQLite has no type for"):
        two.host.run("SELECT :a", {"a": value})
    assert two.rows("SELECT count(*) FROM t")[0] == ((0,), ("count(*)",), True)


# --- rows that are read partly, and errors on the way ---------------------------------------------------------------------


@pytest.mark.parametrize("how_many", [0, 1, 2, 300])
@pytest.mark.parametrize("error", [None, KeyError("mine")])
def test_rows_that_are_read_partly(two: Both, how_many: int, error: Exception | None) -> None:
    sql = "SELECT a FROM t; DELETE FROM t WHERE b = 'seldom'"
    two.many("INSERT INTO t VALUES (?, 1)", [(number,) for number in range(900)])

    def partly(database: Database) -> Iterator[Any]:
        with database.rows(sql) as found:
            assert database.is_reading
            for _ in range(how_many):
                yield next(found)
            if error is not None:
                raise error
        assert not database.is_reading

    def partly_of_many(database: Database) -> Iterator[Any]:
        with database.rows_of_many("SELECT a FROM t WHERE a >= ?", [(1,), (5,)]) as found:
            for _ in range(how_many):
                yield next(found)
            if error is not None:
                raise error
        assert not database.is_reading

    for act in (partly, partly_of_many):
        assert len(two.do(act)) >= how_many
        two.rows("ALTER TABLE t ADD c; ALTER TABLE t DROP c")  # nothing is reading


@pytest.mark.parametrize("sql", ["INSERT INTO t VALUES (?, 1)", "INSERT INTO t VALUES (?, 1) RETURNING a", "SELECT ?"])
@pytest.mark.parametrize("raised", [KeyError("mine"), KeyboardInterrupt(), apsw.ConstraintError("theirs")])
def test_values_that_end_with_an_error(two: Both, sql: str, raised: BaseException) -> None:
    def values() -> Iterator[tuple[int]]:
        yield (1,)
        yield (2,)
        raise raised

    for database in (two.first, two.host):
        with pytest.raises(type(raised)) as caught, database.rows_of_many(sql, values()) as found:
            list(found)
        if not isinstance(raised, apsw.Error):  # one of its own, APSW's binding takes for an error of SQLite
            assert caught.value is raised
        assert not database.is_reading
    two.rows("SELECT * FROM t")
    two.rows("DROP TABLE t")


def test_what_is_asked_for_values_is_asked_before_each_run(two: Both) -> None:
    """And may use the connection meanwhile."""

    def values(database: Database) -> Iterator[tuple[int]]:
        for number in range(3):
            with database.rows("SELECT count(*), max(a) FROM t") as found:
                seen.append(next(found))
            yield (number,)

    seen: list[Any] = []
    two.do(lambda database: rows_of_many(database, "INSERT INTO t VALUES (?, 1)", values(database)))
    assert seen == 2 * [(0, None), (1, 0), (2, 1)]


def test_an_error_in_the_middle_of_rows(two: Both) -> None:
    two.rows("INSERT INTO t VALUES ('1', 1), ('2', 2), ('x', 3)")
    two.rows("INSERT INTO t SELECT '4', 4 UNION ALL SELECT CAST(x'ff' AS TEXT), 5")

    def some(database: Database) -> Iterator[Any]:
        """As many as come before it, and it does not come."""
        with database.rows("SELECT json(a) FROM t") as found:
            yield next(found), next(found)

    assert two.do(some)[0] == (("1",), ("2",))
    assert two.rows("SELECT json(a) FROM t; INSERT INTO t VALUES (4, 4)")[2] == ("StatementError", 1, "malformed JSON")
    assert len(two.rows("SELECT a FROM t")) == 4 + 3
    assert len(two.many("SELECT a, ? FROM t", [(1,), (2,)])) == 4 + 3
    two.many("SELECT json(a), ? FROM t WHERE b < 3", [(1,), (2,)])
    two.rows("DROP TABLE t")


def test_errors_have_the_same_classes_codes_and_texts(two: Both) -> None:
    two.rows("CREATE TABLE d (a INT UNIQUE CHECK (a > 0), b INT NOT NULL, n INTEGER PRIMARY KEY) STRICT")
    for values in ("(1, 1, 1)", "(1, 1, 2)", "(0, 1, 3)", "(2, NULL, 4)", "(3, 1, 1)", "('x', 1, 5)", "(1, 1, 'x')"):
        two.rows(f"INSERT INTO d VALUES {values}")
    two.rows("CREATE TRIGGER r BEFORE DELETE ON d BEGIN SELECT raise(ABORT, 'not this: é'); END")
    assert two.rows("DELETE FROM d")[0] == ("ConstraintError", apsw.SQLITE_CONSTRAINT_TRIGGER, "not this: é")
    two.rows("PRAGMA query_only = 1; DELETE FROM d")
