"""A Dask cluster of this machine whose scheduler and workers are killed and begin again.

They are processes that are forked from one which has all imported: that is quick. A nanny, which starts a worker anew, imports
all again each time, and sometimes gives up where its worker dies as soon as it is there.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import time
from pathlib import Path
from typing import Any

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["distributed", "tests.distributed.dask_cluster", "tests.distributed.faulty"])


async def _schedule(port: int, said: str) -> None:
    from distributed import Scheduler

    async with Scheduler(host="127.0.0.1", port=port, dashboard=False) as scheduler:
        Path(said).write_text(scheduler.address)
        await scheduler.finished()


async def _work(address: str, folder: str) -> None:
    from distributed import Worker

    async with Worker(address, nthreads=1, local_directory=folder, dashboard=False) as worker:
        await worker.finished()


def _run(what: Any, *arguments: Any) -> None:
    logging.disable()
    asyncio.run(what(*arguments))


class Cluster:
    """A scheduler and two workers.

    Attributes:
        address: of the scheduler, which stays the same when it begins anew.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._workers: list[Any] = []
        self._begin(0)

    def _begin(self, port: int) -> None:
        said = self._folder / "scheduler"
        said.unlink(missing_ok=True)
        self._scheduler = _process(_schedule, port, str(said))
        while not said.exists() or not said.read_text():
            time.sleep(0.02)
        self.address = said.read_text()
        self.renew()

    def renew(self) -> int:
        """Start a worker for each that died, as whoever keeps a cluster does; how many died."""
        there = [each for each in self._workers if each.is_alive()]
        died = len(self._workers) - len(there)
        self._workers = there + [_process(_work, self.address, str(self._folder)) for _ in range(2 - len(there))]
        return died

    def restart(self) -> None:
        """Kill the scheduler, and its workers with it, and start all anew."""
        self.end()
        self._begin(int(self.address.rsplit(":", 1)[1]))

    def end(self) -> None:
        """Kill all."""
        for process in (self._scheduler, *self._workers):
            process.kill()
            process.join()
        self._workers = []


def _process(what: Any, *arguments: Any) -> Any:
    process = _CONTEXT.Process(target=_run, args=(what, *arguments), daemon=True)
    process.start()
    return process
