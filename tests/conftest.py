from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

import sqlclust
from tests.small import add_embeddings, clustered


@pytest.fixture
def con() -> Iterator[apsw.Connection]:
    """A database of ours in memory, empty."""
    connection = sqlclust.connect(":memory:")
    sqlclust.initialize(connection)
    yield connection
    connection.close()


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
