"""Files of the first released schema (tests/schemas/version_1.py): they open, are upgraded whole or not at all, and are then
what a new file is; and files of a later version are refused everywhere.
"""

from __future__ import annotations

import hashlib
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
from sqlclust.errors import LockedError, NeighborsNotStoredError, SchemaConflictError, SchemaContentError
from sqlclust.schema import VERSION, schema_sql, upgrading, version, versions
from sqlclust.schema.new_file import Made, objects
from tests.cli.terminal import Ran, run, succeed
from tests.schemas import version_3
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
    3: "fbf56db4bfe81d5305e31603400df36eac8fb468af9f6d7d3284aee1c826ba07",
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


PAGES = "SELECT name, pageno FROM dbstat WHERE name NOT IN ('sqlite_schema', 'SqlclustMigration') ORDER BY 2"


def test_no_page_of_a_table_is_written(released: Path) -> None:
    """Vectors stay where they are, byte for byte; the ledger gets its rows, and new tables and indexes a page each."""
    tables = "SELECT name, rootpage FROM sqlite_schema WHERE rootpage > 0"
    before, content_before, [roots, pages, [(size,)]] = (
        released.read_bytes(), content(released), read(released, tables, PAGES, "PRAGMA page_size"),
    )  # fmt: skip
    assert {"Embedding", "ClusteringFit", "EmbeddingCluster"} < {name for name, _ in pages}
    upgrade(released)
    after, [new_roots, new_pages] = released.read_bytes(), read(released, tables, PAGES)
    assert set(roots) < set(new_roots)
    assert set(pages) < set(new_pages)
    for name, page in pages:
        place = slice((page - 1) * size, page * size)
        assert after[place] == before[place], name
    texts = read(released, "SELECT count(*) FROM dbstat WHERE name = 'sqlite_schema'")[0][0][0]
    assert (len(after) - len(before)) // size <= len(new_roots) - len(roots) + texts
    assert content(released) == content_before


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


def test_what_version_3_adds(before_sources: Path) -> None:
    """A table of the host's as a source, with a result; in the connection that upgraded, and in one that was there."""
    con, other = sqlclust.connect(str(before_sources)), apsw.Connection(str(before_sources))
    medoids = "SELECT medoid_item_id FROM ClusterSummary WHERE clustering_result_id = 9"
    with pytest.raises(apsw.SQLError, match="no such column"):
        other.execute(medoids)
    with pytest.raises(apsw.ConstraintError, match="NOT NULL"):
        con.execute("INSERT INTO Embedding (id, embedding_model) VALUES ('thin', 'demo')")
    assert sqlclust.initialize(con)
    con.execute(version_3.SOURCE)
    assert other.execute(medoids).fetchall() == [(1,)]
    for each in (con, other):
        with pytest.raises(apsw.ConstraintError, match=r"CHECK constraint failed: \(vector IS NULL\) <> "):
            each.execute("INSERT INTO Embedding (id, embedding_model) VALUES ('thin', 'demo')")
    con.execute("DELETE FROM ClusteringResult WHERE id = 9; DELETE FROM EmbeddingSource")
    assert con.execute("SELECT count(*) FROM Embedding WHERE vector IS NULL").get == 0
    con.close()
    other.close()


def test_fits_of_before_have_no_neighbours_and_go_on(before_sources: Path) -> None:
    con = sqlclust.connect(str(before_sources))
    assert sqlclust.initialize(con)
    with pytest.raises(NeighborsNotStoredError):
        con.execute("SELECT * FROM clust_fit_neighbors(1)").fetchall()
    assert con.execute("SELECT count(*) FROM clust_labels(1)").get > 0
    result = sqlclust.fit(con, "demo", min_cluster_size=7, min_samples=2)
    fit = con.execute("SELECT clustering_fit_id FROM ClusteringResult WHERE id = ?", (result,)).get
    assert con.execute("SELECT count(*) > 0 FROM clust_fit_neighbors(?)", (fit,)).get
    con.close()


SPOILED = {
    "a vector of odd length": (
        "UPDATE Embedding SET vector = x'00' WHERE id = 1001",
        "CHECK constraint failed in Embedding",
    ),
    "a fit of no rows": ("UPDATE ClusteringFit SET n = 0", "CHECK constraint failed in ClusteringFit"),
}


@pytest.mark.parametrize("what", SPOILED)
def test_rows_that_version_3_refuses(before_sources: Path, what: str) -> None:
    """They came in past the CHECKs; all rows of a table that gets another text are read again before COMMIT."""
    sql, reason = SPOILED[what]
    con = apsw.Connection(str(before_sources))
    con.pragma("ignore_check_constraints", True)
    con.execute(sql)
    con.close()
    before = hashed(before_sources)
    with pytest.raises(SchemaContentError) as caught:
        upgrade(before_sources)
    assert caught.value.reason == reason
    assert hashed(before_sources) == before


TAKEN_OF_3 = {
    "a table": ("CREATE TABLE embeddingsource (mine)", "table embeddingsource"),
    "a column": ("ALTER TABLE Embedding ADD COLUMN ITEM_ID TEXT", "column Embedding.item_id"),
    "a trigger": (
        "CREATE TRIGGER clusteringresult_delete AFTER DELETE ON Run BEGIN SELECT 1; END", "trigger clusteringresult_delete",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", TAKEN_OF_3)
def test_a_name_of_version_3_that_the_host_has_taken(before_sources: Path, what: str) -> None:
    ddl, name = TAKEN_OF_3[what]
    con = apsw.Connection(str(before_sources))
    con.execute(ddl)
    con.close()
    before = hashed(before_sources)
    with pytest.raises(SchemaConflictError) as caught:
        upgrade(before_sources)
    assert caught.value.names == (name,)
    assert hashed(before_sources) == before
    succeed("show", before_sources, 1)
    assert run("delete", before_sources, 7, "--yes").code == 0


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
    assert read(old, "SELECT version FROM SqlclustMigration") == [[(number,) for number in range(1, VERSION + 1)]]
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
