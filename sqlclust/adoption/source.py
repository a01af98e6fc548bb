"""The tables of the project that this one comes from, in their singular and in their later plural form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlclust import schema
from sqlclust.diagnosis.families import Role
from sqlclust.errors import AdoptError
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.layout import Table, quoted, read_layout

_SINGULAR: dict[Role, str] = {
    "run": "run",
    "invocation": "invocation",
    "embedding": "embedding",
    "result": "clusteringresult",
    "assignment": "embeddingcluster",
    "cluster": "cluster",  # only for a while; before it clusters had numbers, after it they have medoids
}
_PLURAL: dict[Role, str] = {
    "run": "runs",
    "invocation": "invocations",
    "embedding": "embeddings",
    "result": "clustering_results",
    "assignment": "embedding_clusters",
}
_NEEDED: dict[Role, tuple[str, ...]] = {
    "run": ("id",),
    "invocation": ("id", "run_id", "sequence_number"),
    "embedding": ("id", "embedding_model", "vector"),
    "result": ("id", "embedding_model", "algorithm", "parameters"),
    "assignment": ("embedding_id", "clustering_result_id"),
    "cluster": ("id", "clustering_result_id", "cluster_id", "medoid_embedding_id"),
}
_TAKEN: dict[Role, tuple[str, ...]] = {
    "run": ("id", "initial_prompt", "inserted_at"),
    "invocation": ("id", "run_id", "sequence_number", "type", "output_text"),
    "embedding": ("id", "invocation_id", "embedding_model", "vector", "completed_at", "inserted_at", "started_at"),
    "result": (
        *("id", "embedding_model", "algorithm", "parameters", "layer"),
        *("created_at", "inserted_at", "started_at", "completed_at"),
    ),
    "assignment": ("id", "embedding_id", "clustering_result_id", "medoid_embedding_id", "cluster_id"),
    "cluster": ("id", "clustering_result_id", "cluster_id", "medoid_embedding_id", "size"),
}
"""The columns that go over, or that only name rows which do."""


@dataclass(frozen=True)
class OldTables:
    """Which tables there are.

    Attributes:
        tables: role → table, under the name that it has now.
        names: role → the name that it had when it was found, for messages.
    """

    tables: Mapping[Role, Table]
    names: Mapping[Role, str]

    def has(self, role: Role, *columns: str) -> bool:
        """Whether there is a table of that role, with these columns."""
        return role in self.tables and self.tables[role].has(*columns)

    def sql(self, role: Role) -> str:
        """A table's name in a statement."""
        return self.tables[role].sql

    def column(self, role: Role, name: str) -> str:
        """A column in a statement, NULL where the table does not have it."""
        table = self.tables[role]
        return f"old.{quoted(table.columns[name].name)}" if table.has(name) else "NULL"

    def moment(self, role: Role, *names: str) -> str:
        """The first of these columns that holds a time, as our tables write times; NULL if none does."""
        # a number would be taken for a Julian day
        times = [
            f"CASE typeof({column}) WHEN 'text' THEN strftime('%Y-%m-%dT%H:%M:%fZ', {column}) END"
            for column in (self.column(role, name) for name in names if self.has(role, name))
        ]
        return f"coalesce({', '.join(times)}, NULL)" if times else "NULL"

    def place(self, role: Role) -> str:
        """What tells a row in a statement whatever its id is: the rowid, where there is one."""
        name = self.tables[role].rowid
        return f"old.{name}" if name else "NULL"

    def declared(self, role: Role, name: str) -> str:
        """The declared type of a column."""
        return self.tables[role].columns[name].declared

    def collide(self, database: Database) -> list[str]:
        """Names that our tables need."""
        return [name for name in self.names.values() if name.lower() in schema.object_names(database)]

    @property
    def columns_left(self) -> dict[str, list[str]]:
        """Table → columns of which nothing goes over."""
        left = {
            self.names[role]: [column.name for key, column in table.columns.items() if key not in _TAKEN[role]]
            for role, table in self.tables.items()
        }
        return {name: columns for name, columns in left.items() if columns}

    def renamed(self, database: Database, names: Mapping[Role, str]) -> OldTables:
        """The same tables under other names."""
        layout = read_layout(database)
        return OldTables({role: layout.tables[name.lower()] for role, name in names.items()}, self.names)


def find_old_tables(database: Database) -> OldTables:
    """The old project's tables in the main database.

    Raises:
        AdoptError: there are none, or they are not what they are known as.
    """
    path = database.filename
    layout = read_layout(database)
    singular = {} if schema.version(database) is not None else _SINGULAR
    found = [
        {role: layout.tables[name] for role, name in names.items() if name in layout.tables}
        for names in (singular, _PLURAL)
    ]
    found = [tables for tables in found if "embedding" in tables and tables["embedding"].has(*_NEEDED["embedding"])]
    if not found:
        ours = schema.version(database) is not None
        reason = "it is a database of sqlclust's" if ours else "it has no table embedding or embeddings of that project"
        raise AdoptError(path, reason=reason)
    if len(found) > 1:
        raise AdoptError(
            path, reason="it has tables of both forms, embedding and embeddings; DROP or rename one of them"
        )
    [tables] = found
    for role, table in tables.items():
        if missing := [name for name in _NEEDED[role] if not table.has(name)]:
            raise AdoptError(path, reason=f"table {table.name} has no column {', '.join(missing)}")
    return OldTables(tables, {role: table.name for role, table in tables.items()})
