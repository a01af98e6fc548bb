"""The loadable extension beside APSW, in turn, in one run: points in, rows out, publishing.

    python -m tests.benchmarks.bindings                              # both on APSW's connections, 200,000 × 64
    python -m tests.benchmarks.bindings --host .venv-hosts/bin/python  # and in the sqlite3 module of that Python

Rows a second, the best of some times, each binding in processes of its own. Beside each figure stands the share of APSW's.
What is published is a fit by the approximate engine; only the phases `load` and `publish` of it are compared.

With --opening only the milliseconds until a connection has the functions: the first of a process, which imports NumPy and the
catalogue, and the next one.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import sqlclust

BINDINGS = ("apsw", "extension", "host")
POINTS = "SELECT clust_points(id, vector) IS NULL FROM Embedding"
ROWS = "SELECT count(*), sum(id), sum(core_distance) FROM clust_core_distances(1)"
ONE = "SELECT * FROM clust_duplicates((SELECT clust_points(1, x'0000803f')))"
FIT = """SELECT clust_fit('generated', '{"engine": "approximate", "min_cluster_size": 50, "min_samples": 5}')"""
PHASES = "SELECT timings FROM ClusteringFit WHERE id = 1"


def make(path: Path, rows: int, dimension: int) -> None:
    """A database of generated embeddings."""
    from tests.benchmarks.data import embeddings

    con = sqlclust.connect(path)
    sqlclust.initialize(con)
    vectors = embeddings(rows, dimension)
    with con:
        con.executemany(
            "INSERT INTO Embedding (id, embedding_model, vector) VALUES (?, 'generated', ?)",
            ((row, vector.tobytes()) for row, vector in enumerate(vectors)),
        )
    con.close()


def opened(binding: str, path: str) -> Any:
    """A connection that has everything by one of the bindings."""
    if binding == "host":
        import sqlite3

        con = sqlite3.connect(path, isolation_level=None)
        sqlclust.load(con)
        return con
    import apsw

    if binding == "apsw":
        return sqlclust.connect(path)
    extended = apsw.Connection(path)
    extended.enable_load_extension(True)
    extended.load_extension(sqlclust.loadable_path())
    return extended


def measure(binding: str, path: str, repeat: int) -> dict[str, float]:
    """Seconds of each, the best of some times; the database gets a result."""
    con = opened(binding, path)
    con.execute("PRAGMA foreign_keys = ON")
    con.execute(ONE).fetchall()  # imports what computing needs
    con.execute(FIT).fetchall()
    phases = json.loads(next(iter(con.execute(PHASES)))[0])
    found = {"load": phases["load"], "publish": phases["publish"]}
    for name, sql in (("points in", POINTS), ("rows out", ROWS)):
        times = []
        for _ in range(repeat + 1):  # the first of rows out reads the fit
            started = time.perf_counter()
            con.execute(sql).fetchall()
            times.append(time.perf_counter() - started)
        found[name] = min(times[1:])
    con.close()
    return found


def measure_opening(binding: str) -> dict[str, float]:
    """Seconds of the first connection of this process, and of the next one."""
    found = {}
    for name in ("first", "next"):
        started = time.perf_counter()
        con = opened(binding, ":memory:")
        found[name] = time.perf_counter() - started
        con.close()
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--dimension", type=int, default=64)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--host", help="a Python whose sqlite3 module loads extensions, and that has sqlclust")
    parser.add_argument("--opening", action="store_true", help="how long a connection takes to open, and nothing else")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        binding, path = given.child
        print(json.dumps(measure_opening(binding) if given.opening else measure(binding, path, given.repeat)))
        return
    sqlclust.loadable_path()  # compiled, if it was not
    best: dict[str, dict[str, float]] = defaultdict(dict)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder, "made.db")
        if given.opening:
            made.touch()
        else:
            make(made, given.rows, given.dimension)
        content = made.read_bytes()
        for _ in range(given.repeat):
            for binding in BINDINGS[: 3 if given.host else 2]:
                copy = Path(folder, "copy.db")
                copy.write_bytes(content)
                python = given.host if binding == "host" else sys.executable
                words = [python, "-m", "tests.benchmarks.bindings", "--repeat", str(given.repeat)]
                words += ["--opening"] if given.opening else []
                said = subprocess.run([*words, "--child", binding, str(copy)], stdout=subprocess.PIPE, check=True)
                for name, seconds in json.loads(said.stdout).items():
                    best[name][binding] = min(seconds, best[name].get(binding, seconds))
    if given.opening:
        print(f"milliseconds{''.join(f'{binding:>12}' for binding in best['first'])}")
        for name, seconds in best.items():
            print(f"{name:12}{''.join(f'{1000 * s:12,.1f}' for s in seconds.values())}")
        return
    print(f"{given.rows:,} × {given.dimension}, rows a second, and × APSW's")
    for name, seconds in best.items():
        figures = (f"{given.rows / s:12,.0f} {seconds['apsw'] / s:5.2f}" for s in seconds.values())
        print(f"{name:12}{''.join(figures)}")


if __name__ == "__main__":
    main()
