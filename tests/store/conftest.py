from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

import sqlclust


@pytest.fixture
def two(demo_file: Path) -> Iterator[tuple[apsw.Connection, apsw.Connection]]:
    """Two connections to one file: ours, which does not wait by itself, and another."""
    ours, other = sqlclust.connect(str(demo_file)), sqlclust.connect(str(demo_file))
    ours.set_busy_timeout(0)
    yield ours, other
    ours.close()
    other.close()
