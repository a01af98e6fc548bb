"""What it takes `sqlclust list` to tell how many rows of each result are new and gone.

    python -m tests.benchmarks.listing                        # 100,000 × 384
    python -m tests.benchmarks.listing --rows 1000000 --results 3

Milliseconds of the processor, the best of several: of one result, and of several, each of a hundred rows less than the one
before; when nothing is gone, and when a thousandth is. `counting` is what the list takes for rows, clusters and noise, which it
shows besides. Nothing is clustered.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.store.results.freshness import freshness
from sqlclust.store.results.listing import list_results

_FIT = """
INSERT INTO ClusteringFit (embedding_model, selection, metric, normalize, min_samples, alpha, engine, n, n_distinct, dimension,
                           corpus_hash, versions, timings)
VALUES ('m', '{}', 'euclidean', 1, 5, 1, 'exact', 1, 1, 1, '', '{}', '{}')
"""
_RESULT = (
    "INSERT INTO ClusteringResult (embedding_model, parameters, clustering_fit_id) VALUES ('m', '{}', 1) RETURNING id"
)
_ROWS = """
INSERT INTO EmbeddingCluster (clustering_result_id, embedding_id, label, probability)
SELECT ?, id, -1, 0 FROM Embedding ORDER BY id LIMIT ?
"""
_NUMBERS = "WITH RECURSIVE number(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM number WHERE i < {}) "


def make(con: apsw.Connection, rows: int, dimension: int, *, kind: str) -> None:
    """A file with so many embeddings, or with a host's table of them that is a source; and a fit."""
    sqlclust.initialize(con)
    con.execute(_FIT)
    numbers, size = _NUMBERS.format(rows), 4 * dimension
    if kind == "source":
        con.execute("CREATE TABLE m (id INTEGER PRIMARY KEY, vector BLOB)")
        con.execute(f"{numbers} INSERT INTO m SELECT i, randomblob({size}) FROM number")
        sqlclust.source(con, "m", format="float32")
        con.execute(
            "INSERT INTO Embedding (id, embedding_model, embedding_source, item_id) "
            "SELECT json_array('m', id), 'm', 'm', id FROM m"
        )
    else:
        id = "i" if kind == "INTEGER" else "lower(hex(randomblob(16)))"
        sql = "INSERT INTO Embedding (id, embedding_model, vector)"
        con.execute(f"{numbers} {sql} SELECT {id}, 'm', randomblob({size}) FROM number")


def best(run: Callable[[], object], repeat: int) -> float:
    """Milliseconds."""
    taken = []
    for _ in range(repeat):
        started = time.process_time()
        run()
        taken.append(1000 * (time.process_time() - started))
    return min(taken)


def measured(con: apsw.Connection, kind: str, given: argparse.Namespace) -> Iterator[float]:
    """The columns of a line."""
    database = database_of(con)
    make(con, given.rows, given.dimension, kind=kind)
    for first, last in ((0, 1), (1, given.results)):
        for number in range(first, last):
            con.execute(_ROWS, (con.execute(_RESULT).get, given.rows - 100 * number))
        yield best(lambda: freshness(database), given.repeat)
    con.execute("PRAGMA foreign_keys = OFF")
    table, key = ("m", "id") if kind == "source" else ("Embedding", "rowid")
    con.execute(f"DELETE FROM {table} WHERE {key} % 1000 = 7")
    yield best(lambda: freshness(database), given.repeat)
    yield best(lambda: list_results(database), 1)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dimension", type=int, default=384)
    parser.add_argument("--results", type=int, default=30)
    parser.add_argument("--repeat", type=int, default=3)
    given = parser.parse_args()
    headers = ("one result", f"{given.results} results", "some gone", "counting")
    print(f"{f'{given.rows:,} × {given.dimension}':20}" + "".join(f"{header:>12}" for header in headers))
    for kind in ("INTEGER", "TEXT", "source"):
        with tempfile.TemporaryDirectory() as folder:
            con = sqlclust.connect(Path(folder) / "x.db")
            con.pragma("synchronous", "OFF")
            columns = [f"{milliseconds:12.0f}" for milliseconds in measured(con, kind, given)]
            print(f"{kind:20}" + "".join(columns), flush=True)
            con.close()


if __name__ == "__main__":
    main()
