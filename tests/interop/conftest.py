from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

import sqlclust
from tests.cli.terminal import succeed
from tests.interop.tools import ROOT, not_tried
from tests.small import add_embeddings, clustered


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for name, reason in sorted(not_tried.items()):
        terminalreporter.write_line(f"tests/interop: {name} is not tried: {reason}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slow)  # importing these programs takes seconds


def _with_ids(path: Path, ids: list[str] | list[int]) -> bytes:
    connection = sqlclust.connect(str(path))
    sqlclust.initialize(connection)
    with connection:
        connection.execute("INSERT INTO Run (id) VALUES ('run')")
        connection.executemany(
            "INSERT INTO Invocation (id, run_id, sequence_number, output_text) VALUES (?, 'run', ?, ?)",
            [(identifier, place, f"step {place}") for place, identifier in enumerate(ids)],
        )
        add_embeddings(connection, clustered(), ids=ids, invocation_ids=ids)
    sqlclust.fit(connection, "demo", min_cluster_size=5)
    sqlclust.fit(connection, "demo", min_cluster_size=10)
    connection.close()
    return path.read_bytes()


@pytest.fixture(scope="session")
def _contents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("interop")
    colors = folder / "colors.db"
    succeed("load", colors, ROOT / "examples" / "colors.csv", "--model", "rgb")
    succeed("fit", colors, "rgb", "--min-cluster-size", 4, "--min-samples", 2, "--no-normalize")
    return {
        "texts": _with_ids(folder / "texts.db", [f"e{row:02}" for row in range(40)]),
        "integers": _with_ids(folder / "integers.db", [*range(40)]),
        "colors": colors.read_bytes(),
    }


@pytest.fixture
def results(tmp_path: Path, _contents: dict[str, bytes]) -> Path:
    """A file that nobody has open: 40 embeddings with ids 'e00' to 'e39', steps of a run, and two results of 3 clusters."""
    path = tmp_path / "results.db"
    path.write_bytes(_contents["texts"])
    return path


@pytest.fixture
def integer_results(tmp_path: Path, _contents: dict[str, bytes]) -> Path:
    """The same with the ids 0 to 39."""
    path = tmp_path / "integers.db"
    path.write_bytes(_contents["integers"])
    return path


@pytest.fixture
def colors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, _contents: dict[str, bytes]) -> Path:
    """The README's `colors.db` with its result, in the current folder."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "colors.db"
    path.write_bytes(_contents["colors"])
    return path


@pytest.fixture(autouse=True)
def _adapters() -> Iterator[None]:
    """What a test tells the whole process of how sqlite3 stores values is forgotten."""
    before = dict(sqlite3.adapters)
    yield
    sqlite3.adapters.clear()
    sqlite3.adapters.update(before)
