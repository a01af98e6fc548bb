"""A version of the schema that there is not, one more than the newest, with every kind of change that a version may make."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlclust import schema
from sqlclust.schema import versions
from sqlclust.schema.versions import AddColumn, ChangeTable, Create, Migration, Replace, Step

VERSION = schema.VERSION + 1
NAME = "trial"

_LEDGER = f"({schema.VERSION}, '{schema.MIGRATIONS[-1].name}')"
_CHANGES = (
    (_LEDGER, f"{_LEDGER}, ({VERSION}, '{NAME}')"),
    # a CHECK and a comment, and a column with CHECK and REFERENCES before the constraints
    ("(engine IN ('exact', 'approximate'))", "(engine IN ('exact', 'approximate', 'sharded'))"),
    ("see sqlclust/store/fits.py", "see sqlclust/store/fits/"),
    (
        "    -- int32 (n - 1) left",
        "    updated_from    INTEGER CHECK (updated_from <> id) REFERENCES ClusteringFit (id) ON DELETE SET NULL,\n"
        "    -- int32 (n - 1) left",
    ),
    # NOT NULL no more, and a column at the very end
    ("vector          BLOB NOT NULL CHECK", "vector          BLOB CHECK"),
    (
        "UNIQUE (invocation_id, embedding_model)",
        "item_id         ANY,  -- the host's key\n    UNIQUE (invocation_id, embedding_model)",
    ),
    # a value for rows that are there, behind a generated column of a table WITHOUT ROWID
    (
        "-- the label as a key: NULL for noise\n",
        "-- the label as a key: NULL for noise\n    rank                 INTEGER NOT NULL DEFAULT 7,\n",
    ),
    # a CHECK more
    ("    initial_prompt TEXT,", "    initial_prompt TEXT CHECK (initial_prompt <> 'forbidden'),"),
    ("ClusteringFit (embedding_model, corpus_hash)", "ClusteringFit (embedding_model, corpus_hash, n)"),
    ("persistence, medoid_embedding_id, medoid_text\n", "persistence, medoid_embedding_id, medoid_text, 1 AS more\n"),
    ("'this embedding is a member of the result: its label is not predicted'", "'a member is not predicted'"),
)
_NEW = """
CREATE TABLE EmbeddingSource (
    name TEXT PRIMARY KEY NOT NULL,
    kind TEXT NOT NULL CHECK (kind <> '')
) STRICT;
CREATE INDEX Embedding_item_id ON Embedding (item_id);
CREATE VIEW SourceSummary AS SELECT name, (SELECT count(item_id) FROM Embedding) AS n FROM EmbeddingSource;
CREATE TRIGGER EmbeddingSource_delete BEFORE DELETE ON EmbeddingSource
BEGIN
    SELECT raise(ABORT, 'a source stays');
END;
"""


def _text() -> str:
    text = schema.schema_sql()
    for before, after in _CHANGES:
        assert before in text, before
        text = text.replace(before, after)
    return text + _NEW


SQL = _text()
MIGRATION = Migration(
    VERSION,
    NAME,
    (
        ChangeTable("ClusteringFit"), AddColumn("ClusteringFit", "updated_from"), ChangeTable("Embedding"),
        AddColumn("Embedding", "item_id"), AddColumn("EmbeddingCluster", "rank"), ChangeTable("Run"),
        Replace("ClusteringFit_corpus"), Replace("ClusterSummary", columns=("more",)), Replace("EmbeddingPrediction_insert"),
        Replace("EmbeddingPrediction_update"), Create("EmbeddingSource"), Create("Embedding_item_id"), Create("SourceSummary"),
        Create("EmbeddingSource_delete"),
    ),
)  # fmt: skip


def register(
    put: Callable[[object, str, Any], None] = setattr, sql: str = SQL, steps: tuple[Step, ...] = MIGRATION.steps
) -> None:
    """Make it the newest version, or one with another text; `put` is monkeypatch.setattr, or setattr in its own process."""
    put(versions, "schema_sql", lambda: sql)
    put(versions, "MIGRATIONS", (*schema.MIGRATIONS, MIGRATION._replace(steps=steps)))
    for module in (versions, schema):
        put(module, "VERSION", VERSION)
