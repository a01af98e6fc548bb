"""Faults from below, at every operation that a small publish makes: I/O errors, a full disk, files that end too early; and
memory that runs out, in every phase.
"""

from __future__ import annotations

import errno
import re
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest
from click.testing import CliRunner

import sqlclust
from sqlclust.bindings.apsw.database import ApswDatabase
from sqlclust.cli import main
from sqlclust.errors import CommitUnknownError, DatabaseFileError, OutOfMemoryError, SqlclustError
from sqlclust.store.embeddings.points import Points
from tests.extension import originals
from tests.trust import work
from tests.trust.bench import FAULTS, Bench

pytestmark = pytest.mark.slow


@pytest.fixture(params=work.JOURNALS)
def bench(tmp_path: Path, request: pytest.FixtureRequest) -> Bench:
    return Bench(tmp_path, request.param)


# --- I/O errors and full disks -----------------------------------------------------------------------------------------

SAYS = re.compile(
    r"^\S+broken\.db: (reading or writing failed while|the disk is full: publishing was|it or its journal cannot be opened)"
)
UNKNOWN = "cannot be told whether before or after it was done"


@pytest.mark.parametrize("fault", FAULTS)
def test_clust_fit(bench: Bench, fault: str) -> None:
    """It returns and the result is there, or it raises an error of ours and it is not; only of an error at the very end,
    after which the file cannot be read any more, nothing is promised, and the error says that.
    """
    struck = 0
    for _ in bench.every(**FAULTS[fault]):
        error = work.outcome(bench.con, "clust_fit")
        results = bench.left()
        if isinstance(error, CommitUnknownError):
            assert UNKNOWN in str(error)
            assert fault not in ("one operation fails", "the disk is full")  # then it can be looked up, or was not done
        elif error is not None:
            assert isinstance(error, DatabaseFileError)
            assert SAYS.search(str(error))
            assert results == 0
        else:
            assert results == 1
        struck += bench.shim.struck > 0
    assert struck >= 15


@pytest.mark.parametrize("fault", ["one operation fails", "the disk is full"])
def test_one_statement(bench: Bench, fault: str) -> None:
    """Whole or not at all; the error is APSW's, as for any statement."""
    struck = 0
    for _ in bench.every(**FAULTS[fault]):
        error = work.outcome(bench.con, "one statement")
        results = bench.left()
        assert results == 1 if error is None else isinstance(error, apsw.IOError | apsw.FullError | apsw.CantOpenError)
        struck += bench.shim.struck > 0
    assert struck >= 17


def test_the_connection_goes_on_after_a_fault(bench: Bench) -> None:
    for _ in bench.every(step=5):
        first = work.outcome(bench.con, "clust_fit") is None
        bench.shim.disarm()
        work.write(bench.con, "clust_fit")
        assert bench.left() == 1 + first


def test_a_failed_commit_that_was_done(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The journal is deleted, which is the commit, but the folder cannot be synced: SQLite says that it failed."""
    bench = Bench(tmp_path, "delete")
    bench.fresh()
    bench.shim.arm(1, watched=("delete",), after=True)
    assert work.write(bench.con, "clust_fit") == 1
    assert bench.shim.struck == 1
    assert bench.left() == 1
    assert "publishing: done, although SQLite said" in caplog.text


def test_clust_cut(bench: Bench) -> None:
    con = sqlclust.connect(str(bench._base))
    work.write(con, "clust_fit")
    con.close()
    for _ in bench.every(step=2):
        try:
            with originals():
                bench.con.execute("SELECT clust_cut(1, '{\"min_cluster_size\": 5}')").get  # noqa: B018
        except DatabaseFileError:
            assert bench.left() == 1
        else:
            assert bench.left() == 2


# --- files that end too early ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", work.FORMS)
def test_a_file_that_is_cut_off_meanwhile(bench: Bench, form: str) -> None:
    """From the n-th read on the file ends in the middle of a page, and reads beyond give less than they should."""
    failed = 0
    for _ in bench.every(watched=("read",), lasting=True, end=5 * 4096 + 300):
        error = work.outcome(bench.con, form)
        results = bench.left(by_itself=False)  # the connection may have the cut off file in its memory
        if error is None:
            assert results == 1
            continue
        assert isinstance(error, DatabaseFileError if form == "clust_fit" else apsw.CorruptError)
        assert re.search("is damaged|malformed", str(error))
        assert results == 0
        failed += 1
    assert failed > 10


def test_clust_fit_and_a_read_that_gives_half(bench: Bench) -> None:
    """A file system that gives half a page, not at the end of the file, and says nothing. SQLite takes the rest for zeros,
    and has no checksums to know better; an unlucky half is noticed only because it makes no sense.
    """
    failed = 0
    for _ in bench.every(watched=("read",), error=None):
        try:
            work.write(bench.con, "clust_fit")
        except SqlclustError:
            failed += 1
            assert bench.left(by_itself=False) == 0
        else:
            assert bench.left() == 1
    assert failed > 1


# --- loading -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["one operation fails", "the disk is full"])
def test_load(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    """sqlclust load: all rows or none; one line of error and status 1."""
    monkeypatch.setattr("sqlclust.cli.database.connect", lambda path, **_: ApswDatabase(bench.con))
    np.save(tmp_path / "new.npy", np.eye(30, 4, dtype=np.float32) + 1)
    struck = 0
    for _ in bench.every(**FAULTS[fault]):
        arguments = ["load", str(bench.path), str(tmp_path / "new.npy"), "--model", "new"]
        result = CliRunner().invoke(main, arguments)
        bench.shim.disarm()
        con = apsw.Connection(str(bench.path))
        rows = con.execute("SELECT count(*) FROM Embedding WHERE embedding_model = 'new'").get
        assert con.pragma("integrity_check") == "ok"
        con.close()
        if result.exit_code == 0:
            assert rows == 30
        else:
            assert (result.exit_code, rows) in ((1, 0), (1, 30))
            assert re.fullmatch(r"Error: [^\n]+\n", result.stderr)
            assert rows == 0 or UNKNOWN in result.stderr
        struck += bench.shim.struck > 0
    assert struck >= 5


# --- memory ------------------------------------------------------------------------------------------------------------

PHASES = {
    "load": "sqlclust.store.embeddings.selection.PointsBuilder.extend",
    "load, at the end": "sqlclust.store.embeddings.selection.PointsBuilder.finish",
    "directions": "sqlclust.store.embeddings.points.Points.check_directions",
    "hash": "sqlclust.store.embeddings.points.Points.fingerprint",
    "duplicates": "sqlclust.core.pipeline.distinct",
    "neighbors": "sqlclust.core.engine_stages.neighbors_and_pruning",
    "spanning tree": "sqlclust.core.engine_stages.exact_tree",
    "linkage": "sqlclust.core.pipeline.single_linkage",
    "condense": "sqlclust.core.pipeline.condense",
    "select": "sqlclust.core.pipeline.cluster_labels",
    "medoids": "sqlclust.core.clusters.clustering.medoids",
    "blobs": "sqlclust.store.making.to_blobs",
    "publish, clusters": "sqlclust.store.results.publishing.NewResult.cluster_rows",
    "publish, rows": "sqlclust.store.results.publishing._insert_assignments",
    "publish, the end": "sqlclust.store.results.publishing.now",
}


def exhausted(*_: object, **__: object) -> None:
    raise MemoryError("Unable to allocate 8.00 TiB")


@pytest.mark.parametrize("phase", PHASES)
def test_out_of_memory(demo_file: Path, monkeypatch: pytest.MonkeyPatch, phase: str) -> None:
    con = sqlclust.connect(str(demo_file))
    monkeypatch.setattr(PHASES[phase], exhausted)
    with pytest.raises(
        OutOfMemoryError, match=r"^not enough memory: .*8\.00 TiB.*; nothing was written\. Use the approx"
    ):
        sqlclust.fit(con, "demo", min_cluster_size=5)
    monkeypatch.undo()
    assert not con.in_transaction
    for table in ("ClusteringFit", "ClusteringFitNeighbors", "ClusteringResult", "Cluster", "EmbeddingCluster"):
        assert con.execute(f"SELECT count(*) FROM {table}").get == 0
    sqlclust.fit(con, "demo", min_cluster_size=5)
    con.close()


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "not enough memory: clustering ([Errno 12] Cannot allocate"),
        (
            RuntimeError("can't start new thread"),
            "not enough memory: clustering needs a thread, and the system gives none",
        ),
    ],
)
def test_a_system_without_memory(
    demo: apsw.Connection, monkeypatch: pytest.MonkeyPatch, error: Exception, message: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("sqlclust.store.making.cluster", fail)
    with pytest.raises(OutOfMemoryError) as caught:
        sqlclust.fit(demo, "demo")
    assert str(caught.value).startswith(message)


def test_out_of_memory_while_comparing_and_cutting(demo_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    con = sqlclust.connect(str(demo_file))
    sqlclust.fit(con, "demo", min_cluster_size=5)
    for place in (
        "sqlclust.store.members.points_of",
        "sqlclust.core.pipeline.condense",
        "sqlclust.store.results.publishing.NewResult.cluster_rows",
    ):
        monkeypatch.setattr(place, exhausted)
        with pytest.raises(OutOfMemoryError):
            con.execute("SELECT clust_cut(1)").get  # noqa: B018
        monkeypatch.undo()
    fingerprint = Points.fingerprint

    def meanwhile(points: Points, control: Any) -> Any:
        other = apsw.Connection(str(demo_file))
        other.execute("INSERT INTO Run (id) VALUES ('meanwhile')")
        other.close()
        return fingerprint(points, control)

    monkeypatch.setattr(Points, "fingerprint", meanwhile)
    monkeypatch.setattr("sqlclust.store.embeddings.own_vectors.OwnVectors.member_rows", exhausted)
    with pytest.raises(OutOfMemoryError):
        sqlclust.fit(con, "demo", min_cluster_size=5)
    monkeypatch.undo()
    assert con.execute("SELECT count(*) FROM ClusteringResult").get == 1
    con.close()


@pytest.mark.parametrize("form", work.FORMS)
def test_sqlite_out_of_memory(bench: Bench, form: str) -> None:
    """SQLite gets so much memory more than it has, and then none."""
    failed = 0
    expected = OutOfMemoryError if form == "clust_fit" else apsw.NoMemError
    while True:
        bench.con.close()
        bench.fresh()
        apsw.hard_heap_limit(apsw.memory_used() + failed * 10_000)
        try:
            if form == "clust_fit":
                sqlclust.fit(bench.con, "demo", min_cluster_size=5)
            else:
                work.write(bench.con, form)
        except expected:
            failed += 1
        else:
            break
        finally:
            apsw.hard_heap_limit(0)
        assert bench.left() == 0
    assert bench.left() == 1
    assert failed > 5
