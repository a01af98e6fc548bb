"""A fit beside other connections, and where it cannot write."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import apsw
import pytest

import sqlclust
from sqlclust.errors import (
    DatabaseFileError,
    LockedError,
    MembersGoneError,
)
from tests.small import add_embeddings, clustered
from tests.store.left import assert_nothing_written, counts


def test_no_lock_is_held_while_computing(two: tuple[apsw.Connection, apsw.Connection]) -> None:
    ours, other = two
    phases: set[str] = set()

    def write(phase: str, fraction: float) -> None:
        if phase not in phases and phase not in ("load", "publish"):
            phases.add(phase)
            other.execute("INSERT INTO Run (id) VALUES (?)", (phase,))

    sqlclust.fit(ours, "demo", progress=write)
    assert phases
    assert counts(other) == [1, 1, 3, 40]


@pytest.mark.slow
@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_another_writer_never_ends(
    two: tuple[apsw.Connection, apsw.Connection], monkeypatch: pytest.MonkeyPatch, journal: str
) -> None:
    ours, other = two
    ours.pragma("journal_mode", journal)
    monkeypatch.setattr("sqlclust.store.fit.PATIENCE", 0.2)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LockedError) as caught:
        sqlclust.fit(ours, "demo")
    assert re.fullmatch(
        r"another connection is using the database and did not finish within \d+ s: publishing was given up and nothing was "
        r"written\. Try again when the other is done",
        str(caught.value),
    )
    assert caught.value.waited >= 0.2
    other.execute("ROLLBACK")
    assert_nothing_written(ours)
    sqlclust.fit(ours, "demo")


@pytest.mark.slow
@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_another_writer_ends_in_time(two: tuple[apsw.Connection, apsw.Connection], journal: str) -> None:
    ours, other = two
    ours.pragma("journal_mode", journal)
    other.execute("BEGIN IMMEDIATE; INSERT INTO Run (id) VALUES (1)")
    threading.Timer(0.4, other.execute, ("COMMIT",)).start()
    sqlclust.fit(ours, "demo")
    assert counts(ours) == [1, 1, 3, 40]
    assert ours.execute("SELECT id FROM Run").get == 1


@pytest.mark.slow
def test_a_reader_holds_up_the_commit_without_wal(
    two: tuple[apsw.Connection, apsw.Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, other = two
    other.execute("BEGIN; SELECT count(*) FROM Embedding")
    threading.Timer(0.4, other.execute, ("COMMIT",)).start()
    sqlclust.fit(ours, "demo")
    assert counts(ours) == [1, 1, 3, 40]
    other.execute("BEGIN; SELECT count(*) FROM Embedding")
    monkeypatch.setattr("sqlclust.store.fit.PATIENCE", 0.2)
    with pytest.raises(LockedError):
        sqlclust.fit(ours, "demo", min_samples=2)
    other.execute("COMMIT")
    assert counts(ours) == [1, 1, 3, 40]


def test_an_exclusive_lock_before_reading(two: tuple[apsw.Connection, apsw.Connection]) -> None:
    ours, other = two
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(LockedError, match="reading the embeddings was given up"):
        sqlclust.fit(ours, "demo")
    other.execute("ROLLBACK")
    assert_nothing_written(ours)


@pytest.mark.parametrize("foreign_keys", [True, False])
def test_embeddings_deleted_meanwhile(two: tuple[apsw.Connection, apsw.Connection], foreign_keys: bool) -> None:
    """Also on a host's connection that does not enforce foreign keys."""
    ours, other = two
    ours.pragma("foreign_keys", foreign_keys)

    def delete(phase: str, fraction: float) -> None:
        if phase not in ("load", "publish"):
            other.execute("DELETE FROM Embedding WHERE id IN (7, 8)")

    with pytest.raises(MembersGoneError) as caught:
        sqlclust.fit(ours, "demo", progress=delete)
    assert str(caught.value) == (
        "embedding 7 was deleted while the fit ran (2 of its rows are gone); nothing was written. Fit again"
    )
    assert_nothing_written(ours)
    sqlclust.fit(ours, "demo")
    assert counts(ours)[3] == 38


def test_read_only(demo_file: Path) -> None:
    readonly = sqlclust.connect(str(demo_file), readonly=True)
    with pytest.raises(
        DatabaseFileError,
        match=r"demo\.db: cannot write to it: publishing needs a connection that may write, and this one is for reading only$",
    ):
        sqlclust.fit(readonly, "demo")
    assert_nothing_written(readonly)
    readonly.close()


@pytest.mark.slow
def test_disk_full(demo_file: Path) -> None:
    con = sqlclust.connect(str(demo_file))
    with con:
        add_embeddings(con, clustered(3000), ids=range(1000, 4000))
    con.pragma("max_page_count", con.pragma("page_count") + 3)
    with pytest.raises(
        DatabaseFileError, match=r"demo\.db: the disk is full: publishing was given up and nothing was written$"
    ):
        sqlclust.fit(con, "demo")
    assert_nothing_written(con)
    assert con.pragma("integrity_check") == "ok"
    con.pragma("max_page_count", 100_000)
    sqlclust.fit(con, "demo")
    con.close()
