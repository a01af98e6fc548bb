from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from sqlclust.surface.catalog import CATALOG
from tests.cli.program import ENDLESS
from tests.cli.terminal import interrupted, on_terminal, python, rows, run, succeed


def test_statements_from_stdin(db: Path) -> None:
    lines = "SELECT clust_fit('demo');\nSELECT label, count(*) FROM EmbeddingCluster\nGROUP BY label;\n"
    assert succeed("shell", db, stdin=lines) == "1\n-1|4\n0|12\n1|12\n2|12\n"


@pytest.mark.slow
def test_in_a_process_of_its_own(db: Path) -> None:
    ran = python("-m", "sqlclust", "shell", db, stdin=".mode csv\nSELECT count(*) FROM Embedding;\n")
    assert ran == (0, "40\n", "")


def test_a_failing_statement(db: Path) -> None:
    ran = run("shell", db, stdin="SELECT nope;\nSELECT 2;\n")
    assert (ran.code, ran.out) == (1, "2\n")
    assert ran.err.startswith("no such column: nope\n")
    ran = run("shell", db, stdin=".bail on\nSELECT clust_fit('nope');\nSELECT 2;\n")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "At Line 2 : <stdin>\nno embeddings of model 'nope'; models in this database: 'demo'\n"


def test_exit(db: Path) -> None:
    assert run("shell", db, stdin=".exit 3\nSELECT 2;\n") == (3, "", "")
    assert run("shell", db, stdin=".exit\nSELECT 2;\n") == (0, "", "")
    assert run("shell", db, stdin="SELECT nope;\n.exit\n").code == 1


def test_incomplete_input(db: Path) -> None:
    ran = run("shell", db, stdin="SELECT 1")
    assert ran.code == 1
    assert "Incomplete SQL" in ran.err


def test_clust(db: Path) -> None:
    out = succeed("shell", db, stdin=".clust\n")
    assert [line.split("  ")[0] for line in out.splitlines()] == [record.signature for record in CATALOG]
    one = next(record for record in CATALOG if record.name == "clust_norm")
    expected = f"clust_norm(vector)\n  {one.summary}\n  {one.example}\n"
    assert succeed("shell", db, stdin=".clust norm\n") == succeed("shell", db, stdin=".clust clust_norm\n") == expected
    ran = run("shell", db, stdin=".clust nope\n")
    assert ran.code == 1
    assert "no function nope; .clust lists those there are" in ran.err


def test_results_and_clusters(fitted: Path) -> None:
    assert succeed("shell", fitted, stdin=".results\n") == succeed("list", fitted)
    out = succeed("shell", fitted, stdin=".clusters\n")
    shown = succeed("show", fitted).splitlines()
    assert out.splitlines() == [shown[0], *shown[4:]]
    assert succeed("shell", fitted, stdin=".clusters 1\n.clusters latest\n") == out * 2
    ran = run("shell", fitted, stdin=".clusters 7\n")
    assert ran.code == 1
    assert "no clustering result '7'; ids here: 1" in ran.err
    assert succeed("shell", fitted, stdin=".results nope\n") == "no results; make one: SELECT clust_fit('model');\n"


def test_help_has_our_commands(db: Path) -> None:
    err = run("shell", db, stdin=".help\n.help clusters\n").err
    for command in (".clust ?FUNCTION?", ".results ?MODEL?", ".clusters ?ID|latest?", ".tables "):
        assert command in err
    assert "Of the latest result by default." in err


def test_what_is_opened_later_has_everything_too(db: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    hooks = list(apsw.connection_hooks)
    pragmas = "PRAGMA foreign_keys; PRAGMA trusted_schema;"
    ran = run(
        "shell",
        db,
        stdin=f".open {other}\n.results\nSELECT clust_dimension(x'0000803f'); {pragmas}\n.open\n{pragmas}\n",
    )
    assert ran.out == "1\n1\n0\n1\n0\n"
    assert ran.code == 1
    assert f"{other} has no sqlclust tables; run: sqlclust init {other}" in ran.err
    assert apsw.connection_hooks == hooks


def test_readonly(db: Path) -> None:
    ran = run("shell", db, "--readonly", stdin="SELECT 1;\nDELETE FROM Embedding;\n")
    assert (ran.code, ran.out) == (1, "1\n")
    assert "readonly database" in ran.err
    assert rows(db, "SELECT count(*) FROM Embedding") == [(40,)]


@pytest.mark.slow
def test_on_a_terminal(db: Path) -> None:
    ran = on_terminal("shell", db, typed=["SELECT clust_fit('demo');", "SELECT nope;", ".clusters", ".exit"])
    assert ran.code == 0
    assert "Functions: .clust   Results: .results, .clusters   All commands: .help" in ran.out
    assert "no such column: nope" in ran.out
    assert "demo: result 1, 40 rows in 3 clusters" in ran.out
    assert ran.out.endswith("the history of commands was not saved: No such file or directory\n")


@pytest.mark.slow
def test_control_c_on_a_terminal(db: Path) -> None:
    ran = on_terminal("shell", db, typed=[f"{ENDLESS};", "SELECT 40 + 2;", ".exit"], control_c=True)
    assert ran.code == 0
    assert "42" in ran.out


@pytest.mark.slow
def test_control_c_ends_what_is_not_interactive(db: Path) -> None:
    assert interrupted("shell", db, stdin=f"{ENDLESS};\nSELECT 2;\n")[:2] == (130, "")
