"""What other programs' changes of a table do while its view is there. Facts of SQLite's, in both versions."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, nullcontext
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import apsw
import pytest

from sqlclust.bindings.apsw.database import database_of
from sqlclust.sqlite.layout import quoted
from sqlclust.store.sources import clusters_view
from tests.store.sources.clustered_host import Member, create, initialized, publish, register, source

TABLES = {
    "plain": "CREATE TABLE docs (id INTEGER PRIMARY KEY, body, v)",
    "called as ours": "CREATE TABLE docs (id INTEGER PRIMARY KEY, body, v, label)",
}
GONE = "error in view docs_clusters: no such table: main.docs"
MAKE_AGAIN = (
    "BEGIN; CREATE TABLE made (id INTEGER PRIMARY KEY, v); DROP TABLE docs; ALTER TABLE made RENAME TO docs; COMMIT"
)


@pytest.fixture(params=TABLES)
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A table with one row, in a result; and another table."""
    con = initialized(
        TABLES[request.param], "CREATE TABLE other (a, b, c)", "INSERT INTO docs (id, body) VALUES (1, 'x')"
    )
    register(con, source())
    publish(con, "docs", [Member(1, 0)])
    create(con, source())
    path = tmp_path / "docs.db"
    path.write_bytes(con.serialize("main"))
    return path


@pytest.fixture(params=["apsw", "sqlite3"])
def con(request: pytest.FixtureRequest, file: Path) -> Iterator[Any]:
    """Of another program: nothing of ours in it."""
    connection: Any = (
        apsw.Connection(str(file)) if request.param == "apsw" else sqlite3.connect(file, isolation_level=None)
    )
    yield connection
    connection.close()


def run(con: Any, sql: str) -> None:
    for statement in sql.split("; "):
        con.execute(statement).fetchall()


def shown(con: Any) -> tuple[str, ...]:
    return tuple(name for _, name, *_ in con.execute("PRAGMA table_info(docs_clusters)"))


@pytest.mark.parametrize(
    ("sql", "gone", "come"),
    [
        ("ALTER TABLE docs ADD COLUMN more", set(), {"more"}),
        ("ALTER TABLE docs DROP COLUMN body", {"body"}, set()),
        ("ALTER TABLE docs RENAME COLUMN body TO text", {"body"}, {"text"}),
        ("ALTER TABLE docs RENAME COLUMN id TO key", {"id"}, {"key"}),
        ("ALTER TABLE docs RENAME TO papers", set(), set()),
        ("ALTER TABLE docs RENAME TO papers; CREATE TABLE docs (a); DROP TABLE docs", set(), set()),
        ("ALTER TABLE other RENAME TO another; ALTER TABLE another DROP COLUMN b", set(), set()),
        (f"PRAGMA legacy_alter_table = ON; {MAKE_AGAIN}", {"body", "label:1"}, set()),
    ],
)
def test_a_table_may_change(con: Any, sql: str, gone: set[str], come: set[str]) -> None:
    before = shown(con)
    run(con, sql)
    assert set(shown(con)) == set(before) - gone | come
    labels = con.execute("SELECT label FROM docs_clusters").fetchall()
    assert labels == ([] if "made" in sql else [(0,)])  # as nobody copied the rows


@pytest.mark.parametrize(
    "sql", ["ALTER TABLE docs DROP COLUMN id", "DROP TABLE docs; ALTER TABLE other RENAME TO another"]
)
def test_what_sqlite_refuses(con: Any, sql: str) -> None:
    with pytest.raises(Exception, match=f"{GONE}|cannot drop PRIMARY KEY"):
        run(con, sql)


def test_a_table_that_is_made_again_needs_the_view_out_of_the_way(con: Any, file: Path) -> None:
    """With any view of a table SQLite refuses; the transaction can be rolled back, and nothing is lost."""
    before = con.execute("SELECT * FROM docs_clusters").fetchall()
    with pytest.raises(Exception, match=GONE):
        run(con, MAKE_AGAIN)
    con.execute("ROLLBACK")
    assert con.execute("SELECT * FROM docs_clusters").fetchall() == before
    con.execute("DROP VIEW docs_clusters")
    run(con, MAKE_AGAIN.replace("DROP TABLE", "INSERT INTO made SELECT id, v FROM docs; DROP TABLE"))
    con.close()
    with closing(apsw.Connection(str(file))) as ours:
        assert create(ours, source()) == {}
        assert ours.execute("SELECT * FROM docs_clusters").fetchall() == [(1, None, 0, 0.5, 0.25, 1, 1)]


@pytest.mark.parametrize("name", ["label", "probability"])
def test_a_new_column_that_is_called_as_ours_has_the_name_until_the_next_fit(name: str) -> None:
    con = initialized(TABLES["plain"], "INSERT INTO docs (id) VALUES (1)")
    create(con, source())
    con.execute(f"ALTER TABLE docs ADD COLUMN {name} DEFAULT 'theirs'")
    assert con.execute(f"SELECT {name} FROM docs_clusters").get == "theirs"
    [(column, there)] = create(con, source()).items()
    assert column == name
    assert con.execute(f"SELECT {name}, {quoted(there)} FROM docs_clusters").get == (None, "theirs")


def test_it_is_still_ours_after_renaming() -> None:
    con = initialized(TABLES["plain"])
    create(con, source())
    con.execute("ALTER TABLE docs RENAME TO papers; ALTER TABLE papers RENAME COLUMN id TO key")
    clusters_view.check_name_is_free(database_of(con), source())
    create(con, source(table="papers", keys=["key"]))
    assert shown(con)[:3] == ("key", "body", "v")
    clusters_view.drop(database_of(con), "docs")
    assert shown(con) == ()


def test_sqlite_utils_transforms(file: Path) -> None:
    """Since 4.2; before, SQLite refuses, and nothing is lost."""
    sqlite_utils = import_module("sqlite_utils")
    able = tuple(map(int, re.findall(r"\d+", version("sqlite-utils"))[:2])) >= (4, 2)
    with closing(sqlite_utils.Database(file)) as db:
        with nullcontext() if able else pytest.raises(sqlite3.OperationalError, match=GONE):
            db["docs"].transform(drop={"body"}, types={"id": int})
        db["other"].transform(drop={"b"})
        assert ("body" in shown(db)) is not able
        assert list(db.query("SELECT id, label FROM docs_clusters")) == [{"id": 1, "label": 0}]
