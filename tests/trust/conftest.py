"""A file with a result, and files of older versions of the schema."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.schemas import trial, version_1
from tests.schemas.old import KNOWN, OLD
from tests.trust.good_file import make


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with 40 embeddings of model 'demo', result 1 and fit 1. All use one: none may change it."""
    return make(tmp_path_factory.mktemp("shared") / "good.db")


@pytest.fixture
def good(shared: Path, tmp_path: Path) -> Path:
    """A copy of it, in a folder of its own."""
    return Path(shutil.copy(shared, tmp_path / "good.db"))


@pytest.fixture
def path(shared: Path, tmp_path: Path) -> Path:
    """The same under the name of a file that is to do harm."""
    return Path(shutil.copy(shared, tmp_path / "hostile.db"))


@pytest.fixture(scope="session")
def old_files(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    folder = tmp_path_factory.mktemp("old")
    for number, fixture in KNOWN.items():
        fixture.make(folder / f"{number}.db")
    return {number: folder / f"{number}.db" for number in KNOWN}


@pytest.fixture(params=KNOWN)
def older(old_files: dict[int, Path], tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A file of each version that is older than the trial version."""
    return Path(shutil.copy(old_files[request.param], tmp_path / "old.db"))


@pytest.fixture
def last(old_files: dict[int, Path], tmp_path: Path) -> Path:
    """A file of the newest version that there is."""
    return Path(shutil.copy(old_files[max(KNOWN)], tmp_path / "one.db"))


@pytest.fixture(params=OLD)
def released(old_files: dict[int, Path], tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A file of each version that is older than the newest."""
    return Path(shutil.copy(old_files[request.param], tmp_path / "released.db"))


@pytest.fixture(params=[number for number in OLD if number < 3])
def before_sources(old_files: dict[int, Path], tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A file of each version that is older than version 3."""
    return Path(shutil.copy(old_files[request.param], tmp_path / "before.db"))


@pytest.fixture
def newest(monkeypatch: pytest.MonkeyPatch) -> None:
    trial.register(monkeypatch.setattr)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("version_1") / "old.db"
    version_1.make(path)
    return path


@pytest.fixture
def old(made: Path, tmp_path: Path) -> Path:
    """A file of version 1."""
    return Path(shutil.copy(made, tmp_path / "old.db"))
