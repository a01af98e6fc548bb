"""Files of the first released schema (tests/schemas/version_1.py): they open, are upgraded whole or not at all, and are then
what a new file is; and files of a later version are refused everywhere.
"""

from __future__ import annotations

import hashlib
import re
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
from sqlclust.errors import DatabaseFileError, LockedError, SchemaConflictError, SchemaVersionError
from sqlclust.schema import VERSION, upgrading, version, versions
from sqlclust.schema.new_file import Made
from tests.cli.terminal import Ran, run, succeed
from tests.schemas import version_1
from tests.trust.unwritable import commands

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
OBJECTS = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name"
TABLES = (
    *("Run", "Invocation", "Embedding", "ClusteringFit", "ClusteringResult"),
    *("Cluster", "EmbeddingCluster", "EmbeddingPrediction"),
)
VIEWS = re.findall(r"CREATE VIEW (\w+)", version_1.SQL)
PREDICTION = "INSERT INTO EmbeddingPrediction (clustering_result_id, embedding_id, label, probability)"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("version_1") / "old.db"
    version_1.make(path)
    return path


@pytest.fixture
def old(made: Path, tmp_path: Path) -> Path:
    """A file of version 1."""
    return Path(shutil.copy(made, tmp_path / "old.db"))


def hashed(path: Path) -> str:
    assert not path.with_name(path.name + "-wal").exists()
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read(path: Path, *statements: str) -> list[list[tuple[Any, ...]]]:
    con = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return [con.execute(statement).fetchall() for statement in statements]
    finally:
        con.close()


def content(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table and of the views of version 1, the ledger excepted."""
    names = [*TABLES, *VIEWS]
    return {
        name: sorted(rows, key=repr)
        for name, rows in zip(names, read(path, *(f"SELECT * FROM {name}" for name in names)), strict=True)
    }


def upgrade(path: Path) -> bool:
    con = sqlclust.connect(str(path))
    try:
        return sqlclust.initialize(con)
    finally:
        con.close()


def whole_version_1(path: Path) -> None:
    fresh = apsw.Connection(":memory:")
    fresh.execute(version_1.SQL)
    objects, ledger, [(integrity,)] = read(
        path, OBJECTS, "SELECT version, name FROM SqlclustMigration", "PRAGMA integrity_check"
    )
    assert [row for row in objects if not row[1].startswith("sqlite_stat")] == fresh.execute(OBJECTS).fetchall()
    assert ledger == [(1, "schema.sql")]
    assert integrity == "ok"


# --- the text of version 1 ---------------------------------------------------------------------------------------


def test_the_first_released_schema_is_frozen() -> None:
    text = version_1.SQL.encode()
    assert hashlib.sha256(text).hexdigest() == "78f1f046ae9adcaa8a5779a079e16461a441277d49074c6e31a175a8267f17c4"


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
    monkeypatch.setattr("sqlclust.schema.upgrading.objects", lambda _: {made.name.lower(): made})
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


# --- when --------------------------------------------------------------------------------------------------------


def test_init_says_what_it_did(old: Path) -> None:
    assert succeed("init", old) == f"{old} upgraded from schema version 1 to {VERSION}\n"
    assert succeed("init", old) == f"{old} has the tables already; nothing was changed\n"


READING = {
    "list": ("list",),
    "show": ("show", "1"),
    "compare": ("compare", "1", "2"),
    "sweep": ("sweep", "1", "--min-cluster-size", "4,5"),
    "predict": ("predict", "1"),
    "query": ("query", "SELECT * FROM ClusteringSummary", "--readonly"),
}


@pytest.mark.parametrize("name", READING)
def test_reading_needs_no_upgrade(old: Path, tmp_path: Path, name: str) -> None:
    """The same output as of an upgraded file, and the file is not touched."""
    new = Path(shutil.copy(old, tmp_path / "new.db"))
    assert upgrade(new)
    command, *arguments = READING[name]
    before = hashed(old)
    out = succeed(command, old, *arguments)
    assert out.replace(str(old), str(new)) == succeed(command, new, *arguments)
    assert hashed(old) == before


WRITING = {
    "fit": ("fit", "other", "--min-cluster-size", "5"),
    "cut": ("cut", "1", "--min-cluster-size", "3"),
    "delete": ("delete", "7", "--yes"),
    "predict --store": ("predict", "1", "--store"),
}


@pytest.mark.parametrize("name", WRITING)
def test_commands_that_write_upgrade_first(old: Path, name: str) -> None:
    command, *arguments = WRITING[name]
    ran = run(command, old, *arguments)
    assert ran.code == 0, ran
    assert read(old, "SELECT max(version) FROM SqlclustMigration", "PRAGMA integrity_check") == [
        [(VERSION,)],
        [("ok",)],
    ]


def test_load_upgrades_first(old: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"id": "new", "vector": [1, 0, 0, 0, 0, 0, 0, 0]}\n', encoding="utf-8")
    succeed("load", old, rows, "--model", "demo")
    assert read(old, "SELECT max(version) FROM SqlclustMigration") == [[(VERSION,)]]


def test_python_and_sql_work_on_version_1_as_it_is(old: Path) -> None:
    con = sqlclust.connect(str(old))
    result = sqlclust.fit(con, "other", min_cluster_size=5)
    assert con.execute("SELECT clust_fit('other', '{\"min_cluster_size\": 4}')").get == result + 1
    assert version(database_of(con)) == 1
    con.close()
    whole_version_1(old)


# --- files that cannot be written --------------------------------------------------------------------------------


def test_a_file_that_cannot_be_written_is_read(old: Path) -> None:
    before = hashed(old)
    con = sqlclust.connect(str(old), readonly=True)
    assert con.execute("SELECT count(*) FROM ClusterSummary").get > 0
    with pytest.raises(DatabaseFileError) as caught:
        sqlclust.initialize(con)
    assert str(caught.value) == (f"{old}: cannot write to it: making the tables needs a writable file and folder")
    con.close()
    assert hashed(old) == before


def test_an_old_file_in_a_folder_that_cannot_be_written(old: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    path = Path(shutil.copy(old, kept))
    listed, made = commands(kept, [("list", path), ("init", path)])
    assert "demo" in listed.out
    assert made == Ran(
        1, "", f"Error: {path}: cannot write to it: making the tables needs a writable file and folder\n"
    )
    whole_version_1(path)


# --- newer files -------------------------------------------------------------------------------------------------


@pytest.fixture
def newer(old: Path) -> Path:
    con = apsw.Connection(str(old))
    con.execute("INSERT INTO SqlclustMigration (version, name) VALUES (99, 'from the future')")
    con.close()
    return old


@pytest.mark.parametrize("name", [*(name for name in READING if name != "query"), *WRITING, "init"])
def test_a_newer_file_is_refused_by_commands(newer: Path, name: str) -> None:
    command, *arguments = {**READING, **WRITING, "init": ("init",)}[name]
    before = hashed(newer)
    ran = run(command, newer, *arguments)
    assert (ran.code, ran.out, ran.err) == (
        1,
        "",
        f"Error: {newer} has schema version 99, and this sqlclust knows {VERSION} at most; upgrade sqlclust\n",
    )
    assert hashed(newer) == before


NEWER_SQL = (
    "SELECT clust_fit('demo')",
    "SELECT clust_cut(1)",
    "SELECT * FROM clust_labels(1)",
    "SELECT * FROM clust_layers(1)",
    "SELECT * FROM clust_core_distances(1)",
    "SELECT * FROM clust_spanning_tree(1)",
    "SELECT * FROM clust_condensed_tree(1)",
    "SELECT * FROM clust_sweep(1, '{\"min_cluster_size\": [4]}')",
    "SELECT * FROM clust_predict(1, (SELECT clust_points(id, vector) FROM Embedding WHERE id = 1001))",
)


@pytest.mark.parametrize("statement", NEWER_SQL)
def test_a_newer_file_is_refused_by_sql(newer: Path, statement: str) -> None:
    before = hashed(newer)
    con = sqlclust.connect(str(newer))
    with pytest.raises(SchemaVersionError) as caught:
        con.execute(statement).fetchall()
    assert caught.value.found == 99
    con.close()
    assert hashed(newer) == before


def test_a_newer_file_is_refused_by_python(newer: Path) -> None:
    con = sqlclust.connect(str(newer))
    for attempt in (
        lambda: sqlclust.initialize(con),
        lambda: sqlclust.fit(con, "demo"),
        lambda: sqlclust.staleness(con, 1),
    ):
        with pytest.raises(SchemaVersionError, match=r"has schema version 99, and this sqlclust knows \d+ at most"):
            attempt()
    con.close()
