"""Work that goes wrong in workers, for tests: once, or always."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

from sqlclust.core.runtime.control import Control
from sqlclust.distributed.fit import fit_in_shards
from sqlclust.distributed.spool import SpoolFile, write_spool
from sqlclust.distributed.workers import ProcessWorkers
from sqlclust.errors import SpoolDamagedError
from tests.distributed.small_jobs import job


def write(spool: str, name: str) -> None:
    """Write a file."""
    write_spool(os.path.join(spool, name), {"numbers": np.arange(3)})


def _first_time(spool: str, name: str) -> bool:
    flag = Path(spool) / f"began-{name}"
    if flag.exists():
        return False
    flag.touch()
    return True


def hang_once(spool: str, name: str) -> None:
    """Hang, and the next time write a file."""
    if _first_time(spool, name):
        time.sleep(600)
    write(spool, name)


def stop_once(spool: str, name: str) -> None:
    """Be stopped, so that not even a timer runs; the next time write a file."""
    if _first_time(spool, name):
        os.kill(os.getpid(), signal.SIGSTOP)
    write(spool, name)


def die_once(spool: str, name: str) -> None:
    """Die, and the next time write a file."""
    if _first_time(spool, name):
        os.kill(os.getpid(), signal.SIGKILL)
    write(spool, name)


def read_part(spool: str, name: str) -> None:
    """Read the file `part`, at the same time as the others, and write one."""
    with open(os.path.join(spool, "met"), "a", encoding="utf-8") as met:
        met.write(f"{name}\n")
    try:
        with SpoolFile(os.path.join(spool, "part")) as file:
            file.array("numbers")
    except SpoolDamagedError:
        time.sleep(0.5)  # until all have met it
        raise
    write(spool, name)


def die(spool: str, name: str) -> None:
    """Die."""
    os.kill(os.getpid(), signal.SIGKILL)


def fail_once(spool: str, name: str) -> None:
    """Fail as a disk does, and the next time write a file."""
    if _first_time(spool, name):
        raise OSError("Input/output error")
    write(spool, name)


def fail(spool: str, name: str) -> None:
    """Fail as a disk does."""
    raise OSError("Input/output error")


def run_as_client(folder: str) -> None:
    """A whole fit with two processes, which says its phases; somebody kills it."""
    path = Path(folder)
    vectors = np.load(path / "all.npy")
    workers = ProcessWorkers(2)

    def say(phase: str, fraction: float) -> None:
        print(phase, fraction, *workers.processes(), flush=True)

    fit_in_shards(job(path / "vectors", vectors, shards=3), workers, str(path / "spool"), Control(say))


if __name__ == "__main__":
    run_as_client(sys.argv[1])
