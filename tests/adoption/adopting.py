"""Old databases taken over, and what is then in the new one."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import apsw

import sqlclust
from sqlclust.adoption.adoption import Adoption
from tests.cli.terminal import Ran, run
from tests.schemas.old_project import Old

OURS = {
    *("Cluster", "ClusteringFit", "ClusteringFitMap", "ClusteringFitNeighbors", "ClusteringResult", "Embedding"),
    *("EmbeddingCluster", "EmbeddingPrediction", "EmbeddingSource", "Invocation", "Run", "SqlclustMigration"),
}


def hashed(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def rows(path: Path, sql: str, *values: object) -> list[Any]:
    con = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return con.execute(sql, values).fetchall()
    finally:
        con.close()


def change(path: Path, sql: str) -> None:
    con = apsw.Connection(str(path))
    con.execute(sql).fetchall()
    con.close()


def adopted(old: Old, *, dry_run: bool = False) -> tuple[apsw.Connection, Adoption]:
    con = sqlclust.connect(":memory:")
    adoption = sqlclust.adopt(con, old.path, dry_run=dry_run)
    return con, adoption


def expected_members(old: Old, model: str) -> dict[str, tuple[str | None, float]]:
    """Embedding → its medoid and its probability."""
    names = old.embeddings[model]
    return {
        name: (names[old.medoids[label]], 1.0) if label >= 0 else (None, 0.0)
        for name, label in zip(names, old.labels, strict=True)
    }


def stored_members(con: apsw.Connection, result_id: int) -> dict[str, tuple[str | None, float]]:
    sql = """
        SELECT embedding_id, medoid_embedding_id, probability FROM ClusterAssignment WHERE clustering_result_id = ?
    """
    return {str(name): (medoid, probability) for name, medoid, probability in con.execute(sql, (result_id,))}


def whole(con: apsw.Connection) -> None:
    assert con.execute("PRAGMA integrity_check").get == "ok"
    assert con.execute("PRAGMA foreign_key_check").fetchall() == []
    assert not con.in_transaction


def refused(message: str, *arguments: object) -> None:
    assert run("adopt", *arguments) == Ran(1, "", f"Error: {message}\n")


def theirs(path: Path) -> dict[str, list[Any]]:
    """Every row of every table that is not ours, with its definition."""
    sql = "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    return {name: [text, *rows(path, f'SELECT * FROM "{name}"')] for name, text in rows(path, sql) if name not in OURS}
