"""Work that does not fit into memory is refused before its vectors are read, on every way in; and the estimates hold."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.core.clusters.clustered_rows import ClusteredRows
from sqlclust.core.clusters.prediction import predict
from sqlclust.core.cost import memory_bytes
from sqlclust.core.geometry.duplicates import distinct
from sqlclust.core.geometry.mutual_reachability import ReachabilityParameters
from sqlclust.core.neighbors import nearest_member
from sqlclust.core.neighbors.row_neighbors import row_neighbors
from sqlclust.core.runtime.control import Control
from sqlclust.errors import OutOfMemoryError
from sqlclust.options import HdbscanOptions, LabelsOptions
from sqlclust.store import cut, memory, prediction, sweep
from sqlclust.store.embeddings import collecting
from sqlclust.store.embeddings.buffer import GrowingBytes
from sqlclust.store.embeddings.collecting import PointsBuilder
from sqlclust.store.embeddings.points import points_of
from sqlclust.store.fit import fit
from sqlclust.store.fits import loading as fits
from tests.cli.terminal import fail
from tests.small import add_embeddings, clustered

pytestmark = pytest.mark.slow

MIB, GIB = 1 << 20, 1 << 30
N, DIMENSION = 2000, 32
POINTS = "(SELECT clust_points(id, vector) FROM Embedding WHERE embedding_model = 'demo')"


@pytest.fixture
def many(con: apsw.Connection) -> apsw.Connection:
    """2,000 embeddings, and a fit of 40 others, 1, with its result."""
    add_embeddings(con, clustered(N, dimension=DIMENSION))
    add_embeddings(con, clustered(dimension=DIMENSION), model="small", ids=range(10_001, 10_041))
    fit(database_of(con), "small", HdbscanOptions(min_cluster_size=5))
    return con


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Bytes of vectors as they are read."""
    seen: list[int] = []
    append = GrowingBytes.append

    def noted(self: GrowingBytes, piece: bytes) -> None:
        seen.append(len(piece))
        append(self, piece)

    monkeypatch.setattr(GrowingBytes, "append", noted)
    monkeypatch.setattr(collecting, "_LOOK_FROM", 1)
    return seen


def free(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(memory, "available_memory", lambda: count)


def state(con: apsw.Connection) -> list[Any]:
    tables = ("ClusteringResult", "ClusteringFit", "Cluster", "EmbeddingCluster", "EmbeddingPrediction", "Run")
    return [con.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall() for table in tables]


ADVICE = (
    "; nothing was written. Use the approximate engine, select fewer rows, downsample, or fit in shards "
    r"\(sqlclust fit --workers\)"
)
FEWER = "; nothing was written. Select fewer rows"
VECTORS = "2,000 vectors of 32 dimensions"
WAYS: dict[str, tuple[Callable[[apsw.Connection], object], str]] = {
    "sqlclust.fit": (
        lambda con: sqlclust.fit(con, "demo"),
        rf"the exact engine needs about 0\.2 GiB for {VECTORS} and min_samples 5, and 1\.0 MiB are free{ADVICE}",
    ),
    "clust_fit": (
        lambda con: con.execute("SELECT clust_fit('demo', '{\"engine\": \"approximate\"}')").fetchall(),
        rf"the approximate engine needs about 0\.2 GiB for {VECTORS} and min_samples 5, and 1\.0 MiB are free{ADVICE}",
    ),
    "downsampled": (
        lambda con: sqlclust.fit(con, "demo", downsample=4),
        rf"the approximate engine needs about 0\.2 GiB for 500 vectors of 32 dimensions and .* free{ADVICE}",
    ),
    "members of a fit, cut": (
        lambda con: con.execute("SELECT clust_cut(1)").fetchall(),
        r"cutting a stored fit needs about 0\.0 MiB for 40 vectors of 32 dimensions, and 0\.0 MiB are free; .* Fit fewer rows",
    ),
    "labels": (lambda con: con.execute("SELECT * FROM clust_labels(1)").fetchall(), "cutting a stored fit needs .*"),
    "sweep": (lambda con: con.execute("SELECT * FROM clust_sweep(1, '{}')").fetchall(), "cutting .* for 40 rows, .*"),
    "layers": (lambda con: con.execute("SELECT * FROM clust_layers(1)").fetchall(), "cutting .* for 40 rows, .*"),
    "condensed tree": (
        lambda con: con.execute("SELECT * FROM clust_condensed_tree(1)").fetchall(),
        "cutting .* for 40 rows, .*",
    ),
    "nearest": (lambda con: con.execute("SELECT * FROM clust_nearest(1)").fetchall(), "cutting a stored fit needs .*"),
}


@pytest.mark.parametrize("way", WAYS)
def test_refused_before_a_vector_is_read(
    many: apsw.Connection, read: list[int], monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    run, message = WAYS[way]
    before = state(many)
    many.execute("PRAGMA query_only = 1")
    free(monkeypatch, 100 if message.startswith("cutting") else MIB)
    with pytest.raises(OutOfMemoryError, match=f"^not enough memory: {message}"):
        run(many)
    assert read == []
    many.execute("PRAGMA query_only = 0")
    assert state(many) == before
    free(monkeypatch, 100 * GIB)
    run(many)
    assert read != [] or "for 40 rows" in message


def test_from_the_command_line(demo_file: Path, read: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    free(monkeypatch, MIB)
    assert "not enough memory: the exact engine needs about 0.2 GiB for 40 vectors" in fail("fit", demo_file, "demo")
    assert read == []


@pytest.mark.parametrize("room", [MIB, 300 * MIB])
def test_with_a_where_as_the_rows_come(
    many: apsw.Connection, read: list[int], monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    """Nobody knows how many there are: it is refused at that many rows for which there is no room, and not before."""
    free(monkeypatch, room)
    many.execute("UPDATE Embedding SET content = id")
    assert memory_bytes(40, DIMENSION, 5, "exact") < 300 * MIB
    if room == MIB:
        with pytest.raises(OutOfMemoryError, match=r"approximate engine needs about 0\.2 GiB for 128 vectors of 32"):
            sqlclust.fit(many, "demo", where="content <> ''")
        assert read == []
    else:
        sqlclust.fit(many, "demo", where="content <> ''")


@pytest.mark.parametrize("function", ["clust_hdbscan", "clust_neighbors", "clust_duplicates"])
def test_rows_of_an_aggregate(
    many: apsw.Connection, read: list[int], monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    statement = f"INSERT INTO Run (id) SELECT id FROM {function}({POINTS})"
    before = state(many)
    vectors = N * DIMENSION * 4

    free(monkeypatch, 1000)  # no room for a quarter more of the first batch
    with pytest.raises(OutOfMemoryError, match=rf"128 vectors of 32 dimensions are read, there are more .*{FEWER}$"):
        many.execute(statement).fetchall()
    assert read == []

    free(monkeypatch, vectors // 8)  # for some
    with pytest.raises(OutOfMemoryError, match=r"[0-9,]+ vectors of 32 dimensions are read, there are more of them"):
        many.execute(statement).fetchall()
    assert 0 < sum(read) < vectors

    free(monkeypatch, vectors)  # for all of them, and not for computing
    computing = "the exact engine" if function == "clust_hdbscan" else function
    with pytest.raises(OutOfMemoryError, match=f"^not enough memory: {computing} needs about .* for {VECTORS}"):
        many.execute(statement).fetchall()
    assert state(many) == before


def test_medoids_need_no_copy(many: apsw.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    free(monkeypatch, N * DIMENSION * 4)
    assert many.execute("SELECT clust_medoid(id, vector) FROM Embedding").get is not None


def test_predictions(many: apsw.Connection, read: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    many.execute("UPDATE Embedding SET embedding_model = 'small'")
    recovered = prediction.recover(database_of(many), 1)
    read.clear()
    free(monkeypatch, MIB)
    with pytest.raises(
        OutOfMemoryError, match=r"predicting needs about .* for 2,000 vectors of 32 dimensions and 40 members"
    ):
        prediction.others(database_of(many), recovered)
    assert read == []
    free(monkeypatch, GIB)
    others = prediction.others(database_of(many), recovered)
    assert len(others) == 2000
    free(monkeypatch, MIB)
    for run in (
        lambda: prediction.predict(database_of(many), recovered, others),
        lambda: many.execute(
            "SELECT * FROM clust_predict(1, (SELECT clust_points(id, vector) FROM Embedding WHERE id <= 100))"
        ).fetchall(),
    ):
        with pytest.raises(OutOfMemoryError, match=r"; nothing was written\. Predict fewer rows at a time$"):
            run()


@pytest.mark.parametrize("kind", ["float64", "float32", "columns", "list", "downsampled"])
def test_arrays_before_they_are_copied(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    matrix: Any = np.ones((20_000, 64), dtype=np.float32 if kind == "float32" else np.float64)
    if kind == "columns":
        matrix = np.asfortranarray(matrix)
    if kind == "list":
        matrix = matrix[:5000].tolist()
    options: dict[str, Any] = {"downsample": 2} if kind == "downsampled" else {}
    free(monkeypatch, 10 * MIB)
    tracemalloc.start()
    with pytest.raises(
        OutOfMemoryError, match=r"^not enough memory: the exact engine needs about .* GiB for [0-9,]+ vectors"
    ):
        sqlclust.hdbscan(matrix, **options)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MIB


def test_what_a_copy_takes_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    n = 3000
    needed = memory_bytes(n, DIMENSION, 5, "exact")
    vectors = np.random.default_rng(1).normal(size=(n, DIMENSION)).astype(np.float32)
    free(monkeypatch, needed)
    sqlclust.hdbscan(vectors, min_samples=5)
    with pytest.raises(OutOfMemoryError):
        sqlclust.hdbscan(vectors.astype(np.float64), min_samples=5)
    free(monkeypatch, needed + 4 * n * DIMENSION)
    sqlclust.hdbscan(vectors.astype(np.float64), min_samples=5)


def test_without_a_figure_nothing_is_refused(many: apsw.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_memory", lambda: None)
    assert sqlclust.fit(many, "demo") == 2
    assert len(many.execute(f"SELECT id FROM clust_neighbors({POINTS}, '{{\"k\": 1}}')").fetchall()) == N


# --- the estimates ----------------------------------------------------------------------------------------------------------


def taken(work: Callable[[], object]) -> int:
    """Bytes that work takes at most beyond what there is."""
    work()  # imports, and what is made once
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def estimate(monkeypatch: pytest.MonkeyPatch, check: Callable[[], None]) -> int:
    """What a check asks for."""
    asked: list[int] = []
    monkeypatch.setattr(memory, "check_free", lambda needed, *_, **__: asked.append(needed))
    check()
    [needed] = asked
    return needed


def test_the_rows_of_neighbors_take_what_is_added_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    n, k = 1500, 60
    vectors = np.random.default_rng(0).normal(size=(n, 16)).astype(np.float32)
    rank = np.arange(n)
    tracemalloc.start()
    rows = list(row_neighbors(vectors, k, metric="euclidean", normalize=False, rank=rank, control=Control()))
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(rows) == n
    estimated = estimate(monkeypatch, lambda: memory.check_neighbors(n, 16, k))
    added = estimated - memory_bytes(n, 16, k, "exact")
    assert 0.5 * added < held < added
    assert peak < estimated


def test_cutting_stays_below_the_estimate(con: apsw.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    n, dimension = 6_000, 8
    vectors = np.random.default_rng(0).normal(size=(n, dimension)).astype(np.float32)
    add_embeddings(con, vectors)
    fit(database_of(con), "demo", HdbscanOptions(min_cluster_size=20))
    stored = fits.load(database_of(con), 1)
    members = points_of(stored.ids, vectors)
    options = cut.check_options(database_of(con), {}, stored, LabelsOptions).options
    work = cut.cutting(members, stored, options)
    assert taken(lambda: work(Control())) < estimate(monkeypatch, lambda: memory.check_cutting(n, dimension))
    combinations = list(sweep._combinations(database_of(con), {"min_cluster_size": [5, 20]}, stored))
    trees = {stored.record.min_samples: stored.tree}
    rows = taken(lambda: list(sweep._sweep_rows(trees, combinations, Control())))
    assert rows < estimate(monkeypatch, lambda: memory.check_cutting(n))


@pytest.mark.parametrize("normalize", [True, False])
def test_predicting_grows_as_estimated(monkeypatch: pytest.MonkeyPatch, normalize: bool) -> None:
    monkeypatch.setattr(nearest_member, "_ROWS", 32)  # blocks, for which there is an allowance, play no part
    monkeypatch.setattr(nearest_member, "_COLUMNS", 512)
    dimension = 64
    vectors = np.random.default_rng(0).normal(size=(30_000, dimension)).astype(np.float32)

    def work(n: int, q: int) -> int:
        known = ClusteredRows(distinct(vectors[:n], normalize=normalize), np.ones(n), np.arange(n), None)
        how = ReachabilityParameters(5, normalize=normalize)
        return taken(lambda: predict(vectors[-q:], known, how, Control()))

    def estimated(n: int, q: int) -> int:
        with monkeypatch.context() as patched:
            return estimate(patched, lambda: memory.check_predicting(n, q, dimension))

    small = (9_000, 500)
    for large in ((29_000, 500), (9_000, 4_000)):
        grown, expected = work(*large) - work(*small), estimated(*large) - estimated(*small)
        assert 0.2 * expected < grown < expected


def test_reading_stays_below_the_estimate(con: apsw.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    n, dimension = 30_000, 4
    vectors = np.ones((n, dimension), dtype=np.float32)
    for ids in ([*range(n)], [f"{number:040d}" for number in range(n)]):
        rows = list(zip(ids, (row.tobytes() for row in vectors), strict=True))

        def work(rows: list[tuple[Any, Any]] = rows) -> object:
            builder, left = (
                PointsBuilder(),
                iter([(str(i) + "", v) if isinstance(i, str) else (i, v) for i, v in rows]),
            )
            while builder.extend(left):
                pass
            return builder.finish()

        assert taken(work) < memory.reading_bytes(n, dimension)
