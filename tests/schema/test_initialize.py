"""Making our tables, where they may be made."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import apsw
import pytest

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.errors import SchemaConflictError, SchemaMissingError, SchemaVersionError, SQLiteVersionError
from sqlclust.schema import MIGRATIONS, VERSION, check, initialize, object_names, schema_sql, version
from tests.schema.plain import (
    ROOT,
)


def test_initialize_is_idempotent_and_leaves_the_hosts_numbers_alone(tmp_path: Path) -> None:
    con = apsw.Connection(str(tmp_path / "host.db"))
    con.execute(
        "PRAGMA user_version = 41; PRAGMA application_id = 1234; CREATE TABLE hosts (a); INSERT INTO hosts VALUES (1)"
    )
    settings = ("foreign_keys", "trusted_schema", "journal_mode", "busy_timeout", "synchronous", "recursive_triggers")
    before = [con.pragma(name) for name in settings]
    assert sqlclust.initialize(con) is True
    schema = con.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY name").fetchall()
    assert sqlclust.initialize(con) is False
    assert con.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY name").fetchall() == schema
    assert (con.pragma("user_version"), con.pragma("application_id")) == (41, 1234)
    assert [con.pragma(name) for name in settings] == before
    assert con.execute("SELECT version, name FROM SqlclustMigration").fetchall() == [
        (1, "schema.sql"),
        *((number, name) for number, name, _ in MIGRATIONS),
    ]
    assert con.execute("SELECT a FROM hosts").get == 1
    con.close()


def test_initialize_inside_a_transaction_of_the_caller() -> None:
    con = apsw.Connection(":memory:")
    con.execute("BEGIN; CREATE TABLE mine (a)")
    assert sqlclust.initialize(con) is True
    assert con.in_transaction
    con.execute("ROLLBACK")
    assert version(database_of(con)) is None
    assert con.execute("SELECT count(*) FROM sqlite_schema").get == 0
    assert sqlclust.initialize(con) is True


@pytest.mark.parametrize(
    ("ddl", "names"),
    [
        ("CREATE TABLE embedding (id CHAR(32), vector BLOB)", ["table embedding"]),
        ("CREATE TABLE RUN (a); CREATE VIEW clusterSummary AS SELECT 1; CREATE TABLE other (a)",
         ["table RUN", "view clusterSummary"]),
        ("CREATE TABLE SqlclustMigration (other TEXT)", ["table SqlclustMigration"]),
        ("CREATE TABLE SqlclustMigration (version INTEGER)", ["table SqlclustMigration"]),
        ("CREATE TABLE other (a); CREATE INDEX EmbeddingCluster_member ON other (a)", ["index EmbeddingCluster_member"]),
        ("CREATE TABLE other (a); CREATE INDEX cluster ON other (a)", ["index cluster"]),
    ],
    ids=["one", "case and views", "the ledger", "an empty ledger", "an index", "an index of a table's name"],
)  # fmt: skip
def test_foreign_objects_of_our_names_are_a_conflict(tmp_path: Path, ddl: str, names: list[str]) -> None:
    path = str(tmp_path / "theirs.db")
    con = apsw.Connection(path)
    con.execute(ddl)
    before = con.execute("SELECT name, sql FROM sqlite_schema").fetchall()
    for attempt in (initialize, check):
        with pytest.raises(SchemaConflictError) as caught:
            attempt(database_of(con))
        assert caught.value.names == tuple(names)
        assert str(caught.value) == (
            f"{path} already has {', '.join(names)} of another program, and sqlclust needs those names; nothing was changed. "
            "Make a new file with sqlclust init, ATTACH this one to it and copy the rows"
        )
    assert con.execute("SELECT name, sql FROM sqlite_schema").fetchall() == before
    assert not con.in_transaction
    con.close()


def test_a_newer_file_is_refused(con: apsw.Connection) -> None:
    con.execute("INSERT INTO SqlclustMigration (version, name) VALUES (99, 'from the future')")
    for attempt in (initialize, check):
        with pytest.raises(SchemaVersionError) as caught:
            attempt(database_of(con))
        assert str(caught.value) == (
            f"this database has schema version 99, and this sqlclust knows {VERSION} at most; upgrade sqlclust"
        )
    assert con.execute("SELECT count(*) FROM SqlclustMigration").get == VERSION + 1


def test_a_file_without_our_tables_says_what_to_do(tmp_path: Path) -> None:
    path = str(tmp_path / "empty.db")
    con = sqlclust.connect(path)
    with pytest.raises(SchemaMissingError) as caught:
        sqlclust.fit(con, "demo")
    assert str(caught.value) == f"{path} has no sqlclust tables; run: sqlclust init {path}"
    con.close()


def test_a_failing_initialize_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    con = apsw.Connection(":memory:")
    object_names(database_of(con))
    monkeypatch.setattr("sqlclust.schema.versions.schema_sql", lambda: schema_sql() + "CREATE TABLE Run (again);")
    with pytest.raises(apsw.SQLError, match="already exists"):
        sqlclust.initialize(con)
    assert con.execute("SELECT count(*) FROM sqlite_schema").get == 0
    assert not con.in_transaction


def test_an_old_sqlite_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    con = apsw.Connection(":memory:")
    monkeypatch.setattr("apsw.sqlite_lib_version", lambda: "3.37.2")
    with pytest.raises(
        SQLiteVersionError, match=r"^this is SQLite 3\.37\.2, and sqlclust's tables need 3\.38 or newer; nothing"
    ):
        sqlclust.initialize(con)
    assert con.execute("SELECT count(*) FROM sqlite_schema").get == 0
    monkeypatch.setattr("apsw.sqlite_lib_version", lambda: "3.38.0")
    assert sqlclust.initialize(con)


INITIALIZE = """
import sys, time, sqlclust
con = sqlclust.connect(sys.argv[1])
time.sleep(max(0, float(sys.argv[2]) - time.time()))
print(sqlclust.initialize(con))
"""


@pytest.mark.slow
def test_two_processes_initialize_at_once(tmp_path: Path) -> None:
    import time

    path = str(tmp_path / "both.db")
    start = str(time.time() + 1.0)
    processes = [
        subprocess.Popen([sys.executable, "-c", INITIALIZE, path, start], stdout=subprocess.PIPE, text=True, cwd=ROOT)
        for _ in range(2)
    ]
    assert sorted(process.communicate()[0] for process in processes) == ["False\n", "True\n"]
    con = sqlclust.connect(path)
    assert version(database_of(con)) == VERSION
    con.close()
