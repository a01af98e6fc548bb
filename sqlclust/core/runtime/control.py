"""How long work reports its progress and is stopped.

One `Control` goes through every stage. A stage calls `control.at(fraction)` or `control.check()` every few hundredths of a
second. These calls take a stop request, so a fit ends within half a second of an interrupt. A single call of a library that takes
longer is not stopped; README names those there are.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlclust.errors import Interrupted

Progress = Callable[[str, float], object]
"""Called as `progress(phase, fraction)`; fraction runs from 0.0 to 1.0 within a phase."""


class Control:
    """Progress, stopping and timing of one piece of work.

    Args:
        progress: called with (phase, fraction), always from the thread that calls `at`. An exception it raises stops the work.
    """

    def __init__(self, progress: Progress | None = None) -> None:
        self._progress = progress
        self._stop = threading.Event()
        self._phase = ""
        self._phase_started = time.perf_counter()
        self.seconds: dict[str, float] = {}
        """Duration of each finished phase, seconds."""

    def stop(self) -> None:
        """Ask the work to end; safe from any thread."""
        self._stop.set()

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stop.is_set()

    def check(self) -> None:
        """Raise Interrupted once `stop` was called; safe from any thread."""
        if self._stop.is_set():
            raise Interrupted

    def at(self, fraction: float) -> None:
        """Report how far the current phase is, 0.0 to 1.0, and take a stop request."""
        self.check()
        if self._progress is not None:
            self._progress(self._phase, min(max(fraction, 0.0), 1.0))

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Name and time what follows; phases do not nest."""
        self._phase = name
        self._phase_started = time.perf_counter()
        self.at(0.0)
        yield
        self.at(1.0)
        self.seconds[name] = self.seconds.get(name, 0.0) + self.elapsed()

    def elapsed(self) -> float:
        """Seconds since the current phase began."""
        return time.perf_counter() - self._phase_started

    def part(self, start: float, stop: float) -> Control:
        """This control as a step of the current phase sees it: the step's 0.0 to 1.0 are `start` to `stop` of the phase."""
        return _Part(self, start, stop)


class _Part(Control):
    """A part of another control's phase. It begins no phases of its own; everything but the fractions is the other control's."""

    def __init__(self, whole: Control, start: float, stop: float) -> None:
        super().__init__()
        self._whole, self._start, self._length = whole, start, stop - start
        self.seconds = whole.seconds

    def stop(self) -> None:
        """Ask the whole work to end."""
        self._whole.stop()

    @property
    def stopped(self) -> bool:
        """Whether the whole work was asked to end."""
        return self._whole.stopped

    def check(self) -> None:
        """As `check` of the whole."""
        self._whole.check()

    def at(self, fraction: float) -> None:
        """As `at` of the whole, further on by what the part's fraction is of it."""
        self._whole.at(self._start + min(max(fraction, 0.0), 1.0) * self._length)

    def elapsed(self) -> float:
        """As `elapsed` of the whole."""
        return self._whole.elapsed()
