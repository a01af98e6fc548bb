"""What sqlclust.c calls when SQLite loads it on a connection."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Mapping
from typing import Any

from sqlclust.bindings.loadable.database import HostDatabase
from sqlclust.bindings.loadable.errors import described, made
from sqlclust.bindings.loadable.registration import HostBinder
from sqlclust.bindings.registration import register_all
from sqlclust.sqlite.interrupt import wait_for_imports
from sqlclust.surface.records import Handle

INTERFACE = 2
"""As in sqlclust.c: changes with what the two expect of each other."""
_A_MOMENT, _JUST_NOW = 0.1, 1.0
"""Seconds."""


def attach(interface: int) -> tuple[Any, ...]:
    """What sqlclust.c needs: how a connection is given everything, how errors are made and told, what Python hears of
    Ctrl-C, what a handle is, how a program that may end waits for imports.

    Raises:
        RuntimeError: the compiled file is of another sqlclust.
    """
    if interface != INTERFACE:
        raise RuntimeError(
            f"sqlclust: its loadable file is of another version (interface {interface}, expected {INTERFACE}); install it again"
        )
    return _register, made, described, _remind, Handle, wait_for_imports


class _Reminder:
    """Ctrl-C came inside a function, and to SQLite that is an interrupt. Python is to hear of it, too, once SQLite is back.

    A moment later: one that comes while Python writes the traceback of SQLite's error would take its place ("lost sys.stderr").
    """

    def __init__(self) -> None:
        self._sent = -math.inf

    def __call__(self) -> bool:
        """Whether Python is to hear of it at once: it has been reminded, and was inside a function again.

        So a program that passes over SQLite's error and asks again and again would be interrupted for ever, and never hear why.
        """
        if time.monotonic() - self._sent < _JUST_NOW:
            self._sent = -math.inf
            return True
        timer = threading.Timer(_A_MOMENT, self._interrupt_main_thread)
        timer.daemon = True
        timer.start()
        return False

    def _interrupt_main_thread(self) -> None:
        if callable(signal.getsignal(signal.SIGINT)):  # as from the terminal: what waits is waked
            self._sent = time.monotonic()
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


_remind = _Reminder()


def _register(routines: Mapping[str, Any]) -> None:
    register_all(HostBinder(HostDatabase(routines)))
