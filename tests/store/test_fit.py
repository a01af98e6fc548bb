from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest

import sqlclust
from sqlclust.core.runtime.control import Control
from sqlclust.errors import (
    DatabaseFileError,
    FilterError,
    LockedError,
    MembersGoneError,
    OutOfMemoryError,
    SchemaMissingError,
    TooFewRowsError,
    TopLevelOnlyError,
    UnknownModelError,
    ZeroVectorError,
)
from sqlclust.store.fit import cluster
from tests.moments import while_waiting
from tests.small import add_embeddings, blob, clustered

TABLES = ("ClusteringFit", "ClusteringResult", "Cluster", "EmbeddingCluster")


def counts(con: apsw.Connection) -> list[int]:
    return [con.execute(f"SELECT count(*) FROM {table}").get for table in TABLES]


def assert_nothing_written(con: apsw.Connection) -> None:
    assert counts(con) == [0, 0, 0, 0]
    assert not con.in_transaction
    assert con.txn_state() == apsw.SQLITE_TXN_NONE


def row(con: apsw.Connection, table: str, which: int) -> dict[str, Any]:
    cursor = con.execute(f"SELECT * FROM {table} WHERE id = ?", (which,))
    [values] = cursor.fetchall()
    names = [r[0] for r in con.execute("SELECT name FROM pragma_table_info(?)", (table,))]
    return dict(zip(names, values, strict=True))


@pytest.fixture
def two(demo_file: Path) -> Iterator[tuple[apsw.Connection, apsw.Connection]]:
    """Two connections to one file: ours, which does not wait by itself, and another."""
    ours, other = sqlclust.connect(str(demo_file)), sqlclust.connect(str(demo_file))
    ours.set_busy_timeout(0)
    yield ours, other
    ours.close()
    other.close()


# --- what is stored --------------------------------------------------------------------------------------------


def test_parameters_are_complete_and_as_they_ran(demo: apsw.Connection) -> None:
    result = row(demo, "ClusteringResult", sqlclust.fit(demo, "demo", cluster_selection_epsilon=0.4))
    assert json.loads(result["parameters"]) == {
        "min_cluster_size": 5,
        "cluster_selection_epsilon": 0.4,
        "cluster_selection_method": "eom",
        "cluster_selection_persistence": 0.0,
        "max_cluster_size": 0,
        "allow_single_cluster": False,
        "min_samples": 5,
        "alpha": 1.0,
        "metric": "euclidean",
        "normalize": True,
        "engine": "exact",
        "downsample": 1,
        "seed": 0,
    }
    assert (result["embedding_model"], result["algorithm"]) == ("demo", "hdbscan")


def test_parameters_give_the_same_result_again(demo: apsw.Connection) -> None:
    first = sqlclust.fit(demo, "demo", min_samples=3, downsample=2, where="id <> 5", normalize=False, metric="cosine")
    parameters = json.loads(row(demo, "ClusteringResult", first)["parameters"])
    assert parameters["where"] == "id <> 5"
    second = sqlclust.fit(demo, "demo", **parameters)
    rows = "SELECT embedding_id, label, probability, outlier_score FROM EmbeddingCluster WHERE clustering_result_id = ?"
    assert demo.execute(rows, (first,)).fetchall() == demo.execute(rows, (second,)).fetchall()
    assert first != second


def test_the_fit_is_described(demo: apsw.Connection) -> None:
    add_embeddings(demo, clustered()[[0, 0, 1]] * 2, ids=["x", "y", "z"])  # the same directions
    result = row(demo, "ClusteringResult", sqlclust.fit(demo, "demo", min_samples=4, alpha=2))
    fit = row(demo, "ClusteringFit", result["clustering_fit_id"])
    described = {name: fit[name] for name in ("embedding_model", "metric", "normalize", "min_samples", "alpha")}
    assert described == {"embedding_model": "demo", "metric": "euclidean", "normalize": 1, "min_samples": 4, "alpha": 2}
    assert (fit["engine"], fit["recall"], fit["seed"]) == ("exact", 1.0, 0)
    assert (fit["n"], fit["n_distinct"], fit["dimension"]) == (43, 40, 8)
    assert re.fullmatch("[0-9a-f]{64}", fit["corpus_hash"])
    assert json.loads(fit["selection"]) == {"where": None, "downsample": 1}
    assert json.loads(fit["versions"]) == {
        "sqlclust": sqlclust.__version__,
        "hdbscan": version("hdbscan"),
        "numpy": np.__version__,
        "apsw": apsw.apsw_version(),
        "sqlite": apsw.sqlite_lib_version(),
    }


def test_times(demo: apsw.Connection) -> None:
    before = time.perf_counter()
    result = row(demo, "ClusteringResult", sqlclust.fit(demo, "demo"))
    took = time.perf_counter() - before
    timings = json.loads(row(demo, "ClusteringFit", result["clustering_fit_id"])["timings"])
    assert list(timings) == [
        "load",
        "hash",
        "duplicates",
        "neighbors",
        "spanning tree",
        "clusters",
        "medoids",
        "publish",
    ]
    assert all(0 <= seconds <= took for seconds in timings.values())
    assert sum(timings.values()) <= took + 0.001
    stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    assert re.fullmatch(stamp, result["started_at"])
    assert re.fullmatch(stamp, result["completed_at"])
    assert result["started_at"] <= result["completed_at"]
    duration = demo.execute("SELECT duration FROM ClusteringSummary").get
    assert 0 <= duration <= took + 0.002


def test_rows_keep_the_types_of_their_ids(con: apsw.Connection) -> None:
    ids: list[int | float | str | bytes] = [3, -(2**63), 2.5, "3", "é", "0688868048517e121234567890123456", b"", b"3"]
    add_embeddings(con, clustered(8, clusters=2, noise=0), ids=ids)
    result = sqlclust.fit(con, "demo", min_cluster_size=2)
    rows = con.execute(
        "SELECT typeof(embedding_id), embedding_id, label, probability FROM EmbeddingCluster ORDER BY embedding_id"
    ).fetchall()
    expected = con.execute("SELECT typeof(id), id FROM Embedding ORDER BY id").fetchall()
    assert [found[:2] for found in rows] == expected
    for table, columns in (("EmbeddingCluster", "label"), ("Cluster", "size"), ("ClusteringFit", "n_distinct")):
        assert con.execute(f"SELECT DISTINCT typeof({columns}) FROM {table}").fetchall() == [("integer",)]
    assert con.execute("SELECT count(*) FROM pragma_foreign_key_check").get == 0
    assert con.execute("SELECT count(*) FROM Cluster WHERE clustering_result_id = ?", (result,)).get >= 1


def test_two_rows_are_enough(con: apsw.Connection) -> None:
    add_embeddings(con, clustered(2, clusters=2, noise=0))
    sqlclust.fit(con, "demo")
    assert counts(con) == [1, 1, 0, 2]


def test_all_equal(con: apsw.Connection) -> None:
    add_embeddings(con, np.ones((20, 3), dtype=np.float32))
    sqlclust.fit(con, "demo")
    assert con.execute("SELECT DISTINCT label, probability, outlier_score FROM EmbeddingCluster").fetchall() == [
        (-1, 0, 0)
    ]
    assert counts(con)[2] == 0
    sqlclust.fit(con, "demo", allow_single_cluster=True)
    assert con.execute("SELECT label, medoid_embedding_id, size, persistence FROM Cluster").fetchall() == [
        (0, 1, 20, 1.0)
    ]


@pytest.mark.parametrize("epsilon", [1e-6, 0.5, 3.0])
@pytest.mark.parametrize("method", ["eom", "leaf"])
def test_clusters_of_nobody_publish(demo: apsw.Connection, epsilon: float, method: str) -> None:
    sqlclust.fit(
        demo,
        "demo",
        min_cluster_size=15,
        allow_single_cluster=True,
        cluster_selection_epsilon=epsilon,
        cluster_selection_method=method,
    )
    assert counts(demo)[3] == 40


def test_the_medoid_is_the_smallest_id_of_identical_rows(con: apsw.Connection) -> None:
    vectors = np.repeat(np.eye(2, 4, dtype=np.float32), 6, axis=0)
    add_embeddings(con, vectors, ids=["d", 9, "b", 2.5, b"a", "c", 8, "f", 7, "e", b"", "g"])
    sqlclust.fit(con, "demo", min_samples=2)
    assert sorted(r[0] for r in con.execute("SELECT medoid_embedding_id FROM Cluster")) == [2.5, 7]


# --- errors, before anything is written ------------------------------------------------------------------------


def test_no_tables() -> None:
    with pytest.raises(
        SchemaMissingError, match=r"^this database has no sqlclust tables; run: sqlclust init FILE\.db$"
    ):
        sqlclust.fit(sqlclust.connect(":memory:"), "demo")


@pytest.mark.parametrize("n", [1, 2])
def test_too_few_rows(con: apsw.Connection, n: int) -> None:
    add_embeddings(con, clustered(n, noise=0))
    with pytest.raises(TooFewRowsError) as caught:
        sqlclust.fit(con, "demo", where=None if n == 1 else "id = 1")
    kept = "" if n == 1 else " after the filter and downsampling"
    assert str(caught.value) == f"embedding model 'demo' has 1 row{kept}, expected at least 2 to cluster"
    with pytest.raises(TooFewRowsError, match="has 0 rows after the filter and downsampling"):
        sqlclust.fit(con, "demo", where="0")
    assert_nothing_written(con)


def test_other_errors_write_nothing(demo: apsw.Connection) -> None:
    with pytest.raises(UnknownModelError):
        sqlclust.fit(demo, "other")
    with pytest.raises(FilterError):
        sqlclust.fit(demo, "demo", where="1) OR (1")
    demo.execute("UPDATE Embedding SET vector = zeroblob(32) WHERE id = 9")
    with pytest.raises(ZeroVectorError, match=r"^embedding 9 is a zero vector"):
        sqlclust.fit(demo, "demo")
    assert_nothing_written(demo)
    sqlclust.fit(demo, "demo", normalize=False)


def test_inside_a_transaction(demo: apsw.Connection) -> None:
    demo.execute("BEGIN")
    with pytest.raises(TopLevelOnlyError, match="COMMIT first, then call it alone"):
        sqlclust.fit(demo, "demo")
    demo.execute("COMMIT")
    with pytest.raises(TopLevelOnlyError), demo:
        sqlclust.fit(demo, "demo")
    cursor = demo.execute("SELECT id FROM Embedding")  # a statement that is still reading
    with pytest.raises(TopLevelOnlyError):
        sqlclust.fit(demo, "demo")
    cursor.close()
    assert_nothing_written(demo)
    sqlclust.fit(demo, "demo")


def test_out_of_memory(demo: apsw.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object, **__: object) -> None:
        raise MemoryError("Unable to allocate 8.00 TiB for an array")

    monkeypatch.setattr("sqlclust.store.fit.cluster", exhausted)
    with pytest.raises(
        OutOfMemoryError, match=r"^not enough memory: Unable to allocate 8\.00 TiB for an array; nothing"
    ):
        sqlclust.fit(demo, "demo")
    assert_nothing_written(demo)


# --- other connections -----------------------------------------------------------------------------------------


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
        DatabaseFileError, match=r"demo\.db: cannot write to it: publishing needs a writable file and folder$"
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


# --- stopping --------------------------------------------------------------------------------------------------

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

    monkeypatch.setattr("sqlclust.store.fit.cluster", endless)
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
    assert threading.active_count() == 1


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

    monkeypatch.setattr("sqlclust.store.fit.cluster", ending)
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


def test_vectors_that_do_not_fit_each_other(demo: apsw.Connection) -> None:
    demo.execute("INSERT INTO Embedding (id, embedding_model, vector) VALUES ('short', 'demo', ?)", (blob(1, 2),))
    with pytest.raises(sqlclust.SqlclustError, match=r"^embedding 'short' has 2 dimensions, expected 8$"):
        sqlclust.fit(demo, "demo")
    assert_nothing_written(demo)
