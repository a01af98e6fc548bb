"""Running tasks: each once, whatever dies meanwhile.

A task whose files are there is not run again. A file that turns out to be damaged is made again by the task that wrote it. What a
worker leaves behind when it dies has another name, and counts for nothing.
"""

from __future__ import annotations

import os
import socket
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Future, wait
from contextlib import suppress
from typing import NamedTuple, TypeVar

from sqlclust.core.runtime.control import Control
from sqlclust.distributed.spool import is_whole
from sqlclust.distributed.tasks import Assignment, Report, Task, appears, perform
from sqlclust.distributed.workers import Workers, lost_worker
from sqlclust.errors import (
    OutOfMemoryError,
    SpoolDamagedError,
    SpoolFileError,
    SpoolMissingError,
    SpoolNotSharedError,
    TaskFailedError,
    WorkersLostError,
)

Result = TypeVar("Result")

TRIES = 3
"""Of each task, where a worker died or a disk failed; and of workers that die one after the other."""
_LOOK = 0.2
_GRACE = 5.0
"""Seconds that a worker has beyond the limit to end itself."""


class Limits(NamedTuple):
    """What a task may take.

    Attributes:
        threads: cores; None: all.
        seconds: None: no limit.
    """

    threads: int | None = None
    seconds: float | None = None


class _Running(NamedTuple):
    task: Task
    since: float


class Runner:
    """Runs the tasks of one spool folder.

    Attributes:
        reports: of each task that was run here, by name.
        skipped: tasks whose files were there.
    """

    def __init__(self, spool: str, workers: Workers, limits: Limits, control: Control) -> None:
        self._spool, self._workers, self._limits, self._control = spool, workers, limits, control
        self._client = os.getpid(), socket.gethostname()
        self._makers: dict[str, Task] = {}
        self._made_again: dict[str, float] = {}  # when, of each file
        self._tries: Counter[str] = Counter()
        self._lost = 0
        self.reports: dict[str, Report] = {}
        self.skipped = 0

    def run(self, phase: str, tasks: Sequence[Task]) -> None:
        """Run tasks that need nothing of each other, in a phase of the control.

        Raises:
            DistributedError: see `errors.distributed`.
            OutOfMemoryError; Interrupted; and what the tasks' work raises of our own.
        """
        self._makers.update((path, task) for task in tasks for path in task.outputs)
        with self._control.phase(phase):
            todo = [task for task in tasks if not _is_done(task)]
            self.skipped += len(tasks) - len(todo)
            self._run(todo, total=len(tasks))

    def worker_reports(self) -> Iterator[Report]:
        """Those of tasks that the client did not do itself."""
        return (report for report in self.reports.values() if report.worker != self._client)

    def core_seconds(self) -> dict[str, float]:
        """Seconds of the processor by phase; a task's name begins with its phase."""
        result: dict[str, float] = {}
        for name, report in self.reports.items():
            phase = name.split(" ")[0]
            result[phase] = result.get(phase, 0.0) + report.core_seconds
        return result

    def reading(self, read: Callable[[], Result]) -> Result:
        """What the client reads of the files itself; those that are damaged are made again first."""
        while True:
            try:
                return read()
            except (SpoolDamagedError, SpoolMissingError) as error:
                self._make_again(error)

    def _run(self, tasks: Iterable[Task], *, total: int) -> None:
        todo, running = deque(tasks), dict[Future[Report], _Running]()
        try:
            while todo or running:
                self._start(todo, running)
                finished, _ = wait(running, timeout=_LOOK, return_when=FIRST_COMPLETED)
                for future in finished:
                    if future in running:  # lost with others meanwhile
                        self._finish(future, todo, running)
                self._look_for_hanging(todo, running)
                self._control.at(1.0 - (len(todo) + len(running)) / total)
        except BaseException:
            for future in running:
                future.cancel()
            self._workers.abandon()
            raise

    def _start(self, todo: deque[Task], running: dict[Future[Report], _Running]) -> None:
        while todo and len(running) < self._workers.count:
            task = todo.popleft()
            if task.local:
                self._do_here(task, todo)
                continue
            assignment = Assignment(task, self._spool, self._limits.threads, self._limits.seconds, self._client)
            try:
                running[self._workers.submit(assignment)] = _Running(task, time.monotonic())
            except (BrokenExecutor, RuntimeError) as error:
                todo.appendleft(task)
                self._lose(todo, running, str(error))

    def _do_here(self, task: Task, todo: deque[Task]) -> None:
        try:
            self.reports[task.name] = perform(Assignment(task, self._spool, None, None, self._client))
        except (SpoolDamagedError, SpoolMissingError) as error:
            self._make_again(error)
            todo.appendleft(task)

    def _finish(self, future: Future[Report], todo: deque[Task], running: dict[Future[Report], _Running]) -> None:
        task, since = running.pop(future)
        error = CancelledError() if future.cancelled() else future.exception()
        if error is None:
            self._lost = 0
            self.reports[task.name] = report = future.result()
            elsewhere = report.worker[1] != self._client[1]
            if not _is_done(task) and not (elsewhere and all(map(appears, task.outputs)) and _is_done(task)):
                raise SpoolNotSharedError(
                    task.outputs[-1], host=report.worker[1], reason="was written there and is not to be seen here"
                )
            return
        todo.appendleft(task)
        if isinstance(error, SpoolDamagedError | SpoolMissingError):
            if (
                self._made_again.get(error.path, since) <= since
            ):  # else it met the file as it was before, or while it was made
                self._make_again(error)
        elif lost_worker(error):
            self._try_again(task, f"its worker died ({error})" if str(error) else "its worker died", alone=False)
            self._lose(todo, running, str(error))
        elif isinstance(error, MemoryError):
            raise OutOfMemoryError(f"a worker had too little for task {task.name}", advice="Give workers more memory")
        elif isinstance(error, OSError) and not isinstance(error, SpoolFileError):
            self._try_again(task, str(error))
        else:
            raise error

    def _try_again(self, task: Task, reason: str, *, alone: bool = True) -> None:
        """Count a try; `alone`: whether it was this task's own fault, and not that of another on the same worker."""
        self._tries[task.name] += 1
        if alone and self._tries[task.name] >= TRIES:
            raise TaskFailedError(task.name, tries=TRIES, reason=reason)

    def _lose(self, todo: deque[Task], running: dict[Future[Report], _Running], reason: str) -> None:
        """A worker is lost; with a pool of processes, of which one died, all that runs."""
        self._lost += 1
        if self._lost >= TRIES:
            raise WorkersLostError(tries=self._lost, reason=reason or "they died")
        if self._workers.share_fate:
            todo.extendleft(task for task, _ in running.values())
            for future in running:
                future.cancel()
            running.clear()
        self._workers.renew(tries=self._lost, reason=reason)

    def _look_for_hanging(self, todo: deque[Task], running: dict[Future[Report], _Running]) -> None:
        if self._limits.seconds is None:
            return
        latest = time.monotonic() - self._limits.seconds - _GRACE
        hanging = {future: each.task for future, each in running.items() if each.since < latest}
        for future, task in hanging.items():
            self._try_again(task, f"it took longer than {self._limits.seconds:g} seconds")
            future.cancel()
            del running[future]
            todo.appendleft(task)
        if hanging:
            self._lose(todo, running, "a worker hangs")

    def _make_again(self, error: SpoolFileError) -> None:
        """Have a file made again by the task that wrote it."""
        maker = self._makers.get(error.path)
        if maker is None:
            raise error
        if isinstance(error, SpoolMissingError) and error.host is not None and _is_done(maker):
            reason = "is there, and a worker does not see it"
            raise SpoolNotSharedError(error.path, host=error.host, reason=reason) from None
        self._try_again(maker, error.reason)
        for path in maker.outputs:
            with suppress(OSError):
                os.unlink(path)
        self._run([maker], total=1)
        self._made_again.update(dict.fromkeys(maker.outputs, time.monotonic()))


def _is_done(task: Task) -> bool:
    return all(is_whole(path) for path in task.outputs)
