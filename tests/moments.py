"""Doing something at a moment that is known, not after a number of seconds; and durations that no other program changes.

What takes a second here takes ten on a machine that is busy, and a tenth on the next.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from sqlclust.core.runtime.threads import worker_count


class Clock:
    """Stands for the module `time` where one is imported: it stands still but when it is told, or slept on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def perf_counter(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Asked:
    """Processor seconds of this process since it was asked to stop, per core: others on the machine do not count."""

    def __init__(self) -> None:
        self._at: float | None = None

    def now(self) -> None:
        self._at = time.process_time()

    @property
    def seconds(self) -> float:
        assert self._at is not None, "it was over before it was asked to stop"
        return (time.process_time() - self._at) / worker_count()


@contextmanager
def while_computing(act: Callable[[], None]) -> Iterator[None]:
    """Call `act` from another thread once a worker of ours computes what is inside."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.001):
            if any(thread.name.startswith("sqlclust-fit") for thread in threading.enumerate()):
                act()
                return

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def while_waiting(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    """Call `act`, from now on, each time a connection of this process has begun to wait for another one's lock."""

    def sleep(seconds: float) -> None:
        act()
        time.sleep(seconds)

    monkeypatch.setattr("sqlclust.sqlite.transactions.time", SimpleNamespace(monotonic=time.monotonic, sleep=sleep))
