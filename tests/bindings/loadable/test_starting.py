"""How a program without Python, or with one that is hidden, gets the one that sqlclust is installed for."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from sqlclust.bindings.loadable import compiling
from tests.bindings.loadable.programs import answers, compiled_host, ran
from tests.extension import extension_path, why_not
from tests.package_files import PACKAGE

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(why_not()), reason=why_not())]


def test_signals_that_interrupt_what_waits(host: Path, fitted: Path) -> None:
    """A program may have a timer whose handler restarts nothing."""
    assert ran(host, fitted, extension_path(), "alarms").splitlines() == [
        f"alarms: {answer}" for answer in answers(fitted)
    ]


def test_an_sqlite_that_is_too_old(host: Path, fitted: Path) -> None:
    """Nothing else of it is called."""
    file = Path(extension_path()).with_name(compiling.NAME)
    assert ran(host, fitted, file, "old") == "1: sqlclust needs SQLite 3.37 or newer; this is 3.36\n"


def test_a_program_that_goes_to_another_folder(host: Path, fitted: Path) -> None:
    wanted = [f"{when}: {answer}" for when in ("relative", "moved") for answer in answers(fitted)]
    assert ran(host, fitted, extension_path(), "moves").splitlines() == wanted


def library() -> str:
    """The shared library of this Python."""
    folder, name = (sysconfig.get_config_var(each) or "" for each in ("LIBDIR", "INSTSONAME"))
    path = os.path.join(folder, name)
    if not name or name.endswith(".a") or not os.path.isfile(path):
        pytest.skip("this Python has no shared library")
    return path


def test_a_hidden_python_that_runs_is_joined(host: Path, fitted: Path) -> None:
    """Loaded with RTLD_LOCAL, as plug-ins are: it cannot be found among the program's functions."""
    said = ran(
        host,
        fitted,
        extension_path(),
        "embeds",
        library(),
        PYTHONPATH=os.pathsep.join([str(PACKAGE.parent), *sys.path]),
    )
    assert said.splitlines() == [f"embeds: {answer}" for answer in answers(fitted)]


def test_another_python_that_does_not_run_is_in_the_way(tmp_path: Path, fitted: Path) -> None:
    """NumPy would be given functions of one and objects of the other."""
    other = compiled_host(tmp_path, "-DANOTHER_PYTHON", "-rdynamic")
    done = subprocess.run([other, fitted, extension_path(), "closes"], capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert done.stdout.startswith(
        "error during initialization: sqlclust: this program is linked to another Python, which it has"
    )


@pytest.mark.parametrize("name", [b"no\xffUTF-8", "ünï".encode(), b"two\nlines", b"a 'quoted' \"one\" %s"])
def test_folders_of_any_name(host: Path, fitted: Path, tmp_path: Path, name: bytes) -> None:
    """And whatever the encoding of stdout is, and whatever Python prints when it starts."""
    folder = os.fsencode(tmp_path) + b"/" + name
    try:
        os.mkdir(folder)
    except OSError as error:
        pytest.skip(f"this file system has no such names: {error}")
    shutil.copytree(
        PACKAGE, Path(os.fsdecode(folder), "sqlclust"), ignore=shutil.ignore_patterns("__pycache__", "*.python")
    )
    Path(os.fsdecode(folder), "sitecustomize.py").write_text("print('hello')")
    environment = {
        "PYTHONPATH": os.fsdecode(folder), "SQLCLUST_PYTHON": sys.executable, "PYTHONIOENCODING": "ascii",
        "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
    there = os.fsdecode(folder) + "/sqlclust/bindings/loadable/sqlclust"
    said = ran(host, fitted, there, "asks", "SELECT clust_version()", **environment)
    assert said.splitlines()[-1] == f"answer: {answers(fitted)[0]}"


@pytest.mark.parametrize("lib", ["lib", "lib64"])
def test_a_python_below_a_folder_that_looks_like_its_own(host: Path, fitted: Path, tmp_path: Path, lib: str) -> None:
    """…/lib/python-tools/venv/lib/python3.X/…, with no note beside the extension."""
    above = tmp_path / "lib" / "python-tools" / "venv"
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    site = above / lib / version / "site-packages"
    shutil.copytree(PACKAGE, site / "sqlclust", ignore=shutil.ignore_patterns("__pycache__", "*.python"))
    (above / "bin").mkdir()
    python = above / "bin" / version
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{site}" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    there = site / "sqlclust" / "bindings" / "loadable" / "sqlclust"
    said = ran(host, fitted, there, "asks", "SELECT clust_version()", PATH="/nowhere", SQLCLUST_PYTHON="")
    assert said.splitlines() == [f"answer: {answers(fitted)[0]}"]


def test_imports_are_waited_for_when_a_connection_closes(host: Path, fitted: Path, tmp_path: Path) -> None:
    """They began before an error. The program ends next: libraries are not to be initialized while it does."""
    (tmp_path / "threadpoolctl.py").write_text(
        f"import time\ntime.sleep(1)\nopen({str(tmp_path / 'imported')!r}, 'w').close()\n"
    )
    said = ran(host, fitted, extension_path(), "asks", "SELECT clust_fit('nowhere')", PYTHONPATH=str(tmp_path))
    assert said.startswith("answer: error: ")
    assert (tmp_path / "imported").exists()
