"""Datasette as a host: by its plugin, and by --load-extension."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bindings.loadable.hosts.scenarios import SCENARIOS
from tests.bindings.loadable.hosts.sessions import DatasetteSession

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def running(
    python: str, library: str, demo_content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DatasetteSession]:
    """A server with a file for each scenario."""
    folder = tmp_path_factory.mktemp("datasette")
    paths = [folder / name / f"{name}.db" for name in SCENARIOS]
    for path in paths:
        path.parent.mkdir()
        path.write_bytes(demo_content)
    with DatasetteSession(paths, python, settings={"sql_time_limit_ms": 60_000}, extensions=[library]) as made:
        yield made


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(running: DatasetteSession, name: str) -> None:
    running.turn_to(running.path.parent.parent / name / f"{name}.db", None)
    SCENARIOS[name](running)
