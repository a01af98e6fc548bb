"""What a fit takes where a corpus has changed a little, from the file to committed rows: brought up to date, beside made anew.

    python -m tests.benchmarks.living_file                     # 20,000 × 384, min_samples 14
    python -m tests.benchmarks.living_file --rows 141600
    python -m tests.benchmarks.living_file --vectors real.npy

For each change a copy of the file with one fit is changed and fitted three times: as it is done by default (`updated`); again,
which finds the same embeddings and reuses the fit (`reused`: reading, hashing, cutting, publishing); and anew. Processor seconds.
The share is (updated − reused) / anew: what the change itself costs. Results are compared row by row.

FISHDBC, which is approximate and has the vectors in memory, is beside it where the package fishdbc is installed: the seconds it
takes to add a hundredth, and to build, and the adjusted Rand index of its labels to the exact ones. On a shared machine only the
ratios mean anything.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import numpy as np

import sqlclust
from sqlclust.core.geometry.metrics import Float32Array
from sqlclust.core.labellings.agreement import adjusted_rand_index
from tests.benchmarks.data import embeddings

_INSERT = "INSERT INTO Embedding (id, embedding_model, vector) VALUES (?, 'm', ?)"
_ROWS = """
SELECT embedding_id, label, probability, outlier_score FROM EmbeddingCluster WHERE clustering_result_id = ? ORDER BY 1
"""
Change = Callable[[apsw.Connection], object]
REMOVED = {"1 % removed": "id % 100 > 0", "one row removed": "id > 0"}
"""Conditions: an embedding that a result has is not deleted, it is left out."""


def insert(con: apsw.Connection, vectors: Float32Array, first: int) -> None:
    """Rows with ids from `first`."""
    with con:
        con.executemany(_INSERT, ((first + i, vector.tobytes()) for i, vector in enumerate(vectors)))


def changes(n: int, spare: Float32Array) -> dict[str, Change]:
    """What happens to the n rows, by name."""
    percent, mille = max(1, n // 100), max(1, n // 1000)

    def replace(con: apsw.Connection) -> None:
        with con:
            con.executemany(
                "UPDATE Embedding SET vector = ? WHERE id = ?",
                ((vector.tobytes(), 100 * i) for i, vector in enumerate(spare[:percent])),
            )

    return {
        "1 % added": lambda con: insert(con, spare[:percent], n),
        "0.1 % added": lambda con: insert(con, spare[:mille], n),
        "one row added": lambda con: insert(con, spare[:1], n),
        "1 % replaced": replace,
        "nothing": lambda con: None,
    }


def fitted(con: apsw.Connection, **options: Any) -> tuple[int, float]:
    """A result and the processor seconds that it took."""
    started = time.process_time()
    result = sqlclust.fit(con, "m", **options)
    return result, time.process_time() - started


def measure(base: Path, change: Change, options: dict[str, Any]) -> tuple[list[float], bool, str]:
    """Seconds updated, reused and anew; whether results are equal; what the update's phases took."""
    path = base.with_name("changed.db")
    shutil.copy(base, path)
    con = sqlclust.connect(path)
    change(con)
    runs = [fitted(con, **options), fitted(con, **options), fitted(con, **options, update="never")]
    updated, _, anew = (con.execute(_ROWS, (result,)).fetchall() for result, _ in runs)
    timings = con.execute(
        "SELECT timings FROM ClusteringFit WHERE id = (SELECT clustering_fit_id FROM ClusteringResult WHERE id = ?)",
        (runs[0][0],),
    ).get
    con.close()
    path.unlink()
    return [seconds for _, seconds in runs], updated == anew, str(timings)


def fishdbc(every: Float32Array, n: int, exact: list[int], min_samples: int, min_cluster_size: int) -> None:
    """Print what FISHDBC takes."""
    try:
        from fishdbc import FISHDBC
    except ImportError:
        print("fishdbc is not tried: it is not installed")
        return
    vectors = every[: n + n // 100]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    clusterer = FISHDBC.from_metric("euclidean", min_samples=min_samples)
    seconds = []
    for part in (vectors[:n], vectors[n:]):
        started = time.process_time()
        clusterer.update(part)
        labels = clusterer.cluster(min_cluster_size=min_cluster_size).labels
        seconds.append(time.process_time() - started)
    agreement = adjusted_rand_index(np.asarray(labels), np.asarray(exact))
    print(
        f"FISHDBC: built in {seconds[0]:.1f} s, 1 % added and cut in {seconds[1]:.1f} s, ARI to exact {agreement:.3f}"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--dimension", type=int, default=384)
    parser.add_argument("--identical", type=float, default=0.05)
    parser.add_argument("--vectors", help="a .npy file instead of generated data")
    parser.add_argument("--min-samples", type=int, default=14)
    parser.add_argument("--only", help="this change alone")
    parser.add_argument("--phases", action="store_true", help="show what the update's phases took")
    given = parser.parse_args()
    if given.vectors:
        every = np.load(given.vectors).astype(np.float32)
        every = every[np.random.default_rng(0).permutation(len(every))]
    else:
        every = embeddings(given.rows * 101 // 100 + 1, given.dimension, identical=given.identical)
    n = len(every) * 100 // 101
    options = {"min_samples": given.min_samples, "min_cluster_size": 15}
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder, "base.db")
        con = sqlclust.connect(base)
        sqlclust.initialize(con)
        insert(con, every[:n], 0)
        fitted(con, **options)
        con.close()
        print(f"{n:,} × {every.shape[1]}, min_samples {given.min_samples}")
        print(f"{'':18}{'updated s':>10}{'reused s':>10}{'anew s':>8}{'share':>8}   equal")
        every_change = changes(n, every[n:])
        for name in [*every_change, *REMOVED]:
            if given.only in (None, name):
                (updated, reused, anew), equal, phases = measure(
                    base, every_change.get(name, lambda con: None), {**options, "where": REMOVED.get(name)}
                )
                share = (updated - reused) / anew
                print(f"{name:18}{updated:10.2f}{reused:10.2f}{anew:8.2f}{share:8.1%}   {equal}", flush=True)
                if given.phases:
                    print(f"    {phases}")
        con = sqlclust.connect(base)
        insert(con, every[n : n + n // 100], n)
        result, _ = fitted(con, **options)
        exact = [row[1] for row in con.execute(_ROWS, (result,))]
        con.close()
    fishdbc(every, n, exact, given.min_samples, 15)


if __name__ == "__main__":
    main()
