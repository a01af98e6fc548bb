"""Stopping a fit, and how far it says it is."""

from __future__ import annotations

import threading
import time
from typing import Any

import apsw
import pytest

import sqlclust
from sqlclust.core.runtime.control import Control
from sqlclust.store.clustering import cluster
from sqlclust.store.results import publishing
from tests.moments import while_waiting
from tests.store.left import assert_nothing_written, counts

PHASES = ("load", "computing", "publish")


def endlessly(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Computing goes on until it is stopped, as nothing that is a matter of seconds does; set once it has begun."""
    begun = threading.Event()

    def endless(vectors: Any, options: Any, control: Control, **more: Any) -> Any:
        end = time.monotonic() + 300  # a test that fails does not hang
        with control.phase("computing"):
            begun.set()
            while time.monotonic() < end:
                control.at(0.5)
                time.sleep(0.01)
        pytest.fail("it was not stopped")

    monkeypatch.setattr("sqlclust.store.making.cluster", endless)
    return begun


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, apsw.InterruptError])
def test_an_exception_in_the_callback(
    demo: apsw.Connection, monkeypatch: pytest.MonkeyPatch, phase: str, error: type[BaseException]
) -> None:
    if phase == "computing":
        endlessly(monkeypatch)

    def stop(name: str, fraction: float) -> None:
        if name == phase:
            raise error("stop")

    with pytest.raises(error, match="stop"):
        sqlclust.fit(demo, "demo", progress=stop)
    assert_nothing_written(demo)
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("sqlclust")] == []  # our workers


@pytest.mark.parametrize("phase", ["computing", "publish"])
def test_an_interrupt(demo: apsw.Connection, monkeypatch: pytest.MonkeyPatch, phase: str) -> None:
    if phase == "computing":
        endlessly(monkeypatch)

    def stop(name: str, fraction: float) -> None:
        if name == phase:
            demo.interrupt()

    with pytest.raises(apsw.InterruptError):
        sqlclust.fit(demo, "demo", progress=stop)
    assert_nothing_written(demo)
    monkeypatch.undo()
    sqlclust.fit(demo, "demo")
    assert counts(demo) == [1, 1, 3, 40]


@pytest.mark.parametrize("sql", ["SELECT clust_fit('demo')", "SELECT clust_cut(1)"])
def test_an_interrupt_within_a_statement_while_it_is_published(
    demo: apsw.Connection, monkeypatch: pytest.MonkeyPatch, sql: str
) -> None:
    """SQLite refuses ROLLBACK then, and yet no transaction is left to the caller."""
    sqlclust.fit(demo, "demo")
    check = vars(publishing)["check_result"]

    def interrupted(*given: Any) -> None:
        demo.interrupt()
        check(*given)

    monkeypatch.setattr(publishing, "check_result", interrupted)
    with pytest.raises(apsw.InterruptError):
        demo.execute(sql).fetchall()
    assert not demo.in_transaction
    assert counts(demo) == [1, 1, 3, 40]
    monkeypatch.undo()
    assert demo.execute(sql).get == 2


def test_an_interrupt_from_another_thread(demo: apsw.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = endlessly(monkeypatch)

    def interrupt() -> None:
        begun.wait()
        demo.interrupt()

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(apsw.InterruptError):
        sqlclust.fit(demo, "demo")
    thread.join()
    assert_nothing_written(demo)


def test_an_interrupt_at_the_very_end_of_the_work(demo: apsw.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """The statement that comes next would forget it."""

    def ending(*args: Any, **more: Any) -> Any:
        found = cluster(*args, **more)
        demo.interrupt()
        return found

    monkeypatch.setattr("sqlclust.store.making.cluster", ending)
    with pytest.raises(apsw.InterruptError):
        sqlclust.fit(demo, "demo")
    assert_nothing_written(demo)


def test_an_interrupt_while_waiting_for_a_writer(
    two: tuple[apsw.Connection, apsw.Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, other = two
    monkeypatch.setattr("sqlclust.store.fit.PATIENCE", 600.0)
    other.execute("BEGIN IMMEDIATE")
    while_waiting(monkeypatch, ours.interrupt)
    with pytest.raises(apsw.InterruptError):
        sqlclust.fit(ours, "demo")
    other.execute("ROLLBACK")
    assert_nothing_written(ours)


def test_progress(demo: apsw.Connection) -> None:
    seen: list[tuple[str, float]] = []
    threads: set[int] = set()

    def note(phase: str, fraction: float) -> None:
        seen.append((phase, fraction))
        threads.add(threading.get_ident())

    sqlclust.fit(demo, "demo", progress=note)
    assert (seen[0], seen[-1]) == (("load", 0.0), ("publish", 1.0))
    assert all(0.0 <= fraction <= 1.0 for _, fraction in seen)
    assert threads == {threading.get_ident()}
