"""Programs killed while they upgrade a file: at every operation that changes files, the file is the older one or the newest."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.schema import VERSION, version
from tests.schemas.old import OLD
from tests.trust.version_1_files import ROOT, content, whole_version

pytestmark = pytest.mark.slow


KILLED = """
import os, shutil, signal, sys
import apsw, sqlclust
from tests.trust.shim import CHANGING, Shim, kill
base, folder, journal = sys.argv[1:]

def upgraded(at):
    path = shutil.copy(base, f"{folder}/{at}.db")
    shim = Shim()
    con = apsw.Connection(path, vfs=shim.name)
    con.pragma("journal_mode", journal)
    con.pragma("cache_size", 1)  # what is changed goes to the file before COMMIT
    shim.arm(at, watched=CHANGING, error=kill)
    sqlclust.initialize(con)
    shim.disarm()
    con.close()
    return len(shim.done)

n = upgraded(0)
for at in range(1, n + 1):
    child = os.fork()
    if child == 0:
        try:
            upgraded(at)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, (at, status)
print(n)
"""


@pytest.mark.parametrize(("number", "journal"), [(min(OLD), "wal"), (max(OLD), "delete")])
def test_a_killed_upgrade_is_whole_or_absent(
    old_files: dict[int, Path], tmp_path: Path, number: int, journal: str
) -> None:
    """Killed before each write, sync, truncation and deletion, from the first on; the journal's or the log's included."""
    before = content(old_files[number])
    ran = subprocess.run(
        [sys.executable, "-c", KILLED, str(old_files[number]), str(tmp_path), journal],
        capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    operations = int(ran.stdout)
    seen = []
    for at in range(operations + 1):
        path = tmp_path / f"{at}.db"
        con = sqlclust.connect(str(path))  # rolls back
        found = version(database_of(con)) or 0
        con.close()
        seen.append(found)
        whole_version(path, found)
        assert content(path) == before, at
    assert seen[0] == VERSION
    absent = seen[1:].count(number)
    assert absent > 20  # the last one or two are after the commit
    assert seen[1:] == [number] * absent + [VERSION] * (operations - absent)
