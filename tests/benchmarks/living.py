"""What bringing a fit up to date takes, beside a fresh fit of the new set.

    python -m tests.benchmarks.living                        # 20,000 × 384, min_samples 14
    python -m tests.benchmarks.living --rows 141600
    python -m tests.benchmarks.living --vectors real.npy --no-check
    python -m tests.benchmarks.living --part min_samples --rows 100000  # a stored fit cut with a smaller one, in a database
    python -m tests.benchmarks.living --engine approximate

Columns: processor seconds of the update and of a fresh fit, their ratio, and whether the two are equal to the last bit; of
approximate fits their recalls, and the shares of their trees that are confirmed. Both
need the distinct vectors, which is what reusing an identical fit takes too: `collapse`, a part of the fit and not of the update.
The database is not in it. On a shared machine only the ratios mean anything.

The part `min_samples` has its vectors in a database: processor seconds of statements as a user calls them, reading, hashing and
publishing included, beside a fresh clust_fit with the smaller min_samples; and whether the result and the stored fit are equal.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import numpy as np

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.core.geometry.metrics import Float32Array
from sqlclust.core.pipeline import ENGINES, Engine, Fit, ReachabilityParameters, collapsed, fit
from sqlclust.core.runtime.control import Control
from sqlclust.core.update.updating import OldFit, Refusal, old_fit, updated
from sqlclust.store.results.listing import delete_result
from tests.benchmarks.data import embeddings
from tests.core.update.matching import places


def changes(old: Float32Array, spare: Float32Array, seed: int) -> Iterator[tuple[str, Float32Array]]:
    """Sets that follow on the old one, by name."""
    random = np.random.default_rng(seed)
    n = len(old)
    percent, mille = max(1, n // 100), max(1, n // 1000)
    stays = np.ones(n, dtype=bool)
    stays[random.choice(n, percent, replace=False)] = False
    yield "1 % added", np.concatenate([old, spare[:percent]])
    yield "0.1 % added", np.concatenate([old, spare[:mille]])
    yield "one row added", np.concatenate([old, spare[:1]])
    yield "1 % removed", old[stays]
    yield "0.1 % removed", old[mille:]
    yield "one row removed", old[1:]
    yield "1 % replaced", np.concatenate([old[stays], spare[:percent]])
    yield "nothing", old


def equal(one: Fit, other: Fit) -> bool:
    """Whether two fits are equal to the last bit."""
    pairs = [(one.core, other.core), *zip(one.tree, other.tree, strict=True)]
    return all(np.array_equal(left, right) for left, right in pairs)


def fresh(vectors: Float32Array, parameters: ReachabilityParameters, engine: Engine = "exact") -> tuple[Fit, float]:
    """A fit with lists, and the processor seconds it took."""
    started = time.process_time()
    fitted = fit(vectors, parameters, engine=engine, keep_lists=True, control=Control())
    return fitted, time.process_time() - started


def follow(
    old: Fit, was: OldFit, vectors: Float32Array, parameters: ReachabilityParameters
) -> tuple[Fit | Refusal, float]:
    """The updated fit, and the processor seconds it took without collapsing and matching."""
    points = collapsed(vectors, parameters, None, Control())
    place = places(old.points.vectors, points.vectors)
    started = time.process_time()
    fitted = updated(was, points, place, parameters, Control())
    return fitted, time.process_time() - started


SMALLER = 5
RESULT = """
SELECT embedding_id, label, probability, outlier_score FROM EmbeddingCluster WHERE clustering_result_id = ? ORDER BY 1
"""
STORED = """
SELECT f.core_distances, f.spanning_tree, n.row_vectors, n.neighbors, n.squared_distances
FROM ClusteringFit f JOIN ClusteringFitNeighbors n ON n.clustering_fit_id = f.id
WHERE f.id = (SELECT clustering_fit_id FROM ClusteringResult WHERE id = ?) ORDER BY part
"""


def of_result(con: apsw.Connection, result: int) -> list[list[tuple[object, ...]]]:
    """A result's rows, and its stored fit."""
    return [con.execute(sql, (result,)).fetchall() for sql in (RESULT, STORED)]


def asked(con: apsw.Connection, sql: str, *values: object) -> tuple[int, float]:
    """The first value that a statement gives, and the processor seconds of all its rows."""
    started = time.process_time()
    rows = con.execute(sql, values).fetchall()
    return int(str(rows[0][0])), time.process_time() - started


def measure_min_samples(vectors: Float32Array, min_samples: int) -> None:
    """A stored fit cut with a smaller min_samples, beside a fresh fit with it."""
    fitting = "SELECT clust_fit('generated', ?)"
    more, fewer = ({"min_cluster_size": 100, "min_samples": k} for k in (min_samples, SMALLER))
    with tempfile.TemporaryDirectory() as folder, closing(sqlclust.connect(str(Path(folder, "living.db")))) as con:
        sqlclust.initialize(con)
        insert = "INSERT INTO Embedding (id, embedding_model, vector) VALUES (?, ?, ?)"
        with con:
            rows = enumerate(vectors)
            con.executemany(insert, ((row, "generated", vector.tobytes()) for row, vector in rows))
            con.executemany(insert, ((-row, "few", vectors[row].tobytes()) for row in range(1, 1000)))
        con.execute("SELECT clust_fit('few')").fetchall()  # what is imported is no part of what is measured
        fresh_result, took = asked(con, fitting, json.dumps(fewer))
        expected = of_result(con, fresh_result)
        delete_result(database_of(con), fresh_result)  # and its fit, which would be used again
        first, earlier = asked(con, fitting, json.dumps(more))
        print(
            f"{len(vectors):,} × {vectors.shape[1]}, clust_fit with min_samples {min_samples}: {earlier:.2f} s; with {SMALLER}: "
            f"{took:.2f} s"
        )
        fit_id = con.execute("SELECT clustering_fit_id FROM ClusteringResult WHERE id = ?", (first,)).get
        swept = json.dumps({"min_samples": [min_samples, 10, SMALLER, 3], "min_cluster_size": [20, 100]})
        for name, sql, options in (
            (f"clust_labels, {SMALLER}", "SELECT * FROM clust_labels(?, ?)", json.dumps(fewer)),
            ("clust_sweep, 3 new", "SELECT * FROM clust_sweep(?, ?)", swept),
            (f"clust_cut, {SMALLER}", "SELECT clust_cut(?, ?)", json.dumps(fewer)),
            (f"clust_cut, {SMALLER}, again", "SELECT clust_cut(?, ?)", json.dumps(fewer)),
            (f"clust_cut, {min_samples}", "SELECT clust_cut(?, ?)", json.dumps(more)),
        ):
            found, seconds = asked(con, sql, fit_id, options)
            verdict = str(of_result(con, found) == expected) if name.startswith(f"clust_cut, {SMALLER}") else ""
            print(f"{name:24}{seconds:8.2f} s{seconds / took:8.1%}   {verdict}", flush=True)


def compared(fitted: Fit | Refusal, other: Fit) -> str:
    """What is said of an update beside the fresh fit."""
    if isinstance(fitted, Refusal):
        return fitted.reason
    if other.engine == "exact":
        return str(equal(fitted, other))
    shares = (f"{one:.3f} {fresh:.3f}" for one, fresh in zip(quality(fitted), quality(other), strict=True))
    return "   ".join(shares)


def quality(fitted: Fit) -> tuple[float, float]:
    """What an approximate fit has measured of itself."""
    return fitted.recall, fitted.tree_confirmed


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=("update", "min_samples"), default="update")
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--dimension", type=int, default=384)
    parser.add_argument("--identical", type=float, default=0.05)
    parser.add_argument("--vectors", help="a .npy file instead of generated data")
    parser.add_argument("--engine", choices=ENGINES, default="exact")
    parser.add_argument("--min-samples", type=int, default=14)
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--no-check", action="store_true", help="no fresh fit of each new set; the old set's is compared with"
    )
    given = parser.parse_args()
    if given.vectors:
        every = np.load(given.vectors)
        every = every[np.random.default_rng(given.seed).permutation(len(every))]
    else:
        every = embeddings(given.rows * 101 // 100 + 1, given.dimension, seed=given.seed, identical=given.identical)
    n = len(every) * 100 // 101
    if given.part == "min_samples":
        measure_min_samples(every[:n], given.min_samples)
        return
    parameters = ReachabilityParameters(given.min_samples, normalize=True)
    old, took = min((fresh(every[:n], parameters, given.engine) for _ in range(given.repeat)), key=lambda each: each[1])
    was = old_fit(old, parameters)
    started = time.process_time()
    collapsed(every[:n], parameters, None, Control())
    collapse = time.process_time() - started
    of_fit = (
        f"min_samples {given.min_samples}, {given.engine}: a fit {took:.2f} s, collapse {collapse / took:.1%} of it"
    )
    print(f"{n:,} × {every.shape[1]}, {of_fit}")
    last = "equal" if given.engine == "exact" else "recall, fresh; confirmed, fresh"
    print(f"{'':18}{'update s':>10}{'fit s':>8}{'ratio':>8}   {last}")
    for name, vectors in changes(every[:n], every[n:], given.seed):
        results = [follow(old, was, vectors, parameters) for _ in range(given.repeat)]
        fitted, seconds = min(results, key=lambda each: each[1])
        other, anew = (None, took) if given.no_check else fresh(vectors, parameters, given.engine)
        verdict = "" if other is None else compared(fitted, other)
        print(f"{name:18}{seconds:10.3f}{anew:8.2f}{seconds / anew:8.1%}   {verdict}", flush=True)


if __name__ == "__main__":
    main()
