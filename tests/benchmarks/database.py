"""From an SQLite file to committed rows: loading, a whole fit, publishing; each in a process of its own.

    python -m tests.benchmarks.database                                       # 200,000 × 768: loading and publishing
    python -m tests.benchmarks.database --text                                # the same with TEXT ids of 32 digits
    python -m tests.benchmarks.database --rows 1416000 --identical 0.15 --fit # and a whole fit by the approximate engine

Rows a second, and peak memory in units of the vectors (of the whole process, the interpreter and SQLite's caches included).
Ids are stored in random order, as other programs leave them. The file is read once before it is measured, so that it is in
the system's cache if there is room. Loading is shown cold and warm: the first time a process takes gigabytes, a virtual machine
has to get them from its host.

The last command, on 2 cores of an Intel Xeon (Sapphire Rapids), 24 GiB, otherwise idle (file of 5.9 GB, vectors of 4.35 GB):

    fit: 208 s, peak 2.21 × the vectors
        2,208 clusters, noise 0.805, recall 0.904
        load 9.2, hash 6.2, duplicates 10.0, neighbors 165.2, spanning tree 5.4, clusters 3.5, medoids 0.8, publish 6.3
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw
import numpy as np

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from tests.benchmarks.data import embeddings
from tests.benchmarks.memory import peak

if TYPE_CHECKING:
    from sqlclust.core.pipeline import Clustering
    from sqlclust.store.embeddings.points import Points
    from sqlclust.store.fits.storing import NewFit

_BATCH = 20_000
_INSERT = "INSERT INTO Embedding (id, embedding_model, vector) VALUES (?, 'generated', ?)"


def make(path: str, rows: int, dimension: int, identical: float, *, text: bool) -> None:
    """A database of generated embeddings with ids in random order."""
    vectors = embeddings(rows, dimension, identical=identical)
    ids: list[Any] = np.random.default_rng(1).permutation(rows).tolist()
    if text:
        ids = [f"{number * 2654435761 % 2**64:032x}" for number in ids]
    connection = sqlclust.connect(path)
    sqlclust.initialize(connection)
    for start in range(0, rows, _BATCH):
        part = slice(start, start + _BATCH)
        with connection:
            connection.executemany(_INSERT, zip(ids[part], map(np.ndarray.tobytes, vectors[part]), strict=True))
    connection.close()


def timed(name: str, rows: int, run: Callable[[], object]) -> None:
    started, used = time.perf_counter(), time.process_time()
    result = run()
    seconds, processor = time.perf_counter() - started, time.process_time() - used
    del result  # not within the time
    print(f"{name:44}{seconds:8.1f} s{rows / seconds:12,.0f} rows/s{rows / processor:12,.0f} per processor second")


def load(connection: apsw.Connection, rows: int, size: int) -> None:
    """Loading as a fit does, and through SQL."""
    from sqlclust.core.runtime.control import Control
    from sqlclust.store.embeddings.selection import Selection, select

    before = peak()
    for state in ("cold", "warm", "warm"):
        timed(f"load, {state}", rows, lambda: select(database_of(connection), Selection("generated"), Control()))
    print(f"{'load, memory taken':44}{(peak() - before) / size:8.2f} × the vectors")
    for state in ("cold", "warm"):
        count = "SELECT clust_points(id, vector) FROM Embedding"
        timed(f"clust_points, {state}", rows, lambda sql=count: connection.execute(sql).fetchall())  # type: ignore[misc]


def made_up(points: Points, model: str) -> tuple[Clustering, NewFit]:
    """Clusters that nobody computed, some thousand points each, and a fit that they might be of."""
    from sqlclust.core.pipeline import Clustering
    from sqlclust.store.fits.record import FitRecord
    from sqlclust.store.fits.storing import NewFit

    rows, dimension = points.vectors.shape
    random = np.random.default_rng(0)
    labels = random.integers(-1, max(1, rows // 1000), rows)
    found, medoids = np.unique(labels, return_index=True)
    clusters = Clustering(
        labels,
        np.where(labels < 0, 0.0, random.random(size=rows)),
        random.random((rows,)),
        medoids[found >= 0],
        np.bincount(labels[labels >= 0]),
        random.random(int((found >= 0).sum())),
    )
    record = FitRecord(model, {}, "euclidean", True, 5, 1.0, "exact", 1.0, 0, rows, rows, dimension, "none", {}, {})
    return clusters, NewFit(record)


def publish(connection: apsw.Connection, rows: int, size: int) -> None:
    """Publishing made-up clusters, the first result and others beside it."""
    from sqlclust.core.runtime.control import Control
    from sqlclust.store.embeddings.own_vectors import OwnVectors
    from sqlclust.store.embeddings.selection import Selection, select
    from sqlclust.store.embeddings.snapshot import Snapshot
    from sqlclust.store.results.publishing import NewResult, Published, publish

    points = select(database_of(connection), Selection("generated"), Control())
    clusters, fit = made_up(points, "generated")
    for number in range(3):
        origin = OwnVectors(database_of(connection), "generated")
        snapshot = Snapshot(database_of(connection), points, origin, version=origin.data_version())

        def run(origin: OwnVectors = origin, snapshot: Snapshot = snapshot) -> Published:
            return publish(
                database_of(connection),
                NewResult(points, clusters, fit, {}, "2026-01-01T00:00:00.000Z", origin),
                snapshot=snapshot,
                patience=10.0,
                control=Control(),
            )

        timed("publish" if number == 0 else f"publish, beside {number} other results", rows, run)


def fit(connection: apsw.Connection, rows: int, size: int) -> None:
    """A whole fit, from the file to committed rows."""
    started = time.perf_counter()
    result = sqlclust.fit(connection, "generated", engine="approximate", min_cluster_size=15, min_samples=15)
    seconds = time.perf_counter() - started
    summary = "SELECT n_clusters, noise_share, clustering_fit_id FROM ClusteringSummary WHERE clustering_result_id = ?"
    clusters, noise, fit_id = next(connection.execute(summary, (result,)))
    recall, timings = next(
        connection.execute("SELECT round(recall, 3), timings FROM ClusteringFit WHERE id = ?", (fit_id,))
    )
    print(
        f"fit: {seconds:.0f} s, peak {peak() / size:.2f} × the vectors, {clusters:,} clusters, noise {noise:.3f}, recall {recall}"
    )
    rounded = "SELECT group_concat(key || ' ' || round(value, 1), ', ') FROM json_each(?) WHERE type <> 'object'"
    print("    " + connection.execute(rounded, (timings,)).get)


STEPS = {"load": load, "publish": publish, "fit": fit}


def steps(given: argparse.Namespace) -> Iterator[str]:
    yield "load"
    if given.fit:
        yield "fit"  # before made-up results are there
    yield "publish"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--dimension", type=int, default=768)
    parser.add_argument("--identical", type=float, default=0.05)
    parser.add_argument("--text", action="store_true", help="ids are TEXT")
    parser.add_argument("--fit", action="store_true", help="also a whole fit")
    parser.add_argument("--child", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--database", help="where to keep the database; a temporary file otherwise")
    given = parser.parse_args()
    if given.child:
        STEPS[given.child](sqlclust.connect(given.database), given.rows, 4 * given.rows * given.dimension)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = given.database or str(Path(folder) / "embeddings.db")
        arguments = ["--rows", str(given.rows), "--dimension", str(given.dimension), "--database", path]
        if not Path(path).exists():
            make(path, given.rows, given.dimension, given.identical, text=given.text)
        ids, size = "TEXT" if given.text else "INTEGER", Path(path).stat().st_size
        print(f"{given.rows:,} × {given.dimension}, ids {ids}, {size / 1e9:.1f} GB")
        with open(path, "rb") as file:
            while file.read(1 << 24):
                pass
        for step in steps(given):
            subprocess.run([sys.executable, "-m", "tests.benchmarks.database", "--child", step, *arguments], check=True)


if __name__ == "__main__":
    main()
