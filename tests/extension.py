"""The loadable extension on connections of APSW's, for tests that are of both bindings (`--binding=loadable`).

Of an error SQLite keeps a code and a text. So an error of APSW's that has the text of the last one that the extension told
SQLite, to the letter, is that one for a test: what is expected is then its class and its facts.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import cache
from typing import Any

import apsw
import pytest

import sqlclust
from sqlclust.bindings.apsw.database import ApswDatabase
from sqlclust.bindings.loadable import attach, errors
from sqlclust.errors import ExtensionNotCompiledError, ExtensionUnsupportedError

REQUIRED = "SQLCLUST_REQUIRE_LOADABLE"
"""Set to 1, it is an error that the extension cannot be compiled here."""
BINDING = "SQLCLUST_TESTS_BINDING"
"""Tells processes that tests start of `--binding`."""

_told: list[BaseException] = []
"""The last error that the extension told SQLite; none without the extension."""


extension_path = cache(sqlclust.loadable_path)
"""The compiled file."""


@cache
def why_not() -> str:
    """Why the extension cannot be loaded here, and so what needs it is skipped; '' if it can.

    Raises:
        pytest.UsageError: it cannot, and is required.
    """
    try:
        extension_path()
    except (ExtensionNotCompiledError, ExtensionUnsupportedError) as error:
        if os.environ.get(REQUIRED, "") not in ("", "0"):
            raise pytest.UsageError(f"{REQUIRED} is set, but {error}") from None
        return str(error)
    return ""


def original(error: Exception) -> Exception:
    """What the extension told SQLite, if that is what APSW raised; else the error itself."""
    return _original(error) or error


@contextmanager
def originals() -> Iterator[None]:
    """Raise what the extension told SQLite."""
    _told.clear()
    try:
        yield
    except apsw.Error as error:
        found = _original(error)
        if found is None:
            raise
        raise found from None


def _original(error: object, *, before: str = "") -> Any:
    if not _told or not isinstance(error, apsw.Error) or str(error) != before + errors.described(_told[0])[1]:
        return None
    told = _told.pop()  # which has a traceback, and keeps what is in it
    if isinstance(told, KeyboardInterrupt):
        _hear_again()
    return told


def _hear_again() -> None:
    """To SQLite, Ctrl-C is an interrupt; Python hears of it once SQLite is back."""
    with suppress(KeyboardInterrupt):
        time.sleep(10)
        pytest.fail("Python did not hear of Ctrl-C")


def load_extension(database: ApswDatabase) -> None:
    """In the place of `sqlclust.bindings.apsw.registration.register`."""
    connection: apsw.Connection = database.connection
    _told.clear()
    connection.enable_load_extension(True)
    try:
        connection.load_extension(extension_path())
    except apsw.ExtensionLoadingError as error:
        found = _original(error, before="ExtensionLoadingError: error during initialization: ")
        if found is None:
            raise
        raise found from None
    finally:
        connection.enable_load_extension(False)


def _described(error: BaseException) -> tuple[int, str]:
    _told[:] = [error]
    return errors.described(error)


class _Raises:
    """What `pytest.raises` gives, which is then told what was raised originally, if that is no other."""

    def __init__(self, expected: Any, within: Any) -> None:
        self._expected, self._within = expected, within

    def __enter__(self) -> Any:
        _told.clear()
        return self._within.__enter__()

    def __exit__(self, kind: Any, error: Any, trace: Any) -> Any:
        found = None if isinstance(error, self._expected) else _original(error)
        if found is not None:
            kind, error, trace = type(found), found, found.__traceback__
        return self._within.__exit__(kind, error, trace)


def as_in_the_tests() -> AbstractContextManager[None]:
    """For a process that tests start: the extension where they have it."""
    return everything_loaded() if os.environ.get(BINDING) == "loadable" else nullcontext()


@contextmanager
def everything_loaded() -> Iterator[None]:
    """All connections of this process get everything by the extension, and `pytest.raises` is told the originals."""
    as_it_was: Callable[..., Any] = pytest.raises

    def raises(expected: Any, *args: Any, **named: Any) -> Any:
        return as_it_was(expected, *args, **named) if args else _Raises(expected, as_it_was(expected, **named))

    with pytest.MonkeyPatch.context() as patch:
        for module in ("registration", "connection", "shell"):
            patch.setattr(f"sqlclust.bindings.apsw.{module}.register", load_extension)
        patch.setattr(attach, "described", _described)
        patch.setattr(pytest, "raises", raises)
        patch.setenv(BINDING, "loadable")
        yield
