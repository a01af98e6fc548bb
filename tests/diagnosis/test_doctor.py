"""The doctor, finding by finding: a database that has it, the exact row, and what --fix does with it."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

import sqlclust
from tests.diagnosis.case import mixed
from tests.diagnosis.looking import digest
from tests.diagnosis.row_cases import ROW_CASES
from tests.diagnosis.schema_cases import SCHEMA_CASES
from tests.diagnosis.sick import broken

CASES = {**ROW_CASES, **SCHEMA_CASES}
MIXED_AND_WELL: dict[str, list[object]] = {
    "words beside numbers of as many digits": ["east", "west", "face", "cafe", 1234, 5678],
    "other characters than digits of a hash": ["A12-", "B77-", 1234],
    "negative numbers": ["0abc", "1abc", -123],
    "numbers of other lengths": ["0abc", "1abc", 123, 12345],
    "text of other lengths": ["0abc", "1ab", 1234],
    "two letters or digits": ["0c", "1b", 71, 72],
    "the first of a hash in small, another in capital letters": ["0abc", "0ABC", 1234],
    "BLOBs and REALs": [1.5, 12345678.5, "0abc1234"],
    "names beside numbers": ["alice", "bob", "zoe", "007", 71, 72],
    "UUIDs beside numbers": ["550e8400-e29b-41d4-a716-446655440000", "00000000-0000-0000-0000-000000000001", 71, 72],
    "beginnings of UUIDs, one of which reads as a number": ["550e8400", "6ba7b810", "6ba7b811", 71, 72],
    "a number and letters": ["2003a", "0x10", "e5", "1e", "+", "00-1", " 07", 2001],
    "numerals that are BLOBs": [b"007", b"1e5", 88, 99],
    "text only": ["12345678", "0abc1234"],
}


@pytest.mark.parametrize("name", MIXED_AND_WELL)
def test_ids_of_several_types_that_are_well(well: Path, tmp_path: Path, name: str) -> None:
    con = sqlclust.connect(str(broken(well, tmp_path / "well.db", mixed(*MIXED_AND_WELL[name]))), readonly=True)
    assert sqlclust.doctor(con) == ([], [], None)
    con.close()


def backups(path: Path) -> list[Path]:
    return sorted(path.parent.glob(f"{path.name}.before-fix-*"))


def test_a_healthy_database_gives_nothing(well: Path, tmp_path: Path) -> None:
    con = sqlclust.connect(str(broken(well, tmp_path / "copy.db", "SELECT 1")))
    assert sqlclust.doctor(con) == ([], [], None)
    assert sqlclust.doctor(con).healthy
    assert sqlclust.doctor(con, fix=True) == ([], [], None)
    assert con.execute("SELECT * FROM clust_doctor()").fetchall() == []
    con.close()
    assert backups(tmp_path / "copy.db") == []


@pytest.mark.parametrize("name", CASES)
def test_finding(well: Path, tmp_path: Path, name: str) -> None:
    case = CASES[name]
    path = broken(well, tmp_path / "sick.db", case.sql)
    before = digest(path)
    con = sqlclust.connect(str(path), readonly=True)
    diagnosis = sqlclust.doctor(con)
    rows = con.execute("SELECT * FROM clust_doctor()").fetchall()
    con.close()
    assert [
        (f.severity, f.finding, f.table, f.column, f.id, f.n, f.detail) for f in diagnosis.findings
    ] == sorted(case.found, key=lambda row: row[0])  # errors first  # fmt: skip
    assert all(f.remedy for f in diagnosis.findings)
    assert diagnosis.healthy == all(row[0] == "note" for row in case.found)
    assert rows == [tuple(finding) for finding in diagnosis.findings]  # SQL says the same
    assert digest(path) == before


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_fix(well: Path, tmp_path: Path, name: str) -> None:
    case = CASES[name]
    path = broken(well, tmp_path / "sick.db", case.sql)
    before = digest(path)
    con = sqlclust.connect(str(path))
    found = sqlclust.doctor(con).findings
    diagnosis = sqlclust.doctor(con, fix=True)
    assert [tuple(repair) for repair in diagnosis.repairs] == (case.fixed or [])
    left = [f.finding for f in found] if case.left is None else case.left
    assert [f.finding for f in diagnosis.findings] == left
    assert diagnosis.findings == [f._replace(remedy=g.remedy) for f, g in zip(
        sqlclust.doctor(con).findings, diagnosis.findings, strict=True)]  # as a new look sees it  # fmt: skip
    if case.fixed is None:
        assert diagnosis.backup is None
        assert (backups(path), digest(path)) == ([], before)  # nothing to repair: nothing is written
    else:
        assert [str(backup) for backup in backups(path)] == [diagnosis.backup]
        untouched = "SELECT id, vector FROM Embedding ORDER BY id"
        old = apsw.Connection(str(diagnosis.backup), flags=apsw.SQLITE_OPEN_READONLY)
        assert old.execute(untouched).fetchall() == con.execute(untouched).fetchall()
        assert [tuple(f) for f in sqlclust.doctor(old).findings if f.finding != "foreign-keys-off"] == [
            *map(tuple, found)
        ]
        old.close()
        again = sqlclust.doctor(con, fix=True)
        assert (again.repairs, again.backup) == ([], None)  # once is enough
    con.close()


def test_foreign_keys_off_is_a_note_on_the_connection(well: Path) -> None:
    con = apsw.Connection(str(well), flags=apsw.SQLITE_OPEN_READONLY)
    con.pragma("foreign_keys", False)
    [finding] = sqlclust.doctor(con).findings
    assert finding == (
        "foreign-keys-off", None, None, None, "PRAGMA foreign_keys = ON, before the transaction begins", 1, "note",
        "this connection does not enforce foreign keys; it is a setting of each connection, not of the file",
    )  # fmt: skip
    con.close()


def test_quick_passes_over_what_reads_the_whole_file(well: Path, tmp_path: Path) -> None:
    sql = "UPDATE Embedding SET vector = x'' WHERE id = 9; UPDATE ClusteringFit SET spanning_tree = zeroblob(39 * 16)"
    con = sqlclust.connect(
        str(broken(well, tmp_path / "sick.db", sql + "; UPDATE Cluster SET size = 77 WHERE label = 1"))
    )
    assert [f.finding for f in sqlclust.doctor(con, quick=True).findings] == ["wrong-size"]
    assert sqlclust.doctor(con, fix=True, quick=True).findings == []
    assert [f.finding for f in sqlclust.doctor(con).findings] == ["vector-length", "damaged-fit"]
    con.close()


def test_demo_is_healthy(demo_file: Path) -> None:
    con = sqlclust.connect(str(demo_file))
    assert sqlclust.doctor(con).findings == []
    sqlclust.fit(con, "demo")
    con.execute("SELECT clust_cut(1, '{\"min_cluster_size\": 6}')").fetchall()
    assert sqlclust.doctor(con).findings == []
    con.close()


def test_a_database_in_memory() -> None:
    con = sqlclust.connect(":memory:")
    [finding] = sqlclust.doctor(con).findings
    assert (finding.finding, finding.severity) == ("no-schema", "note")
    sqlclust.initialize(con)
    assert sqlclust.doctor(con).findings == []
    con.execute("INSERT INTO Run (id, created_at) VALUES (1, 'now')")
    con.execute("BEGIN")  # looking is allowed anywhere
    assert con.execute("SELECT count(*) FROM clust_doctor()").get == 0
    con.execute("ROLLBACK")
    con.close()
