"""A host's table with a result over it, as a fit leaves them, and both SQLites to read it: APSW's, and Python's older one."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import apsw

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.sources import Source
from sqlclust.sqlite.layout import quoted
from sqlclust.store.sources import clusters_view

OURS = ["label", "probability", "outlier_score", "cluster_size", "medoid_item_id"]
BY_INDEX = [
    "SEARCH e USING INDEX Embedding_item (embedding_source=? AND item_id=?)",
    "SEARCH ec USING PRIMARY KEY (embedding_id=? AND clustering_result_id=?)",
    "SEARCH r USING COVERING INDEX ClusteringResult_embedding_model (embedding_model=?)",
    "SEARCH c USING PRIMARY KEY (clustering_result_id=? AND label=?)",
    "SEARCH m USING INDEX sqlite_autoindex_Embedding_1 (id=?)",
]
"""Of the view's plan: how each table of ours is read."""

Row = tuple[Any, ...]
Query = Callable[[str], list[Row]]


class Member(NamedTuple):
    """A row of the host's in a result."""

    item_id: Any
    label: int
    probability: float = 0.5
    outlier_score: float | None = 0.25


def source(name: str = "docs", table: str = "docs", keys: Sequence[str] = ("id",), **more: Any) -> Source:
    """Of a table with a column `v` of vectors."""
    return Source(name=name, kind="table", table_name=table, id_columns=tuple(keys), vector_column="v", **more)


def initialized(*statements: str) -> apsw.Connection:
    """A database of these statements, and of our tables."""
    con = apsw.Connection(":memory:")
    sqlclust.initialize(con)
    for statement in statements:
        con.execute(statement)
    return con


def register(con: apsw.Connection, source: Source) -> None:
    """The source's own row."""
    con.execute(
        "INSERT INTO EmbeddingSource (name, kind, table_name, id_columns, vector_column, format)"
        " VALUES (?, ?, ?, ?, 'v', 'float32')",
        (source.name, source.kind, source.table_name, json.dumps(source.id_columns)),
    )


def publish(con: apsw.Connection, source: str, members: Sequence[Member]) -> int:
    """A result with thin rows of `Embedding`; the first member of a cluster is its medoid."""
    con.execute("BEGIN")
    ids = {}
    for member in members:
        found = con.execute(
            "SELECT id FROM Embedding WHERE embedding_source = ? AND item_id = ?", (source, member.item_id)
        ).get
        ids[member] = found or f"{source} {con.execute('SELECT count(*) FROM Embedding').get}"
        if found is None:
            con.execute(
                "INSERT INTO Embedding (id, embedding_model, embedding_source, item_id) VALUES (?, ?, ?, ?)",
                (ids[member], source, source, member.item_id),
            )
    con.execute("INSERT INTO ClusteringResult (embedding_model, parameters) VALUES (?, '{}')", (source,))
    result = con.last_insert_rowid()
    for label in sorted({member.label for member in members} - {-1}):
        of_it = [member for member in members if member.label == label]
        con.execute("INSERT INTO Cluster VALUES (?, ?, ?, ?, 0.5)", (result, label, ids[of_it[0]], len(of_it)))
    for member in members:
        con.execute(
            "INSERT INTO EmbeddingCluster (clustering_result_id, embedding_id, label, probability, outlier_score)"
            " VALUES (?, ?, ?, ?, ?)",
            (result, ids[member], *member[1:]),
        )
    con.execute("COMMIT")
    return result


def create(con: apsw.Connection, source: Source, *, elsewhere: bool = False) -> dict[str, str]:
    """The view, in a transaction."""
    con.execute("BEGIN")
    try:
        return clusters_view.create(database_of(con), source, elsewhere=elsewhere)
    finally:
        con.execute("COMMIT")


def columns(con: apsw.Connection, view: str) -> list[str]:
    """Their names, none where there is no such view."""
    return [name for _, name, *_ in con.execute(f"PRAGMA table_info({quoted(view)})")]


def expected(rows: Sequence[Row], keys: Sequence[Any], members: Sequence[Member]) -> list[Row]:
    """What the view has: rows of the host's, each with its key, and what the result says of it."""
    of = {_identity(member.item_id): member for member in members}
    clusters: dict[int, list[Member]] = {}
    for member in members:
        clusters.setdefault(member.label, []).append(member)
    found = []
    for row, key in zip(rows, keys, strict=True):
        known = of.get(_identity(key))
        if known is None:
            found.append((*row, None, None, None, None, None))
        elif known.label == -1:
            found.append((*row, *known[1:], None, None))
        else:
            cluster = clusters[known.label]
            found.append((*row, *known[1:], len(cluster), cluster[0].item_id))
    return found


def _identity(value: Any) -> tuple[str, Any]:
    """Python's 1 and True are equal, and so are SQLite's 1 and 1.0; nothing else of two types is."""
    return ("number" if isinstance(value, int | float) else type(value).__name__, value)


@contextmanager
def both(con: apsw.Connection, folder: Path) -> Iterator[list[Query]]:
    """Ways to ask the same database: through APSW, and a copy through Python's sqlite3."""
    path = folder / "copy.db"
    path.write_bytes(con.serialize("main"))
    other = sqlite3.connect(path, isolation_level=None)
    try:
        yield [lambda sql: con.execute(sql).fetchall(), lambda sql: other.execute(sql).fetchall()]
    finally:
        other.close()


def plan(query: Query, sql: str) -> list[str]:
    """Its steps, without what differs between versions of SQLite."""
    return [str(row[3]).removesuffix(" LEFT-JOIN") for row in query(f"EXPLAIN QUERY PLAN {sql}")]
