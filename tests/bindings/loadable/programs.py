"""Programs that load the extension."""

from __future__ import annotations

import os
import shutil
import subprocess
from ctypes.util import find_library
from pathlib import Path
from typing import Any

import pytest


def ran(*words: object, **environment: str) -> str:
    done = subprocess.run(
        [*map(str, words)], capture_output=True, text=True, timeout=300, env={**os.environ, **environment}, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def compiled_host(folder: Path, *flags: str) -> Path:
    """host.c, compiled into a folder; skips where that cannot be done."""
    compiler, library = shutil.which("gcc") or shutil.which("cc"), find_library("sqlite3")
    if not compiler or not library:
        pytest.skip("a C compiler or SQLite's shared library is not here")
    made = folder / "host"
    source = Path(__file__).with_name("host.c")
    warnings = ("-Wall", "-Wextra", "-Werror")
    done = subprocess.run(
        [compiler, *warnings, *flags, str(source), "-o", str(made), f"-l:{library}", "-lpthread", "-ldl"],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"{source.name} cannot be linked to {library}: {done.stderr.decode()[-200:]}")
    return made


def answers(file: Path) -> list[str]:
    """What host.c asks."""
    import sqlclust

    con = sqlclust.connect(str(file))
    questions: list[Any] = [
        "SELECT clust_version()", "SELECT clust_medoid(id, vector) FROM Embedding", "SELECT count(*) FROM clust_labels(1)",
        "SELECT count(*) FROM clust_duplicates((SELECT clust_points(id, vector) FROM Embedding))",
    ]  # fmt: skip
    found = [str(con.execute(question).get) for question in questions]
    con.close()
    return found
