"""A worker collects no garbage: what is garbage may belong to the database that waits for the worker."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import apsw
import pytest

from sqlclust.bindings.apsw.database import database_of
from sqlclust.sqlite import interrupt


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    yield
    gc.enable()


@pytest.mark.parametrize("enabled", [True, False])
def test_it_is_off_inside_and_as_it_was_afterwards(con: apsw.Connection, enabled: bool) -> None:
    database, seen = database_of(con), []

    def work(_: object) -> None:
        seen.append(gc.isenabled())
        interrupt.run(database_of(con), lambda _: seen.append(gc.isenabled()))
        seen.append(gc.isenabled())

    def fails(_: object) -> None:
        raise KeyError

    if not enabled:
        gc.disable()
    interrupt.run(database, work)
    assert seen == [False, False, False]
    assert gc.isenabled() is enabled
    with pytest.raises(KeyError):
        interrupt.run(database, fails)
    assert gc.isenabled() is enabled
