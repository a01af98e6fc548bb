"""The versions of the schema: the text of the newest, and what each version changed.

A migration is one record in `MIGRATIONS`, and all that a new version needs beside schema.sql. Its steps name things and hold
no text: texts are those of schema.sql. Since when each table, view and column is there follows from the steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple


@dataclass(frozen=True)
class Create:
    """A new table, index, view or trigger."""

    name: str


@dataclass(frozen=True)
class AddColumn:
    """A new column of a table, after all that the table has: rows that are there end before it, and have its default."""

    table: str
    column: str


@dataclass(frozen=True)
class ChangeTable:
    """A table's text says something else of the same columns: a CHECK, NOT NULL, REFERENCES, a default, a type, a comment.

    Rows stay as they are and have to satisfy it. What decides how they are stored has to stay: keys, UNIQUE, STRICT,
    WITHOUT ROWID, the order of columns.
    """

    name: str


@dataclass(frozen=True)
class Replace:
    """A view or trigger has another text, or an index is another.

    Attributes:
        columns: those of a view that only the new one has.
    """

    name: str
    columns: tuple[str, ...] = ()


Step = Create | AddColumn | ChangeTable | Replace


class Migration(NamedTuple):
    """What a version changed; name as in the ledger of a new file."""

    version: int
    name: str
    steps: tuple[Step, ...]


MIGRATIONS: tuple[Migration, ...] = (
    Migration(2, "view EmbeddingModelSummary", (Create("EmbeddingModelSummary"),)),
    Migration(
        3,
        "sources",
        (
            Create("EmbeddingSource"),
            ChangeTable("Embedding"),
            AddColumn("Embedding", "item_id"),
            AddColumn("Embedding", "embedding_source"),
            Create("Embedding_item"),
            ChangeTable("ClusteringFit"),
            AddColumn("ClusteringFit", "updated_from"),
            Create("ClusteringFit_updated_from"),
            Create("ClusteringFitNeighbors"),
            Create("ClusteringResult_delete"),
            Replace("EmbeddingModelSummary"),
            Replace("ClusterSummary", columns=("medoid_item_id",)),
            Replace("ClusteringFreshness"),
        ),
    ),
    Migration(4, "maps", (Create("ClusteringFitMap"),)),
)
"""What came after version 1, in order."""

VERSION = max([1, *(migration.version for migration in MIGRATIONS)])


@cache
def schema_sql() -> str:
    """The text of schema.sql: from the package where it was installed, from the checkout otherwise."""
    here = Path(__file__).resolve().parents[1]
    for candidate in (here / "schema.sql", here.parent / "schema.sql"):
        if candidate.is_file():
            return candidate.read_text(encoding="utf-8")
    raise FileNotFoundError(f"schema.sql is neither in {here} nor in {here.parent}")


class History:
    """Since when what is there; what no step names is of version 1. Names are compared without case, as SQLite does."""

    def __init__(self, migrations: tuple[Migration, ...]) -> None:
        self._created: dict[str, int] = {}
        self._columns: dict[tuple[str, str], int] = {}
        self._changed: dict[str, int] = {}
        for version, _, steps in migrations:
            for step in steps:
                match step:
                    case Create(name):
                        self._created[name.lower()] = version
                    case AddColumn(name, column):
                        self._columns[name.lower(), column.lower()] = self._changed[name.lower()] = version
                    case ChangeTable(name):
                        self._changed[name.lower()] = version
                    case Replace(name, columns):
                        self._changed[name.lower()] = version
                        self._columns |= {(name.lower(), column.lower()): version for column in columns}

    def has(self, version: int, name: str, column: str | None = None) -> bool:
        """Whether a file of a version has a thing of ours, or a column of it."""
        since = self._created.get(name.lower(), 1)
        if column is not None:
            since = max(since, self._columns.get((name.lower(), column.lower()), 1))
        return since <= version

    def is_changed_after(self, version: int, name: str) -> bool:
        """Whether what a file of a version has under a name is not yet what schema.sql makes."""
        return self._changed.get(name.lower(), 1) > version

    def missing(self, version: int) -> list[str]:
        """Names of what a file of a version does not have yet."""
        return [name for name, since in self._created.items() if since > version]

    def outdated(self, version: int) -> list[str]:
        """Names of what it has as it was before."""
        return [name for name, since in self._changed.items() if since > version and self.has(version, name)]


def history() -> History:
    """That of `MIGRATIONS`."""
    return History(MIGRATIONS)
