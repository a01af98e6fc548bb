"""Who does the tasks: processes of our own, any executor of `concurrent.futures`, or a Dask cluster."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import threading
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, ProcessPoolExecutor
from contextlib import suppress
from typing import Any, Protocol

from sqlclust.core.runtime.available_memory import available_memory
from sqlclust.core.runtime.threads import worker_count
from sqlclust.distributed.tasks import KILL, Assignment, Report, end_process, perform
from sqlclust.errors import ArgumentError, WorkersLostError, shown

_WAIT = 60
"""Seconds that a scheduler has to find a worker."""
_SHARE = 0.6
"""Of its limit, what a Dask worker may take before it begins to write to its disk."""

_M_ARENA_MAX = -8
"""Of malloc.h."""
_FREE_SHARE = 0.8
"""Of what is free on this machine, for all workers together."""


class Workers(Protocol):
    """What tasks are given to.

    Attributes:
        share_fate: whether all are lost where one is.
        threads: cores that a task may use, so that all tasks at a time use those there are.
    """

    share_fate: bool
    threads: int

    @property
    def count(self) -> int:
        """Tasks that run at a time."""

    @property
    def said(self) -> str:
        """About them, for people; where they can be watched."""

    def submit(self, assignment: Assignment) -> Future[Report]:
        """Have a task done. Raises BrokenExecutor where there is nobody."""

    def renew(self, *, tries: int, reason: str) -> None:
        """Get others, since workers died or hang; whatever they had is lost.

        Raises:
            WorkersLostError: there are none to be had.
        """

    def abandon(self) -> None:
        """Stop what they do, of which nothing is wanted any more, where that can be done."""

    def close(self) -> None:
        """Let them go. Whoever brought an executor or a client closes it himself."""


def lost_worker(error: BaseException) -> bool:
    """Whether an error of a task says that its worker is gone, and nothing of the task."""
    return isinstance(error, BrokenExecutor | CancelledError) or type(error).__module__.split(".")[0] in {
        "distributed",
        "dask",
    }


def workers_of(who: object, *, memory: int | None = None) -> Workers:
    """Workers, by what Python callers have.

    Args:
        who: a number of processes on this machine; an executor of `concurrent.futures`; a `distributed.Client`, or the address of
            a Dask scheduler.
        memory: of processes: see `ProcessWorkers`.

    Raises:
        ArgumentError: it is none of these.
        WorkersLostError: there is no such scheduler.
    """
    if isinstance(who, int) and not isinstance(who, bool) and who >= 1:
        return ProcessWorkers(who, memory=memory)
    if isinstance(who, Executor):
        return ExecutorWorkers(who)
    if isinstance(who, str) or hasattr(who, "get_executor"):
        return DaskWorkers(who)
    expected = "a number of processes, an executor of concurrent.futures, a Dask client or a scheduler's address"
    raise ArgumentError("fit", "executor", found=shown(who), expected=expected)


def memory_of(workers: Workers) -> int | None:
    """Bytes that each worker may take where nobody says: of what Dask's are limited to, or a share of what is free here.

    None: nobody knows.
    """
    if isinstance(workers, DaskWorkers):
        return workers.memory
    free = available_memory()
    return None if free is None else int(free * _FREE_SHARE) // workers.count


class ProcessWorkers:
    """Processes on this machine, started afresh (spawn): nothing of the client's is copied into them.

    Args:
        count: how many; each uses its share of the cores.
        memory: bytes of address space that each may take, where the system has such a limit; None: no limit.
    """

    share_fate = True

    def __init__(self, count: int, *, memory: int | None = None) -> None:
        self.count, self._memory = count, memory
        self.threads = max(1, worker_count() // count)
        self.said = f"{count} process{'' if count == 1 else 'es'} on this machine"
        self._context = multiprocessing.get_context("spawn")
        self._pool: ProcessPoolExecutor | None = None
        self._started: set[int] = set()

    def _open(self) -> ProcessPoolExecutor:
        self._numbers = self._context.SimpleQueue()
        return ProcessPoolExecutor(
            self.count, mp_context=self._context, initializer=_begin, initargs=(self._numbers, self._memory)
        )

    def submit(self, assignment: Assignment) -> Future[Report]:
        """As `Workers` has it."""
        if self._pool is None:
            self._pool = self._open()
        return self._pool.submit(perform, assignment)

    def processes(self) -> set[int]:
        """The ids of those that have begun and not ended."""
        while self._pool is not None and not self._numbers.empty():
            self._started.add(self._numbers.get())
        return self._started & {process.pid for process in multiprocessing.active_children() if process.pid}

    def renew(self, *, tries: int, reason: str) -> None:
        """Kill what is left of them; the next task begins new ones."""
        for number in self.processes():
            with suppress(OSError):
                os.kill(number, KILL)
        self.close()

    def abandon(self) -> None:
        """As `Workers` has it."""
        self.renew(tries=0, reason="")

    def close(self) -> None:
        """As `Workers` has it."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
        self._pool = None


def _begin(numbers: Any, memory: int | None) -> None:
    """Make a worker: it says its number, keeps to its memory, leaves Ctrl-C to the client, and ends when that is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if memory is not None:
        _one_arena()
        with suppress(ImportError, ValueError, OSError):  # not every system has such a limit
            import resource

            most = resource.getrlimit(resource.RLIMIT_AS)[1]
            memory = memory if most == resource.RLIM_INFINITY else min(memory, most)
            resource.setrlimit(resource.RLIMIT_AS, (memory, most))
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True, name="sqlclust-client").start()
    numbers.put(os.getpid())


def _one_arena() -> None:
    """Have all threads of this process take memory from one place. Else glibc reserves 64 MiB of addresses for each thread, and
    some threads wait for tasks, for time and for the client: a limit of addresses was reached by what nobody used.
    """
    with suppress(AttributeError, OSError, TypeError):  # it is not glibc
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def _end_with(parent: Any) -> None:
    parent.join()
    end_process()


class ExecutorWorkers:
    """Somebody's executor of `concurrent.futures`.

    Args:
        count: tasks that it runs at a time; by default the number of cores.
    """

    share_fate = True

    def __init__(self, executor: Executor, *, count: int | None = None) -> None:
        self._executor, self.count = executor, count or worker_count()
        self.threads = max(1, worker_count() // self.count)
        self.said = f"a {type(executor).__name__}"

    def submit(self, assignment: Assignment) -> Future[Report]:
        """As `Workers` has it."""
        return self._executor.submit(perform, assignment)

    def renew(self, *, tries: int, reason: str) -> None:
        """There is no other executor."""
        raise WorkersLostError(tries=tries, reason=f"{reason}, and {self.said} cannot be made anew here")

    def abandon(self) -> None:
        """What runs goes on to its end."""

    def close(self) -> None:
        """It is not ours."""


class DaskWorkers:
    """The workers of a Dask cluster, by its client or by the address of its scheduler (extra `[dask]`).

    They have to see the spool folder and the vectors under the same names as this process.
    """

    share_fate = False
    threads = 1  # Dask gives a task to each of its own

    def __init__(self, client: Any) -> None:
        """Take a `distributed.Client`, or the address of a scheduler: `tcp://host:8786`.

        Raises:
            WorkersLostError: there is no scheduler at that address, it has no worker, the client is closed, or Dask is not
                installed.
        """
        self._own = isinstance(client, str)
        if self._own:
            client = _client(client)
        if client.status in ("closing", "closed"):
            raise WorkersLostError(tries=0, reason="the Dask client that was given is closed")
        self._client = client
        self._executor = client.get_executor(pure=False, retries=0)
        try:
            self.renew(tries=0, reason="the scheduler has none")  # their memory decides how a fit is divided
        except WorkersLostError:
            self.close()
            raise

    @property
    def count(self) -> int:
        """Threads of all workers there are now."""
        threads: int = sum(self._client.nthreads().values())
        return max(1, threads)

    @property
    def memory(self) -> int | None:
        """Bytes that each thread of the smallest worker may take; None: they have no limit."""
        info = self._client.scheduler_info(n_workers=-1)["workers"].values()
        shares = [each["memory_limit"] // each["nthreads"] for each in info if each["memory_limit"]]
        return int(min(shares) * _SHARE) if shares else None

    @property
    def said(self) -> str:
        """How many, the scheduler, and where it shows what it does."""
        return f"{self.count} threads of {self._where}"

    @property
    def _where(self) -> str:
        return f"Dask at {self._client.scheduler.address}, dashboard {self._client.dashboard_link}"

    def submit(self, assignment: Assignment) -> Future[Report]:
        """As `Workers` has it."""
        future: Future[Report] = self._executor.submit(perform, assignment)
        return future

    def renew(self, *, tries: int, reason: str) -> None:
        """Dask begins new workers itself; wait until there is one."""
        try:
            self._client.wait_for_workers(1, timeout=_WAIT)
        except Exception as error:  # whatever of Dask's
            raise WorkersLostError(tries=tries, reason=f"{reason}; {self._where}: {error}") from None

    def abandon(self) -> None:
        """Cancelling the tasks has done what can be done."""

    def close(self) -> None:
        """As `Workers` has it."""
        if self._own:
            self._client.close()


def _client(address: str) -> Any:
    try:
        from distributed import Client
        from distributed.comm.addressing import get_address_host
    except ImportError:
        reason = "Dask is not installed; pip install 'sqlclust[dask]' brings it"
        raise WorkersLostError(tries=0, reason=reason) from None
    try:
        get_address_host(address)  # a client of what is no address takes a minute to go
        return Client(address, timeout=30, set_as_default=False)  # type: ignore[no-untyped-call]
    except Exception as error:  # whatever of Dask's: nobody is there, or it is no address
        raise WorkersLostError(tries=0, reason=f"no scheduler answers at {address} ({error})") from None
