"""The command doctor: what it says of a file, and of what it repaired."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import sqlclust
from sqlclust.errors import RepairError, SqlclustError
from tests.cli.terminal import fail, run, succeed
from tests.diagnosis.looking import digest
from tests.diagnosis.sick import broken

pytestmark = pytest.mark.slow


# --- the command -------------------------------------------------------------------------------------------------------


def without_seconds(out: str) -> str:
    return out.rpartition(", ")[0]


def test_command_on_a_healthy_database(well: Path) -> None:
    before = digest(well)
    assert without_seconds(succeed("doctor", well)) == f"{well}: nothing is wrong (12 tables"
    assert succeed("doctor", well, "--quick").startswith(f"{well}: nothing is wrong (12 tables, quick, ")
    assert succeed("doctor", well, "--json") == "[]\n"
    assert succeed("doctor", well, "--nl") == ""
    assert succeed("doctor", well, "--csv") == "finding,table,column,id,remedy,n,severity,detail\n"
    assert without_seconds(succeed("doctor", well, "--fix")) == f"{well}: nothing is wrong (12 tables"
    assert (digest(well), [*well.parent.iterdir()]) == (before, [well])


def test_command_on_a_sick_one(sick: Path) -> None:
    before = digest(sick)
    code, out, err = run("doctor", sick)
    assert (code, err) == (1, "")
    assert (
        without_seconds(out)
        == f"""\
error   label-without-cluster: EmbeddingCluster.label, for example 1
        36 rows have labels without a row of Cluster; the example has label {label_of(sick)} in result 1
        to do: cut the result's fit again (clust_cut, sqlclust cut), or fit again, and delete this result
error   wrong-size: Cluster.size, for example 2
        1 cluster has another size than members; cluster 0 of result 2 says 77 and has 2
        to do: sqlclust doctor --fix writes the members counted

{sick}: 2 errors (12 tables"""
    )
    assert (digest(sick), [*sick.parent.iterdir()]) == (before, [sick])


def label_of(path: Path) -> int:
    con = sqlclust.connect(str(path), readonly=True)
    label: int = con.execute("SELECT label FROM EmbeddingCluster WHERE embedding_id = 1").get
    con.close()
    return label


def test_sql_python_and_the_command_agree(sick: Path) -> None:
    con = sqlclust.connect(str(sick), readonly=True)
    findings = [finding._asdict() for finding in sqlclust.doctor(con).findings]
    names = [name for name, *_ in con.execute("SELECT * FROM clust_doctor()").get_description()]
    rows = [dict(zip(names, row, strict=True)) for row in con.execute("SELECT * FROM clust_doctor()")]
    con.close()
    assert rows == findings
    assert json.loads(run("doctor", sick, "--json").out) == findings
    assert [json.loads(line) for line in run("doctor", sick, "--nl").out.splitlines()] == findings
    read = [*csv.DictReader(io.StringIO(run("doctor", sick, "--csv").out))]
    assert read == [{name: "" if value is None else str(value) for name, value in row.items()} for row in findings]
    assert {run("doctor", sick, f"--{form}").code for form in ("json", "nl", "csv")} == {1}


def test_command_fixes(sick: Path) -> None:
    code, out, err = run("doctor", sick, "--fix")
    [backup] = sick.parent.glob("sick.db.before-fix-*")
    assert (code, err) == (1, "")  # one thing is left
    assert out.startswith(f"""\
backup  {backup}
fixed   wrong-size: Cluster.size
        wrote the members counted in 1 row
error   label-without-cluster: EmbeddingCluster.label, for example 1
""")
    assert f"\n{sick}: 1 error (12 tables, " in out


def test_command_fixes_for_programs(well: Path, tmp_path: Path) -> None:
    path = broken(well, tmp_path / "sick.db", "UPDATE Cluster SET size = 77 WHERE clustering_result_id = 2")
    code, out, err = run("doctor", path, "--fix", "--json")
    [backup] = tmp_path.glob("sick.db.before-fix-*")
    assert (code, err) == (0, f"backup: {backup}\n")  # nothing is wrong any more
    fixed: dict[str, Any] = {
        "finding": "wrong-size", "table": "Cluster", "column": "size", "id": None, "remedy": None, "n": 0, "severity": "fixed",
        "detail": "wrote the members counted in 1 row", "fixed": 1,
    }  # fmt: skip
    assert json.loads(out) == [fixed]
    assert succeed("doctor", path, "--fix", "--json") == "[]\n"
    assert [*tmp_path.glob("sick.db.before-fix-*")] == [backup]


def test_command_on_what_is_no_database(tmp_path: Path) -> None:
    assert fail("doctor", tmp_path / "no.db") == f"{tmp_path / 'no.db'}: there is no such file"
    (tmp_path / "text.txt").write_text("text " * 1000)
    assert "not an SQLite database" in fail("doctor", tmp_path / "text.txt", "--fix")
    (tmp_path / "empty.db").touch()
    assert "note    no-schema: the file\n" in succeed("doctor", tmp_path / "empty.db")


def test_hostile_text_does_not_reach_the_terminal(well: Path, tmp_path: Path) -> None:
    sql = "INSERT INTO Embedding (id, embedding_model, vector) VALUES (char(27) || '[2J' || char(10), 'm', x'0000c07f')"
    code, out, _ = run("doctor", broken(well, tmp_path / "sick.db", sql))
    assert code == 1
    assert "\x1b" not in out
    assert "not-finite: Embedding.vector, for example [2J\n" in out


@pytest.mark.slow
def test_a_process_of_its_own(sick: Path) -> None:
    code = f"import sqlclust; print(sqlclust.doctor(sqlclust.connect({str(sick)!r})).healthy)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_errors_are_ours() -> None:
    assert issubclass(RepairError, SqlclustError)
