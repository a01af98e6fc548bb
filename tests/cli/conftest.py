from __future__ import annotations

from pathlib import Path

import pytest

import sqlclust
from tests.cli.embedding_files import text_file
from tests.cli.host_files import notes
from tests.cli.terminal import succeed
from tests.small import add_embeddings, clustered


@pytest.fixture
def db(demo_file: Path) -> Path:
    """A database file with 40 embeddings of model 'demo' and no result."""
    return demo_file


@pytest.fixture(scope="session")
def fitted_content(tmp_path_factory: pytest.TempPathFactory, demo_content: bytes) -> bytes:
    path = tmp_path_factory.mktemp("fitted") / "fitted.db"
    path.write_bytes(demo_content)
    succeed("fit", path, "--min-cluster-size", 5)
    return path.read_bytes()


@pytest.fixture
def fitted(db: Path, fitted_content: bytes) -> Path:
    """The same with result 1, of three clusters."""
    db.write_bytes(fitted_content)
    return db


@pytest.fixture(scope="session")
def three_content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("three") / "three.db"
    connection = sqlclust.connect(str(path))
    sqlclust.initialize(connection)
    add_embeddings(connection, clustered(), model="a")
    add_embeddings(connection, clustered()[:1], model="b", ids=["b1"])
    add_embeddings(connection, clustered(seed=8), model="c", ids=range(101, 141))
    connection.close()
    return path.read_bytes()


@pytest.fixture
def three(tmp_path: Path, three_content: bytes) -> Path:
    """A database file of three models: 'a' and 'c' of 40 rows, 'b' of one."""
    path = tmp_path / "three.db"
    path.write_bytes(three_content)
    return path


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return tmp_path / "new.db"


@pytest.fixture
def loaded(new: Path, tmp_path: Path) -> Path:
    file = text_file(
        tmp_path / "first.jsonl",
        {"id": "a", "vector": [1, 2], "content": "first", "run_id": "r", "sequence_number": 0},
        {"id": "b", "vector": [3, 4]},
    )
    succeed("load", new, file, "-m", "m")
    return new


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """A database of another program: table notes with two vectors."""
    return notes(tmp_path / "theirs.db")
