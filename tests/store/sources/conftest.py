from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

import sqlclust
from tests.store.sources.noting import noted


@pytest.fixture
def note(tmp_path: Path) -> Iterator[apsw.Connection]:
    """A file of another program, without our tables."""
    con = sqlclust.connect(tmp_path / "note.db")
    yield noted(con)
    con.close()
