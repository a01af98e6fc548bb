"""A database as version 2 of the schema made it, with the content of `version_1`: version_2.sql never changes."""

from __future__ import annotations

from pathlib import Path

from tests.schemas import version_1

SQL = (Path(__file__).parent / "version_2.sql").read_text(encoding="utf-8")


def make(path: Path | str) -> None:
    """Write one; see `version_1.make`."""
    version_1.make(path, SQL)
