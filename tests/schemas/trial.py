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
    ("CHECK (min_samples >= 1)", "CHECK (min_samples >= 0)"),
    ("-- the fit that was brought up to date", "-- the fit before it"),
    (
        "-- the fit before it\n",
        "-- the fit before it\n"
        "    repeats         INTEGER CHECK (repeats <> id) REFERENCES ClusteringFit (id) ON DELETE SET NULL,\n",
    ),
    # NOT NULL no more, and a column behind all others
    ("run_id          ANY NOT NULL REFERENCES", "run_id          ANY REFERENCES"),
    (
        "REFERENCES EmbeddingSource (name),\n",
        "REFERENCES EmbeddingSource (name),\n    tag             ANY,  -- a word of the host's\n",
    ),
    # a value for rows that are there, behind a generated column of a table WITHOUT ROWID
    (
        "-- the label as a key: NULL for noise\n",
        "-- the label as a key: NULL for noise\n    rank                 INTEGER NOT NULL DEFAULT 7,\n",
    ),
    # a CHECK more
    ("    initial_prompt TEXT,", "    initial_prompt TEXT CHECK (initial_prompt <> 'forbidden'),"),
    ("ClusteringFit (embedding_model, corpus_hash)", "ClusteringFit (embedding_model, corpus_hash, n)"),
    ("medoid_text, medoid_item_id\n", "medoid_text, medoid_item_id, 1 AS more\n"),
    ("'this embedding is a member of the result: its label is not predicted'", "'a member is not predicted'"),
)
_NEW = """
CREATE TABLE EmbeddingTag (
    name TEXT PRIMARY KEY NOT NULL,
    kind TEXT NOT NULL CHECK (kind <> '')
) STRICT;
CREATE INDEX Embedding_tag ON Embedding (tag);
CREATE VIEW TagSummary AS SELECT name, (SELECT count(tag) FROM Embedding) AS n FROM EmbeddingTag;
CREATE TRIGGER EmbeddingTag_delete BEFORE DELETE ON EmbeddingTag
BEGIN
    SELECT raise(ABORT, 'a tag stays');
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
        ChangeTable("ClusteringFit"), AddColumn("ClusteringFit", "repeats"), ChangeTable("Invocation"),
        AddColumn("Embedding", "tag"), AddColumn("EmbeddingCluster", "rank"), ChangeTable("Run"),
        Replace("ClusteringFit_corpus"), Replace("ClusterSummary", columns=("more",)), Replace("EmbeddingPrediction_insert"),
        Replace("EmbeddingPrediction_update"), Create("EmbeddingTag"), Create("Embedding_tag"), Create("TagSummary"),
        Create("EmbeddingTag_delete"),
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
