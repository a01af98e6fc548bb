"""Sources in files that somebody made to do harm: nothing of them is run, but a view that was named, without what does harm."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import apsw
import pytest

from sqlclust.errors import FilterError, HostTableError, NotUnicodeError, StatementInterrupted
from sqlclust.sqlite.layout import quoted
from tests.sources.looking import made, vectors, with_vectors
from tests.store.sources.reading_of import pairs, reader_of, table

N = 9
VIEW = table(name="seen", kind="view", content_column="body")


def trapped(called: list[str], *statements: str) -> apsw.Connection:
    """A database whose schema names a function and a collation `trap`; they are called from now on by nobody."""
    con = made()
    con.create_scalar_function("trap", lambda *_: 1, deterministic=True)
    con.create_collation("trap", lambda a, b: (a > b) - (a < b))
    for statement in statements:
        con.execute(statement)

    def trap(*_: Any) -> int:
        called.append("trap")
        return 1

    con.create_scalar_function("trap", trap, deterministic=True)
    con.create_collation("trap", trap)
    return con


@pytest.mark.parametrize("end", ["", " WITHOUT ROWID"])
def test_no_index_trigger_check_or_collation_is_run(end: str) -> None:
    called: list[str] = []
    con = trapped(
        called,
        f"""CREATE TABLE t (id TEXT PRIMARY KEY, part TEXT COLLATE trap, v BLOB CHECK (trap(v)), body TEXT COLLATE trap,
                           g AS (trap(v))){end}""",
        "INSERT INTO t VALUES ('a', 'x', x'01', 'one'), ('b', 'x', x'02', 'two'), ('c', 'y', x'03', 'three')",
        "CREATE INDEX of_part ON t (part); CREATE INDEX of_expression ON t (id, trap(v))",
        "CREATE INDEX partial ON t (id) WHERE trap(v); CREATE INDEX sorted ON t (id COLLATE trap)",
        "CREATE TRIGGER tr BEFORE INSERT ON t BEGIN SELECT trap(1); END",
    )
    for source, ids in (
        (table(content_column="body"), "abc"),
        (table(only=("part", "x"), content_column="body"), "ab"),
    ):
        reader = reader_of(con, source)
        assert [id for id, _ in pairs(reader)] == reader.ids() == [*ids]
        assert pairs(reader, {"b"}) == [("b", b"\2")]
        assert reader.texts({"b"}) == {"b": "two"}
        assert reader.count() in (None, len(ids))
    assert pairs(reader_of(con, table("part", "id"), "length(id) > :n", {"n": 0}), {'["x","b"]'}) == [
        ('["x","b"]', b"\2")
    ]
    assert called == []


def test_a_generated_column_in_a_condition_calls_no_function_of_its_own() -> None:
    called: list[str] = []
    con = trapped(called, "CREATE TABLE t (id, v, g AS (trap(v)), h AS (id + 1))", "INSERT INTO t VALUES (1, x'01')")
    with pytest.raises(FilterError, match="unsafe use of trap"):
        pairs(reader_of(con, table(), "g = 1"))
    assert pairs(reader_of(con, table(), "h = 2")) == [(1, b"\1")]
    assert called == []
    assert con.pragma("trusted_schema") == 1


# --- views ---

BASE = "CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB, body TEXT, n)"


def seen(*statements: str) -> apsw.Connection:
    con = made(BASE, *statements)
    con.executemany(
        "INSERT INTO t VALUES (?, ?, ?, ?)", [(i, v, f"text {i}", i % 3) for i, v in enumerate(vectors(300))]
    )
    return con


def test_a_view_that_was_named() -> None:
    con = seen(
        "CREATE VIEW seen AS SELECT id * 2 AS id, v, upper(body) AS body, n FROM t WHERE n < 2",
        "CREATE TRIGGER tr INSTEAD OF INSERT ON seen BEGIN DELETE FROM t; END",
    )
    rows: list[tuple[Any, ...]] = con.execute("SELECT id, v, body FROM seen").fetchall()
    reader = reader_of(con, VIEW)
    assert pairs(reader) == [row[:2] for row in rows]
    assert reader.ids() == [row[0] for row in rows]
    assert reader.count() is None
    some: set[Any] = {row[0] for row in rows[::7]}
    assert pairs(reader, some) == [row[:2] for row in rows[::7]]
    assert reader.texts(some) == {row[0]: row[2] for row in rows[::7]}
    assert reader_of(con, VIEW, "n = :n", {"n": 1}).ids() == [row[0] for row in rows if row[0] // 2 % 3 == 1]
    assert con.pragma("trusted_schema") == 1


def test_a_view_of_several_keys_has_the_ids_that_json_array_makes() -> None:
    con = seen("CREATE VIEW seen AS SELECT n AS a, body AS b, v FROM t")
    ids = reader_of(con, table("a", "b", name="seen", kind="view")).ids()
    assert ids == [id for (id,) in con.execute("SELECT json_array(a, b) FROM seen")]


@pytest.mark.parametrize(
    "definition",
    [
        "SELECT trap(id) AS id, v, body FROM t",
        "SELECT id, v, body FROM t WHERE trap(id)",
        "SELECT id, v, body FROM t ORDER BY trap(id)",
        "SELECT id, v, body FROM (SELECT *, trap(id) AS x FROM t) WHERE x",
        "SELECT id, v, body FROM other",
        "SELECT id, load_extension(body) AS v, body FROM t",
        "SELECT id, v, body FROM rows_of_module",
        "SELECT id, g AS v, body FROM generated",
        "SELECT id, v, body FROM not_there",
        "SELECT id, no_such(v) AS v, body FROM t",
        "SELECT id, v, body FROM seen",
    ],
)
def test_a_view_that_would_do_harm_is_refused(definition: str) -> None:
    called: list[str] = []

    class Module:
        def Create(self, *_: Any) -> Any:
            called.append("module")
            return "CREATE TABLE x (id, v, body)", self

        Connect = Create

        def BestIndex(self, *_: Any) -> None:
            called.append("table")

    con = trapped(
        called,
        BASE,
        "INSERT INTO t VALUES (1, x'01', 'x', 1)",
        "CREATE VIEW other AS SELECT id, v, trap(body) AS body FROM t",
        "CREATE TABLE generated (id, body, g AS (trap(body)))",
        f"CREATE VIEW seen AS {definition}",
    )
    con.create_module("rows_of_module", Module(), eponymous=True)  # type: ignore[arg-type]
    for trusted in (1, 0):
        con.pragma("trusted_schema", trusted)
        with pytest.raises(HostTableError, match="seen"):
            pairs(reader_of(con, VIEW))
        assert con.pragma("trusted_schema") == trusted
    assert "trap" not in called


def test_a_view_is_compiled_once_and_not_again_in_trust() -> None:
    """Setting `trusted_schema` lets SQLite compile all statements again: not the one at work; and not others' that are."""
    con = seen("CREATE VIEW seen AS SELECT id, v, body FROM t")
    others = con.execute("SELECT id FROM t")
    assert next(others) == (0,)
    batches = reader_of(con, VIEW).batches()
    n = len(next(batches)[0])
    assert con.pragma("trusted_schema") == 1
    assert next(others) == (1,)
    assert n + sum(len(ids) for ids, _ in batches) == 300
    assert len(others.fetchall()) == 298


def test_interrupts_leave_the_connections_trust_as_it_was() -> None:
    """Also inside another statement, where an interrupt holds until that ends."""
    con = seen("CREATE VIEW seen AS SELECT id, v, body FROM t")
    interrupted: list[int] = []

    def read(*given: Any) -> int:
        [steps] = given
        con.set_progress_handler(lambda: con.interrupt() or False, steps)  # type: ignore[func-returns-value]
        try:
            return len(reader_of(con, VIEW).ids())
        except StatementInterrupted:
            interrupted.append(steps)
            raise
        finally:
            con.set_progress_handler(None)

    con.create_scalar_function("read", read)
    for steps in (*range(1, 60), 10**9):
        with suppress(apsw.InterruptError):
            con.execute("SELECT read(?)", (steps,)).fetchall()
        assert con.pragma("trusted_schema") == 1
    assert interrupted == [*range(1, 60)]


def test_a_view_whose_function_turns_bad_meanwhile(tmp_path: Path) -> None:
    """Another program replaces the view between two reads."""
    called: list[str] = []
    con = trapped(called, BASE, "INSERT INTO t VALUES (1, x'01', 'x', 1)", "CREATE VIEW seen AS SELECT * FROM t")
    reader = reader_of(con, VIEW)
    assert len(pairs(reader)) == 1
    con.execute("DROP VIEW seen; CREATE VIEW seen AS SELECT trap(id) AS id, v, body FROM t")
    for read in (reader.ids, lambda: pairs(reader), lambda: pairs(reader, {1}), lambda: reader.texts([1])):
        with pytest.raises(HostTableError, match="view 'seen' cannot be read: unsafe use of trap"):
            read()
    assert called == []


def test_a_view_is_read_only_where_it_was_named() -> None:
    con = seen("CREATE VIEW seen AS SELECT id, v, body FROM t", "CREATE VIRTUAL TABLE words USING fts5(id, v, body)")
    for source in (table(name="seen"), table(name="words"), table(name="words", kind="view")):
        with pytest.raises(HostTableError, match="reading it would run what is in the file"):
            reader_of(con, source)


# --- names, and what is written ---


def test_names_that_want_out_of_their_quotes() -> None:
    con = with_vectors(made(), "good", vectors(N))
    for name in ['x" ; DROP TABLE good; --', "a\nb", "[c]", "d'e", "`f`", "ü\u202e", ":p", "?1", "%s{}", "select"]:
        q, v = quoted(name), quoted(f'v"{name}')
        con.execute(f"CREATE TABLE {q} ({q} INTEGER, {v} BLOB, part TEXT, PRIMARY KEY (part, {q}))")
        con.executemany(f"INSERT INTO {q} VALUES (?, ?, ?)", [(i, vector, name) for i, vector in enumerate(vectors(N))])
        for only in (None, ("part", name)):
            source = table(name, name=name, vector=f'v"{name}', content_column="part", only=only)
            reader = reader_of(con, source)
            assert [vector for _, vector in pairs(reader)] == vectors(N)
            assert reader.texts([3]) == {3: name}
            assert reader_of(con, source, f"{q} < :n", {"n": 2}).ids() == [0, 1]
        assert len(reader_of(con, table("part", name, name=name, vector=f'v"{name}')).ids()) == N
    assert con.execute("SELECT count(*) FROM good").get == N


def test_columns_that_are_called_rowid() -> None:
    """A column of that name is the column; a table that has all three has no rowid that can be read."""
    con = made("CREATE TABLE t (rowid TEXT, v)", "CREATE TABLE u (rowid, oid, _rowid_ TEXT, v)")
    con.execute("INSERT INTO t VALUES ('a', x'01'), ('b', x'02'); INSERT INTO u VALUES ('a', 'b', 'c', x'01')")
    assert pairs(reader_of(con, table("rowid")), {"b"}) == [("b", b"\2")]
    assert pairs(reader_of(con, table("oid"))) == [(1, b"\1"), (2, b"\2")]
    assert pairs(reader_of(con, table("_rowid_", name="u")), {"c"}) == [("c", b"\1")]


def test_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    con = apsw.Connection(str(path))
    con.execute(f"{BASE}; CREATE VIEW seen AS SELECT * FROM t")
    with con:
        con.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", [(i, v, "text", i % 3) for i, v in enumerate(vectors(N))])
    before = hashlib.sha256(path.read_bytes()).digest()
    changes = con.total_changes()
    for source in (table(content_column="body"), VIEW):
        for condition in (None, "n = 1"):
            reader = reader_of(con, source, condition)
            pairs(reader)
            pairs(reader, {1})
            reader.texts({1})
            reader.ids()
            reader.count()
    assert con.total_changes() == changes
    con.close()
    assert hashlib.sha256(path.read_bytes()).digest() == before


def test_text_that_is_not_utf_8() -> None:
    con = made("CREATE TABLE t (id, v, body)")
    con.execute("INSERT INTO t VALUES (CAST(x'ff61' AS TEXT), x'01', 'a'), (2, x'01', CAST(x'fffe' AS TEXT))")
    reader = reader_of(con, table(content_column="body"))
    for read in (reader.ids, lambda: pairs(reader)):
        with pytest.raises(NotUnicodeError, match=r"t\.id"):
            read()


def test_a_collation_that_is_not_there() -> None:
    con = made()
    con.create_collation("gone", lambda a, b: (a > b) - (a < b))
    con.execute("CREATE TABLE t (id TEXT COLLATE gone PRIMARY KEY, v BLOB); INSERT INTO t VALUES ('a', x'01')")
    con.execute(
        "CREATE TABLE w (id TEXT COLLATE gone PRIMARY KEY, v BLOB) WITHOUT ROWID; INSERT INTO w SELECT * FROM t"
    )
    con.create_collation("gone", None)
    assert pairs(reader_of(con, table()), {"a"}) == [("a", b"\1")]
    with pytest.raises(HostTableError, match="table 'w' cannot be read: no query solution"):
        reader_of(con, table(name="w"))
