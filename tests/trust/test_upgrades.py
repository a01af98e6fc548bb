"""Files of the first released schema (tests/schemas/version_1.py): they open, are upgraded whole or not at all, and are then
what a new file is; and files of a later version are refused everywhere.
"""

from __future__ import annotations

import hashlib
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.errors import LockedError, SchemaConflictError
from sqlclust.schema import VERSION, schema_sql, upgrading, version, versions
from sqlclust.schema.new_file import Made, objects
from tests.cli.terminal import Ran, run, succeed
from tests.schemas.old import OLD
from tests.trust.version_1_files import (
    OBJECTS,
    PREDICTION,
    ROOT,
    TABLES,
    content,
    hashed,
    read,
    upgrade,
    whole_version_1,
)

pytestmark = pytest.mark.slow


# --- released texts ---------------------------------------------------------------------------------------


FROZEN = {
    1: "78f1f046ae9adcaa8a5779a079e16461a441277d49074c6e31a175a8267f17c4",
    2: "77002e974e0a84c9b7a490423bd8c2d8063402122df5af35a646bdd4dea45765",
}


def test_released_schemas_are_frozen() -> None:
    assert {number: hashlib.sha256(old.SQL.encode()).hexdigest() for number, old in OLD.items()} == FROZEN


def test_a_released_version_is_not_changed() -> None:
    """What schema.sql makes gets another text with a new version only."""
    if VERSION not in OLD:
        pytest.skip("the newest version is not released")
    made = []
    for text in (schema_sql(), OLD[VERSION].SQL):
        con = apsw.Connection(":memory:")
        con.execute(text)
        made.append(con.execute(OBJECTS).fetchall())
    assert made[0] == made[1]


# --- an upgrade --------------------------------------------------------------------------------------------------


def test_an_upgraded_file_is_what_a_new_file_is(old: Path, tmp_path: Path) -> None:
    before = content(old)
    assert all(before[table] for table in TABLES), "the fixture has rows everywhere"
    assert read(old, "PRAGMA user_version", "PRAGMA application_id") == [[(0,)], [(0,)]]
    assert upgrade(old) is True
    new = tmp_path / "new.db"
    assert upgrade(new) is True
    ledger = "SELECT version, name FROM SqlclustMigration ORDER BY 1"
    assert read(old, OBJECTS, ledger, "PRAGMA user_version", "PRAGMA application_id") == (
        read(new, OBJECTS, ledger, "PRAGMA user_version", "PRAGMA application_id")
    )
    assert content(old) == before
    assert read(old, "PRAGMA integrity_check", "PRAGMA foreign_key_check") == [[("ok",)], []]
    assert upgrade(old) is False


def test_no_table_is_touched(old: Path) -> None:
    tables = "SELECT name, rootpage, sql FROM sqlite_schema WHERE rootpage > 0 ORDER BY 1"
    before = read(old, tables)
    [[(pages,)]] = read(old, "PRAGMA page_count")
    upgrade(old)
    assert read(old, tables) == before
    assert read(old, "PRAGMA page_count")[0][0][0] <= pages + 1  # the view's text


def test_noise_that_another_program_gave_a_strength_stays(old: Path) -> None:
    con = apsw.Connection(str(old))
    con.execute("UPDATE EmbeddingCluster SET probability = 0.5 WHERE embedding_id = 'o3'")
    con.execute(f"{PREDICTION} VALUES (7, 'o9', -1, 0.25)")
    con.close()
    before = content(old)
    assert upgrade(old)
    assert content(old) == before


def test_what_version_2_adds(old: Path) -> None:
    other = apsw.Connection(str(old))
    view = "SELECT * FROM EmbeddingModelSummary ORDER BY 1"
    with pytest.raises(apsw.SQLError, match="no such table"):
        other.execute(view)
    assert upgrade(old)
    assert other.execute(view).fetchall() == [("demo", 60, 8, 1, 2, 2), ("other", 40, 8, 0, 1, 7)]
    other.close()


def test_a_column_of_the_hosts_own_stays(old: Path) -> None:
    con = apsw.Connection(str(old))
    con.execute("ALTER TABLE EmbeddingCluster ADD COLUMN note TEXT; UPDATE EmbeddingCluster SET note = 'mine'")
    con.close()
    assert upgrade(old)
    assert read(old, "SELECT DISTINCT note FROM EmbeddingCluster", "PRAGMA integrity_check") == [[("mine",)], [("ok",)]]


TAKEN = {
    "a view": ("CREATE VIEW EmbeddingModelSummary AS SELECT 1 AS mine", "view EmbeddingModelSummary"),
    "a table": ("CREATE TABLE embeddingmodelsummary (mine)", "table embeddingmodelsummary"),
    "an index": ("CREATE INDEX EmbeddingModelSummary ON Run (created_at)", "index EmbeddingModelSummary"),
}


@pytest.mark.parametrize("ddl", TAKEN)
def test_a_name_of_version_2_that_the_host_has_taken(
    old: Path, tmp_path: Path, ddl: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It stays a file of version 1, which goes on working; init and Python say why, commands that write warn."""
    statement, name = TAKEN[ddl]
    con = apsw.Connection(str(old))
    con.execute(statement)
    con.close()
    before = hashed(old)
    with pytest.raises(SchemaConflictError) as caught:
        upgrade(old)
    assert (caught.value.names, caught.value.version) == ((name,), 1)
    assert str(caught.value) == (
        f"{old} already has {name} of another program, and sqlclust needs those names; nothing was changed. The file goes on "
        f"working as schema version 1. To upgrade it, give what has the name another one and run: sqlclust init {old}"
    )
    assert run("init", old) == Ran(1, "", f"Error: {caught.value}\n")
    assert hashed(old) == before
    succeed("show", old, 1)
    assert hashed(old) == before
    assert caplog.messages == []
    ran = run("delete", old, 7, "--yes")
    assert (ran.code, ran.err) == (0, f"Warning: {caught.value}\n")
    assert caplog.messages == [str(caught.value)]
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"id": "new", "vector": [1, 0, 0, 0, 0, 0, 0, 0]}\n', encoding="utf-8")
    ran = run("load", old, rows, "--model", "demo")
    assert (ran.code, ran.err.count(f"Warning: {caught.value}\n")) == (0, 1)
    assert caplog.messages == [str(caught.value)] * 2
    assert read(old, "SELECT max(version) FROM SqlclustMigration", "SELECT count(*) FROM ClusteringResult") == [
        [(1,)],
        [(2,)],
    ]
    assert read(old, "SELECT count(*) FROM Embedding WHERE id = 'new'", "PRAGMA integrity_check") == [[(1,)], [("ok",)]]
    con = apsw.Connection(str(old))
    con.execute(f"DROP {name}")
    con.close()
    assert succeed("init", old) == f"{old} upgraded from schema version 1 to {VERSION}\n"


# --- whole or not at all -----------------------------------------------------------------------------------------


def breaking_sql(monkeypatch: pytest.MonkeyPatch) -> type[BaseException]:
    made = Made(
        "view", "EmbeddingModelSummary", "CREATE VIEW EmbeddingModelSummary AS SELECT 1; CREATE VIEW more AS SELECT ("
    )
    changed = {made.name.lower(): made}
    monkeypatch.setattr("sqlclust.schema.upgrading.objects", lambda database: objects(database) | changed)
    return apsw.SQLError


def failing_ledger(monkeypatch: pytest.MonkeyPatch) -> type[BaseException]:
    monkeypatch.setattr(
        versions, "MIGRATIONS", tuple((number, None, steps) for number, _, steps in versions.MIGRATIONS)
    )
    return apsw.ConstraintError


def failing_step(monkeypatch: pytest.MonkeyPatch) -> type[BaseException]:
    create = upgrading._create

    def stop(*arguments: Any) -> None:
        create(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr("sqlclust.schema.upgrading._create", stop)
    return KeyboardInterrupt


@pytest.mark.parametrize("fault", [breaking_sql, failing_ledger, failing_step])
@pytest.mark.parametrize("inside", [False, True], ids=["alone", "inside a transaction"])
def test_a_failing_upgrade_leaves_version_1_whole(
    old: Path, fault: Callable[[pytest.MonkeyPatch], type[BaseException]], inside: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = content(old)
    con = sqlclust.connect(str(old))
    if inside:
        con.execute("BEGIN")
    with monkeypatch.context() as faulty, pytest.raises(fault(faulty)):
        sqlclust.initialize(con)
    assert con.in_transaction == inside
    if inside:
        con.execute("COMMIT")
    # the connection goes on working, and the next try succeeds
    assert version(database_of(con)) == 1
    con.execute(f"{PREDICTION} VALUES (7, 'o9', -1, 0.25)")
    con.execute("DELETE FROM EmbeddingPrediction WHERE embedding_id = 'o9'")
    whole_version_1(old)
    assert content(old) == before
    assert sqlclust.initialize(con)
    con.close()


KILLED = """
import os, signal, sys
import apsw, sqlclust
con = sqlclust.connect(sys.argv[1])
con.execute(f"PRAGMA journal_mode = {sys.argv[2]}")
con.execute("PRAGMA cache_size = 1")  # what is changed goes to the file before COMMIT
steps, at = [0], int(sys.argv[3])
def count(*_):
    steps[0] += 1
    if steps[0] == at:
        os.kill(os.getpid(), signal.SIGKILL)
    return True
con.trace_v2(apsw.SQLITE_TRACE_STMT | apsw.SQLITE_TRACE_PROFILE, count)  # before and after each statement
sqlclust.initialize(con)
print(steps[0])
"""


@pytest.mark.parametrize("journal", ["DELETE", "WAL"])
def test_a_killed_upgrade_leaves_version_1_or_2_whole(made: Path, tmp_path: Path, journal: str) -> None:
    before = content(made)
    seen: list[int] = []
    for at in (8, 15, 16, 18, 19, 20, 0):  # 19 is before COMMIT
        path = Path(shutil.copy(made, tmp_path / f"{at}.db"))
        ran = subprocess.run(
            [sys.executable, "-c", KILLED, str(path), journal, str(at)], capture_output=True, text=True, cwd=ROOT
        )
        assert ran.returncode == (-signal.SIGKILL if at else 0), ran.stderr
        con = sqlclust.connect(str(path))  # rolls back
        seen.append(version(database_of(con)) or 0)
        assert con.execute("PRAGMA integrity_check").get == "ok"
        con.close()
        if seen[-1] == 1:
            whole_version_1(path)
        assert content(path) == before
    assert seen == [1, 1, 1, 1, 1, 2, 2]


UPGRADE = """
import sys, time, sqlclust
con = sqlclust.connect(sys.argv[1])
time.sleep(max(0, float(sys.argv[2]) - time.time()))
print(sqlclust.initialize(con))
"""


def test_two_processes_upgrade_at_once(old: Path) -> None:
    before = content(old)
    start = str(time.time() + 1.0)
    processes = [
        subprocess.Popen([sys.executable, "-c", UPGRADE, str(old), start], stdout=subprocess.PIPE, text=True, cwd=ROOT)
        for _ in range(3)
    ]
    assert sorted(process.communicate()[0] for process in processes) == ["False\n", "False\n", "True\n"]
    assert read(old, "SELECT version FROM SqlclustMigration") == [[(1,), (2,)]]
    assert content(old) == before


def test_an_upgrade_waits_for_others_and_says_so(old: Path) -> None:
    con, other = sqlclust.connect(str(old)), apsw.Connection(str(old))
    con.set_busy_timeout(100)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LockedError, match=r"making the tables was given up and nothing was written"):
        sqlclust.initialize(con)
    assert version(database_of(con)) == 1
    other.execute("COMMIT")
    assert sqlclust.initialize(con)
    con.close()
    other.close()
