"""Embeddings that change while they are clustered or compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.errors import MembersGoneError, MembersReplacedError
from sqlclust.options import HdbscanOptions
from sqlclust.store.cut import cut
from sqlclust.store.embeddings import snapshot
from sqlclust.store.fit import fit
from tests.small import blob
from tests.trust import work
from tests.trust.others import published

pytestmark = pytest.mark.slow


# --- embeddings that change meanwhile ------------------------------------------------------------------------------------

GONE, REPLACED = MembersGoneError, MembersReplacedError
AGAIN = "nothing was written. Fit again"
CHANGES: dict[str, tuple[str, type[Exception] | None, str]] = {
    "vectors": (
        "UPDATE Embedding SET vector = (SELECT vector FROM Embedding WHERE id = 1) WHERE id IN (8, 7)",
        REPLACED,
        f"embedding 7 was given another vector while the fit ran (2 rows changed); {AGAIN}",
    ),
    "a longer vector": (
        "UPDATE Embedding SET vector = zeroblob(36) WHERE id = 9",
        REPLACED,
        f"embedding 9 was given another vector while the fit ran (1 row changed); {AGAIN}",
    ),
    "another model": (
        "UPDATE Embedding SET embedding_model = 'other' WHERE id = 9",
        REPLACED,
        f"embedding 9 was given to another model while the fit ran (1 row changed); {AGAIN}",
    ),
    "deleted and inserted again": (
        "DELETE FROM Embedding WHERE id = 9; INSERT INTO Embedding (id, embedding_model, vector) "
        "SELECT 9, 'demo', vector FROM Embedding WHERE id = 1",
        REPLACED,
        f"embedding 9 was given another vector while the fit ran (1 row changed); {AGAIN}",
    ),
    "another id": (
        "UPDATE Embedding SET id = 'nine' WHERE id = 9",
        GONE,
        f"embedding 9 was deleted while the fit ran (1 of its rows are gone); {AGAIN}",
    ),
    "deleted and changed": (
        "DELETE FROM Embedding WHERE id > 38; UPDATE Embedding SET vector = zeroblob(32) WHERE id = 1",
        GONE,
        f"embedding 39 was deleted while the fit ran (2 of its rows are gone); {AGAIN}",
    ),
    "all the same again": (
        "CREATE TEMP TABLE kept AS SELECT * FROM Embedding; DELETE FROM main.Embedding; "
        "INSERT INTO main.Embedding SELECT * FROM kept; DROP TABLE kept",
        None,
        "",
    ),
    "texts": ("UPDATE Embedding SET content = 'new', created_at = 'today'", None, ""),
    "new ones": (
        "INSERT INTO Embedding (id, embedding_model, vector) "
        "WITH n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 500) "
        "SELECT 'new ' || i, 'demo', zeroblob(32) FROM n",
        None,
        "",
    ),
    "vacuum": ("VACUUM", None, ""),
}


def changing(path: Path, sql: str) -> Callable[[str, float], None]:
    """A progress callback: as soon as computing has begun, another connection changes something, once."""
    done: list[str] = []

    def change(phase: str, fraction: float) -> None:
        if phase not in ("load", "check", "publish") and not done:
            done.append(phase)
            other = apsw.Connection(str(path))
            other.execute(sql)
            other.close()

    return change


@pytest.fixture(params=work.JOURNALS)
def journal_file(demo_file: Path, request: pytest.FixtureRequest) -> Path:
    con = apsw.Connection(str(demo_file))
    con.pragma("journal_mode", request.param)
    con.close()
    return demo_file


@pytest.fixture
def ours(journal_file: Path) -> Iterator[apsw.Connection]:
    con = sqlclust.connect(str(journal_file))
    yield con
    con.close()


def check(
    con: apsw.Connection, error: type[Exception] | None, message: str, act: Callable[[], int], before: int
) -> None:
    if error is None:
        act()
        assert len(published(con)) == before + 1
    else:
        with pytest.raises(error) as caught:
            act()
        assert str(caught.value) == message
        assert len(published(con)) == before
        assert con.execute("SELECT count(*) FROM ClusteringFit").get == (before > 0)
    assert not con.in_transaction


@pytest.mark.parametrize("foreign_keys", [True, False])
@pytest.mark.parametrize("change", CHANGES)
def test_embeddings_that_change_while_they_are_clustered(
    ours: apsw.Connection, journal_file: Path, change: str, foreign_keys: bool
) -> None:
    sql, error, message = CHANGES[change]
    ours.pragma("foreign_keys", foreign_keys)
    check(ours, error, message, lambda: sqlclust.fit(ours, "demo", progress=changing(journal_file, sql)), 0)


@pytest.mark.parametrize("change", ["vectors", "another model", "deleted and changed", "texts", "new ones"])
def test_embeddings_that_change_while_a_fit_is_cut(tmp_path: Path, demo_file: Path, change: str) -> None:
    con = sqlclust.connect(str(demo_file))
    fit(database_of(con), "demo", HdbscanOptions())
    sql, error, message = CHANGES[change]
    check(con, error, message, lambda: cut(database_of(con), 1, {}, progress=changing(demo_file, sql)), 1)
    con.close()


def test_the_connections_own_changes(demo: apsw.Connection) -> None:
    def change(phase: str, fraction: float) -> None:
        if phase == "medoids":
            demo.execute("UPDATE Embedding SET vector = ? WHERE id = 5", (blob(*range(8)),))

    with pytest.raises(MembersReplacedError, match=r"^embedding 5 was given another vector"):
        sqlclust.fit(demo, "demo", progress=change)
    assert published(demo) == []
    sqlclust.fit(demo, "demo")


def test_a_small_part_of_a_model_is_looked_up(demo: apsw.Connection) -> None:
    def change(phase: str, fraction: float) -> None:
        if phase == "hash":
            demo.execute("UPDATE Embedding SET vector = ? WHERE id IN (1, 5)", (blob(*range(8)),))

    sqlclust.fit(demo, "demo", where="id BETWEEN 10 AND 17", progress=change)
    demo.execute("UPDATE Embedding SET vector = ? WHERE id IN (1, 5)", (blob(*range(1, 9)),))
    with pytest.raises(MembersReplacedError, match=r"^embedding 1 .* \(1 row changed\)"):
        sqlclust.fit(demo, "demo", where="id BETWEEN 1 AND 4", progress=change)


class _Counted:
    """Counts comparisons, and lets another connection commit after each."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, path: Path, sql: str, times: int) -> None:
        self.compared = 0
        compare = snapshot.Snapshot._compare
        other = apsw.Connection(str(path))

        def counting(watch: Any, *arguments: Any) -> None:
            compare(watch, *arguments)
            self.compared += 1
            if self.compared <= times and arguments:  # without the lock
                other.execute(sql)

        monkeypatch.setattr(snapshot.Snapshot, "_compare", counting)


RUN = "INSERT INTO Run (id) VALUES (hex(randomblob(8)))"


def test_nothing_is_read_again_if_nobody_commits(
    ours: apsw.Connection, journal_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = _Counted(monkeypatch, journal_file, RUN, 9)
    sqlclust.fit(ours, "demo")
    sqlclust.fit(ours, "demo")
    ours.execute("SELECT clust_cut(1)").get  # noqa: B018
    assert counted.compared == 0
    assert len(published(ours)) == 3


@pytest.mark.parametrize(("brief", "expected"), [(60.0, 2), (0.0, 4)])
def test_commits_while_it_is_compared(
    ours: apsw.Connection, journal_file: Path, monkeypatch: pytest.MonkeyPatch, brief: float, expected: int
) -> None:
    """A quick comparison is made again with the lock held; a slow one only if three without it were disturbed."""
    monkeypatch.setattr(snapshot, "_BRIEF", brief)
    counted = _Counted(monkeypatch, journal_file, RUN, 9)
    sqlclust.fit(ours, "demo", progress=changing(journal_file, RUN))
    assert counted.compared == expected
    assert published(ours) == [40]


def test_a_change_while_it_is_compared(
    ours: apsw.Connection, journal_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "_BRIEF", 0.0)
    counted = _Counted(monkeypatch, journal_file, "UPDATE Embedding SET vector = zeroblob(32) WHERE id = 3", 1)
    with pytest.raises(MembersReplacedError, match=r"^embedding 3 "):
        sqlclust.fit(ours, "demo", progress=changing(journal_file, RUN))
    assert counted.compared == 1  # the second one raised
    assert published(ours) == []


def test_a_change_between_the_comparison_and_the_lock(
    ours: apsw.Connection, journal_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = apsw.Connection(str(journal_file))
    compare = snapshot.Snapshot.check
    changes = iter(["UPDATE Embedding SET vector = zeroblob(32) WHERE id = 3"])

    def then_change(watch: Any, control: Any) -> None:
        compare(watch, control)
        for sql in changes:
            other.execute(sql)

    monkeypatch.setattr(snapshot.Snapshot, "check", then_change)
    with pytest.raises(MembersReplacedError, match=r"^embedding 3 "):
        sqlclust.fit(ours, "demo")
    assert published(ours) == []
    other.close()


def test_comparing_can_be_interrupted(ours: apsw.Connection, journal_file: Path) -> None:
    change = changing(journal_file, RUN)

    def stop(phase: str, fraction: float) -> None:
        change(phase, fraction)
        if phase == "check":
            ours.interrupt()

    with pytest.raises(apsw.InterruptError):
        sqlclust.fit(ours, "demo", progress=stop)
    assert published(ours) == []
