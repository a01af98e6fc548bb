"""Python's sqlite3 as a host."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bindings.loadable.hosts.scenarios import SCENARIOS, SEVERAL, open_at_exit
from tests.bindings.loadable.hosts.sessions import PythonSession

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def running(python: str) -> Iterator[PythonSession]:
    with PythonSession(Path(":memory:"), python) as made:
        yield made


@pytest.fixture
def session(running: PythonSession, demo_file: Path, library: str) -> PythonSession:
    running.turn_to(demo_file, library)
    return running


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(session: PythonSession, name: str) -> None:
    SCENARIOS[name](session)


@pytest.mark.parametrize("name", SEVERAL)
def test_connections(session: PythonSession, library: str, name: str) -> None:
    SEVERAL[name](session, library)


def test_exit_with_open_statements(demo_file: Path, python: str, library: str) -> None:
    with PythonSession(demo_file, python) as session:
        session.load(library)
        open_at_exit(session)
