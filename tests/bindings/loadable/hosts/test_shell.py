"""The stock sqlite3 shell as a host."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bindings.loadable.hosts.scenarios import SCENARIOS, SEVERAL
from tests.bindings.loadable.hosts.sessions import ShellSession

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def running(shell_library: str) -> Iterator[ShellSession]:
    with ShellSession(Path(":memory:")) as made:
        yield made


@pytest.fixture
def session(running: ShellSession, demo_file: Path, shell_library: str) -> ShellSession:
    running.turn_to(demo_file, shell_library)
    return running


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(session: ShellSession, name: str) -> None:
    SCENARIOS[name](session)


@pytest.mark.parametrize("name", SEVERAL)
def test_connections(session: ShellSession, shell_library: str, name: str) -> None:
    SEVERAL[name](session, shell_library)
