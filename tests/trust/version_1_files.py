"""Looking at files of older versions of the schema, and upgrading them."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import apsw

import sqlclust
from tests.schemas import version_1
from tests.schemas.old import KNOWN

ROOT = Path(__file__).resolve().parents[2]
OBJECTS = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name"
TABLES = (
    *("Run", "Invocation", "Embedding", "ClusteringFit", "ClusteringResult"),
    *("Cluster", "EmbeddingCluster", "EmbeddingPrediction"),
)
VIEWS = re.findall(r"CREATE VIEW (\w+)", version_1.SQL)
PREDICTION = "INSERT INTO EmbeddingPrediction (clustering_result_id, embedding_id, label, probability)"


def hashed(path: Path) -> str:
    assert not path.with_name(path.name + "-wal").exists()
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read(path: Path, *statements: str) -> list[list[tuple[Any, ...]]]:
    con = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return [con.execute(statement).fetchall() for statement in statements]
    finally:
        con.close()


def content(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table and of the views of version 1, in the columns they had; the ledger excepted."""
    queries = {name: f"SELECT {', '.join(columns)} FROM {name}" for name, columns in _columns().items()}
    return {name: sorted(rows, key=repr) for name, rows in zip(queries, read(path, *queries.values()), strict=True)}


def _columns() -> dict[str, list[str]]:
    fresh = apsw.Connection(":memory:")
    fresh.execute(version_1.SQL)
    columns = "SELECT name FROM pragma_table_xinfo(?)"
    return {table: [str(name) for (name,) in fresh.execute(columns, (table,))] for table in (*TABLES, *VIEWS)}


def upgrade(path: Path) -> bool:
    con = sqlclust.connect(str(path))
    try:
        return sqlclust.initialize(con)
    finally:
        con.close()


def whole_version_1(path: Path) -> None:
    whole_version(path, 1)


def whole_version(path: Path, number: int) -> None:
    """The file is, text for text, what a new file of that version is, beside the table of a host, and whole."""
    fresh = apsw.Connection(":memory:")
    fresh.execute(KNOWN[number].SQL)
    ledger = "SELECT version, name FROM SqlclustMigration ORDER BY 1"
    objects, found, [(integrity,)] = read(path, OBJECTS, ledger, "PRAGMA integrity_check")
    ours = [row for row in objects if not row[1].startswith("sqlite_stat") and row[1] != "notes"]
    assert ours == fresh.execute(OBJECTS).fetchall()
    assert found == fresh.execute(ledger).fetchall()
    assert integrity == "ok"
