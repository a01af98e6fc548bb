"""Hosts that change while they are clustered, and fits in place that are stopped: everything is written, or nothing."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import apsw
import pytest

import sqlclust
from sqlclust.errors import (
    DatabaseFileError,
    HostTableError,
    LockedError,
    MembersGoneError,
    MembersReplacedError,
    SourceChangedError,
    SourceDamagedError,
    SqlclustError,
)
from sqlclust.store.embeddings.points import Points
from sqlclust.store.results import publishing
from sqlclust.store.sources import source_vectors
from sqlclust.store.sources.reading import HostReader
from sqlclust.store.sources.source_vectors import SourceVectors
from tests.small import blob
from tests.trust.foreign_host import N, foreign_rows_of, has_nothing_of_ours, make
from tests.trust.shim import CHANGING, Shim, failure, full

pytestmark = pytest.mark.slow

ANOTHER = blob(*range(8)).hex()
GONE, REPLACED, HOST = MembersGoneError, MembersReplacedError, HostTableError
CHANGES: dict[str, tuple[str, tuple[type[Exception], ...]]] = {
    "a row is added": ("INSERT INTO note SELECT 'new', body, embedding FROM note WHERE slug = 'note 1'", ()),
    "a text is another": ("UPDATE note SET body = 'another'", ()),
    "a column is added": ("ALTER TABLE note ADD COLUMN more", ()),
    "an index is added": ("CREATE INDEX of_body ON note (body)", ()),
    "rows change their places": ("CREATE TABLE kept AS SELECT * FROM note; DELETE FROM note; "
                                 "INSERT INTO note SELECT * FROM kept ORDER BY slug DESC; DROP TABLE kept", ()),
    "a row is deleted": ("DELETE FROM note WHERE slug = 'note 3'", (GONE,)),
    "a vector is another": (f"UPDATE note SET embedding = x'{ANOTHER}' WHERE slug = 'note 3'", (REPLACED,)),
    "a vector is NULL": ("UPDATE note SET embedding = NULL WHERE slug = 'note 3'", (GONE, REPLACED)),
    "a vector is text": ("UPDATE note SET embedding = 'x' WHERE slug = 'note 3'", (REPLACED,)),
    "a vector is huge": ("UPDATE note SET embedding = zeroblob(20000000) WHERE slug = 'note 3'", (HOST, REPLACED)),
    "a key is another": ("UPDATE note SET slug = 'other' WHERE slug = 'note 3'", (GONE,)),
    "a key is NULL": ("UPDATE note SET slug = NULL WHERE slug = 'note 3'", (SqlclustError,)),
    "the table is dropped": ("DROP TABLE note", (HOST,)),
    "the table is renamed": ("ALTER TABLE note RENAME TO other", (HOST,)),
    "the table is a view": ("ALTER TABLE note RENAME TO other; CREATE VIEW note AS SELECT * FROM other", (HOST,)),
    "the vectors' column is dropped": ("ALTER TABLE note DROP COLUMN embedding", (HOST,)),
    "the vectors' column is renamed": ("ALTER TABLE note RENAME COLUMN embedding TO v", (HOST,)),
    "all is deleted": ("DELETE FROM note", (GONE,)),
}  # fmt: skip
OF_SOURCES: dict[str, tuple[str, tuple[type[Exception], ...]]] = {
    "the source is deleted": ("DELETE FROM EmbeddingSource", (SourceChangedError,)),
    "the source is another table": ("UPDATE EmbeddingSource SET table_name = 'other'", (SourceChangedError,)),
    "the source is elsewhere": ("UPDATE EmbeddingSource SET database = 'x.db'", (SourceChangedError,)),
    "the source is no source": ("UPDATE EmbeddingSource SET id_columns = '[1]'", (SourceDamagedError,)),
    "the source has a text column": ("UPDATE EmbeddingSource SET content_column = 'body'", ()),
}


def once(act: Callable[[], object], *but: str) -> Callable[[str, float], None]:
    """A progress callback: something happens once, in the first phase that is none of these."""
    done: list[str] = []

    def progress(phase: str, _: float) -> None:
        if phase not in but and not done:
            done.append(phase)
            act()

    return progress


@pytest.fixture(params=["delete", "wal"])
def path(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    return make(tmp_path / "notes.db", journal=request.param)


def changed(path: Path, sql: str) -> None:
    other = apsw.Connection(str(path))
    other.execute(sql)
    other.close()


@pytest.mark.parametrize("case", CHANGES)
def test_changes_while_it_computes(path: Path, case: str) -> None:
    """They are noticed where the clusters are of what was; the host has what the other program wrote, and nothing else."""
    sql, errors = CHANGES[case]
    con = sqlclust.connect(path)
    progress = once(lambda: changed(path, sql), "load", "check", "publish")
    if errors:
        with pytest.raises(errors):
            sqlclust.fit(con, "note", progress=progress)
        assert has_nothing_of_ours(con)
    else:
        assert sqlclust.fit(con, "note", progress=progress) == 1
        assert con.execute("SELECT count(*) FROM EmbeddingCluster").get == N
        assert con.execute("SELECT count(label) FROM note_clusters").get == N
    after = foreign_rows_of(con)
    con.close()
    alone = make(path.with_name("alone.db"))
    changed(alone, sql)
    con = sqlclust.connect(alone)
    assert foreign_rows_of(con) == after
    con.close()


@pytest.mark.parametrize("case", [*CHANGES, *OF_SOURCES])
def test_changes_while_a_known_source_is_fitted_again(path: Path, case: str) -> None:
    sql, errors = {**CHANGES, **OF_SOURCES}[case]
    con = sqlclust.connect(path)
    assert sqlclust.fit(con, "note") == 1
    con.execute("CREATE TABLE other AS SELECT * FROM note; DROP TABLE other; DROP VIEW note_clusters")
    progress = once(lambda: changed(path, f"PRAGMA foreign_keys = OFF; {sql}"), "load", "check", "publish")
    if errors:
        with pytest.raises(errors):
            sqlclust.fit(con, "note", min_cluster_size=4, progress=progress)
        assert con.execute("SELECT count(*) FROM ClusteringResult").get == 1
        assert con.execute("SELECT count(*) FROM Embedding").get == N
    else:
        assert sqlclust.fit(con, "note", min_cluster_size=4, progress=progress) == 2
    assert con.execute("PRAGMA integrity_check").get == "ok"
    con.close()


@pytest.mark.parametrize("case", ["a row is deleted", "a vector is another", "the table is dropped", "a row is added"])
def test_changes_while_it_is_read(tmp_path: Path, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With WAL others may write meanwhile. What is read is of one moment."""
    path = make(tmp_path / "notes.db", journal="wal", n=2_000)
    sql, errors = CHANGES[case]
    con = sqlclust.connect(path)
    batches = HostReader.batches
    other = apsw.Connection(str(path))

    def changing(reader: HostReader, **only: Any) -> Iterator[Any]:
        for number, batch in enumerate(batches(reader, **only)):
            if number == 1:
                monkeypatch.setattr(HostReader, "batches", batches)
                other.execute(sql)
            yield batch

    monkeypatch.setattr(HostReader, "batches", changing)
    if errors:
        with pytest.raises(errors):
            sqlclust.fit(con, "note")
        assert has_nothing_of_ours(con)
    else:
        assert sqlclust.fit(con, "note") == 1
        assert con.execute("SELECT count(*) FROM EmbeddingCluster").get == 2_000
    con.close()
    other.close()


# --- stopped -----------------------------------------------------------------------------------------------------


def in_the_second_batch(patch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    batches = HostReader.batches

    def acting(reader: HostReader, **only: Any) -> Iterator[Any]:
        for number, batch in enumerate(batches(reader, **only)):
            if number == 1:
                act()
            yield batch

    patch.setattr(HostReader, "batches", acting)


def before(owner: type, name: str) -> Callable[[pytest.MonkeyPatch, Callable[[], object]], None]:
    def place(patch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
        original = getattr(owner, name)
        patch.setattr(owner, name, lambda *given, **named: (act(), original(*given, **named))[1])

    return place


def amid_the_rows(patch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Our tables are made by then, and the source is registered."""
    original = vars(source_vectors)["write_rows"]
    patch.setattr(source_vectors, "write_rows", lambda *given: (original(*given), act())[0])


def after_the_rows(patch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """The view is made by then, and the assignments are written."""
    original = vars(publishing)["check_result"]
    patch.setattr(publishing, "check_result", lambda *given: (act(), original(*given))[1])


PLACES = {
    "reading": in_the_second_batch,
    "computing": before(Points, "fingerprint"),
    "before publishing": before(SourceVectors, "prepare"),
    "publishing": amid_the_rows,
    "before the commit": after_the_rows,
}
FORMS: dict[str, Callable[[apsw.Connection], object]] = {
    "sqlclust.fit": lambda con: sqlclust.fit(con, "note"),
    "clust_fit": lambda con: con.execute("SELECT clust_fit('note')").get,
}


def fails(_: apsw.Connection) -> None:
    raise RuntimeError("made up")


WAYS: dict[str, tuple[Callable[[apsw.Connection], object], type[BaseException], tuple[str, ...]]] = {
    "Ctrl-C": (lambda _: signal.raise_signal(signal.SIGINT), KeyboardInterrupt, tuple(FORMS)),
    # between two statements of its own SQLite forgets an interrupt; within one of the caller's it does not
    "an interrupt": (lambda con: con.interrupt(), apsw.InterruptError, ("clust_fit",)),
    "an error": (fails, RuntimeError, tuple(FORMS)),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("way", "form"), [(way, form) for way, (*_, forms) in WAYS.items() for form in forms])
def test_a_fit_that_is_stopped(tmp_path: Path, binding: str, way: str, form: str, place: str) -> None:
    if binding == "loadable" and way == "Ctrl-C":
        pytest.skip("the extension gives Ctrl-C on to its host, which is pytest here: see tests/bindings/loadable")
    path = make(tmp_path / "notes.db", n=600)
    con = sqlclust.connect(path)
    was = foreign_rows_of(con)
    act, error, _ = WAYS[way]
    reached: list[str] = []

    def acting() -> None:
        if not reached:
            reached.append(place)
            act(con)

    with pytest.MonkeyPatch.context() as patch:
        PLACES[place](patch, acting)
        with pytest.raises(error):
            FORMS[form](con)
    assert reached == [place]
    assert has_nothing_of_ours(con)
    assert not con.in_transaction
    assert foreign_rows_of(con) == was
    assert FORMS[form](con) == 1
    assert foreign_rows_of(con) == was
    con.close()


# --- others that write, and disks that fail ----------------------------------------------------------------------


def test_a_second_writer(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is waited for; then nothing was written."""
    monkeypatch.setattr("sqlclust.store.fit.PATIENCE", 0.2)
    con = sqlclust.connect(path)
    other = apsw.Connection(str(path))
    begin = once(lambda: other.execute("BEGIN IMMEDIATE; UPDATE note SET body = 'another'"), "load")
    with pytest.raises(LockedError):
        sqlclust.fit(con, "note", progress=begin)
    assert has_nothing_of_ours(con)
    other.execute("COMMIT")
    assert sqlclust.fit(con, "note") == 1
    con.close()
    other.close()


@pytest.mark.parametrize("error", [failure, full])
def test_a_disk_that_fails_or_is_full(path: Path, error: Callable[[str], BaseException]) -> None:
    """At every third operation of the publish; it is all there or nothing, and the next fit succeeds."""
    shim = Shim()
    content = {file.name: file.read_bytes() for file in path.parent.iterdir()}
    for number in range(1, 10_000, 3):
        for file in path.parent.iterdir():
            file.unlink()
        for name, kept in content.items():
            (path.parent / name).write_bytes(kept)
        con = apsw.Connection(str(path), vfs=shim.name)
        con.pragma("foreign_keys", True)
        sqlclust.register(con)
        before = foreign_rows_of(con)
        shim.arm(number, watched=CHANGING, error=error, lasting=True)
        failed = None
        try:
            sqlclust.fit(con, "note")
        except (DatabaseFileError, SqlclustError, apsw.Error) as caught:
            failed = caught
        struck = shim.struck
        shim.disarm()
        with suppress(apsw.Error):
            con.close()
        con = sqlclust.connect(path)
        results = 0 if has_nothing_of_ours(con) else con.execute("SELECT count(*) FROM ClusteringResult").get
        assert (results == 0) == has_nothing_of_ours(con)
        assert failed is not None or results == 1
        assert con.execute("PRAGMA integrity_check").get == "ok"
        assert con.execute("PRAGMA foreign_key_check").fetchall() == []
        assert foreign_rows_of(con) == before
        assert sqlclust.fit(con, "note") == results + 1
        assert foreign_rows_of(con) == before
        con.close()
        if not struck:
            assert number > 10
            return
