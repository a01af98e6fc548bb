"""Rows of EmbeddingSource that somebody edited, and triggers of the file on our tables: what is written is checked."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

import sqlclust
from sqlclust.errors import AlteredError, SqlclustError
from tests.cli.terminal import fail, run
from tests.trust.foreign_host import N, foreign_rows, foreign_rows_of, has_nothing_of_ours, make
from tests.trust.hostile import trigger

pytestmark = pytest.mark.slow

COUNTS = (
    "SELECT (SELECT count(*) FROM EmbeddingSource), (SELECT count(*) FROM Embedding), (SELECT count(*) FROM ClusteringFit), "
    "(SELECT count(*) FROM ClusteringResult), (SELECT count(*) FROM Cluster), (SELECT count(*) FROM EmbeddingCluster)"
)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a source and a result of it, and a table that nobody named."""
    path = make(tmp_path_factory.mktemp("fitted") / "notes.db")
    con = sqlclust.connect(path)
    con.execute("CREATE TABLE secret (slug TEXT PRIMARY KEY, body TEXT, embedding BLOB); "
                "INSERT INTO secret SELECT * FROM note; CREATE TABLE log (line)")  # fmt: skip
    assert sqlclust.fit(con, "note") == 1
    con.close()
    return path


@pytest.fixture
def path(fitted: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(fitted, tmp_path / "hostile.db"))


# --- rows of EmbeddingSource -------------------------------------------------------------------------------------

COLUMNS = (
    "name", "kind", "database", "table_name", "storage", "id_columns", "vector_column", "content_column", "format",
    "format_is_said", "dimension", "part_column", "part_value", "condition", "parameters",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, "", 0, -1, 2**63 - 1, 1.5, float("inf"), b"\x00", "a\0b", b"text that is none", "x" * 2_000_000,
    "note; DROP TABLE note", '"note"', "note AS n JOIN secret", "sqlite_schema", "sqlite_sequence", "Embedding",
    "EmbeddingSource", "ClusteringResult", "secret", "gone", "rowid", "slug", '["slug; DROP TABLE note"]', '["slug","slug"]',
    '["rowid"]', "[]", "[1]", '{"a": 1}', "[" * 5_000, "1; DELETE FROM note", "1) UNION SELECT * FROM secret --",
    "slug IN (SELECT slug FROM secret)", "vec0", "json", "float64", "/dev/zero", "/dev/stdin", "/proc/self/mem", "..", "FIFO",
    "SELF", "x" * 5_000, "file:x?mode=rwc", ":memory:", "http://example.org/x.db", "../" * 200 + "etc/passwd",
)  # fmt: skip


@pytest.fixture(scope="module")
def unguarded(fitted: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its EmbeddingSource takes every value: no types, no CHECKs."""
    path = Path(shutil.copy(fitted, tmp_path_factory.mktemp("unguarded") / "hostile.db"))
    con = apsw.Connection(str(path))
    columns = ", ".join(f"{name} PRIMARY KEY" if name == "name" else name for name in COLUMNS)
    con.execute(
        "CREATE TABLE kept AS SELECT * FROM EmbeddingSource; DROP TABLE EmbeddingSource; "
        f"CREATE TABLE EmbeddingSource ({columns}, created_at); INSERT INTO EmbeddingSource SELECT * FROM kept; DROP TABLE kept"
    )
    con.close()
    return path


def everything(con: apsw.Connection) -> Iterator[Any]:
    """What reads a source, each to be called."""
    yield lambda: sqlclust.fit(con, "note")
    yield lambda: con.execute("SELECT clust_fit('note')").fetchall()
    yield lambda: con.execute("SELECT clust_cut(1)").fetchall()
    yield lambda: sqlclust.staleness(con, 1)
    yield lambda: con.execute("SELECT * FROM clust_sources()").fetchall()
    yield lambda: sqlclust.source(con, "note", content="body")


@pytest.mark.parametrize("column", COLUMNS)
def test_a_row_that_somebody_edited(unguarded: Path, tmp_path: Path, column: str) -> None:
    """It is an error of ours or harmless, whatever is called; nothing is written to what is not ours."""
    path = Path(shutil.copy(unguarded, tmp_path / "hostile.db"))
    os.mkfifo(tmp_path / "FIFO")
    con = sqlclust.connect(path)
    before = foreign_rows_of(con, but="EmbeddingSource")
    # every value in one of three columns, but every path where a path belongs
    some = VALUES if column == "database" else VALUES[COLUMNS.index(column) % 3 :: 3]
    for value in some:
        bad = str(path) if value == "SELF" else value
        con.execute("PRAGMA foreign_keys = OFF; SAVEPOINT kept")
        con.execute(f"UPDATE EmbeddingSource SET {column} = ?", (bad,))
        con.execute("RELEASE kept; PRAGMA foreign_keys = ON")
        for act in everything(con):
            try:
                act()
            except (SqlclustError, apsw.SQLError):
                assert not con.in_transaction
        assert foreign_rows_of(con, but="EmbeddingSource") == before, (column, value)
        con.close()  # nothing that a fit wrote stays for the next value
        shutil.copy(unguarded, path)
        con = sqlclust.connect(path)
    con.close()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["FIFO", "hostile.db"]


@pytest.mark.parametrize(
    "table", ["sqlite_schema", "Embedding", "EmbeddingSource", "ClusteringResult", "SqlclustMigration"]
)
def test_a_row_that_names_a_table_of_ours(path: Path, table: str) -> None:
    con = sqlclust.connect(path)
    con.execute(
        "UPDATE EmbeddingSource SET table_name = ?, id_columns = '[\"rowid\"]', vector_column = 'rowid'", (table,)
    )
    con.execute("DELETE FROM ClusteringResult")
    counts = con.execute(COUNTS).fetchall()
    with pytest.raises(SqlclustError):
        con.execute("SELECT clust_fit('note')").fetchall()
    assert con.execute(COUNTS).fetchall() == counts
    con.close()


def test_a_condition_of_the_file_is_run_by_no_function(path: Path) -> None:
    con = sqlclust.connect(path)
    called: list[Any] = []
    con.create_scalar_function("trap", lambda *_: called.append(1) or 1)  # type: ignore[func-returns-value]
    con.execute("UPDATE EmbeddingSource SET condition = 'trap()'")
    for sql in (
        "SELECT clust_fit('note')", "SELECT clust_cut(1)", "SELECT * FROM clust_staleness(1)", "SELECT * FROM clust_sources()",
        "SELECT * FROM clust_labels(1)", "SELECT * FROM clust_nearest(1)", "SELECT * FROM clust_terms(1)",
    ):  # fmt: skip
        try:
            con.execute(sql).fetchall()
        except (SqlclustError, apsw.SQLError):  # the second from inside SQLite
            assert sql == "SELECT clust_fit('note')"
    sqlclust.staleness(con, 1)
    con.close()
    run("predict", path, 1, "--store")
    run("doctor", path)
    run("show", path)
    assert called == []


# --- triggers ----------------------------------------------------------------------------------------------------

IGNORE = "SELECT raise(IGNORE)"
ROWS = {
    "dropped": trigger("BEFORE INSERT", "Embedding", IGNORE, "NEW.item_id = 'note 7'"),
    "all dropped": trigger("BEFORE INSERT", "Embedding", IGNORE),
    "deleted": trigger(
        "AFTER INSERT", "Embedding", "DELETE FROM Embedding WHERE item_id = 'note 1' AND embedding_source = 'mine'",
        "NEW.item_id = 'note 2'",
    ),
    "another": trigger(
        "AFTER INSERT", "Embedding", "UPDATE Embedding SET item_id = 'x' WHERE id = NEW.id", "NEW.item_id = 'note 3'"
    ),
    "added": trigger(
        "AFTER INSERT", "Embedding",
        "INSERT INTO Embedding (id, embedding_model, embedding_source, item_id) VALUES ('x', 'mine', 'mine', 'x')",
        "NEW.item_id = 'note 3'",
    ),
}  # fmt: skip
SOURCES = {
    "dropped": trigger("BEFORE INSERT", "EmbeddingSource", IGNORE),
    "deleted": trigger("AFTER INSERT", "EmbeddingSource", "DELETE FROM EmbeddingSource WHERE name = NEW.name"),
    "another": trigger("AFTER INSERT", "EmbeddingSource", "UPDATE EmbeddingSource SET table_name = 'note'"),
    "conditional": trigger("AFTER INSERT", "EmbeddingSource", "UPDATE EmbeddingSource SET condition = '1'"),
    "renamed": trigger("AFTER INSERT", "EmbeddingSource", "UPDATE EmbeddingSource SET name = 'x' WHERE name = NEW.name"),
    "elsewhere": trigger("AFTER INSERT", "EmbeddingSource", "UPDATE EmbeddingSource SET database = 'x.db'"),
}  # fmt: skip


@pytest.fixture(params=[True, False], ids=["foreign_keys", "no foreign_keys"])
def con(path: Path, request: pytest.FixtureRequest) -> Iterator[apsw.Connection]:
    """A host's own connection."""
    con = apsw.Connection(str(path))
    sqlclust.register(con)
    con.pragma("foreign_keys", request.param)
    yield con
    con.close()


def is_refused(con: apsw.Connection, *acts: Any) -> None:
    before, counts = foreign_rows_of(con), con.execute(COUNTS).fetchall()
    for act in acts:
        with pytest.raises((AlteredError, apsw.ConstraintError)):
            act()
        assert con.execute(COUNTS).fetchall() == counts
        assert not con.in_transaction
    assert foreign_rows_of(con) == before
    con.execute("DROP TRIGGER trap")
    assert con.execute("SELECT clust_fit('note')").get > 1  # and goes on


@pytest.mark.parametrize("case", ROWS)
def test_triggers_that_change_rows_of_a_source(con: apsw.Connection, case: str) -> None:
    sqlclust.source(con, "mine", table="note")
    con.execute(ROWS[case])
    is_refused(con, lambda: sqlclust.fit(con, "mine"), lambda: con.execute("SELECT clust_fit('mine')").fetchall())


@pytest.mark.parametrize("case", SOURCES)
def test_triggers_that_change_a_source(con: apsw.Connection, case: str) -> None:
    con.execute(SOURCES[case])
    is_refused(
        con,
        lambda: sqlclust.source(con, "mine", table="secret"),
        lambda: con.execute("SELECT clust_source('mine', '{\"table\": \"secret\"}')").fetchall(),
        lambda: con.execute("SELECT clust_fit('secret')").fetchall(),
    )


@pytest.mark.parametrize("how", ["ABORT", "FAIL", "ROLLBACK"])
@pytest.mark.parametrize("table", ["Embedding", "EmbeddingSource"])
def test_triggers_that_refuse(path: Path, table: str, how: str) -> None:
    con = sqlclust.connect(path)
    con.execute(trigger("BEFORE INSERT", table, f"SELECT raise({how}, 'the file says no')"))
    counts = con.execute(COUNTS).fetchall()
    with pytest.raises(apsw.ConstraintError, match="the file says no"):
        con.execute("SELECT clust_fit('secret')").fetchall()
    assert con.execute(COUNTS).fetchall() == counts
    con.close()
    assert fail("fit", path, "secret") == "the file says no"


# --- a host's own connection -------------------------------------------------------------------------------------


def test_a_connection_without_foreign_keys(tmp_path: Path) -> None:
    """All of a fit is there, and goes, as with them."""
    path = make(tmp_path / "notes.db")
    before = foreign_rows(path)
    con = apsw.Connection(str(path))
    sqlclust.register(con)
    con.pragma("foreign_keys", False)
    assert con.execute("SELECT clust_fit('note')").get == 1
    assert con.execute("SELECT clust_cut(1)").get == 2
    assert con.execute("SELECT count(*), count(label) FROM note_clusters").fetchall() == [(N, N)]
    assert con.execute("PRAGMA foreign_key_check").fetchall() == []
    assert sqlclust.delete_source(con, "note", results=True) == 2
    assert con.execute(COUNTS).fetchall()[0][3:] == (0, 0, 0)
    assert con.execute(COUNTS).fetchall()[0][:2] == (0, 0)
    assert foreign_rows_of(con) == before
    con.close()


def test_a_fit_inside_a_transaction_of_the_host(tmp_path: Path) -> None:
    path = make(tmp_path / "notes.db")
    con = sqlclust.connect(path)
    con.execute("BEGIN")
    with pytest.raises(SqlclustError, match="publishes in a transaction of its own"):
        sqlclust.fit(con, "note")
    assert con.in_transaction
    con.execute("ROLLBACK")
    assert has_nothing_of_ours(con)
    con.close()
