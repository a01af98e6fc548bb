"""The same list for each of these hosts: the stock shell, Python's sqlite3, node's better-sqlite3, the command sqlite-utils."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.bindings.loadable.hosts.scenarios import SCENARIOS, SEVERAL, open_at_exit
from tests.bindings.loadable.hosts.sessions import (
    CommandSession,
    NodeSession,
    ProgramSession,
    PythonSession,
    Session,
    ShellSession,
)

pytestmark = pytest.mark.slow


class Host(NamedTuple):
    """How a host begins: its session, and the fixtures for what that takes after the path, and for what it loads."""

    begin: Callable[..., Session]
    needs: tuple[str, ...]
    library: str


HOSTS = {
    "shell": Host(ShellSession, (), "shell_library"),
    "python": Host(PythonSession, ("python",), "library"),
    "node": Host(NodeSession, ("modules",), "node_library"),
    "sqlite-utils": Host(CommandSession, ("python",), "library"),
}
WITH_CONNECTIONS = [name for name in HOSTS if name != "sqlite-utils"]  # which has one for each statement


class Running(NamedTuple):
    session: Session
    library: str


def begun(request: pytest.FixtureRequest, name: str, path: Path) -> Running:
    host = HOSTS[name]
    library = request.getfixturevalue(host.library)
    return Running(host.begin(path, *map(request.getfixturevalue, host.needs)), library)


@pytest.fixture(scope="module")
def running(request: pytest.FixtureRequest) -> Iterator[Running]:
    """The host that the parameter names, one process for all tests."""
    made = begun(request, request.param, Path(":memory:"))
    with made.session:
        yield made


@pytest.fixture
def host(running: Running, demo_file: Path) -> Running:
    running.session.turn_to(demo_file, running.library)
    return running


@pytest.mark.parametrize("running", HOSTS, indirect=True)
@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(host: Running, name: str) -> None:
    SCENARIOS[name](host.session)


@pytest.mark.parametrize("running", WITH_CONNECTIONS, indirect=True)
@pytest.mark.parametrize("name", SEVERAL)
def test_connections(host: Running, name: str) -> None:
    SEVERAL[name](host.session, host.library)


@pytest.mark.parametrize("name", ["python", "node"])
def test_exit_with_open_statements(request: pytest.FixtureRequest, demo_file: Path, name: str) -> None:
    session, library = begun(request, name, demo_file)
    assert isinstance(session, ProgramSession)
    with session:
        session.load(library)
        open_at_exit(session)
