"""What our tables, views and their columns are: the comments of schema.sql, as a page shows them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache

_THING = re.compile(r"((?:^--.*\n)+)CREATE (?:TABLE|VIEW) (\w+)( \(\n[\s\S]*?^\))?", re.MULTILINE)
"""A table with its columns, or a view; and the comment right above it."""
_COLUMN = re.compile(r"^    (\w+) +(?:ANY|INTEGER|REAL|TEXT|BLOB)\b.*? -- (.+)$", re.MULTILINE)
"""A column with the comment behind it."""
_SENTENCE_END = re.compile(r"(?<=\.)\s+(?=[A-Z])")

_TABLES_OF_A_VIEW = {"ClusterAssignment": ("EmbeddingCluster", "Cluster"), "ClusterSummary": ("Cluster",)}
"""Views whose columns are those of tables."""

LABEL_COLUMNS = {
    "ClusteringFit": "embedding_model",
    "ClusteringResult": "embedding_model",
    "Embedding": "content",
    "Invocation": "output_text",
    "Run": "initial_prompt",
}
"""The column that a link to a row shows."""

CLUSTER_COLUMNS = {
    "label": "of its cluster; -1 = noise; NULL: the row is not in the latest result",
    "probability": "membership strength; noise 0",
    "outlier_score": "GLOSH; larger is more outlying",
    "cluster_size": "members of its cluster",
    "medoid_item_id": "the member in the middle of its cluster",
}
"""Columns of ours in the view of a source, "<name>_clusters"."""


@dataclass(frozen=True)
class Description:
    """Of a table or view.

    Attributes:
        text: one sentence.
        columns: what those are that have a comment.
        label_column: what a link to a row shows; None: its key.
    """

    text: str
    columns: dict[str, str] = field(default_factory=dict)
    label_column: str | None = None


@cache
def descriptions() -> dict[str, Description]:
    """Of every table and view of schema.sql that has a comment right above it."""
    from sqlclust.schema.versions import schema_sql

    found: dict[str, Description] = {}
    for comment, name, body in _THING.findall(schema_sql()):
        words = " ".join(line.removeprefix("--").strip() for line in comment.splitlines())
        columns = {
            column: said for column, said in _COLUMN.findall(body) if column != "embedding_id"
        }  # how it is deleted
        for table in _TABLES_OF_A_VIEW.get(name, ()):
            columns |= found[table].columns
        found[name] = Description(_SENTENCE_END.split(words)[0], columns, LABEL_COLUMNS.get(name))
    return found


def of_source_view(source: str) -> Description:
    """Of the view of a source."""
    return Description(f"The rows of {source}, each with its cluster of the latest result.", CLUSTER_COLUMNS)
