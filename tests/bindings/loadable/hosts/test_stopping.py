"""What stops a statement in a host stops a fit, soon, and nothing is written.

How soon is not asserted, since a machine may be busy; but all of them are asked to stop a fit that takes seconds, and it fails.
"""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import sqlclust
from tests.bindings.loadable.hosts.scenarios import POINTS
from tests.bindings.loadable.hosts.sessions import (
    DatasetteSession,
    HostError,
    NodeSession,
    PythonSession,
    ShellSession,
    restored,
)

pytestmark = pytest.mark.slow


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """A file that a statement makes when it begins."""
    return tmp_path / "begun"


@pytest.fixture
def unharmed(slow_content: Path) -> Iterator[Path]:
    """The large file; at the end nothing must have been written to it, and another can write."""
    yield slow_content
    with closing(sqlclust.connect(slow_content)) as con:
        for table in ("ClusteringFit", "ClusteringResult", "EmbeddingCluster"):
            assert con.execute(f"SELECT count(*) FROM {table}").get == 0
        con.execute("BEGIN IMMEDIATE; ROLLBACK")


def wait_for(marker: Path) -> None:
    while not marker.exists():
        time.sleep(0.01)
    time.sleep(0.3)  # in the middle of reading or computing


@pytest.mark.parametrize("interactive", [True, False])
def test_ctrl_c_in_the_shell(unharmed: Path, marker: Path, shell_library: str, interactive: bool) -> None:
    """At a prompt the shell goes on; a script ends there, as with any statement."""
    with ShellSession(unharmed, interactive=interactive, cwd=marker.parent) as session:
        session.load(shell_library)
        session.send(f"SELECT writefile('{marker.name}', 'x'), clust_fit('demo');")  # readline cuts a line of 80
        wait_for(marker)
        session.process.send_signal(signal.SIGINT)
        if interactive:
            assert session.answer() == "Runtime error: interrupted (9)\n"
            assert session.sql("SELECT clust_dimension(vector) FROM Embedding LIMIT 1") == [[256]]
    assert session.end() == 1
    if not interactive:
        assert re.fullmatch(r"Runtime error near line \d+: interrupted \(9\)\n", session.said), session.said


@pytest.mark.parametrize("how", ["interrupt", "Ctrl-C", "progress handler"])
def test_python(unharmed: Path, marker: Path, library: str, python: str, how: str) -> None:
    """Ctrl-C is an error of SQLite's and, a moment later, a KeyboardInterrupt."""
    with PythonSession(unharmed, python) as session:
        session.load(library)
        statement = f"SELECT begun('{marker}'), clust_fit('demo')"
        said = session.ask("stopped", "one", statement, how, str(marker))
        then = ", then KeyboardInterrupt" if how == "Ctrl-C" else ""
        assert re.fullmatch(rf"OperationalError: interrupted{then} [\d.]+", said), said
        assert session.sql("SELECT count(*) FROM ClusteringFit") == [[0]]
        assert session.end() == 0
        assert session.said == ""


BEGUN = "from pathlib import Path\ndef begun(path):\n    Path(path).touch()\n"


def test_ctrl_c_in_sqlite_utils(unharmed: Path, marker: Path, python: str) -> None:
    command = [str(Path(python).with_name("sqlite-utils")), "query", str(unharmed)]
    command += [f"SELECT begun('{marker}'), clust_fit('demo')", "--functions", BEGUN]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", preexec_fn=restored
    ) as process:
        wait_for(marker)
        process.send_signal(signal.SIGINT)
        out, said = process.communicate()
    assert process.returncode == 1
    assert out == ""
    assert said.strip() in ("Error: interrupted", "Aborted!")


def test_time_limit_of_datasette(unharmed: Path, python: str) -> None:
    """And the server goes on."""
    with DatasetteSession([unharmed], python, settings={"sql_time_limit_ms": 1500}) as session:
        with pytest.raises(HostError, match="SQL query took too long"):
            session.sql(f"SELECT count(*) FROM clust_hdbscan({POINTS})")
        assert session.sql("SELECT clust_dimension(vector) FROM Embedding LIMIT 1") == [[256]]


def test_ctrl_c_ends_node(unharmed: Path, marker: Path, node_library: str, modules: str) -> None:
    """better-sqlite3 has nothing that interrupts, and JavaScript hears nothing while a statement runs."""
    with NodeSession(unharmed, modules) as session:
        session.load(node_library)
        session.send("sql", "one", f"SELECT begun('{marker}'), clust_fit('demo')")
        wait_for(marker)
        session.process.send_signal(signal.SIGINT)
    assert session.end() == -signal.SIGINT
    assert session.said == ""
