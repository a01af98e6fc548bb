"""What tests of faults compare with, and a small database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
import numpy as np
import pytest

import sqlclust
from sqlclust.distributed.fit import ShardedFit
from tests.distributed.published import VECTORS
from tests.distributed.small_jobs import by_threads
from tests.small import add_embeddings


@pytest.fixture(scope="session")
def expected(tmp_path_factory: pytest.TempPathFactory) -> ShardedFit:
    """The fit of `small_jobs.start`, calmly."""
    return by_threads(tmp_path_factory.mktemp("expected"))


@pytest.fixture
def con(tmp_path: Path) -> Iterator[apsw.Connection]:
    """700 embeddings of a model, of which ten occur twice, in another order than their ids; and one of another."""
    connection = sqlclust.connect(tmp_path / "notes.db")
    sqlclust.initialize(connection)
    ids = [f"note {(row * 263) % 700}" for row in range(700)]  # another order than the rows have
    add_embeddings(connection, np.concatenate([VECTORS[:690], VECTORS[:10]]), ids=ids)
    add_embeddings(connection, VECTORS[:1], model="alone", ids=["alone"])
    yield connection
    connection.close()
