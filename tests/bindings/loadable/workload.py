"""`python -m tests.bindings.loadable.workload FILE [LEAKS]`: all of the catalogue by the extension, for sanitizers and leaks."""

from __future__ import annotations

import gc
import sys
from contextlib import suppress
from pathlib import Path

import apsw

from sqlclust.schema import schema_sql
from sqlclust.surface.catalog import CATALOG
from tests.small import MAP, NOTE, add_embeddings, clustered

WRONG = (
    "SELECT clust_fit('nope')", "SELECT clust_points(1, 2)", "SELECT * FROM clust_hdbscan(1)",
    "SELECT clustering_fit_id FROM clust_labels(1)",
    "SELECT * FROM clust_labels(1, 2, 3)", "SELECT clust_medoid(id, 'x') FROM Embedding", "SELECT * FROM clust_hdbscan(NULL)",
)  # fmt: skip
PLANS = (
    "SELECT count(*) FROM clust_labels(1) a FULL JOIN clust_labels(1) b USING (id)",
    "SELECT count(*) FROM clust_labels(1) WHERE id = 3 OR id = 4",
    "SELECT count(*) FROM Embedding e, clust_labels(1) c WHERE c.id = e.id",
    "SELECT count(*) FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding)) WHERE id IN (1, 2)",
    "SELECT clust_medoid(id, vector), clust_points(id, vector) FROM Embedding GROUP BY id % 3",
)


def loaded(path: str) -> apsw.Connection:
    con = apsw.Connection(":memory:")
    con.enable_load_extension(True)
    con.load_extension(path)
    return con


def everything(path: str) -> None:
    con = loaded(path)
    con.load_extension(path)  # once more
    con.execute(schema_sql())
    add_embeddings(con, clustered())
    con.execute("SELECT clust_fit('demo', '{\"min_cluster_size\": 5}')")
    con.execute(MAP)
    con.execute(NOTE)
    for sql in (*(record.example.rpartition(" -- ")[0] for record in CATALOG), *PLANS):
        con.execute(sql).fetchall()
    for sql in WRONG:
        with suppress(apsw.Error):
            con.execute(sql).fetchall()
    begun = con.execute("SELECT id FROM clust_labels(1)")  # has rows left when the connection closes
    next(begun)
    con.close(True)


def resident() -> int:
    """Bytes of memory that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def connections(path: str, n: int) -> tuple[int, int]:
    """Open, use and drop so many connections; the growth in blocks of Python's and in bytes of the process."""
    for count in range(n + 50):
        if count == 50:  # the first ones fill caches
            gc.collect()
            blocks, size = sys.getallocatedblocks(), resident()
        con = loaded(path)
        begun = con.execute("SELECT id FROM clust_duplicates((SELECT clust_points(1, x'0000803f') UNION SELECT 1))")
        with suppress(apsw.Error):
            next(begun, None)
        with suppress(apsw.Error):
            con.execute("SELECT clust_points(id, id) FROM clust_labels(1)").fetchall()
        con.close(True)
    gc.collect()
    return sys.getallocatedblocks() - blocks, resident() - size


def handles(path: str, n: int) -> int:
    """Make so many handles of 4 MB; the growth of the process in bytes."""
    con = loaded(path)
    con.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, vector BLOB)")
    con.executemany("INSERT INTO t VALUES (?, ?)", [(row, row.to_bytes(4, "little") * 1024) for row in range(1, 1025)])
    for count in range(n + 5):
        if count == 5:
            size = resident()
        con.execute("SELECT clust_points(id, vector) IS NULL FROM t").fetchall()
    return resident() - size


if __name__ == "__main__":
    everything(sys.argv[1])
    if sys.argv[2:]:
        print(*connections(sys.argv[1], 300), handles(sys.argv[1], 30))
