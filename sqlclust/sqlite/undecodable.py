"""TEXT in a file that is not UTF-8: SQLite stores and returns any bytes as TEXT, Python decodes them or fails.

A program that binds raw bytes as TEXT writes such rows (an id of 16 raw bytes, say). APSW then raises UnicodeDecodeError while a
row is read, and knows neither table nor column; the bytes are known, so they can be looked up.
"""

from __future__ import annotations

from sqlclust.errors import NotUnicodeError, SqliteError
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database

_COLUMNS: dict[str, tuple[str, ...]] = {
    "Embedding": ("id", "embedding_model", "invocation_id", "content", "created_at"),
    "Run": ("id", "initial_prompt", "created_at"),
    "Invocation": ("id", "run_id", "type", "output_text"),
    "ClusteringResult": ("embedding_model", "algorithm", "parameters", "started_at", "completed_at"),
    "ClusteringFit": ("embedding_model", "selection", "metric", "corpus_hash", "versions", "timings", "created_at"),
    "Cluster": ("medoid_embedding_id",),
    "EmbeddingCluster": ("embedding_id",),
    "EmbeddingPrediction": ("embedding_id", "predicted_at"),
    "SqlclustMigration": ("name", "applied_at"),
}
_FIND = "SELECT 1 FROM main.{table} WHERE typeof({column}) = 'text' AND CAST({column} AS BLOB) = ? LIMIT 1"


def not_unicode(database: Database, error: UnicodeDecodeError) -> NotUnicodeError:
    """The error to raise instead: it names the column, where that is one of our tables', and the bytes."""
    value = bytes(error.object)
    where = _column_of(database, value) or "a value"
    return NotUnicodeError(where, value=value, position=error.start, reason=error.reason)


def _column_of(database: Database, value: bytes) -> str | None:
    for table, columns in _COLUMNS.items():
        for column in columns:
            try:
                if statements.first_row(database, _FIND.format(table=table, column=column), (value,)):
                    return f"{table}.{column}"
            except SqliteError:  # no such table, or something else is wrong with it: the bytes alone have to do
                continue
    return None
