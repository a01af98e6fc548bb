"""The sqlite3 shell has no Python: which one is started, in which surroundings, and what is said where none can be."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from sqlclust.bindings.loadable import compiling
from tests.package_files import PACKAGE

pytestmark = pytest.mark.slow
ABOUT_PYTHON = ("SQLCLUST_PYTHON", "PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "LANG", "LC_ALL")
WORKS = "SELECT clust_dimension(x'0000803f0000803f');"


def shell(
    library: str, folder: Path, environment: Mapping[str, str] | None = None, sql: str = WORKS
) -> tuple[str, str]:
    """What a script says on stdout and stderr that loads the extension; the shell goes on after an error."""
    kept = {name: value for name, value in os.environ.items() if name not in ABOUT_PYTHON}
    done = subprocess.run(
        ["sqlite3", "-batch", ":memory:"], input=f".load {library}\nSELECT 'alive';\n{sql}\n", encoding="utf-8",
        capture_output=True, check=False, cwd=folder, env={**kept, **(environment or {})},
    )  # fmt: skip
    assert done.returncode in (0, 1), done
    assert done.stdout.startswith("alive\n"), done
    return done.stdout.removeprefix("alive\n"), done.stderr


def refusal(library: str, folder: Path, environment: Mapping[str, str] | None = None) -> str:
    """The line in which loading fails."""
    out, said = shell(library, folder, environment, "SELECT 1;")
    assert out == "1\n"
    prefix = "Error: error during initialization: "
    assert said.startswith(prefix), said
    assert said.count("\n") == 1, said
    return said.removeprefix(prefix).rstrip()


@pytest.mark.parametrize(
    "environment",
    [{}, {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0"}, {"PYTHONOPTIMIZE": "2"}, {"SQLCLUST_PYTHON": sys.executable}],
    ids=["as it is", "C", "optimized", "told"],
)
def test_nothing_is_said_and_nothing_of_the_folder_is_imported(
    shell_library: str, tmp_path: Path, environment: dict[str, str]
) -> None:
    for name in ("numpy", "sqlclust", "json"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('of the working directory')")
    tmp_path.chmod(0o555)
    try:
        assert shell(shell_library, tmp_path, environment) == ("2\n", "")
    finally:
        tmp_path.chmod(0o755)


def test_a_numpy_that_cannot_be_imported(shell_library: str, tmp_path: Path) -> None:
    (tmp_path / "numpy.py").write_text("raise ImportError('no\\nnumpy')")
    said = refusal(shell_library, tmp_path, {"PYTHONPATH": str(tmp_path), "SQLCLUST_PYTHON": sys.executable})
    assert said.startswith("sqlclust: Python ")
    assert said.endswith(" cannot import it (ImportError: no numpy); install sqlclust for that Python")


@pytest.mark.parametrize(
    ("told", "also"),
    [
        ("/nonexistent", ""),
        ("/", ""),
        ("no-such-program", ""),
        ("true", ""),
        ("{other}", " (has another sqlclust, in /elsewhere)"),
    ],
)
def test_a_wrong_sqlclust_python(shell_library: str, tmp_path: Path, told: str, also: str) -> None:
    """No other one is taken in its place."""
    program(tmp_path / "other", "/elsewhere")
    told = told.format(other=tmp_path / "other")
    assert refusal(shell_library, tmp_path, {"SQLCLUST_PYTHON": told}) == (
        f"sqlclust: found no Python that has what is in {PACKAGE}; tried {told}{also}. "
        "SQLCLUST_PYTHON, which is set, has to be the python it is installed for"
    )


def program(path: Path, *answer: str) -> Path:
    """Stands for a Python that says this when it is asked."""
    words = " ".join(f"'{word}'" for word in (*answer, "", "", "", "")[:4])
    path.write_text(f"#!/bin/sh\nprintf '\\0%s' {words}\n")
    path.chmod(0o755)
    return path


def test_a_python_without_a_library(shell_library: str, tmp_path: Path) -> None:
    python = program(tmp_path / "python", str(PACKAGE), "/somewhere/python", "", "3.99")
    said = refusal(shell_library, tmp_path, {"SQLCLUST_PYTHON": str(python)})
    assert said.startswith(
        "sqlclust: Python 3.99 (/somewhere/python) has no shared library, and this program has no Python of its own: "
    )
    assert "apt install libpython3.99" in said


def test_a_library_that_is_none(shell_library: str, tmp_path: Path) -> None:
    python = program(tmp_path / "python", str(PACKAGE), "/somewhere/python", str(tmp_path / "python"), "3.99")
    assert refusal(shell_library, tmp_path, {"SQLCLUST_PYTHON": str(python)}).startswith("sqlclust: Python 3.99 ")


def test_pythonhome_of_something_else(shell_library: str, tmp_path: Path) -> None:
    """Python would end the whole process."""
    told = {"PYTHONHOME": "/nonexistent", "SQLCLUST_PYTHON": sys.executable}
    said = refusal(shell_library, tmp_path, told)
    assert said.endswith("; PYTHONHOME is set, without which it may be found")


@pytest.fixture
def moved(shell_library: str, tmp_path: Path) -> Path:
    """The package's files in another place, where no Python has them; the note is as it was."""
    folder = tmp_path / "moved" / "sqlclust" / "bindings" / "loadable"
    folder.mkdir(parents=True)
    shutil.copy(f"{shell_library}{Path(compiling.NAME).suffix}", folder)
    shutil.copy(f"{shell_library}.python", folder)
    return folder


@pytest.mark.parametrize(
    "note", ["as it was", "missing", "empty", "of a program that is gone", "of no text", "a folder"]
)
def test_a_package_that_was_moved(moved: Path, tmp_path: Path, note: str) -> None:
    path = moved / "sqlclust.python"
    if note != "as it was":
        path.unlink()
    if note == "empty":
        path.touch()
    elif note == "of a program that is gone":
        path.write_text("/gone/bin/python\n/gone/sqlclust\n")
    elif note == "of no text":
        path.write_bytes(bytes(range(256)) * 40)
    elif note == "a folder":
        path.mkdir()
    said = refusal(str(moved / "sqlclust"), tmp_path)
    assert said.startswith(f"sqlclust: found no Python that has what is in {moved.parents[1]}; tried ")
    assert said.endswith(". Set SQLCLUST_PYTHON to the python it is installed for")


def test_a_package_that_its_python_had_by_a_path(moved: Path, tmp_path: Path) -> None:
    """As in a checkout, beside another sqlclust that is installed: the note says that this Python has had this one."""
    package = moved.parents[1]
    shutil.copytree(PACKAGE, package, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", "sqlclust.so"))
    (moved / "sqlclust.python").write_text(f"{sys.executable}\n{package}\n")
    said = shell(str(moved / "sqlclust"), tmp_path, {})
    assert said == ("2\n", "")
    (moved / "sqlclust.python").write_text(f"{sys.executable}\n/another/sqlclust\n")
    assert "(has another sqlclust, in " in refusal(str(moved / "sqlclust"), tmp_path)


def test_a_package_of_another_python(shell_library: str, tmp_path: Path) -> None:
    """NumPy's own words of it are a page."""
    package = tmp_path / "lib" / "python3.99" / "site-packages" / "sqlclust"
    folder = package / "bindings" / "loadable"
    folder.mkdir(parents=True)
    (package / "__init__.py").write_text("raise ImportError('a page')")
    shutil.copy(f"{shell_library}{Path(compiling.NAME).suffix}", folder)
    (folder / "sqlclust.python").write_text(f"{sys.executable}\n{package}\n")
    said = refusal(str(folder / "sqlclust"), tmp_path)
    assert said.endswith(
        " cannot import it (ImportError: it is installed for Python 3.99); install sqlclust for that Python"
    )


def test_in_a_cache_folder_by_its_note(moved: Path, shell_library: str, tmp_path: Path) -> None:
    """There the place of the file says nothing."""
    folder = tmp_path / "cache"
    folder.mkdir()
    for path in moved.iterdir():
        shutil.copy(path, folder)
    (folder / "sqlclust.python").write_text(f"{sys.executable}\n{PACKAGE}\n")
    assert shell(str(folder / "sqlclust"), tmp_path) == ("2\n", "")
