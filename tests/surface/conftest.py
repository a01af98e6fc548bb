"""Fixtures of several files here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

import sqlclust


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sqlclust.store.fit.PATIENCE", 0.3)


@pytest.fixture
def two(demo_file: Path) -> Iterator[tuple[apsw.Connection, apsw.Connection]]:
    """Two connections to one file."""
    pair = sqlclust.connect(str(demo_file)), sqlclust.connect(str(demo_file))
    for con in pair:
        con.set_busy_timeout(50)
    yield pair
    for con in pair:
        con.close()
