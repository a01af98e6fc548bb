"""Work that goes wrong in workers, for tests: once, or always."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from sqlclust.core.runtime.control import Control
from sqlclust.distributed.fit import fit_in_shards
from sqlclust.distributed.spool import SpoolFile, write_spool
from sqlclust.distributed.tasks import Assignment, Report
from sqlclust.distributed.workers import ProcessWorkers, Workers
from sqlclust.errors import SpoolDamagedError
from tests.distributed.small_jobs import job


def write(spool: str, name: str) -> None:
    """Write a file."""
    write_spool(os.path.join(spool, name), {"numbers": np.arange(3)})


def _first_time(spool: str, name: str) -> bool:
    try:
        Path(spool, f"began-{name}").touch(exist_ok=False)
    except FileExistsError:
        return False
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


class Harmed:
    """Workers of whom one comes to harm in each of some phases; as `workers.Workers` has them.

    Args:
        harm: what happens, a key of HARM, by phase.
    """

    def __init__(self, workers: Workers, harm: Mapping[str, str]) -> None:
        self._workers, self._harm = workers, harm
        self.share_fate, self.said, self.threads = workers.share_fate, workers.said, workers.threads

    @property
    def count(self) -> int:
        """As `Workers` has it."""
        return self._workers.count

    def submit(self, assignment: Assignment) -> Future[Report]:
        """As `Workers` has it."""
        task = assignment.task
        phase = task.name.split(" ")[0]
        if phase in self._harm:
            task = replace(task, work=harmed, arguments=(self._harm[phase], phase, task.work, *task.arguments))
        return self._workers.submit(replace(assignment, task=task))

    def renew(self, *, tries: int, reason: str) -> None:
        """As `Workers` has it."""
        self._workers.renew(tries=tries, reason=reason)

    def abandon(self) -> None:
        """As `Workers` has it."""
        self._workers.abandon()

    def close(self) -> None:
        """As `Workers` has it."""
        self._workers.close()


def harmed(spool: str, harm: str, phase: str, work: Callable[..., None], *arguments: Any) -> None:
    """Do a task; the first one of its phase comes to harm."""
    if _first_time(spool, phase):
        HARM[harm](spool)
    work(spool, *arguments)


def _die_while_writing(spool: str) -> None:
    """Die when a file is written and has not yet its name."""
    os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)


def _hang(spool: str) -> None:
    time.sleep(600)


def _stop(spool: str) -> None:
    """So that not even a timer runs."""
    os.kill(os.getpid(), signal.SIGSTOP)


def _miss(spool: str) -> None:
    """Somebody removes what this task needs."""
    for name in os.listdir(spool):
        if name.startswith(("routed-000001", "found-000000")):
            os.unlink(os.path.join(spool, name))


HARM = {"die": _die_while_writing, "hang": _hang, "stop": _stop, "miss": _miss}


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
