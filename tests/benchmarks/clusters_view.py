"""Reading a source's view: one row, all rows, and the sizes of the clusters, in APSW's SQLite and in Python's.

    python -m tests.benchmarks.clusters_view                # 20,000 rows of an INTEGER key and 1,536 bytes
    python -m tests.benchmarks.clusters_view --key TEXT

Milliseconds, the best of some times; the first statement of a connection, which reads the schema, is not among them. Targets: 5
for a point, 200 for 20,000 rows read whole and for their clusters.
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw

from tests.store.sources.clustered_host import Member, create, initialized, publish, register, source

QUERIES = {
    "point": "SELECT * FROM docs_clusters WHERE id = (SELECT id FROM docs LIMIT 1 OFFSET 17)",
    "whole": "SELECT * FROM docs_clusters",
    "without vectors": "SELECT id, body, label, probability, cluster_size, medoid_item_id FROM docs_clusters",
    "GROUP BY label": "SELECT label, count(*), avg(probability) FROM docs_clusters GROUP BY label",
    "one cluster": "SELECT id, body FROM docs_clusters WHERE label = 3",
}


def make(path: Path, rows: int, key: str) -> None:
    """A table with two results; every tenth row is noise, and the last tenth is in none of them."""
    con = initialized(f"CREATE TABLE docs (id {key} PRIMARY KEY, body TEXT, v BLOB)")
    with con:
        con.executemany(
            "INSERT INTO docs VALUES (?, ?, ?)",
            ((row if key == "INTEGER" else f"doc-{row}", f"text {row} " * 10, bytes(1536)) for row in range(rows)),
        )
    register(con, source())
    keys = [id for (id,) in con.execute("SELECT id FROM docs ORDER BY rowid")][: rows * 9 // 10]
    for _ in range(2):
        publish(con, "docs", [Member(id, i % 50 if i % 10 else -1, i % 64 / 64) for i, id in enumerate(keys)])
    create(con, source())
    path.write_bytes(con.serialize("main"))


def connections(path: Path) -> Iterator[tuple[str, Any]]:
    """With the version of SQLite."""
    yield apsw.sqlite_lib_version(), apsw.Connection(str(path))
    yield sqlite3.sqlite_version, sqlite3.connect(path)


def measure(connection: Any, sql: str, repeat: int) -> float:
    """Milliseconds, the best of some times."""
    times = []
    for _ in range(repeat):
        started = time.perf_counter()
        connection.execute(sql).fetchall()
        times.append(time.perf_counter() - started)
    return min(times) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--key", choices=("INTEGER", "TEXT"), default="INTEGER")
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "docs.db"
        make(path, options.rows, options.key)
        print(f"{options.rows:,} rows, {options.key} key, milliseconds")
        for version, connection in connections(path):
            with closing(connection):
                connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
                found = {name: measure(connection, sql, options.repeat) for name, sql in QUERIES.items()}
            print(f"SQLite {version:8}" + "".join(f"  {name} {each:.2f}" for name, each in found.items()))


if __name__ == "__main__":
    main()
