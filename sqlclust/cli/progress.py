"""One line on the terminal that says how far long work is."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TextIO

from sqlclust.cli.output import CLEAR_LINE, one_line

_DELAY = 1.0
"""Seconds before anything is shown: quick work stays quiet."""
_INTERVAL = 0.1
"""Seconds between two changes of the line."""
_BAR = 24
_TITLE = 24
"""Characters of the bar, and of the title at most."""


Left = Callable[[str, float], float | None]


class ProgressLine:
    """Call it with (phase, fraction), or `count` where the end is not known. Without a terminal it shows nothing.

        with ProgressLine() as progress:
            fit(database, model, options, progress=progress)

    Args:
        title: said before the phase.
        stream: stderr by default, so that stdout carries data only.
        left: tells by (phase, fraction) how many seconds are left of all, or None. It may be known later: an attribute, too.
    """

    def __init__(self, title: str = "", *, stream: TextIO | None = None, left: Left | None = None) -> None:
        self.left = left
        self._title = f"{one_line(title, _TITLE)}: " if title else ""
        self._stream = stream or sys.stderr
        self._visible = self._stream.isatty()
        self._started = time.monotonic()
        self._shown_at = 0.0
        self._line = ""

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.clear()

    def __call__(self, phase: str, fraction: float) -> None:
        """`fraction` runs from 0.0 to 1.0 within a phase."""
        filled = round(fraction * _BAR)
        self._show(f"{phase:<13} {'█' * filled}{'░' * (_BAR - filled)} {fraction:4.0%}{self._left(phase, fraction)}")

    def _left(self, phase: str, fraction: float) -> str:
        seconds = None if self.left is None else self.left(phase, fraction)
        if seconds is None:
            return ""
        minutes, seconds = divmod(int(seconds), 60)
        return f", {minutes}:{seconds:02} left"

    def count(self, phase: str, done: int) -> None:
        """For work whose end is not known."""
        self._show(f"{phase:<13} {done:,} rows")

    def clear(self) -> None:
        """Take the line away, before something else is written."""
        if self._line:
            self._stream.write(CLEAR_LINE)
            self._stream.flush()
            self._line = ""

    def _show(self, text: str) -> None:
        now = time.monotonic()
        if not self._visible or now - self._started < _DELAY or now - self._shown_at < _INTERVAL:
            return
        self._shown_at = now
        minutes, seconds = divmod(int(now - self._started), 60)
        self._line = f"{self._title}{text}  {minutes}:{seconds:02}"[: shutil.get_terminal_size().columns - 1]
        self._stream.write(CLEAR_LINE + self._line)
        self._stream.flush()
