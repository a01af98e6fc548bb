"""node with better-sqlite3 as a host."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bindings.loadable.hosts.scenarios import SCENARIOS, SEVERAL, open_at_exit
from tests.bindings.loadable.hosts.sessions import NodeSession

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def running(modules: str) -> Iterator[NodeSession]:
    with NodeSession(Path(":memory:"), modules) as made:
        yield made


@pytest.fixture
def session(running: NodeSession, demo_file: Path, library: str) -> NodeSession:
    running.turn_to(demo_file, library)
    return running


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(session: NodeSession, name: str) -> None:
    SCENARIOS[name](session)


@pytest.mark.parametrize("name", SEVERAL)
def test_connections(session: NodeSession, library: str, name: str) -> None:
    SEVERAL[name](session, library)


def test_exit_with_open_statements(demo_file: Path, modules: str, library: str) -> None:
    with NodeSession(demo_file, modules) as session:
        session.load(library)
        open_at_exit(session)
