"""A healthy file, and one with several things wrong in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.diagnosis.sick import WRONG, broken, healthy


@pytest.fixture(scope="session")
def well(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All tests look at one, or break copies of it: none may change it."""
    return healthy(tmp_path_factory.mktemp("well") / "well.db")


@pytest.fixture
def sick(well: Path, tmp_path: Path) -> Path:
    return broken(well, tmp_path / "sick.db", WRONG)
