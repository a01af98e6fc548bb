"""Interrupts and Ctrl-C end a statement soon and leave nothing."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable

import apsw
import numpy as np
import pytest

from tests.moments import Asked, while_computing, while_waiting
from tests.small import add_embeddings
from tests.surface.one_statement import HDBSCAN, NOTHING, written


@pytest.fixture
def slow(con: apsw.Connection) -> apsw.Connection:
    """Enough embeddings that a fit takes seconds."""
    add_embeddings(con, np.random.default_rng(1).normal(size=(40_000, 256)).astype(np.float32))
    return con


SLOW_STATEMENTS = {
    "clust_fit": "SELECT clust_fit('demo', '{\"min_samples\": 15}')",
    "clust_hdbscan": f"INSERT INTO Run (id) SELECT id FROM {HDBSCAN}",
    "clust_neighbors": "SELECT * FROM clust_neighbors((SELECT clust_points(id, vector) FROM Embedding), '{\"k\": 50}')",
}


def seconds_to_stop(
    con: apsw.Connection, statement: str, stop: Callable[[], None], expected: type[BaseException]
) -> float:
    """How long a statement goes on after it was asked to stop; nothing is left behind."""
    asked = Asked()

    def ask() -> None:
        asked.now()
        stop()

    with while_computing(ask), pytest.raises(expected):
        con.execute(statement).fetchall()
    seconds = asked.seconds
    assert written(con) == NOTHING
    assert not con.in_transaction
    for thread in threading.enumerate():
        if thread.name.startswith("sqlclust"):
            thread.join(60)  # of one that had just begun when it was stopped nobody knows that it is there
            assert not thread.is_alive()
    return seconds


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW_STATEMENTS)
def test_interrupt_from_another_thread(slow: apsw.Connection, name: str) -> None:
    assert seconds_to_stop(slow, SLOW_STATEMENTS[name], slow.interrupt, apsw.InterruptError) < 0.5
    assert slow.execute("SELECT count(*) FROM Run").get == 0
    assert slow.execute("SELECT 1").get == 1  # the connection goes on


@pytest.mark.slow
def test_keyboard_interrupt(slow: apsw.Connection) -> None:
    def stop() -> None:
        signal.raise_signal(signal.SIGINT)

    assert seconds_to_stop(slow, SLOW_STATEMENTS["clust_fit"], stop, KeyboardInterrupt) < 0.5


def test_interrupt_while_waiting_for_the_lock(
    two: tuple[apsw.Connection, apsw.Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    con, other = two
    con.set_busy_timeout(5_000)
    monkeypatch.setattr("sqlclust.store.fit.PATIENCE", 600.0)
    other.execute("BEGIN IMMEDIATE")
    while_waiting(monkeypatch, con.interrupt)
    with pytest.raises(apsw.InterruptError):
        con.execute("SELECT clust_fit('demo')").fetchall()
    other.execute("ROLLBACK")
    assert written(con) == NOTHING
    assert con.pragma("busy_timeout") == 5_000
