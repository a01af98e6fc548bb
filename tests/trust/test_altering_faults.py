"""Upgrades that change tables: what fails, is killed, or is read and written by others meanwhile."""

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
from sqlclust.bindings.apsw.database import ApswDatabase
from sqlclust.errors import DatabaseFileError, SqliteError
from sqlclust.schema import versions
from tests.schemas import trial
from tests.schemas.old import KNOWN
from tests.trust.altered import FIT, OBJECTS, is_new, read, settings, state
from tests.trust.version_1_files import ROOT

pytestmark = pytest.mark.slow


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
    last: Path, monkeypatch: pytest.MonkeyPatch, inside: bool, after: bool, error: BaseException
) -> None:
    before = state(last)
    con = sqlclust.connect(str(last))
    upgraded = apsw.Connection(str(shutil.copy(last, last.with_name("first.db"))))
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
            con.execute("SELECT tag FROM Embedding")
        assert state(last) == before, failing.done[number]
        failed += struck
        if not struck:
            break
    assert failed > 20
    failing.at = 0
    sqlclust.initialize(con)
    con.close()
    is_new(last, before)


KILLED = """
import os, signal, sys
import apsw, sqlclust
from tests.schemas import trial
from tests.schemas.old import KNOWN
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


@pytest.mark.parametrize(("number", "journal"), [(2, "DELETE"), (max(KNOWN), "WAL")])
def test_a_killed_alteration_is_whole_or_absent(
    old_files: dict[int, Path], tmp_path: Path, number: int, journal: str
) -> None:
    before = state(old_files[number])

    def run(at: int) -> tuple[Path, str]:
        path = Path(shutil.copy(old_files[number], tmp_path / f"{at}.db"))
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


# --- others meanwhile --------------------------------------------------------------------------------------------


@pytest.fixture
def others(last: Path) -> Iterator[tuple[apsw.Connection, apsw.Connection]]:
    reader, writer = apsw.Connection(str(last)), apsw.Connection(str(last))
    yield reader, writer
    reader.close()
    writer.close()


@pytest.mark.usefixtures("newest")
def test_others_see_all_or_nothing(last: Path, others: tuple[apsw.Connection, apsw.Connection]) -> None:
    before = state(last)
    con = sqlclust.connect(str(last))
    con.pragma("journal_mode", "wal")
    reader, writer = others
    update = "UPDATE ClusteringFit SET min_samples = 0"
    reader.execute("BEGIN; SELECT count(*) FROM ClusterSummary").fetchall()
    with pytest.raises(apsw.ConstraintError, match="CHECK"):
        writer.execute(update)
    con.execute("BEGIN")
    assert sqlclust.initialize(con)
    with pytest.raises(apsw.SQLError, match="no such column"):
        reader.execute("SELECT tag FROM Embedding")
    with pytest.raises(apsw.BusyError):
        writer.execute("INSERT INTO Run (id) VALUES ('busy')")
    con.execute("COMMIT")
    with pytest.raises(apsw.SQLError, match="no such column"):  # its transaction goes on
        reader.execute("SELECT tag FROM Embedding")
    reader.execute("COMMIT")
    for each in others:
        assert each.execute("SELECT DISTINCT tag FROM Embedding").fetchall() == [(None,)]
        each.execute(f"SAVEPOINT a; {update}; ROLLBACK TO a; RELEASE a")  # a statement prepared before
    con.close()
    for each in others:
        each.close()
    is_new(last, before)


@pytest.mark.usefixtures("newest")
@pytest.mark.parametrize("index", [False, True], ids=["no index", "an index is replaced"])
def test_statements_of_the_connection_go_on(last: Path, monkeypatch: pytest.MonkeyPatch, index: bool) -> None:
    """Those prepared before, and a running one; only an index is not dropped while a statement reads, SQLite says."""
    if not index:
        steps = tuple(step for step in trial.MIGRATION.steps if step != versions.Replace("ClusteringFit_corpus"))
        trial.register(monkeypatch.setattr, steps=steps)
    con = sqlclust.connect(str(last))
    running = con.execute("SELECT id FROM Embedding")
    first = next(iter(running))
    again = con.cursor()
    fits = "SELECT count(*), max(engine) FROM ClusteringFit"
    assert again.execute(fits).get == (2, "exact")
    objects = read(last, OBJECTS)
    if index:
        with pytest.raises(DatabaseFileError, match="needs a table that another statement is using"):
            sqlclust.initialize(con)
        assert read(last, OBJECTS) == objects
    else:
        assert sqlclust.initialize(con)
        assert len([first, *running]) == con.execute("SELECT count(*) FROM Embedding").get
    assert again.execute(fits).get == (2, "exact")
    con.close()


def test_others_hear_of_a_change_that_is_a_text_alone(last: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is created, which would make others read the schema again anyhow."""
    text = versions.schema_sql().replace("(min_samples >= 1)", "(min_samples >= 0)")
    trial.register(monkeypatch.setattr, text, (versions.ChangeTable("ClusteringFit"),))
    con, other = sqlclust.connect(str(last)), apsw.Connection(str(last))
    with pytest.raises(apsw.ConstraintError, match="CHECK"):
        other.execute(FIT)
    con.execute("BEGIN")
    assert sqlclust.initialize(con)
    con.execute("ROLLBACK")
    with pytest.raises(apsw.ConstraintError, match="CHECK"):
        con.execute(FIT)
    assert sqlclust.initialize(con)
    other.execute(FIT)
    con.close()
    other.close()
