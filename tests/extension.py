"""The loadable extension on connections of APSW's, for tests that are of both bindings (`--binding=loadable`)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import apsw
import pytest

import sqlclust
from sqlclust.bindings.apsw.database import ApswDatabase
from sqlclust.bindings.loadable import attach, errors


def extension_path() -> str:
    """The compiled file."""
    return sqlclust.loadable_path()


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

    Of an error SQLite keeps a code and a text. So for `pytest.raises` an error of APSW's that has the text of the last one that
    the extension told SQLite, to the letter, is that one: its class and its facts are then what a test expects of it.
    """
    told: list[BaseException] = []

    def described(error: BaseException) -> tuple[int, str]:
        told[:] = [error]
        return errors.described(error)

    class Raises:
        def __init__(self, expected: Any, **named: Any) -> None:
            self._expected, self._within = expected, as_it_was(expected, **named)

        def __enter__(self) -> Any:
            return self._within.__enter__()

        def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
            is_told = told and isinstance(error, apsw.Error) and str(error) == errors.described(told[0])[1]
            if is_told and not isinstance(error, self._expected):
                return self._within.__exit__(type(told[0]), told[0], told[0].__traceback__)
            return self._within.__exit__(kind, error, trace)

    def raises(expected: Any, *args: Any, **named: Any) -> Any:
        return Raises(expected, **named) if not args else as_it_was(expected, *args, **named)

    as_it_was = pytest.raises
    with pytest.MonkeyPatch.context() as patch:
        for module in ("registration", "connection", "shell"):
            patch.setattr(f"sqlclust.bindings.apsw.{module}.register", load_extension)
        patch.setattr(attach, "described", described)
        patch.setattr(pytest, "raises", raises)
        yield
