"""node with better-sqlite3 as a host."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bindings.loadable.hosts.scenarios import FIT, READS, SCENARIOS, SEVERAL, expected, open_at_exit
from tests.bindings.loadable.hosts.sessions import NodeSession

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def running(modules: str) -> Iterator[NodeSession]:
    with NodeSession(Path(":memory:"), modules) as made:
        yield made


@pytest.fixture
def session(running: NodeSession, demo_file: Path, node_library: str) -> NodeSession:
    running.turn_to(demo_file, node_library)
    return running


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(session: NodeSession, name: str) -> None:
    SCENARIOS[name](session)


@pytest.mark.parametrize("name", SEVERAL)
def test_connections(session: NodeSession, node_library: str, name: str) -> None:
    SEVERAL[name](session, node_library)


def test_exit_with_open_statements(demo_file: Path, modules: str, node_library: str) -> None:
    with NodeSession(demo_file, modules) as session:
        session.load(node_library)
        open_at_exit(session)


def test_two_threads(demo_file: Path, modules: str, node_library: str) -> None:
    """Each with a connection of its own, as better-sqlite3 wants it."""
    with NodeSession(demo_file, modules) as session:
        for read in READS[:3]:  # Python is started by the one thread, and then used by the other
            assert session.ask("in_thread", str(demo_file), node_library, read) == expected(demo_file, read)
        session.load(node_library)
        assert session.sql(FIT) == [[1]]
        assert session.end() == 0
        assert session.said == ""
