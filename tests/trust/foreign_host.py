"""A file of another program with a table of vectors, for tests of what is done to it and of what is never done to it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import apsw

from sqlclust.sqlite.layout import quoted
from tests.small import clustered

OF_OURS = """
SELECT name FROM sqlite_schema
WHERE tbl_name IN ('SqlclustMigration', 'Run', 'Invocation', 'EmbeddingSource', 'Embedding', 'ClusteringFit', 'ClusteringResult',
                   'Cluster', 'EmbeddingCluster', 'EmbeddingPrediction', 'ClusterAssignment', 'ClusterSummary',
                   'ClusteringSummary', 'EmbeddingModelSummary')
   OR (type = 'view' AND sql LIKE 'CREATE VIEW "%' AND instr(sql, '-- sqlclust: the clusters of source ') > 0)
"""
N = 40


def make(path: Path, *, journal: str = "delete", n: int = N, table: str = "note") -> Path:
    """A file with a table of n notes: slug, body, embedding. Three clusters and four of noise."""
    con = apsw.Connection(str(path))
    con.pragma("synchronous", "OFF")
    assert con.pragma("journal_mode", journal) == journal
    con.execute(f"CREATE TABLE {quoted(table)} (slug TEXT PRIMARY KEY, body TEXT, embedding BLOB)")
    rows = [(f"note {i}", f"text {i}", vector.tobytes()) for i, vector in enumerate(clustered(n))]
    con.executemany(f"INSERT INTO {quoted(table)} VALUES (?, ?, ?)", rows)
    con.close()
    return path


def foreign_rows(path: Path | str) -> str:
    """A hash of all that is not ours in a file: the schema's text, and every row, types and all."""
    con = apsw.Connection(str(path))
    try:
        return foreign_rows_of(con)
    finally:
        con.close()


def foreign_rows_of(con: apsw.Connection) -> str:
    """As `foreign_rows`, by a connection that is there."""
    ours = {name for (name,) in con.execute(OF_OURS)} | {"sqlite_sequence"}
    found = hashlib.sha256()
    schema = con.execute("SELECT type, name, tbl_name, sql, rootpage FROM sqlite_schema ORDER BY type, name").fetchall()
    for kind, name, table, sql, rootpage in schema:
        if name in ours or table in ours:
            continue
        found.update(repr((kind, name, table, sql)).encode())
        if kind == "table" and rootpage:
            for row in con.execute(f"SELECT * FROM {quoted(str(name))} NOT INDEXED"):
                found.update(repr(row).encode())
    return found.hexdigest()
