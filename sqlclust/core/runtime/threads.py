"""Blocks of work on all cores, each worker with single-threaded BLAS.

NumPy releases Python's lock (the GIL) in matrix products, comparisons and partitions, so plain threads keep every core busy. Each
worker has one BLAS thread: while one block multiplies, another can select.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, TypeVar

from sqlclust.core.runtime.control import Control

Block = TypeVar("Block")

_guard = threading.Lock()
_users = 0
_limited: list[tuple[Any, int]] = []
"""While there are users: each BLAS library that is loaded, and how many threads it had."""


_most_cores: ContextVar[int | None] = ContextVar("most_cores", default=None)


@contextmanager
def cores_at_most(count: int | None) -> Iterator[None]:
    """Use no more cores than so many in this thread's work, where other processes use the others; None: all there are."""
    before = _most_cores.set(count)
    try:
        yield
    finally:
        _most_cores.reset(before)


def worker_count() -> int:
    """How many cores this process may use."""
    most = _most_cores.get()
    return _cores() if most is None else min(most, _cores())


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def single_threaded_blas() -> Iterator[None]:
    """Limit BLAS to one thread while any caller is inside, whichever thread it is in.

    BLAS libraries keep one limit for the whole process. The callers are counted: when two fits overlap, the last one to leave
    restores it. Results depend on the limit too: with AVX2, a library that shares a product among threads rounds it differently.
    """
    global _users, _limited
    with _guard:
        if _users == 0:
            counts = [(library, library.get_num_threads()) for library in _blas_libraries(len(sys.modules))]
            _limited = [(library, count) for library, count in counts if count is not None]  # None: it cannot be set
        for library, _ in _limited:
            _set_threads(library, 1)
        _users += 1
    try:
        yield
    finally:
        with _guard:
            _users -= 1
            if _users == 0:
                for library, count in _limited:
                    _set_threads(library, count)
                    _release(library)
                _limited = []


@lru_cache(maxsize=1)
def _blas_libraries(modules: int) -> list[Any]:
    """The BLAS libraries that are loaded. Looking takes milliseconds, and a new one comes with a new module."""
    from threadpoolctl import ThreadpoolController

    return [library for library in ThreadpoolController().lib_controllers if library.user_api == "blas"]


def _single_threaded_here() -> None:
    """The limit for the calling thread too: OpenBLAS built with OpenMP keeps one for each thread."""
    with _guard:
        for library, _ in _limited:
            _set_threads(library, 1)


def _set_threads(library: Any, count: int) -> None:
    """Give a BLAS library so many threads, also where another thread was the first to set them.

    From threadpoolctl 3.8 on, the first thread that sets a number in OpenBLAS is the only one that can, until it ends or
    releases it; for all others setting does nothing, without a word.
    """
    if library.get_num_threads() == count:
        return
    library.set_num_threads(count)
    if library.get_num_threads() != count and hasattr(library, "clear_controlling_thread"):
        library.clear_controlling_thread(force=True)
        library.set_num_threads(count)


def _release(library: Any) -> None:
    if hasattr(library, "clear_controlling_thread"):
        library.clear_controlling_thread()


def for_each_block(work: Callable[[Block], None], blocks: Sequence[Block], control: Control) -> None:
    """Run `work` on every block, in any order, on all cores; progress and stopping through `control`.

    Args:
        work: called once per block. A block should take well under half a second, or call `control.check()` itself.

    The first exception of a block is raised here, after the blocks that already run have ended. No further block starts.
    """
    if len(blocks) == 0:
        return
    workers = min(worker_count(), len(blocks))
    remaining = iter(blocks)
    failed = threading.Event()

    def guarded(block: Block) -> None:
        if not failed.is_set():
            control.check()
            work(block)

    with single_threaded_blas(), _pool(workers) as pool:
        done = 0
        running: set[Future[None]] = set()
        try:
            while True:
                while len(running) < 2 * workers and (block := next(remaining, None)) is not None:
                    running.add(pool.submit(guarded, block))
                if not running:
                    break
                finished, running = wait(running, timeout=0.1, return_when=FIRST_COMPLETED)
                for future in finished:
                    future.result()
                done += len(finished)
                control.at(done / len(blocks))
        except BaseException:
            failed.set()
            raise


@contextmanager
def beside() -> Iterator[Callable[[Callable[[Any], object], Any], None]]:
    """What runs calls in a thread beside the caller's work, one after the other, each `call(argument)`.

    For calls that release Python's lock for long. Each has begun when the caller goes on, who else might keep the lock, so that
    nothing would run at the same time. All have ended when the `with` has. An error is raised by the next call, or at the end.
    """
    begun = threading.Event()
    latest: list[Future[object]] = []

    def run(call: Callable[[Any], object], argument: Any) -> object:
        begun.set()
        return call(argument)

    def start(call: Callable[[Any], object], argument: Any) -> None:
        while latest:
            latest.pop().result()
        begun.clear()
        latest.append(pool.submit(run, call, argument))
        begun.wait()

    with ThreadPoolExecutor(1, thread_name_prefix="sqlclust") as pool:
        yield start
    for future in latest:
        future.result()


def _pool(workers: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(workers, thread_name_prefix="sqlclust", initializer=_single_threaded_here)
