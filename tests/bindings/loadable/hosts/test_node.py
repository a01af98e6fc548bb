"""node with better-sqlite3 as a host: what it alone does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bindings.loadable.hosts.scenarios import FIT, READS, expected
from tests.bindings.loadable.hosts.sessions import NodeSession

pytestmark = pytest.mark.slow


def test_two_threads(demo_file: Path, modules: str, node_library: str) -> None:
    """Each with a connection of its own, as better-sqlite3 wants it."""
    with NodeSession(demo_file, modules) as session:
        for read in READS[:3]:  # Python is started by the one thread, and then used by the other
            assert session.ask("in_thread", str(demo_file), node_library, read) == expected(demo_file, read)
        session.load(node_library)
        assert session.sql(FIT) == [[1]]
        assert session.end() == 0
        assert session.said == ""
