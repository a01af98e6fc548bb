"""Computing while a connection waits: long work runs in a worker thread, so that Ctrl-C and `Connection.interrupt()` reach it.

SQLite's interrupt does not reach into running Python code. The connection's thread therefore only waits, in short steps,
and asks; the worker gets arrays, never the connection.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from typing import TypeVar

import apsw

from sqlclust.core.control import Control, Progress
from sqlclust.errors import Interrupted, OutOfMemoryError

T = TypeVar("T")

_STEP = 0.05
"""Seconds between two looks: an interrupt is noticed well within half a second, and nothing is lost by waiting."""


def run(
    connection: apsw.Connection, work: Callable[[Control], T], progress: Progress | None = None
) -> tuple[T, dict[str, float]]:
    """Run `work(control)` in a worker thread and return its result and the seconds of its phases.

    Args:
        connection: whose interrupts stop the work; only asked, from this thread.
        progress: called with (phase, fraction) from this thread, at most twenty times a second and once at the end.

    Raises:
        apsw.InterruptError: the connection was interrupted.
        OutOfMemoryError: the work ran out of memory.
        Whatever the work or the callback raises, KeyboardInterrupt included; the worker has ended by then.
    """
    latest: list[tuple[str, float]] = []

    def note(phase: str, fraction: float) -> None:
        latest[:] = [(phase, fraction)]

    control = Control(note if progress else None)
    with ThreadPoolExecutor(1, thread_name_prefix="sqlclust-fit") as pool:
        future = pool.submit(work, control)
        try:
            while True:
                try:
                    result = future.result(timeout=_STEP)
                    break
                except NotYet:
                    if connection.is_interrupted:
                        raise apsw.InterruptError("interrupted") from None
                    if progress and latest:
                        progress(*latest[0])
        except Interrupted:
            raise apsw.InterruptError("interrupted") from None
        except MemoryError as error:
            raise OutOfMemoryError(str(error) or "clustering") from None
        except BaseException:
            control.stop()
            raise
    if progress and latest:
        progress(*latest[0])
    return result, control.seconds
