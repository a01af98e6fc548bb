"""Adopting that is stopped or killed, has no room, or meets a lock."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

import sqlclust
from sqlclust.adoption.adoption import adopt_from
from sqlclust.bindings.apsw.database import database_of
from sqlclust.errors import LockedError
from tests.adoption.adopting import hashed, refused, theirs, whole
from tests.cli.terminal import run, succeed
from tests.schemas.old_project import Shape, make

pytestmark = pytest.mark.slow


ROOT = Path(__file__).resolve().parents[2]


# --- stopped, killed, no room -------------------------------------------------------------------------------------


class Stop(Exception):
    pass


@pytest.mark.parametrize("shape", ["medoids", "plural"])
@pytest.mark.parametrize("phase", ["runs", "steps of runs", "embeddings", "results", "backup"])
@pytest.mark.parametrize("error", [Stop, KeyboardInterrupt])
def test_stopping_leaves_nothing(tmp_path: Path, shape: Shape, phase: str, error: type[BaseException]) -> None:
    old = make(tmp_path / "old.db", shape)
    before = hashed(old.path)

    def progress(found: str, fraction: float) -> None:
        if found == phase and fraction == 1.0:
            raise error

    new = tmp_path / "new.db"
    con = sqlclust.connect(str(new))
    if phase != "backup":
        with pytest.raises(error):
            sqlclust.adopt(con, old.path, progress=progress)
        assert con.execute("SELECT count(*) FROM sqlite_schema").get == 0
    con.close()
    new.unlink()
    con = sqlclust.connect(str(old.path))
    with pytest.raises(error):
        sqlclust.adopt(con, replace=True, progress=progress)
    whole(con)
    con.close()
    assert hashed(old.path) == before
    assert [path.name for path in tmp_path.iterdir()] == ["old.db"]


def test_an_interrupt_stops_it(tmp_path: Path) -> None:
    old = make(tmp_path / "old.db")
    before = hashed(old.path)
    con = sqlclust.connect(str(old.path))

    def progress(phase: str, _: float) -> None:
        if phase == "results":
            con.interrupt()

    with pytest.raises(apsw.InterruptError):
        sqlclust.adopt(con, replace=True, progress=progress)
    con.close()
    assert hashed(old.path) == before
    assert [path.name for path in tmp_path.iterdir()] == ["old.db"]


SLOW = """
import sys, time, sqlclust
con = sqlclust.connect(sys.argv[1])
con.execute("PRAGMA cache_size = 1")
def progress(phase, fraction):
    if phase == "results" and fraction > 0.5:
        print("now", flush=True)
        time.sleep(60)
if len(sys.argv) > 2:
    sqlclust.adopt(con, sys.argv[2], progress=progress)
else:
    sqlclust.adopt(con, replace=True, progress=progress)
"""


@pytest.mark.parametrize("place", ["a new file", "their place"])
def test_killed(tmp_path: Path, place: str) -> None:
    old = make(tmp_path / "old.db")
    before, content = hashed(old.path), theirs(old.path)
    new = tmp_path / "new.db"
    arguments = [str(new), str(old.path)] if place == "a new file" else [str(old.path)]
    process = subprocess.Popen([sys.executable, "-c", SLOW, *arguments], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    assert process.stdout.readline() == "now\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    con = sqlclust.connect(str(old.path))  # rolls back
    whole(con)
    con.close()
    assert theirs(old.path) == content
    if place == "a new file":
        assert hashed(old.path) == before
        succeed("adopt", old.path, new)  # what is left of the new file is empty, and is used
    else:
        succeed("adopt", old.path, "--replace")


def test_ctrl_c_on_the_command(tmp_path: Path) -> None:
    old = make(tmp_path / "old.db")
    new = tmp_path / "new.db"
    script = """
import sys
from sqlclust.cli import main
from sqlclust.adoption import results
def stop(self):
    raise KeyboardInterrupt
results.ResultsCopy.run = stop
main(["adopt", *sys.argv[1:]])
"""
    ran = subprocess.run(
        [sys.executable, "-c", script, str(old.path), str(new)], capture_output=True, text=True, cwd=ROOT
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (130, "", "Interrupted; nothing was written\n")
    assert [path.name for path in tmp_path.iterdir()] == ["old.db"]


def test_no_room_is_said_before_anything_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = make(tmp_path / "old.db")
    new = tmp_path / "new.db"
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    refused(
        f"{old.path} was not adopted: about 0.0 GB are needed where {new} is, and 0.0 GB are free; nothing was changed",
        *(old.path, new),
    )
    assert run("adopt", old.path, "--replace").code == 1
    assert [path.name for path in tmp_path.iterdir()] == ["old.db"]


def test_a_locked_file_is_said(tmp_path: Path) -> None:
    old = make(tmp_path / "old.db", "plural")
    other = apsw.Connection(str(old.path))
    other.execute("BEGIN EXCLUSIVE")
    con = apsw.Connection(":memory:")
    source = apsw.Connection(str(old.path))
    source.set_busy_timeout(100)
    with pytest.raises(LockedError, match=r"reading the old tables was given up and nothing was written"):
        adopt_from(database_of(con), database_of(source))
    other.execute("ROLLBACK")
    for each in (other, con, source):
        each.close()
