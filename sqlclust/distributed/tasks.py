"""Tasks: what a worker does, as a record that can be pickled; its result is files of the spool folder."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlclust import __version__
from sqlclust.core.runtime.threads import cores_at_most
from sqlclust.errors import SpoolMissingError, SpoolNotSharedError, WorkerVersionError


@dataclass(frozen=True)
class Task:
    """A piece of work.

    Attributes:
        name: unique in the fit.
        work: a function of a module, called as `work(spool, *arguments)`.
        arguments: numbers and short texts.
        outputs: the files that it writes, the last one last: when that is there, it is done.
        local: whether the client does it itself.
    """

    name: str
    work: Callable[..., None]
    arguments: tuple[Any, ...]
    outputs: tuple[str, ...]
    local: bool = False


@dataclass(frozen=True)
class Assignment:
    """A task as it is sent to a worker.

    Attributes:
        spool: the folder.
        threads: cores that it may use; None: all.
        limit: seconds after which the worker ends itself; None: never. A worker in the client's own process never does.
        client: process id and host of the client.
        program: version of sqlclust that the client has.
    """

    task: Task
    spool: str
    threads: int | None
    limit: float | None
    client: tuple[int, str]
    program: str = __version__


class Report(NamedTuple):
    """What a worker says when it is done.

    Attributes:
        seconds: it took.
        core_seconds: of the processor, all its threads together.
        peak: most memory that its process ever had, bytes; 0 where the system does not say.
        worker: process id and host.
    """

    seconds: float
    core_seconds: float
    peak: int
    worker: tuple[int, str]


def perform(assignment: Assignment) -> Report:
    """Do a task; run by a worker.

    Raises:
        SpoolNotSharedError: the worker does not see the folder that the client sees.
        WorkerVersionError: it has another version of sqlclust.
        as the task's work
    """
    started, used = time.perf_counter(), time.process_time()
    task, worker = assignment.task, (os.getpid(), socket.gethostname())
    if assignment.program != __version__:
        raise WorkerVersionError(worker[1], found=__version__, expected=assignment.program)
    if not os.path.isdir(assignment.spool):
        raise SpoolNotSharedError(assignment.spool, host=worker[1], reason="is no folder there")
    limit = None if worker == assignment.client else assignment.limit
    with _ends_after(limit), cores_at_most(assignment.threads):
        while True:
            try:
                task.work(assignment.spool, *task.arguments)
                break
            except SpoolMissingError as error:
                if worker[1] == assignment.client[1] or not appears(error.path):
                    raise SpoolMissingError(error.path, host=worker[1]) from None
    return Report(time.perf_counter() - started, time.process_time() - used, peak_memory(), worker)


@contextmanager
def _ends_after(seconds: float | None) -> Iterator[None]:
    """End the process if what is inside takes longer: nothing else stops a thread that hangs."""
    if seconds is None:
        yield
        return
    timer = threading.Timer(seconds, end_process)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


APPEARS_WITHIN = 60.0
"""Seconds after which what one machine has written is to be seen on another: disks over a network remember what was not there."""


def appears(path: str) -> bool:
    """Wait for a file that another machine has written; whether it came."""
    until = time.monotonic() + APPEARS_WITHIN
    while True:
        with suppress(OSError):
            os.listdir(os.path.dirname(path))  # has the system ask again
        if os.path.isfile(path):
            return True
        if time.monotonic() > until:
            return False
        time.sleep(0.2)


KILL = getattr(signal, "SIGKILL", signal.SIGTERM)
"""Ends a process at once, whatever its threads do; Windows has one such signal only."""


def end_process() -> None:
    """End this process at once."""
    os.kill(os.getpid(), KILL)


def peak_memory() -> int:
    """The most memory that this process ever had, bytes; 0 where the system does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)
