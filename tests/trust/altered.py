"""Looking at a file before and after the trial version of the schema."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw

from tests.schemas import trial
from tests.trust.version_1_files import TABLES

OBJECTS = "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat%' ORDER BY type, name"
LEDGER = "SELECT version, name FROM SqlclustMigration ORDER BY 1"
NEW_COLUMNS = (("ClusteringFit", "updated_from", None), ("Embedding", "item_id", None), ("EmbeddingCluster", "rank", 7))
"""Of the trial version, each with the value in rows that were there."""
FIT = (
    "INSERT INTO ClusteringFit (embedding_model, selection, metric, normalize, min_samples, alpha, engine, n, n_distinct, "
    "dimension, corpus_hash, versions, timings) SELECT embedding_model, selection, metric, normalize, min_samples, alpha, "
    "'sharded', n, n_distinct, dimension, corpus_hash, versions, timings FROM ClusteringFit"
)


def state(path: Path) -> tuple[Any, ...]:
    """All that an upgrade that fails must leave: texts, ledger and rows."""
    con = apsw.Connection(str(path))
    try:
        rows = {name: _rows(con, name) for name in TABLES}
        assert con.pragma("integrity_check") == "ok"
        return con.execute(OBJECTS).fetchall(), con.execute(LEDGER).fetchall(), rows
    finally:
        con.close()


def _rows(con: apsw.Connection, table: str) -> list[dict[str, Any]]:
    cursor = con.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3")
    return [dict(zip((name for name, *_ in cursor.get_description()), row, strict=True)) for row in cursor]


def read(path: Path, sql: str) -> list[tuple[Any, ...]]:
    con = apsw.Connection(str(path))
    try:
        return con.execute(sql).fetchall()
    finally:
        con.close()


def is_new(path: Path, before: tuple[Any, ...]) -> None:
    """The file is what a new file is, with the rows that were there."""
    fresh = apsw.Connection(":memory:")
    fresh.execute(trial.SQL)
    objects, ledger, rows = state(path)
    assert objects == fresh.execute(OBJECTS).fetchall()
    assert ledger == fresh.execute(LEDGER).fetchall()
    for name, were in before[2].items():
        assert were, "the fixture has rows everywhere"
        assert [{column: row[column] for column in were[0]} for row in rows[name]] == were, name
    for table, column, value in NEW_COLUMNS:
        assert {row[column] for row in rows[table]} == {value}
    con = apsw.Connection(str(path))
    assert con.execute("PRAGMA foreign_key_check").fetchall() == []
    con.close()


def settings(con: apsw.Connection) -> tuple[Any, ...]:
    return con.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, -1), con.pragma("writable_schema"), con.pragma("foreign_keys")
