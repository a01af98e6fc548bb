"""What a map of a fit takes, and how much of who is near whom it keeps; by both methods, each in a process of its own.

    python -m tests.benchmarks.maps                     # 14,160 × 384
    python -m tests.benchmarks.maps --n 141600

Generated embeddings, fitted by the approximate engine, in a file. Seconds from the stored fit to the stored map, processor
seconds of all threads, and the peak of memory that was taken for it, beyond what the program had before. `kept`: of the 10
nearest vectors of each of 2,000 rows, how many are among its 10 nearest on the map. `order`: of 20,000 pairs of distances from
one row, how many have the same order on the map.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.core.geometry.metrics import Float32Array
from sqlclust.options import MapMethod
from sqlclust.store.maps import map_of
from tests.benchmarks.data import embeddings
from tests.benchmarks.memory import peak
from tests.small import add_embeddings

_K = 10


def made(path: str, method: MapMethod, queue: multiprocessing.Queue[tuple[float, float, int]]) -> None:
    """Make a map, in a process that has done nothing else."""
    con = sqlclust.connect(path)
    before, wall, processor = peak(), time.perf_counter(), time.process_time()
    map_of(database_of(con), 1, method)
    queue.put((time.perf_counter() - wall, time.process_time() - processor, peak() - before))
    con.close()


def kept(vectors: Float32Array, xy: Float32Array, rows: NDArray[np.intp]) -> float:
    """Of the nearest of some rows, how many are so on the map."""
    from scipy.spatial import KDTree

    on_map = KDTree(xy).query(xy[rows], k=_K + 1)[1]
    found = 0
    for row, near in zip(rows.tolist(), on_map.tolist(), strict=True):
        similar = vectors @ vectors[row]
        similar[row] = -np.inf
        found += len({*np.argpartition(-similar, _K)[:_K].tolist()} & {*near} - {row})
    return found / (_K * len(rows))


def order(vectors: Float32Array, xy: Float32Array, random: np.random.Generator) -> float:
    """Of pairs of distances from one row, how many have the same order on the map."""
    one, two, three = random.integers(0, len(vectors), (3, 20_000))

    def nearer(places: Float32Array) -> NDArray[np.bool_]:
        distances = [((places[one] - places[other]) ** 2).sum(axis=1) for other in (two, three)]
        return np.asarray(distances[0] < distances[1])

    return float((nearer(vectors) == nearer(xy)).mean())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=14_160)
    parser.add_argument("--dimension", type=int, default=384)
    parser.add_argument("--min-samples", type=int, default=14)
    given = parser.parse_args()
    vectors = embeddings(given.n, given.dimension)
    rows = np.random.default_rng(0).choice(given.n, min(2000, given.n), replace=False)
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "maps.db")
        con = sqlclust.connect(path)
        sqlclust.initialize(con)
        with con:
            add_embeddings(con, vectors, ids=range(given.n))
        sqlclust.fit(con, "demo", engine="approximate", min_samples=given.min_samples)
        headers = ("seconds", "processor s", "MiB", "kept", "order")
        print(f"{f'{given.n:,} × {given.dimension}':20}" + "".join(f"{header:>13}" for header in headers))
        methods: tuple[MapMethod, ...] = ("pca", "t-sne")
        for method in methods:
            spawned = multiprocessing.get_context("spawn")
            queue = spawned.Queue()
            process = spawned.Process(target=made, args=(path, method, queue))
            process.start()
            wall, processor, more = queue.get()
            process.join()
            xy = map_of(database_of(con), 1, method).map.xy
            quality = kept(vectors, xy, rows), order(vectors, xy, np.random.default_rng(1))
            figures = f"{wall:13.1f}{processor:13.1f}{more / (1 << 20):13.0f}"
            print(f"{method:20}{figures}" + "".join(f"{share:13.3f}" for share in quality), flush=True)
        con.close()


if __name__ == "__main__":
    main()
