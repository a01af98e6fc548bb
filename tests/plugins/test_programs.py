"""The plugins in the real programs; what is told to SQL there is in tests/bindings/loadable/hosts."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

import sqlclust
from tests.bindings.loadable.hosts.scenarios import FIT
from tests.bindings.loadable.hosts.sessions import DatasetteSession, HostError

pytestmark = pytest.mark.slow


def run(python: str, *words: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, *words], capture_output=True, encoding="utf-8", check=False, env={**os.environ, **(environment or {})}
    )


HOOKS = {
    "sqlite-utils": {"prepare_connection", "register_commands"},
    "llm": {"register_commands"},
    "datasette": {"prepare_connection", "asgi_wrapper", "get_metadata", "render_cell", "table_actions"},
}


@pytest.mark.parametrize("program", HOOKS)
def test_a_program_finds_its_plugin(python: str, program: str) -> None:
    if not Path(python).with_name(program).exists():
        pytest.skip(f"{program} is not beside the Python of .ci/hosts")
    done = run(str(Path(python).with_name(program)), "plugins")
    [found] = [plugin for plugin in json.loads(done.stdout) if plugin["name"] == "sqlclust"]
    assert set(found["hooks"]) == HOOKS[program]
    assert found["version"] == sqlclust.__version__
    assert done.stderr == ""


def test_sqlite_utils(python: str, demo_file: Path) -> None:
    command = str(Path(python).with_name("sqlite-utils"))
    done = run(command, "query", str(demo_file), FIT, "--arrays")
    assert (done.stdout, done.stderr) == ("[[1]]\n", "")
    done = run(command, "query", str(demo_file), "SELECT clust_fit('nothing')")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: no embeddings")


STATE = """
import sqlite3, sqlite_utils
database = sqlite_utils.Database(memory=True)
assert database.execute("SELECT clust_version()").fetchone()
try:
    database.execute("SELECT load_extension('nothing')")
except sqlite3.OperationalError as error:
    print(error)
"""


def test_extensions_cannot_be_loaded_afterwards(python: str) -> None:
    done = run(python, "-c", STATE)
    assert (done.stdout, done.stderr) == ("not authorized\n", "")


BROKEN = """
import sys
sys.modules["numpy"] = None
from sqlite_utils.cli import cli
cli(["memory", "SELECT 1"])
"""


def test_a_broken_installation_breaks_no_command(python: str) -> None:
    """And where it is asked for, the reason is said."""
    done = run(python, "-c", BROKEN)
    assert (done.returncode, done.stdout, done.stderr) == (0, '[{"1": 1}]\n', "")
    done = run(python, "-c", BROKEN, environment={"SQLCLUST_REQUIRE_LOADABLE": "1"})
    assert done.returncode == 1
    assert "the connection did not load sqlclust: error during initialization: sqlclust: Python" in done.stderr


def test_datasette(python: str, demo_file: Path) -> None:
    """Reading and writing connections have the functions, without an option; a page that reads cannot fit."""
    with DatasetteSession([demo_file], python, settings={"sql_time_limit_ms": 60_000}) as session:
        with pytest.raises(HostError, match="cannot write to it"):
            session.sql(FIT)
        assert session.write(FIT) == [[1]]
        assert session.sql("SELECT count(*) FROM clust_labels(1)") == [[40]]
        assert session.end() == 0
