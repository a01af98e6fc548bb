"""What --fix promises whatever happens: a backup first, all or nothing, no vector and no id touched; and the command line."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import apsw
import pytest

import sqlclust
from sqlclust.diagnosis import repair
from sqlclust.errors import BackupError, LockedError, RepairError
from tests.diagnosis.looking import digest
from tests.diagnosis.sick import WRONG, broken

pytestmark = pytest.mark.slow


def test_everything_else_stays(sick: Path) -> None:
    con = sqlclust.connect(str(sick))
    tables = [
        "Run",
        "Invocation",
        "Embedding",
        "ClusteringFit",
        "ClusteringResult",
        "EmbeddingCluster",
        "EmbeddingPrediction",
    ]
    before = {table: con.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall() for table in tables}
    assert sqlclust.doctor(con, fix=True).repairs != []
    assert {table: con.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall() for table in tables} == before
    assert con.pragma("foreign_keys") == 1  # the connection is as it was
    assert con.pragma("trusted_schema") == 0
    con.close()


def test_the_backup_is_new_private_and_whole(sick: Path) -> None:
    sick.chmod(0o600)
    before = sick.read_bytes()[100:]  # the header counts changes, and the copy is one
    con = sqlclust.connect(str(sick))
    first = sqlclust.doctor(con, fix=True).backup
    assert first is not None
    assert Path(first).read_bytes()[100:] == before
    assert stat.S_IMODE(Path(first).stat().st_mode) == 0o600
    con.execute("UPDATE Cluster SET size = 3")
    second = sqlclust.doctor(con, fix=True).backup
    assert second is not None
    assert second != first  # also within the same second
    assert Path(first).read_bytes()[100:] == before
    con.close()
    assert {path.name for path in sick.parent.iterdir()} == {sick.name, Path(first).name, Path(second).name}


def test_with_wal(well: Path, tmp_path: Path) -> None:
    path = broken(well, tmp_path / "wal.db", "SELECT 1")
    con = sqlclust.connect(str(path))
    con.pragma("journal_mode", "wal")
    con.execute("UPDATE Cluster SET size = 77 WHERE clustering_result_id = 2")  # in the WAL, not in the file
    diagnosis = sqlclust.doctor(con, fix=True)
    assert [repair.n for repair in diagnosis.repairs] == [1]
    assert con.execute("SELECT size FROM Cluster WHERE clustering_result_id = 2").get == 2
    old = apsw.Connection(str(diagnosis.backup))
    assert old.execute("SELECT size FROM Cluster WHERE clustering_result_id = 2").get == 77
    old.close()
    con.close()


def test_in_memory(sick: Path) -> None:
    con = sqlclust.connect(":memory:")
    with con.backup("main", sqlclust.connect(str(sick)), "main") as copy:
        copy.step()
    with pytest.raises(RepairError) as caught:
        sqlclust.doctor(con, fix=True)
    assert str(caught.value) == (
        "this database was not repaired: it is not in a file, so that there is no place for a backup beside it; "
        "nothing was changed"
    )
    con.close()


def test_inside_a_transaction(sick: Path) -> None:
    con = sqlclust.connect(str(sick))
    con.execute("BEGIN; UPDATE Run SET initial_prompt = 'mine'")
    with pytest.raises(RepairError, match=r"its connection is in a transaction; COMMIT first; nothing was changed$"):
        sqlclust.doctor(con, fix=True)
    assert con.in_transaction
    con.close()


def test_read_only(sick: Path) -> None:
    before = digest(sick)
    con = sqlclust.connect(str(sick), readonly=True)
    with pytest.raises(RepairError, match="the file, or its connection, is for reading only; nothing was changed"):
        sqlclust.doctor(con, fix=True)
    con.close()
    assert ([*sick.parent.iterdir()], digest(sick)) == ([sick], before)


def test_locked(sick: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repair, "PATIENCE", 0.2)
    other = apsw.Connection(str(sick))
    other.execute("BEGIN IMMEDIATE")
    con = sqlclust.connect(str(sick))
    assert not sqlclust.doctor(con).healthy  # looking is not held up
    with pytest.raises(LockedError, match="repairing was given up and nothing was written"):
        sqlclust.doctor(con, fix=True)
    other.execute("ROLLBACK")
    other.close()
    con.close()
    assert [*sick.parent.iterdir()] == [sick]


def test_no_place_for_the_backup(well: Path, tmp_path: Path) -> None:
    path = broken(well, tmp_path / ("x" * 240 + ".db"), WRONG)  # its name and more is too long for a file system
    before = digest(path)
    con = sqlclust.connect(str(path))
    with pytest.raises(BackupError, match="nothing was changed"):
        sqlclust.doctor(con, fix=True)
    con.close()
    assert (digest(path), [*tmp_path.iterdir()]) == (before, [path])


@pytest.mark.parametrize("stop", ["interrupt", "exception", "Ctrl-C"])
@pytest.mark.parametrize("phase", ["ids", "vectors", "integrity", "backup", "repair", "results"])
def test_stopped(sick: Path, phase: str, stop: str) -> None:
    before = digest(sick)
    con = sqlclust.connect(str(sick))
    seen: list[str] = []

    def progress(now: str, fraction: float) -> None:
        seen.append(now)
        if now != phase or (phase == "results" and "repair" not in seen):  # the look after the repair
            return
        if stop == "interrupt":
            con.interrupt()
        else:
            raise RuntimeError if stop == "exception" else KeyboardInterrupt

    expected = {"interrupt": apsw.InterruptError, "exception": RuntimeError, "Ctrl-C": KeyboardInterrupt}[stop]
    with pytest.raises(expected):
        sqlclust.doctor(con, fix=True, progress=progress)
    con.close()
    assert (digest(sick), [*sick.parent.iterdir()]) == (before, [sick])


def test_interrupted_from_another_thread(sick: Path) -> None:
    con = sqlclust.connect(str(sick))
    con.execute("CREATE TABLE slow (id INTEGER PRIMARY KEY, vector BLOB)")
    con.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500000) "
                "INSERT INTO slow SELECT i, x'0000803f' FROM n")  # fmt: skip
    timer = threading.Timer(0.05, con.interrupt)
    timer.start()
    with pytest.raises(apsw.InterruptError):
        con.execute("SELECT count(*) FROM clust_doctor()").fetchall()
    timer.join()
    con.close()


# --- what is not certain -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["audit", "ClusteringResult_delete"])
def test_triggers_of_another_program_are_not_run_and_not_passed_over(well: Path, tmp_path: Path, name: str) -> None:
    """A trigger with a name of ours is not ours for that."""
    sql = f"DROP TRIGGER IF EXISTS {name}; CREATE TRIGGER {name} AFTER UPDATE ON Cluster BEGIN DELETE FROM Embedding; END;"
    sql += WRONG
    path = broken(well, tmp_path / "sick.db", sql)
    before = digest(path)
    con = sqlclust.connect(str(path))
    diagnosis = sqlclust.doctor(con, fix=True)
    con.close()
    assert (diagnosis.repairs, diagnosis.backup, digest(path)) == ([], None, before)
    [size] = [f for f in diagnosis.findings if f.finding == "wrong-size"]
    assert size.remedy == (
        f"not repaired by sqlclust: the table has triggers of another program ({name}), which would have to run; repair it "
        "with that program"
    )


def test_rows_that_others_point_at(well: Path, tmp_path: Path) -> None:
    sql = """
        CREATE TABLE star (result INTEGER, embedding TEXT, FOREIGN KEY (embedding, result)
            REFERENCES EmbeddingCluster (embedding_id, clustering_result_id) ON DELETE CASCADE);
        INSERT INTO star VALUES (2, 'a');
        DELETE FROM ClusteringResult WHERE id = 2"""
    path = broken(well, tmp_path / "sick.db", sql)
    before = digest(path)
    con = sqlclust.connect(str(path))
    with pytest.raises(RepairError) as caught:
        sqlclust.doctor(con, fix=True)
    con.close()
    assert str(caught.value) == (
        f"{path} was not repaired: rows of star would point at rows that a repair deletes; nothing was changed"
    )
    assert (digest(path), [*tmp_path.iterdir()]) == (before, [path])


def test_results_are_not_all_gone_by_mistake(well: Path, tmp_path: Path) -> None:
    con = sqlclust.connect(str(broken(well, tmp_path / "sick.db", "DELETE FROM ClusteringResult")))
    diagnosis = sqlclust.doctor(con, fix=True)
    assert diagnosis.repairs == []
    assert {f.remedy for f in diagnosis.findings} == {
        f'not repaired: ClusteringResult is empty, and its rows may have been lost by mistake. If not, DELETE FROM "{table}"; '
        "otherwise restore a backup"
        for table in ("Cluster", "EmbeddingCluster", "EmbeddingPrediction")
    }
    con.close()


def test_an_older_schema_is_brought_up_first(well: Path, tmp_path: Path) -> None:
    path = broken(well, tmp_path / "sick.db", "DELETE FROM SqlclustMigration WHERE version > 1;" + WRONG)
    con = sqlclust.connect(str(path))
    findings = sqlclust.doctor(con, fix=True).findings
    assert ("older-schema", "note") in [(f.finding, f.severity) for f in findings]
    [size] = [f for f in findings if f.finding == "wrong-size"]
    assert size.remedy == "not repaired before the schema is up to date: sqlclust init, then sqlclust doctor --fix"
    con.close()
