"""Every example runs and says what it promises."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

import sqlclust
from tests.bindings.loadable.hosts.conftest import library, python, shell_library
from tests.bindings.loadable.hosts.sessions import STARTED
from tests.pictures.plots.drawn import images, references, texts
from tests.reference import README

__all__ = ["library", "python", "shell_library"]  # fixtures

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def shell(database: Path, script: str) -> str:
    """What `sqlclust shell` prints for an example."""
    con = sqlclust.connect(str(database))
    sqlclust.initialize(con)
    con.close()
    with (EXAMPLES / script).open() as stdin:
        done = subprocess.run(
            [sys.executable, "-m", "sqlclust", "shell", str(database)],
            stdin=stdin, encoding="utf-8", capture_output=True, check=True,
        )  # fmt: skip
    assert done.stderr == ""
    return done.stdout


def test_every_example_is_tested() -> None:
    assert sorted(path.name for path in EXAMPLES.iterdir()) == [
        "01_quick_start.sql",
        "02_stock_sqlite3.sql",
        "03_python_app.py",
        "04_trajectories.sql",
        "05_any_sqlite.sql",
        "06_llm.py",
        "07_own_table.sql",
        "colors.csv",  # of the README
        "demo_map.svg",  # of the README, too
        "other_tools.md",  # tests/interop
    ]


def test_the_map_of_the_demo() -> None:
    """`sqlclust demo && sqlclust plot sqlclust-demo.db map -o demo_map.svg --dpi 150` made it, of what the README shows."""
    data = (EXAMPLES / "demo_map.svg").read_bytes()
    assert len(data) < 200_000
    assert references(data) == []
    assert b"<script" not in data
    root = ElementTree.fromstring(data)
    assert len(images(root)) == 1
    said = texts(root)
    assert "docstrings, result 1" in said
    readme = README.read_text(encoding="utf-8")
    shown = re.search(r"docstrings: result 1, ([\d,]+ rows) in ([\d,]+ clusters), ([\d.]+ % noise)", readme)
    assert shown is not None
    assert any(text.startswith(" · ".join(shown.groups())) for text in said)
    names = [line.split(", ") for line in re.findall(r"^ +\d+ +\d+  (.+, .+)$", readme, re.MULTILINE)]
    assert names
    for terms in names:
        assert {terms[0], ", ".join(terms[:2])} & set(said), terms


def test_quick_start(tmp_path: Path) -> None:
    output = shell(tmp_path / "quickstart.db", "01_quick_start.sql")
    for words in ("doc-56", "about apples", "about pears"):
        assert words in output
    con = sqlclust.connect(str(tmp_path / "quickstart.db"))
    summary = "SELECT clustering_result_id, n_rows, n_clusters, n_noise FROM ClusteringSummary"
    assert con.execute(summary).fetchall() == [(1, 60, 3, 10), (2, 60, 3, 10)]
    assert con.execute("PRAGMA foreign_key_check").fetchall() == []
    con.close()


@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="no stock sqlite3 shell here")
def test_stock_sqlite3(tmp_path: Path) -> None:
    shell(tmp_path / "quickstart.db", "01_quick_start.sql")
    with (EXAMPLES / "02_stock_sqlite3.sql").open() as stdin:
        done = subprocess.run(
            ["sqlite3", "-bail", str(tmp_path / "quickstart.db")],
            stdin=stdin, encoding="utf-8", capture_output=True, check=True,
        )  # fmt: skip
    assert done.stderr == ""
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["1", "60", "3", "0.17"] in lines
    assert ["2", "20", "0.33", "about", "plums"] in lines
    assert ["5", "eom"] in lines


def stock_shell(library: str, database: Path, script: str) -> list[list[str]]:
    """The words of each line that the stock shell prints for an example, with the extension."""
    command = ["sqlite3", "-bail", str(database), f".load {library}", f".read {EXAMPLES / script}"]
    done = subprocess.run(command, encoding="utf-8", capture_output=True, check=True, env={**os.environ, **STARTED})
    assert done.stderr == ""
    return [line.split() for line in done.stdout.splitlines()]


def test_any_sqlite(shell_library: str, tmp_path: Path) -> None:
    lines = stock_shell(shell_library, tmp_path / "notes.db", "05_any_sqlite.sql")
    assert lines[0] == ["label", "size", "medoid"]
    assert sorted(line[2] for line in lines[2:5]) == ["apples", "pears", "plums"]
    assert lines[5:7] == [["neighbor_id", "distance"], lines[6]]
    assert [line[0] for line in lines[7:]] == ["pears", "pears"]


def test_own_table(shell_library: str, tmp_path: Path) -> None:
    lines = stock_shell(shell_library, tmp_path / "notes.db", "07_own_table.sql")
    assert ["note", '["slug"]', "embedding", "body", "json", "60"] in lines
    clusters = [line for line in lines if line[0] in ("0", "1", "2") and len(line) == 5]
    assert sorted(line[3] for line in clusters) == ["apples", "pears", "plums"]
    assert {line[4][:5] for line in clusters} == {"note-"}
    assert [line[0] for line in lines if line[0].startswith("note-")] == ["note-05", "note-10", "note-11"]
    assert [line for line in lines if line[0] == "new"] == [["new", "1"]]
    assert lines[-1] == ["60", "1", "0", "0", "new"]


def test_llm(python: str) -> None:
    if subprocess.run([python, "-c", "import llm"], capture_output=True, check=False).returncode:
        pytest.skip("llm is not beside the Python of .ci/hosts; pip install llm there")
    done = subprocess.run([python, str(EXAMPLES / "06_llm.py")], encoding="utf-8", capture_output=True, check=True)
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0].startswith("llm:notes: result 1, 60 rows in 3 clusters, ")
    assert {tuple(line.split()[1:3]) for line in lines[-3:]} == {("20", "rain"), ("20", "bread"), ("20", "bike")}


def test_python_app() -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "03_python_app.py")], encoding="utf-8", capture_output=True, check=True
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "cluster 0: 30 notes about topic 2",
        "cluster 1: 30 notes about topic 1",
        "cluster 2: 30 notes about topic 0",
        "result 1 (45, 3, 0)",
        "labels [0 1 2]",
    ]


def test_trajectories(tmp_path: Path) -> None:
    shell(tmp_path / "trajectories.db", "04_trajectories.sql")
    con = sqlclust.connect(str(tmp_path / "trajectories.db"))
    transitions = "SELECT from_label, to_label, n FROM ClusterTransition WHERE clustering_result_id = 1 ORDER BY 1, 2"
    assert con.execute(transitions).fetchall() == [(0, 0, 28), (0, 2, 4), (1, 1, 40), (2, 1, 4), (2, 2, 20)]
    lengths = "SELECT DISTINCT length FROM ClusterDwell WHERE clustering_result_id = 1 ORDER BY 1"
    assert con.execute(lengths).fetchall() == [(6,), (8,), (11,)]
    visits = "SELECT first_sequence_number, length, n_noise FROM ClusterMilestoneDwell WHERE clustering_result_id = 2"
    assert con.execute(f"{visits} AND run_id = 'run-a' ORDER BY 1").fetchall() == [(0, 14, 6), (14, 11, 0)]
    con.close()
