"""Upgrades that change tables: a trial version (tests/schemas/trial.py) is applied to files of every version there was."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import apsw
import pytest

import sqlclust
from sqlclust import schema
from sqlclust.bindings.apsw.database import ApswDatabase, database_of
from sqlclust.errors import (
    DatabaseFileError,
    SchemaConflictError,
    SchemaContentError,
    SchemaDamagedError,
    SchemaVersionError,
    SqliteError,
)
from sqlclust.schema import versions
from sqlclust.schema.checking import _shapes, expected_shapes
from tests.schemas import trial, version_1, version_2

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
OLD = {1: version_1, 2: version_2}
OBJECTS = "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat%' ORDER BY type, name"
LEDGER = "SELECT version, name FROM SqlclustMigration ORDER BY 1"
TABLES = (
    *("Run", "Invocation", "Embedding", "ClusteringFit", "ClusteringResult"),
    *("Cluster", "EmbeddingCluster", "EmbeddingPrediction"),
)
FIT = (
    "INSERT INTO ClusteringFit (embedding_model, selection, metric, normalize, min_samples, alpha, engine, n, n_distinct, "
    "dimension, corpus_hash, versions, timings) SELECT embedding_model, selection, metric, normalize, min_samples, alpha, "
    "'sharded', n, n_distinct, dimension, corpus_hash, versions, timings FROM ClusteringFit"
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    folder = tmp_path_factory.mktemp("old")
    for number, fixture in OLD.items():
        fixture.make(folder / f"{number}.db")
    return {number: folder / f"{number}.db" for number in OLD}


@pytest.fixture(params=OLD)
def old(made: dict[int, Path], tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A file of each older version."""
    return Path(shutil.copy(made[request.param], tmp_path / "old.db"))


@pytest.fixture
def one(made: dict[int, Path], tmp_path: Path) -> Path:
    """A file of the last version."""
    return Path(shutil.copy(made[max(OLD)], tmp_path / "one.db"))


@pytest.fixture
def newest(monkeypatch: pytest.MonkeyPatch) -> None:
    trial.register(monkeypatch.setattr)


def state(path: Path) -> tuple[Any, ...]:
    """All that an upgrade that fails must leave: texts, ledger and rows."""
    con = apsw.Connection(str(path))
    try:
        rows = {name: con.execute(f"SELECT * FROM {name} ORDER BY 1, 2, 3").fetchall() for name in TABLES}
        assert con.pragma("integrity_check") == "ok"
        return con.execute(OBJECTS).fetchall(), con.execute(LEDGER).fetchall(), rows
    finally:
        con.close()


def read(path: Path, sql: str) -> list[tuple[Any, ...]]:
    con = apsw.Connection(str(path))
    try:
        return con.execute(sql).fetchall()
    finally:
        con.close()


def is_new(path: Path, before: tuple[Any, ...]) -> None:
    """The file is what a new file is, with the rows that were there."""
    fresh = apsw.Connection(":memory:")
    fresh.execute(trial.SQL)
    objects, ledger, rows = state(path)
    assert objects == fresh.execute(OBJECTS).fetchall()
    assert ledger == fresh.execute(LEDGER).fetchall()
    more: dict[str, tuple[Any, ...]] = {"ClusteringFit": (None,), "Embedding": (None,), "EmbeddingCluster": (7,)}
    for name, were in before[2].items():
        assert were, "the fixture has rows everywhere"
        assert rows[name] == [(*row, *more.get(name, ())) for row in were], name
    con = apsw.Connection(str(path))
    assert con.execute("PRAGMA foreign_key_check").fetchall() == []
    con.close()


def settings(con: apsw.Connection) -> tuple[Any, ...]:
    return con.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, -1), con.pragma("writable_schema"), con.pragma("foreign_keys")


# --- what comes out ----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("newest")
@pytest.mark.parametrize("journal", ["delete", "wal"])
@pytest.mark.parametrize("foreign_keys", [False, True])
@pytest.mark.parametrize("inside", [False, True], ids=["alone", "inside a transaction"])
@pytest.mark.parametrize("host", [False, True], ids=["our connection", "a host's"])
def test_an_altered_file_is_what_a_new_file_is(
    old: Path, journal: str, foreign_keys: bool, inside: bool, host: bool
) -> None:
    before = state(old)
    con = apsw.Connection(str(old)) if host else sqlclust.connect(str(old))
    con.pragma("journal_mode", journal)
    con.pragma("foreign_keys", foreign_keys)
    were = settings(con)
    assert were[0] == (not host)
    if inside:
        con.execute("BEGIN; INSERT INTO Run (id) VALUES ('mine')")
    assert sqlclust.initialize(con) is True
    assert settings(con) == were
    assert con.in_transaction == inside
    con.execute(FIT)  # the connection has the new CHECK already
    con.execute("DELETE FROM ClusteringFit WHERE engine = 'sharded'; DELETE FROM Run WHERE id = 'mine'")
    con.execute("UPDATE sqlite_sequence SET seq = 1 WHERE name = 'ClusteringFit'")
    if inside:
        con.execute("COMMIT")
    assert sqlclust.initialize(con) is False
    con.close()
    is_new(old, before)
    con = apsw.Connection(str(old))
    con.execute("VACUUM")
    con.close()
    is_new(old, before)


@pytest.mark.usefixtures("newest")
def test_what_the_new_texts_ask_for_holds(one: Path) -> None:
    con = sqlclust.connect(str(one))
    sqlclust.initialize(con)
    for statement, reason in {
        "UPDATE ClusteringFit SET engine = 'none'": "CHECK",
        "UPDATE ClusteringFit SET updated_from = id": "CHECK",
        "UPDATE ClusteringFit SET updated_from = 99": "FOREIGN KEY",
        "UPDATE Run SET initial_prompt = 'forbidden'": "CHECK",
        "UPDATE EmbeddingCluster SET rank = NULL": "NOT NULL",
        "INSERT INTO EmbeddingPrediction SELECT clustering_result_id, embedding_id, 0, 1, 'now' FROM EmbeddingCluster":
            "a member is not predicted",
        "INSERT INTO EmbeddingSource VALUES ('s', 'x'); DELETE FROM EmbeddingSource": "a source stays",
    }.items():  # fmt: skip
        with pytest.raises(apsw.ConstraintError, match=reason):
            con.execute(statement)
    con.execute("INSERT INTO Embedding (id, embedding_model, item_id) VALUES ('thin', 'demo', 5)")
    assert con.execute("SELECT DISTINCT more FROM ClusterSummary").get == 1
    assert con.execute("SELECT n FROM SourceSummary").get == 1
    con.close()


@pytest.mark.usefixtures("newest")
def test_the_doctor_finds_nothing_in_an_altered_file(old: Path) -> None:
    con = sqlclust.connect(str(old))
    before = {finding.finding for finding in sqlclust.doctor(con).findings} - {"older-schema"}
    sqlclust.initialize(con)
    assert {finding.finding for finding in sqlclust.doctor(con).findings} == before
    con.close()


@pytest.mark.usefixtures("newest")
def test_columns_of_the_hosts_own_stay(one: Path) -> None:
    con = sqlclust.connect(str(one))
    con.execute("""
        ALTER TABLE ClusteringFit ADD COLUMN "a ""note"", (b)" TEXT DEFAULT 'x,)' CHECK (length("a ""note"", (b)") > 0);
        ALTER TABLE EmbeddingCluster ADD COLUMN note TEXT; UPDATE EmbeddingCluster SET note = label;
        ALTER TABLE Embedding ADD COLUMN [x y] INTEGER AS (length(vector))
    """)
    lengths = con.execute("SELECT [x y] FROM Embedding").fetchall()
    assert sqlclust.initialize(con)
    assert con.execute("SELECT DISTINCT note = label, rank FROM EmbeddingCluster").fetchall() == [(1, 7)]
    assert con.execute("SELECT [x y] FROM Embedding").fetchall() == lengths
    assert con.execute("""SELECT DISTINCT "a ""note"", (b)", updated_from FROM ClusteringFit""").fetchall() == [
        ("x,)", None)
    ]  # fmt: skip
    con.execute(FIT)
    assert con.pragma("integrity_check") == "ok"
    schema.check(database_of(con))
    assert {finding.finding for finding in sqlclust.doctor(con).findings} - {"stale-result"} == {"more-columns"}
    con.close()


# --- older and newer programs ------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", OLD)
def test_what_an_older_file_must_have_is_what_its_schema_made(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Derived from the migrations; compared with the text that the version had."""
    con = apsw.Connection(":memory:")
    con.execute(OLD[number].SQL)
    for newer in (False, True):
        if newer:
            trial.register(monkeypatch.setattr)
        database = database_of(con)
        schema.check(database)
        expected = expected_shapes(database, number)
        with monkeypatch.context() as then:
            then.setattr("sqlclust.schema.versions.schema_sql", lambda: OLD[number].SQL)
            made = _shapes(database)
        assert {name: (s.kind, s.strict, {*s.columns}) for name, s in expected.items()} == {
            name: (s.kind, s.strict, {*s.columns}) for name, s in made.items()
        }


@pytest.mark.usefixtures("newest")
def test_an_older_file_is_read_as_it_is(old: Path) -> None:
    before = state(old)
    con = sqlclust.connect(str(old))
    schema.check(database_of(con))
    assert con.execute("SELECT count(*) FROM clust_labels(1)").get == 40
    con.execute("SELECT * FROM clust_doctor()").fetchall()
    con.execute("DROP VIEW ClusterSummary; CREATE VIEW ClusterSummary AS SELECT 1 AS clustering_result_id")
    with pytest.raises(SchemaDamagedError, match="view ClusterSummary has no column label"):
        schema.check(database_of(con))
    con.close()
    con = apsw.Connection(str(old))
    [view] = [row[3] for row in before[0] if row[1] == "ClusterSummary"]
    con.execute(f"DROP VIEW ClusterSummary; {view}")
    con.close()
    assert state(old) == before


def test_a_program_of_before_refuses_an_altered_file(one: Path) -> None:
    with pytest.MonkeyPatch.context() as newer:
        trial.register(newer.setattr)
        con = sqlclust.connect(str(one))
        sqlclust.initialize(con)
        con.close()
    con = sqlclust.connect(str(one))
    for attempt in (schema.check, schema.initialize):
        with pytest.raises(SchemaVersionError):
            attempt(database_of(con))
    con.close()


# --- whole or not at all -----------------------------------------------------------------------------------------


class Failing:
    """Lets the n-th statement of a connection fail, before it runs or after."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, con: apsw.Connection) -> None:
        self.at, self.after, self.error, self.done = 0, False, BaseException(), [""]
        for name in ("run", "rows"):
            monkeypatch.setattr(ApswDatabase, name, self._wrapped(getattr(ApswDatabase, name), con))

    def _wrapped(self, original: Any, con: apsw.Connection) -> Any:
        def counted(database: ApswDatabase, sql: str, bindings: Any = None) -> Any:
            if database.connection is not con:
                return original(database, sql, bindings)
            self.done.append(sql)
            number = len(self.done) - 1
            if number == self.at and not self.after:
                raise self.error
            result = original(database, sql, bindings)
            if number != self.at:
                return result
            if result is None:
                raise self.error
            return self._afterwards(result)

        return counted

    @contextmanager
    def _afterwards(self, rows: Any) -> Iterator[Any]:
        with rows as found:
            yield found
        raise self.error


@pytest.mark.usefixtures("newest")
@pytest.mark.parametrize("inside", [False, True], ids=["alone", "inside a transaction"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), SqliteError("made up")], ids=["Ctrl-C", "an error"])
def test_a_failure_at_every_statement(
    one: Path, monkeypatch: pytest.MonkeyPatch, inside: bool, after: bool, error: BaseException
) -> None:
    before = state(one)
    con = sqlclust.connect(str(one))
    upgraded = apsw.Connection(str(shutil.copy(one, one.with_name("first.db"))))
    sqlclust.initialize(upgraded)  # what is looked at once in memory is not looked at again
    upgraded.close()
    were = settings(con)
    failing = Failing(monkeypatch, con)
    failing.error, failing.after = error, after
    failed = 0
    for number in range(1, 200):
        failing.at, failing.done = number, [""]
        if inside:
            con.execute("BEGIN; INSERT INTO Run (id) VALUES ('mine')")
        with suppress(KeyboardInterrupt, SqliteError, DatabaseFileError):
            sqlclust.initialize(con)
        assert settings(con) == were, failing.done[number]
        assert con.in_transaction == inside
        struck = number < len(failing.done)
        committed = con.execute("SELECT max(version) FROM SqlclustMigration").get == trial.VERSION
        if inside:
            con.execute("ROLLBACK")
            committed = False
        if committed:
            break
        with pytest.raises(apsw.ConstraintError, match="CHECK"):  # by the connection itself
            con.execute(FIT)
        with pytest.raises(apsw.SQLError, match="no such column"):
            con.execute("SELECT item_id FROM Embedding")
        assert state(one) == before, failing.done[number]
        failed += struck
        if not struck:
            break
    assert failed > 20
    failing.at = 0
    sqlclust.initialize(con)
    con.close()
    is_new(one, before)


KILLED = """
import os, signal, sys
import apsw, sqlclust
from tests.schemas import trial
trial.register()
con = sqlclust.connect(sys.argv[1])
con.execute(f"PRAGMA journal_mode = {sys.argv[2]}")
con.execute("PRAGMA cache_size = 1")  # what is changed goes to the file before COMMIT
steps, at = [0], int(sys.argv[3])
def count(*_):
    steps[0] += 1
    if steps[0] == at:
        os.kill(os.getpid(), signal.SIGKILL)
    return True
con.trace_v2(apsw.SQLITE_TRACE_STMT, count)
sqlclust.initialize(con)
print(steps[0])
"""


@pytest.mark.parametrize("journal", ["DELETE", "WAL"])
def test_a_killed_alteration_is_whole_or_absent(made: dict[int, Path], tmp_path: Path, journal: str) -> None:
    before = state(made[2])

    def run(at: int) -> tuple[Path, str]:
        path = Path(shutil.copy(made[2], tmp_path / f"{at}.db"))
        ran = subprocess.run(
            [sys.executable, "-c", KILLED, str(path), journal, str(at)],
            capture_output=True, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert ran.returncode == (-signal.SIGKILL if at else 0), ran.stderr
        return path, ran.stdout

    path, steps = run(0)
    is_new(path, before)
    last = int(steps)
    for at in (last // 4, last // 3, last // 2, last * 2 // 3, last - 1, last):  # the last is COMMIT
        path, _ = run(at)
        assert state(path) == before, at


@pytest.mark.usefixtures("newest")
@pytest.mark.parametrize(
    ("spoil", "table", "reason"),
    [
        ("UPDATE Run SET initial_prompt = 'forbidden'", "Run", "CHECK constraint failed in Run"),
        ("UPDATE ClusteringFit SET seed = NULL", "ClusteringFit", "NULL value in ClusteringFit.seed"),
    ],
)
@pytest.mark.parametrize("inside", [False, True])
def test_rows_that_the_new_text_refuses(one: Path, spoil: str, table: str, reason: str, inside: bool) -> None:
    con = sqlclust.connect(str(one))
    if "NULL" in spoil:  # as a damaged file has it
        con.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 0)
        con.execute("PRAGMA writable_schema = ON")
        text = con.execute("SELECT sql FROM sqlite_schema WHERE name = 'ClusteringFit'").get
        update = "UPDATE sqlite_schema SET sql = ? WHERE name = 'ClusteringFit'"
        con.execute(update, (text.replace("seed            INTEGER NOT NULL", "seed            INTEGER"),))
        con.execute("PRAGMA writable_schema = RESET")
        con.execute(spoil)
        con.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    else:
        con.execute(spoil)
    objects = con.execute(OBJECTS).fetchall()
    were = settings(con)
    if inside:
        con.execute("BEGIN")
    with pytest.raises(SchemaContentError) as caught:
        sqlclust.initialize(con)
    assert (caught.value.table, caught.value.reason, caught.value.version) == (table, reason, 2)
    assert str(caught.value) == (
        f"{one} has rows in {table} that schema version {trial.VERSION} does not allow ({reason}); nothing was changed. The "
        f"file goes on working as schema version 2. To upgrade it, mend the rows and run: sqlclust init {one}"
    )
    assert isinstance(caught.value, SchemaConflictError)  # commands that write warn and go on
    assert con.in_transaction == inside
    assert settings(con) == were
    assert con.execute(OBJECTS).fetchall() == objects
    schema.check(database_of(con))
    con.close()


@pytest.mark.usefixtures("newest")
def test_orphans_that_were_there_do_not_hold_it_up(one: Path) -> None:
    con = apsw.Connection(str(one))
    con.execute("UPDATE Embedding SET invocation_id = 'gone' WHERE id = 1001")
    assert sqlclust.initialize(con)
    con.close()


@pytest.mark.usefixtures("newest")
def test_a_new_column_that_the_host_has_already(one: Path) -> None:
    con = sqlclust.connect(str(one))
    con.execute("ALTER TABLE Embedding ADD COLUMN item_id TEXT")
    con.close()
    before = state(one)
    con = sqlclust.connect(str(one))
    with pytest.raises(SchemaConflictError, match=r"already has column Embedding\.item_id of another program"):
        sqlclust.initialize(con)
    con.close()
    assert state(one) == before


@pytest.mark.usefixtures("newest")
def test_a_new_column_in_the_middle_is_refused(one: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake of ours, which would read every row's values in the wrong columns."""
    before = state(one)
    text = trial.SQL.replace(
        "    embedding_model TEXT NOT NULL CHECK", "    early TEXT,\n    embedding_model TEXT NOT NULL CHECK"
    )
    steps = (*trial.MIGRATION.steps, versions.AddColumn("Embedding", "early"))
    monkeypatch.setattr("sqlclust.schema.versions.schema_sql", lambda: text)
    monkeypatch.setattr(versions, "MIGRATIONS", (*schema.MIGRATIONS, trial.MIGRATION._replace(steps=steps)))
    con = sqlclust.connect(str(one))
    with pytest.raises((SchemaDamagedError, SchemaContentError)):
        sqlclust.initialize(con)
    con.close()
    assert state(one) == before


@pytest.mark.usefixtures("newest")
def test_a_file_for_reading_only_is_left(one: Path) -> None:
    before = state(one)
    con = sqlclust.connect(str(one), readonly=True)
    were = settings(con)
    schema.check(database_of(con))
    with pytest.raises(DatabaseFileError, match="needs a writable file"):
        sqlclust.initialize(con)
    assert settings(con) == were
    con.close()
    assert state(one) == before


# --- others meanwhile --------------------------------------------------------------------------------------------


@pytest.fixture
def others(one: Path) -> Iterator[tuple[apsw.Connection, apsw.Connection]]:
    reader, writer = apsw.Connection(str(one)), apsw.Connection(str(one))
    yield reader, writer
    reader.close()
    writer.close()


@pytest.mark.usefixtures("newest")
def test_others_see_all_or_nothing(one: Path, others: tuple[apsw.Connection, apsw.Connection]) -> None:
    before = state(one)
    con = sqlclust.connect(str(one))
    con.pragma("journal_mode", "wal")
    reader, writer = others
    engine = "UPDATE ClusteringFit SET engine = 'sharded'"
    reader.execute("BEGIN; SELECT count(*) FROM ClusterSummary").fetchall()
    with pytest.raises(apsw.ConstraintError, match="CHECK"):
        writer.execute(engine)
    con.execute("BEGIN")
    assert sqlclust.initialize(con)
    with pytest.raises(apsw.SQLError, match="no such column"):
        reader.execute("SELECT item_id FROM Embedding")
    with pytest.raises(apsw.BusyError):
        writer.execute("INSERT INTO Run (id) VALUES ('busy')")
    con.execute("COMMIT")
    with pytest.raises(apsw.SQLError, match="no such column"):  # its transaction goes on
        reader.execute("SELECT item_id FROM Embedding")
    reader.execute("COMMIT")
    for each in others:
        assert each.execute("SELECT DISTINCT item_id FROM Embedding").fetchall() == [(None,)]
        each.execute(f"SAVEPOINT a; {engine}; ROLLBACK TO a; RELEASE a")  # a statement prepared before
    con.close()
    for each in others:
        each.close()
    is_new(one, before)


@pytest.mark.usefixtures("newest")
@pytest.mark.parametrize("index", [False, True], ids=["no index", "an index is replaced"])
def test_statements_of_the_connection_go_on(one: Path, monkeypatch: pytest.MonkeyPatch, index: bool) -> None:
    """Those prepared before, and a running one; only an index is not dropped while a statement reads, SQLite says."""
    if not index:
        steps = tuple(step for step in trial.MIGRATION.steps if step != versions.Replace("ClusteringFit_corpus"))
        monkeypatch.setattr(versions, "MIGRATIONS", (*versions.MIGRATIONS[:-1], trial.MIGRATION._replace(steps=steps)))
    con = sqlclust.connect(str(one))
    running = con.execute("SELECT id FROM Embedding")
    first = next(iter(running))
    again = con.cursor()
    fits = "SELECT count(*), max(engine) FROM ClusteringFit"
    assert again.execute(fits).get == (1, "exact")
    objects = read(one, OBJECTS)
    if index:
        with pytest.raises(DatabaseFileError, match="needs a table that another statement is using"):
            sqlclust.initialize(con)
        assert read(one, OBJECTS) == objects
    else:
        assert sqlclust.initialize(con)
        assert len([first, *running]) == con.execute("SELECT count(*) FROM Embedding").get
    assert again.execute(fits).get == (1, "exact")
    con.close()
