from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

import sqlclust
from sqlclust.connection import make_safe
from tests.hosts import HOSTS, HostConnection
from tests.small import add_embeddings, clustered

HOSTED = {"test_sql": HOSTS, "test_fit_functions": ("plain", "dict rows")}
"""Modules whose tests run once for each of these hosts."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    hosts = HOSTED.get(metafunc.module.__name__.rpartition(".")[2])
    if hosts and "con" in metafunc.fixturenames:
        metafunc.parametrize("con", hosts, indirect=True)


@pytest.fixture
def con(request: pytest.FixtureRequest) -> Iterator[apsw.Connection]:
    """A database of ours in memory, empty; where the test is hosted, on a host's connection that has its own ways."""
    host = getattr(request, "param", "plain")
    if host == "plain":
        connection = sqlclust.connect(":memory:")
        sqlclust.initialize(connection)
        yield connection
        connection.close()
        return
    hosted = HostConnection(":memory:")
    make_safe(hosted)
    hosted.become(host)
    sqlclust.register(hosted)
    sqlclust.initialize(hosted)
    hosted.check()
    yield hosted
    hosted.check()
    hosted.close()


@pytest.fixture
def demo(con: apsw.Connection) -> apsw.Connection:
    """The same with 40 embeddings of model 'demo', ids 1 to 40: three clusters (id 1 in the first, 2 in the second, …) and
    four rows of noise, 37 to 40.
    """
    add_embeddings(con, clustered())
    return con


@pytest.fixture
def demo_file(tmp_path: Path) -> Path:
    """A database file with the same rows."""
    path = tmp_path / "demo.db"
    connection = sqlclust.connect(str(path))
    sqlclust.initialize(connection)
    add_embeddings(connection, clustered())
    connection.close()
    return path
