"""Looking at a file before and after the trial version of the schema."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw

from tests.schemas import trial

ROOT = Path(__file__).resolve().parents[2]
OBJECTS = "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat%' ORDER BY type, name"
LEDGER = "SELECT version, name FROM SqlclustMigration ORDER BY 1"
TABLES = (
    *("Run", "Invocation", "Embedding", "ClusteringFit", "ClusteringResult"),
    *("Cluster", "EmbeddingCluster", "EmbeddingPrediction"),
)
_SOURCES = ("EmbeddingSource", "notes")  # from version 3 on
_ADDED: dict[str, tuple[Any, ...]] = {
    "ClusteringFit": (None, None), "Embedding": (None, None, None), "EmbeddingCluster": (7,),
}  # fmt: skip
"""What rows of version 1 have in the columns that came later, in their order."""
FIT = (
    "INSERT INTO ClusteringFit (embedding_model, selection, metric, normalize, min_samples, alpha, engine, n, n_distinct, "
    "dimension, corpus_hash, versions, timings) SELECT embedding_model, selection, metric, normalize, 0, alpha, engine, n, "
    "n_distinct, dimension, corpus_hash, versions, timings FROM ClusteringFit"
)
"""What only the trial version allows."""


def state(path: Path) -> tuple[Any, ...]:
    """All that an upgrade that fails must leave: texts, ledger and rows."""
    con = apsw.Connection(str(path))
    try:
        there = {name for (name,) in con.execute("SELECT name FROM sqlite_schema")}
        tables = (*TABLES, *(name for name in _SOURCES if name in there))
        rows = {name: con.execute(f"SELECT * FROM {name} ORDER BY 1, 2, 3").fetchall() for name in tables}
        assert con.pragma("integrity_check") == "ok"
        return con.execute(OBJECTS).fetchall(), con.execute(LEDGER).fetchall(), rows
    finally:
        con.close()


def read(path: Path, sql: str) -> list[tuple[Any, ...]]:
    con = apsw.Connection(str(path))
    try:
        return con.execute(sql).fetchall()
    finally:
        con.close()


def is_new(path: Path, before: tuple[Any, ...]) -> None:
    """The file is what a new file is, with the rows and the host's table that were there."""
    fresh = apsw.Connection(":memory:")
    fresh.execute(trial.SQL)
    objects, ledger, rows = state(path)
    assert [made for made in objects if made[2] != "notes"] == fresh.execute(OBJECTS).fetchall()
    assert ledger == fresh.execute(LEDGER).fetchall()
    for name, were in before[2].items():
        assert were, "the fixture has rows everywhere"
        added = _ADDED.get(name, ())
        n_new = len(rows[name][0]) - len(were[0])
        assert rows[name] == [(*row, *added[len(added) - n_new :]) for row in were], name
    con = apsw.Connection(str(path))
    assert con.execute("PRAGMA foreign_key_check").fetchall() == []
    con.close()


def settings(con: apsw.Connection) -> tuple[Any, ...]:
    return con.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, -1), con.pragma("writable_schema"), con.pragma("foreign_keys")
