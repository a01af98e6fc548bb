"""A host's authorizer, interrupts and other programs, while its connection is looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw
import pytest

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.errors import NotAuthorizedError, StatementInterrupted
from sqlclust.sources.kinds.table import TABLE
from sqlclust.sources.look import Look
from tests.sources.looking import found, host, made, unsynced, vectors, with_vectors

N = 9


@pytest.mark.parametrize("forbidden", [apsw.SQLITE_READ, apsw.SQLITE_PRAGMA, apsw.SQLITE_SELECT])
def test_an_authorizer_is_obeyed(forbidden: int) -> None:
    con = host("llm")
    con.authorizer = lambda operation, *_: apsw.SQLITE_DENY if operation == forbidden else apsw.SQLITE_OK
    with pytest.raises(NotAuthorizedError):
        found(con)
    con.authorizer = lambda operation, first, *_: apsw.SQLITE_IGNORE if first == "embeddings" else apsw.SQLITE_OK
    with pytest.raises(NotAuthorizedError, match="hides"):
        found(con)


def test_only_real_tables_are_read() -> None:
    """Whatever kinds there are: no view, no virtual table, and of the schema sqlite_schema."""
    for name in ("vec0", "langchain", "chroma", "simplevecdb"):
        con = host(name)
        con.execute("CREATE VIEW a_view AS SELECT 1 AS id, x'00' AS vector")
        read: set[str] = set()

        def watch(operation: int, first: str | None, *_: Any, read: set[str] = read) -> int:
            if operation == apsw.SQLITE_READ:
                read.add(str(first))
            return apsw.SQLITE_OK

        con.authorizer = watch
        assert found(con)
        con.authorizer = None
        others = con.execute("SELECT name FROM sqlite_schema WHERE type = 'view' OR rootpage = 0")
        assert not read & {str(other) for (other,) in others}
        assert len(read) > 3


def test_interrupts() -> None:
    con = with_vectors(made(), "good", vectors(N))
    con.set_progress_handler(lambda: True, 20)
    with pytest.raises(StatementInterrupted):
        found(con)
    con.set_progress_handler(None)
    sqlclust.register(con)
    con.set_progress_handler(lambda: True, 20)
    with pytest.raises(apsw.InterruptError):
        con.execute("SELECT * FROM clust_sources()").fetchall()
    con.set_progress_handler(None)
    assert con.execute("SELECT name FROM clust_sources()").fetchall() == [("good",)]
    assert not con.in_transaction


def test_it_is_not_for_what_is_in_a_file() -> None:
    con = made()
    sqlclust.register(con)
    con.execute("CREATE VIEW v AS SELECT * FROM clust_sources()")
    with pytest.raises(apsw.SQLError, match="unsafe use of virtual table"):
        con.execute("SELECT * FROM v")


def test_tables_that_come_and_go(tmp_path: Path) -> None:
    """Another program drops a table between two looks: that is said of it, and the others are still found."""
    path = str(tmp_path / "changing.db")
    con, other = unsynced(path), unsynced(path)
    for name in ("a", "b", "c"):
        with_vectors(con, name, vectors(N))
    look = Look(database_of(con))
    other.execute("DROP TABLE b")
    a, b, c = TABLE.find(look)
    assert [(source.name, source.n_rows) for source in (a, b, c)] == [("a", N), ("b", None), ("c", N)]
    assert b.remark == "not looked at: no such table: main.b"
    con.close()
    other.close()
