"""The stock sqlite3 shell as a host."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bindings.loadable.hosts.scenarios import SCENARIOS, SEVERAL
from tests.bindings.loadable.hosts.sessions import ShellSession, has_shell

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not has_shell(), reason="no sqlite3 shell of 3.37 or newer is on PATH"),
]


@pytest.fixture(scope="module")
def running() -> Iterator[ShellSession]:
    with ShellSession(Path(":memory:")) as made:
        yield made


@pytest.fixture
def session(running: ShellSession, demo_file: Path, library: str) -> ShellSession:
    running.turn_to(demo_file, library)
    return running


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(session: ShellSession, name: str) -> None:
    SCENARIOS[name](session)


@pytest.mark.parametrize("name", SEVERAL)
def test_connections(session: ShellSession, library: str, name: str) -> None:
    SEVERAL[name](session, library)
