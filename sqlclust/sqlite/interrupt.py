"""Long work runs in a worker thread, so that Ctrl-C and an interrupt of the database reach it.

SQLite's interrupt does not reach into running Python code. So the thread that has the database only waits, in short steps, and
asks whether it was interrupted. The worker gets arrays, never the database.
"""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import TypeVar

from sqlclust.core.borrowed import BORROWED
from sqlclust.core.runtime.control import Control, Progress
from sqlclust.errors import Interrupted, SqliteError
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.memory_errors import clear_memory_errors

T = TypeVar("T")

_STEP = 0.05
"""Seconds between two looks: an interrupt is noticed well within half a second, and nothing is lost by waiting."""


_LIBRARIES = ("threadpoolctl", "scipy.sparse.csgraph", *dict.fromkeys(borrowed.module for borrowed in BORROWED))
"""What the core imports when it is used. The first time that takes a second, and it cannot be stopped half-way."""


_IMPORTS = "imports of sqlclust"
"""Name of the thread."""


class _NoCollection:
    """No garbage is collected in this process while any thread is inside.

    A cursor of the database may be garbage: an exception's traceback is a cycle that has it. If the worker collected it, its end
    would wait for the database, which is in the statement that waits for the worker: for ever.
    """

    def __init__(self) -> None:
        self._lock, self._was_enabled = threading.Lock(), False
        self._inside: set[object] = set()

    @contextmanager
    def __call__(self) -> Iterator[None]:
        one = object()
        try:  # from the start: Ctrl-C may come between any two steps
            with self._lock:
                if not self._inside:
                    self._was_enabled = gc.isenabled()
                self._inside.add(one)
                gc.disable()
            yield
        finally:
            with self._lock:
                self._inside.discard(one)
                if not self._inside and self._was_enabled:
                    gc.enable()


_no_collection = _NoCollection()


def preload(more: Sequence[str] = ()) -> threading.Thread | None:
    """Begin to import what computing needs, and `more`, if it is not there yet; returns the thread that does."""
    names = (*_LIBRARIES, *more)
    if all(name in sys.modules for name in names):
        return None
    thread = threading.Thread(target=_import_libraries, args=(names,), name=_IMPORTS, daemon=True)
    thread.start()
    return thread


def _import_libraries(names: Sequence[str]) -> None:
    for name in names:
        with suppress(Exception):  # whoever needs it will say so; one built for another NumPy raises ValueError
            import_module(name)


def wait_for_imports() -> None:
    """Wait until no import is under way that `preload` began: an interrupt does not end it."""
    for thread in threading.enumerate():
        if thread.name == _IMPORTS:
            thread.join()


def _wait_for_libraries(database: Database, more: Sequence[str]) -> None:
    """Wait in short steps. An interrupt ends the waiting; the imports go on."""
    thread = preload(more)
    while thread is not None and thread.is_alive():
        thread.join(_STEP)
        database.check_interrupt()


def run(
    database: Database,
    work: Callable[[Control], T],
    progress: Progress | None = None,
    *,
    imports: bool = True,
    libraries: Sequence[str] = (),
) -> tuple[T, dict[str, float]]:
    """Run `work(control)` in a worker thread and return its result and the seconds of its phases.

    Args:
        database: whose interrupts stop the work; only asked, from this thread.
        progress: called with (phase, fraction) from this thread, at most twenty times a second and once at the end.
        imports: whether the work needs what the core imports. The first time that takes a second.
        libraries: what it needs besides.

    Raises:
        StatementInterrupted: somebody interrupted the database.
        OutOfMemoryError: the work ran out of memory.
        Whatever the work or the callback raises, KeyboardInterrupt included; the worker has ended by then.
    """
    latest: list[tuple[str, float]] = []

    def note(phase: str, fraction: float) -> None:
        latest[:] = [(phase, fraction)]

    control = Control(note if progress else None)
    with (
        _no_collection(),
        clear_memory_errors("clustering"),
        ThreadPoolExecutor(1, thread_name_prefix="sqlclust-fit") as pool,
    ):
        if imports:
            _wait_for_libraries(database, libraries)
        try:  # from the start: Ctrl-C may come when the worker has begun and submit has not returned
            future = pool.submit(work, control)
            while not future.done():
                wait([future], timeout=_STEP)
                database.check_interrupt()  # after the work as well: the next statement forgets an interrupt
                if progress and latest:
                    progress(*latest[0])
            result = future.result()
        except BaseException as error:  # of the database, of the callback, or of the work, which has ended then
            control.stop()
            if isinstance(error, Interrupted) and not isinstance(error, SqliteError):
                raise database.interruption() from None
            raise
    database.check_interrupt()  # since the last look the worker's thread has ended
    if progress and latest:
        progress(*latest[0])
    return result, control.seconds
