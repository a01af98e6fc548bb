"""Together with other processes, which use Python's own sqlite3: nobody waits long, and what they change is noticed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.errors import LockedError
from sqlclust.options import HdbscanOptions
from sqlclust.sqlite.database import Database
from sqlclust.store.fit import fit
from tests.moments import while_waiting
from tests.small import add_embeddings, clustered
from tests.trust import work
from tests.trust.others import published

pytestmark = pytest.mark.slow


_OTHER = """
import json, select, sqlite3, sys, time
path, number, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
con = sqlite3.connect(path, timeout=30, isolation_level=None)
con.execute("PRAGMA foreign_keys = ON")
end, longest, written, read = time.monotonic() + seconds, {"insert": 0.0, "read": 0.0}, 0, 0
print("ready", flush=True)
sys.stdin.readline()
while time.monotonic() < end and not (written and select.select([sys.stdin], [], [], 0)[0]):
    started = time.monotonic()
    con.execute("INSERT INTO Embedding (id, embedding_model, vector) VALUES (?, 'busy', zeroblob(400))",
                (f"{number}/{written}",))
    longest["insert"] = max(longest["insert"], time.monotonic() - started)
    written += 1
    started = time.monotonic()
    con.execute("SELECT count(*), sum(length(vector)) FROM Embedding WHERE embedding_model = 'demo'").fetchone()
    longest["read"] = max(longest["read"], time.monotonic() - started)
    time.sleep(0.002)
print(json.dumps({**longest, "written": written}))
"""


class Others:
    """Four processes that insert and read all the time."""

    def __init__(self, path: Path) -> None:
        self._processes = [
            subprocess.Popen(
                [sys.executable, "-c", _OTHER, str(path), str(number), "300"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )
            for number in range(4)
        ]  # fmt: skip
        for process in self._processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in self._processes:
            self._tell(process)

    def _tell(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()

    def stop(self) -> list[dict[str, float]]:
        """End them; the longest each had to wait for an insert and for a read, and how many it has written."""
        for process in self._processes:
            self._tell(process)
        return [json.loads(process.communicate()[0]) for process in self._processes]


def longest_waits(path: Path, journal: str) -> tuple[dict[str, float], dict[str, float]]:
    """The longest that one of four others, who insert and read all the time, waited for each, in seconds: while nobody fits,
    and while we do.
    """
    con = sqlclust.connect(str(path))
    con.pragma("journal_mode", journal)
    sqlclust.initialize(con)
    with con:
        add_embeddings(con, np.random.default_rng(3).normal(size=(10_000, 48)).astype(np.float32))
    others = Others(path)
    time.sleep(0.5)
    alone = others.stop()
    con.execute("DELETE FROM Embedding WHERE embedding_model = 'busy'")
    others = Others(path)
    try:
        sqlclust.fit(con, "demo", min_samples=15)
    finally:
        waits = others.stop()
    assert published(con) == [10_000]
    written = con.execute("SELECT count(*) FROM Embedding WHERE embedding_model = 'busy'").get
    assert written == sum(wait["written"] for wait in waits) > 20
    con.close()
    return longest(alone), longest(waits)


def longest(waits: list[dict[str, float]]) -> dict[str, float]:
    return {what: max(wait[what] for wait in waits) for what in ("insert", "read")}


@pytest.mark.parametrize(("journal", "seconds"), [("wal", 1.0), ("delete", 5.0)])
def test_four_others_insert_and_read_all_the_time(tmp_path: Path, journal: str, seconds: float) -> None:
    """With WAL nobody waits as long as a second. Without it readers do not either, and writers queue up for each other.

    On a machine that is busy they wait for it as well, which is measured without a fit.
    """
    limits = {"insert": seconds, "read": 1.0}
    for attempt in ("first.db", "second.db", "third.db"):  # a stall of the machine's disk may come once
        alone, waited = longest_waits(tmp_path / attempt, journal)
        if all(waited[what] < limits[what] + 4 * alone[what] for what in limits):
            return
    pytest.fail(
        f"waited {waited} s, expected less than {limits} more than four times {alone} s, which is without a fit"
    )


def test_two_processes_fit_the_same_model(tmp_path: Path) -> None:
    path = tmp_path / "two.db"
    expected = work.make(path, "wal", n=400)
    program = (
        "import sys, sqlclust; con = sqlclust.connect(sys.argv[1]); print('ready', flush=True); sys.stdin.readline(); "
        "print(sqlclust.fit(con, 'demo', min_cluster_size=5))"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    assert sorted(process.communicate()[0] for process in processes) == ["1\n", "2\n"]
    assert work.judge(path, expected) == 2


# --- without WAL -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def rollback(tmp_path: Path) -> Iterator[tuple[apsw.Connection, apsw.Connection]]:
    """Our connection, whose cache is so small that a publish does not fit, and another, which does not wait."""
    path = tmp_path / "rollback.db"
    con = sqlclust.connect(str(path))
    sqlclust.initialize(con)
    with con:
        add_embeddings(con, clustered(2_000))
    con.pragma("cache_size", 10)
    other = apsw.Connection(str(path))
    yield con, other
    con.close()
    other.close()


def test_readers_go_on_while_a_result_is_written(rollback: tuple[apsw.Connection, apsw.Connection]) -> None:
    con, other = rollback
    read: list[float] = []

    def reading(phase: str, fraction: float) -> None:
        if phase == "publish":
            assert other.execute("SELECT count(*) FROM Embedding").get == 2_000
            read.append(fraction)

    sqlclust.fit(con, "demo", progress=reading)
    assert read[-1] == 1.0
    assert published(con) == [2_000]
    assert con.pragma("cache_spill") > 0


def test_a_reader_who_does_not_end(
    rollback: tuple[apsw.Connection, apsw.Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not waited for with every page, and new readers are let in between."""
    con, other = rollback
    monkeypatch.setattr("sqlclust.store.fit.PATIENCE", 3.0)
    monkeypatch.setattr("sqlclust.store.results.publishing._COMMIT_PATIENCE", 0.3)
    other.execute("BEGIN; SELECT count(*) FROM Embedding")
    waits: list[float] = []
    ended = threading.Event()

    def read() -> None:
        third = apsw.Connection(other.filename)
        third.set_busy_timeout(5_000)
        while not ended.is_set():
            started = time.monotonic()
            third.execute("SELECT count(*) FROM Embedding").get  # noqa: B018
            waits.append(time.monotonic() - started)
            time.sleep(0.01)
        third.close()

    reader = threading.Thread(target=read)
    reader.start()
    started = time.monotonic()
    try:
        with pytest.raises(LockedError) as caught:
            sqlclust.fit(con, "demo")
        took = time.monotonic() - started
    finally:
        ended.set()
        reader.join()
    assert caught.value.waited >= 3.0
    assert 0.1 < max(waits) < 0.7 * took  # behind one try to commit, and not behind all of them
    other.execute("COMMIT")
    assert published(con) == []
    sqlclust.fit(con, "demo")
    assert published(con) == [2_000]


# --- stopping while others hold a lock ---------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["interrupt", "Ctrl-C"])
def test_waiting_to_read_can_be_stopped(demo_file: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    con, other = sqlclust.connect(str(demo_file)), apsw.Connection(str(demo_file))
    fit(database_of(con), "demo", HdbscanOptions())
    con.set_busy_timeout(600_000)
    other.execute("BEGIN EXCLUSIVE")
    reads: list[Callable[[], object]] = [
        lambda: sqlclust.fit(con, "demo"),
        lambda: con.execute("SELECT clust_cut(1)").get,
        lambda: sqlclust.staleness(con, 1),
    ]
    while_waiting(monkeypatch, con.interrupt if how == "interrupt" else lambda: signal.raise_signal(signal.SIGINT))
    for act in reads:
        with pytest.raises(apsw.InterruptError if how == "interrupt" else KeyboardInterrupt):
            act()
    other.execute("COMMIT")
    assert con.pragma("busy_timeout") == 600_000
    sqlclust.fit(con, "demo")
    con.close()
    other.close()


def test_a_hosts_busy_handler_stays(demo_file: Path) -> None:
    con, other = sqlclust.connect(str(demo_file)), apsw.Connection(str(demo_file))
    asked: list[int] = []

    def handler(tries: int) -> bool:
        asked.append(tries)
        return False

    con.set_busy_handler(handler)
    sqlclust.fit(con, "demo")
    other.execute("BEGIN EXCLUSIVE")
    for act in (lambda: sqlclust.fit(con, "demo"), lambda: con.execute("SELECT count(*) FROM Run").get):
        asked.clear()
        with pytest.raises((LockedError, apsw.BusyError)):
            act()
        assert asked
    other.close()
    con.close()


def test_ctrl_c_that_comes_while_it_is_committed(
    demo: apsw.Connection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Python hears it after COMMIT. The result is there, so it is returned and not said to be absent."""
    from sqlclust.sqlite import transactions as locking

    patiently = locking._patiently

    def then_stop(database: Database, statement: str, **more: Any) -> None:
        patiently(database, statement, **more)
        if statement == "COMMIT":
            raise KeyboardInterrupt

    monkeypatch.setattr(locking, "_patiently", then_stop)
    assert sqlclust.fit(demo, "demo") == 1
    assert published(demo) == [40]
    assert "publishing: the interrupt came after it was done" in caplog.text
