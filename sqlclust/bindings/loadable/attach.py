"""What sqlclust.c calls when SQLite loads it on a connection."""

from __future__ import annotations

import signal
import threading
from collections.abc import Mapping
from typing import Any

from sqlclust.bindings.loadable.database import HostDatabase
from sqlclust.bindings.loadable.errors import described, made
from sqlclust.bindings.loadable.registration import HostBinder
from sqlclust.bindings.registration import register_all
from sqlclust.surface.records import PointsHandle

INTERFACE = 1
"""As in sqlclust.c: changes with what the two expect of each other."""
_A_MOMENT = 0.1
"""Seconds."""


def attach(interface: int) -> tuple[Any, ...]:
    """What sqlclust.c needs: how a connection is given everything, how errors are made and told, what Python hears of
    Ctrl-C, what a handle is.

    Raises:
        RuntimeError: the compiled file is of another sqlclust.
    """
    if interface != INTERFACE:
        raise RuntimeError(
            f"sqlclust: its loadable file is of another version (interface {interface}, expected {INTERFACE}); install it again"
        )
    return _register, made, described, _remind, PointsHandle


def _remind() -> None:
    """Ctrl-C came inside a function, and to SQLite that is an interrupt. Python is to hear of it, too, once SQLite is back.

    A moment later: one that comes while Python writes the traceback of SQLite's error would take its place ("lost sys.stderr").
    """
    reminder = threading.Timer(_A_MOMENT, _interrupt_main_thread)
    reminder.daemon = True
    reminder.start()


def _interrupt_main_thread() -> None:
    if callable(signal.getsignal(signal.SIGINT)):  # as from the terminal: what waits is waked
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def _register(routines: Mapping[str, Any]) -> None:
    register_all(HostBinder(HostDatabase(routines)))
