"""The command sqlite-utils as a host: by its plugin, and by --load-extension."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bindings.loadable.hosts.scenarios import SCENARIOS
from tests.bindings.loadable.hosts.sessions import CommandSession

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def running(python: str) -> Iterator[CommandSession]:
    with CommandSession(Path(":memory:"), python) as made:
        yield made


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(running: CommandSession, demo_file: Path, library: str, name: str) -> None:
    running.turn_to(demo_file, library)
    SCENARIOS[name](running)
