from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

import sqlclust
from sqlclust.errors import ExtensionError
from tests.bindings.loadable.hosts.sessions import STARTED, HostError, NodeSession
from tests.programs import has_shell, hosts_python, node_modules
from tests.small import add_embeddings


@pytest.fixture(scope="session")
def library() -> str:
    """The path of the extension."""
    try:
        return sqlclust.loadable_path()
    except ExtensionError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def shell_library(library: str) -> str:
    """The same, where there is an sqlite3 shell, and a Python that it can start."""
    if not has_shell():
        pytest.skip("no sqlite3 shell of 3.37 or newer is on PATH")
    done = subprocess.run(
        ["sqlite3", ":memory:", f".load {library}"], capture_output=True, encoding="utf-8", check=False,
        env={**os.environ, **STARTED},
    )  # fmt: skip
    if "has no shared library" in done.stderr or "unknown command" in done.stderr:
        pytest.skip(done.stderr.strip())
    return library


@pytest.fixture(scope="session")
def node_library(library: str, modules: str) -> str:
    """The same, where there is node with better-sqlite3, and a Python that it can start."""
    with NodeSession(Path(":memory:"), modules) as session:
        try:
            session.load(library)
        except HostError as error:
            if "has no shared library" not in str(error):
                raise
            pytest.skip(str(error))
    return library


def set_up(found: str | None, what: str, variable: str) -> str:
    if found is None:
        pytest.skip(f"{what} is not set up: run .ci/hosts, or set {variable}")
    return found


@pytest.fixture(scope="session")
def python() -> str:
    """A Python whose sqlite3 can load extensions."""
    return set_up(hosts_python(), "a Python that can load extensions", "SQLCLUST_HOSTS_PYTHON")


@pytest.fixture(scope="session")
def modules() -> str:
    """A folder with better-sqlite3."""
    return set_up(node_modules(), "node with better-sqlite3", "SQLCLUST_NODE_MODULES")


@pytest.fixture(scope="session")
def slow_content(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of so many embeddings that a fit takes seconds. Nobody writes to it."""
    path = tmp_path_factory.mktemp("slow") / "slow.db"
    con = sqlclust.connect(path)
    sqlclust.initialize(con)
    with con:
        add_embeddings(con, np.random.default_rng(1).normal(size=(40_000, 256)).astype(np.float32))
    con.close()
    return path
