"""The loadable extension on connections of APSW's, for tests that are of both bindings (`--binding=loadable`)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import apsw
import pytest

import sqlclust
from sqlclust.bindings.apsw.database import ApswDatabase
from sqlclust.bindings.loadable import attach, errors

REQUIRED = "SQLCLUST_REQUIRE_LOADABLE"
"""Set to 1, it is an error that the extension cannot be compiled here."""


@cache
def extension_path() -> str:
    """The compiled file."""
    return os.path.join(os.path.dirname(sqlclust.__file__), "bindings", "loadable", "sqlclust")


def load_extension(database: ApswDatabase) -> None:
    """In the place of `sqlclust.bindings.apsw.registration.register`."""
    connection: apsw.Connection = database.connection
    connection.enable_load_extension(True)
    try:
        connection.load_extension(extension_path())
    finally:
        connection.enable_load_extension(False)


@contextmanager
def everything_loaded() -> Iterator[None]:
    """All connections of this process get everything by the extension.

    Of an error SQLite keeps a code and a text. So an error of APSW's that has the text of the last one that the extension told
    SQLite, to the letter, is that one, for `pytest.raises` and where the extension is loaded: its class and its facts are then
    what a test expects of it.
    """
    told: list[BaseException] = []

    def described(error: BaseException) -> tuple[int, str]:
        told[:] = [error]
        return errors.described(error)

    def told_by(error: object, *, before: str = "") -> BaseException | None:
        """What the extension told SQLite, if that is what APSW raised."""
        same = told and isinstance(error, apsw.Error) and str(error) == before + errors.described(told[0])[1]
        return told[0] if same else None

    class Raises:
        def __init__(self, expected: Any, within: Any) -> None:
            self._expected, self._within = expected, within

        def __enter__(self) -> Any:
            told.clear()
            return self._within.__enter__()

        def __exit__(self, kind: Any, error: Any, trace: Any) -> Any:
            original = None if isinstance(error, self._expected) else told_by(error)
            if original is not None:
                kind, error, trace = type(original), original, original.__traceback__
            return self._within.__exit__(kind, error, trace)

    def raises(expected: Any, *args: Any, **named: Any) -> Any:
        return as_it_was(expected, *args, **named) if args else Raises(expected, as_it_was(expected, **named))

    def load(database: ApswDatabase) -> None:
        told.clear()
        try:
            load_extension(database)
        except apsw.ExtensionLoadingError as error:
            original = told_by(error, before="ExtensionLoadingError: error during initialization: ")
            raise error if original is None else original from None

    as_it_was: Callable[..., Any] = pytest.raises
    with pytest.MonkeyPatch.context() as patch:
        for module in ("registration", "connection", "shell"):
            patch.setattr(f"sqlclust.bindings.apsw.{module}.register", load)
        patch.setattr(attach, "described", described)
        patch.setattr(pytest, "raises", raises)
        yield
