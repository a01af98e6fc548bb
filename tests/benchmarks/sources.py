"""Embeddings where other programs keep them, beside our own table: rows a second, and × those of `Embedding`.

    python -m tests.benchmarks.sources                                  # 100,000 × 384
    python -m tests.benchmarks.sources --rows 20000 --only Embedding vec0

Then a result is published over each: the first one, which writes a row of `Embedding` for each row of a source, and a second one.

Every table has the same vectors and is in a file of its own, which is read before it is measured, so that it is in the system's
cache. All are read in turn, in one process, as a fit reads them: into one checked array. The best of some times counts.
The rows that stand for a source's have TEXT ids, so `Embedding, TEXT ids` is what publishing compares with like.
Formats other than float32 are read into it, which is for information.

Pages are those of the host: a vec0 table is written as the extension leaves it, in chunks of 1,024.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import apsw
import numpy as np

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.core.geometry.metrics import Float32Array
from sqlclust.core.runtime.control import Control
from sqlclust.sources import Source
from sqlclust.sources.registered_rows import Registered
from sqlclust.store.embeddings.collecting import PointsBuilder
from sqlclust.store.embeddings.points import Points
from sqlclust.store.embeddings.selection import Selection, select
from sqlclust.store.embeddings.snapshot import Snapshot
from sqlclust.store.origins import origin_to_fit
from sqlclust.store.results.publishing import NewResult, publish
from sqlclust.store.sources.reading import HostReader
from tests.benchmarks.data import embeddings
from tests.benchmarks.database import made_up

_CHUNK = 1024


@dataclass(frozen=True)
class Read:
    """Reads all vectors of a file; `source` is None where they are our own."""

    source: Source | None

    def __call__(self, connection: apsw.Connection) -> Points:
        """Into points, as a fit does."""
        if self.source is None:
            return select(database_of(connection), Selection("generated"), Control())
        reader = HostReader(database_of(connection), self.source)
        builder = PointsBuilder(expected=reader.count() or 0, format=self.source.format)
        for ids, vectors in reader.batches():
            builder.add_many(ids, vectors)
        return builder.finish()


Make = Callable[[apsw.Connection, Float32Array], Read]


def embedding(connection: apsw.Connection, vectors: Float32Array) -> Read:
    return _embeddings(connection, vectors, lambda row: row)


def embedding_text_ids(connection: apsw.Connection, vectors: Float32Array) -> Read:
    return _embeddings(connection, vectors, _name)


def _embeddings(connection: apsw.Connection, vectors: Float32Array, id_of: Callable[[int], object]) -> Read:
    sqlclust.initialize(connection)
    sql = "INSERT INTO Embedding (id, embedding_model, vector) VALUES (?, 'generated', ?)"
    connection.executemany(sql, ((id_of(row), vector.tobytes()) for row, vector in enumerate(vectors)))
    return Read(None)


def integer_key(connection: apsw.Connection, vectors: Float32Array) -> Read:
    connection.execute("CREATE TABLE host (id INTEGER PRIMARY KEY, v BLOB)")
    connection.executemany("INSERT INTO host VALUES (?, ?)", ((row, v.tobytes()) for row, v in enumerate(vectors)))
    return Read(_source("id"))


def text_key(connection: apsw.Connection, vectors: Float32Array) -> Read:
    connection.execute("CREATE TABLE host (id TEXT PRIMARY KEY, v BLOB)")
    connection.executemany(
        "INSERT INTO host VALUES (?, ?)", ((_name(row), v.tobytes()) for row, v in enumerate(vectors))
    )
    return Read(_source("id"))


def compound_key(connection: apsw.Connection, vectors: Float32Array) -> Read:
    connection.execute("CREATE TABLE host (module TEXT, id INTEGER, v BLOB, PRIMARY KEY (module, id))")
    rows = ((f"module {row % 50}", row, vector.tobytes()) for row, vector in enumerate(vectors))
    connection.executemany("INSERT INTO host VALUES (?, ?, ?)", rows)
    return Read(_source("module", "id"))


def part(connection: apsw.Connection, vectors: Float32Array) -> Read:
    """The second of three collections of llm's, loaded one after the other; those beside it are a quarter of its size."""
    connection.execute("""
        CREATE TABLE host (collection_id INTEGER, id TEXT, v BLOB, content TEXT, content_hash BLOB, metadata TEXT,
                           updated INTEGER, PRIMARY KEY (collection_id, id));
        CREATE INDEX by_hash ON host (content_hash);
    """)
    rows = (
        (collection, _name(row), vector.tobytes(), "text " * 20, row.to_bytes(16, "little"), None, row)
        for collection, share in ((1, 4), (2, 1), (3, 4))
        for row, vector in enumerate(vectors)
        if row % share == 0
    )
    connection.executemany("INSERT INTO host VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    return Read(_source("id", only=("collection_id", 2)))


def without_rowid(connection: apsw.Connection, vectors: Float32Array) -> Read:
    connection.execute("CREATE TABLE host (id TEXT PRIMARY KEY, v BLOB) WITHOUT ROWID")
    connection.executemany(
        "INSERT INTO host VALUES (?, ?)", ((_name(row), v.tobytes()) for row, v in enumerate(vectors))
    )
    return Read(_source("id"))


def vec0(connection: apsw.Connection, vectors: Float32Array) -> Read:
    _make_vec0(connection, vectors)
    return Read(_source("rowid", stored="vec0"))


def vec0_text_key(connection: apsw.Connection, vectors: Float32Array) -> Read:
    _make_vec0(connection, vectors, "id TEXT PRIMARY KEY, ")
    return Read(_source("id", stored="vec0"))


def json_text(connection: apsw.Connection, vectors: Float32Array) -> Read:
    connection.execute("CREATE TABLE host (id INTEGER PRIMARY KEY, v TEXT)")
    rows = ((row, json.dumps([round(x, 7) for x in v.tolist()])) for row, v in enumerate(vectors))
    connection.executemany("INSERT INTO host VALUES (?, ?)", rows)
    return Read(_source("id", format="json"))


def float64(connection: apsw.Connection, vectors: Float32Array) -> Read:
    connection.execute("CREATE TABLE host (id INTEGER PRIMARY KEY, v BLOB)")
    rows = ((row, v.astype(np.float64).tobytes()) for row, v in enumerate(vectors))
    connection.executemany("INSERT INTO host VALUES (?, ?)", rows)
    return Read(_source("id", format="float64"))


def _source(*keys: str, **more: object) -> Source:
    said = {"format": "float32", **more}
    return Source(name="host", kind="table", table_name="host", id_columns=keys, vector_column="v", **said)  # type: ignore[arg-type]


def _name(row: int) -> str:
    return f"document-{row:06}"


def _make_vec0(connection: apsw.Connection, vectors: Float32Array, key: str = "") -> None:
    """The shadow tables that the extension makes; the table itself is a row of the schema and no more."""
    id_type = "id TEXT UNIQUE NOT NULL" if key else "id"
    connection.execute(f"""
        CREATE TABLE host_rowids (rowid INTEGER PRIMARY KEY AUTOINCREMENT, {id_type}, chunk_id INTEGER, chunk_offset INTEGER);
        CREATE TABLE host_chunks (chunk_id INTEGER PRIMARY KEY AUTOINCREMENT, size INTEGER NOT NULL, validity BLOB NOT NULL,
                                  rowids BLOB NOT NULL);
        CREATE TABLE host_vector_chunks00 (rowid PRIMARY KEY, vectors BLOB NOT NULL);
        PRAGMA writable_schema = ON;
        INSERT INTO sqlite_schema VALUES ('table', 'host', 'host', 0,
            'CREATE VIRTUAL TABLE host USING vec0({key}v float[{vectors.shape[1]}])');
        PRAGMA writable_schema = OFF;
    """)
    for chunk, start in enumerate(range(0, len(vectors), _CHUNK), start=1):
        there = vectors[start : start + _CHUNK]
        rowids, taken = np.zeros(_CHUNK, dtype="<i8"), np.zeros(_CHUNK, dtype=np.uint8)
        rowids[: len(there)], taken[: len(there)] = np.arange(start + 1, start + 1 + len(there)), 1
        blob = np.zeros((_CHUNK, vectors.shape[1]), dtype="<f4")
        blob[: len(there)] = there
        bits = np.packbits(taken, bitorder="little").tobytes()
        connection.execute("INSERT INTO host_chunks VALUES (?, ?, ?, ?)", (chunk, _CHUNK, bits, rowids.tobytes()))
        connection.execute("INSERT INTO host_vector_chunks00 VALUES (?, ?)", (chunk, blob.tobytes()))
        rows = ((start + i + 1, _name(start + i) if key else None, chunk, i) for i in range(len(there)))
        connection.executemany("INSERT INTO host_rowids VALUES (?, ?, ?, ?)", rows)


TABLES: dict[str, Make] = {
    "Embedding": embedding,
    "Embedding, TEXT ids": embedding_text_ids,
    "INTEGER key": integer_key,
    "TEXT key": text_key,
    "compound key": compound_key,
    "part of a table": part,
    "WITHOUT ROWID": without_rowid,
    "vec0": vec0,
    "vec0, TEXT key": vec0_text_key,
    "JSON text": json_text,
    "float64": float64,
}


def made(path: Path, make: Make, vectors: Float32Array) -> Read:
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA synchronous = OFF")
    with connection:
        read = make(connection, vectors)
    connection.close()
    path.read_bytes()
    return read


def measure_reading(paths: dict[str, tuple[Path, Read]], repeat: int) -> dict[str, float]:
    """Processor seconds of each, the best of some times; all in turn each time."""
    best: dict[str, float] = {}
    for _ in range(repeat):
        for name, (path, read) in paths.items():
            connection = sqlclust.connect(str(path), readonly=True)
            started = time.process_time()
            points = read(connection)
            seconds = time.process_time() - started
            del points
            connection.close()
            best[name] = min(seconds, best.get(name, seconds))
    return best


PUBLISHED = ("Embedding", "Embedding, TEXT ids", "INTEGER key", "TEXT key", "compound key", "vec0")


def measure_publishing(paths: dict[str, tuple[Path, Read]], repeat: int) -> dict[str, tuple[float, float]]:
    """Processor seconds of a first and of a second result, each on a fresh copy of the file; the best of some times."""
    best: dict[str, tuple[float, float]] = {}
    for _ in range(repeat):
        for name, (path, read) in paths.items():
            copy = path.with_suffix(".copy")
            shutil.copyfile(path, copy)
            connection = sqlclust.connect(str(copy))
            points = read(connection)
            first, second = (_publish(connection, points, read.source) for _ in range(2))
            connection.close()
            copy.unlink()
            there = best.get(name, (first, second))
            best[name] = (min(first, there[0]), min(second, there[1]))
    return best


def _publish(connection: apsw.Connection, points: Points, source: Source | None) -> float:
    database, model = database_of(connection), "generated" if source is None else source.name
    clusters, fit = made_up(points, model)
    kept = None if source is None else Registered(source=source)
    with origin_to_fit(database, model, kept, runs_condition=False) as origin:
        result = NewResult(points, clusters, fit, {}, "2026-01-01T00:00:00.000Z", origin)
        snapshot = Snapshot(database, points, origin, version=origin.data_version())
        started = time.process_time()
        publish(database, result, snapshot=snapshot, patience=10.0, control=Control())
        return time.process_time() - started


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dimension", type=int, default=384)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=TABLES, default=list(TABLES))
    given = parser.parse_args()
    vectors = embeddings(given.rows, given.dimension)
    with tempfile.TemporaryDirectory() as folder:
        paths = {}
        for number, name in enumerate(given.only):
            path = Path(folder, f"{number}.db")
            paths[name] = (path, made(path, TABLES[name], vectors))
        seconds = measure_reading(paths, given.repeat)
        chosen = {name: paths[name] for name in PUBLISHED if name in paths}
        published = measure_publishing(chosen, given.repeat)
    print(f"{given.rows:,} × {given.dimension}, rows a processor second, and × those of Embedding")
    print_rates("read", given.rows, seconds)
    print_rates("published, the first result", given.rows, {name: first for name, (first, _) in published.items()})
    print_rates("published, a second result", given.rows, {name: second for name, (_, second) in published.items()})


def print_rates(title: str, rows: int, seconds: dict[str, float]) -> None:
    """A line for each table."""
    ours = seconds.get("Embedding")
    print(f"\n{title}")
    for name, spent in seconds.items():
        ratio = f"{ours / spent:6.2f}" if ours else ""
        print(f"{name:20}{rows / spent:12,.0f}{ratio}")


if __name__ == "__main__":
    main()
