"""Which tables of a database belong together, and which of them plays which role."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sqlclust.sqlite.layout import Layout, Table

Role = Literal[
    "run", "invocation", "embedding", "fit", "result", "cluster", "assignment", "prediction", "neighbors", "map"
]

_REQUIRED: dict[Role, tuple[str, ...]] = {
    "run": ("id",),
    "invocation": ("id", "run_id"),
    "embedding": ("id", "embedding_model", "vector"),
    "fit": ("id", "embedding_model", "spanning_tree"),
    "result": ("id", "embedding_model", "parameters"),
    "cluster": ("clustering_result_id",),
    "assignment": ("embedding_id", "clustering_result_id"),
    "prediction": ("embedding_id", "clustering_result_id", "label", "probability"),
    "neighbors": ("clustering_fit_id", "part"),
    "map": ("clustering_fit_id", "xy"),
}
"""A table has a role if it has its name and these columns: `embeddings` is a name that other programs use too."""

_SINGULAR: dict[Role, str] = {
    "run": "run", "invocation": "invocation", "embedding": "embedding", "fit": "clusteringfit",
    "result": "clusteringresult", "cluster": "cluster", "assignment": "embeddingcluster",
    "prediction": "embeddingprediction", "neighbors": "clusteringfitneighbors",
    "map": "clusteringfitmap",
}  # fmt: skip
_PLURAL: dict[Role, str] = {
    "run": "runs", "invocation": "invocations", "embedding": "embeddings", "result": "clustering_results",
    "cluster": "clusters", "assignment": "embedding_clusters",
}  # fmt: skip


@dataclass(frozen=True)
class Family:
    """Tables that belong together: ours, or those of a project like the one this began with.

    Attributes:
        ours: whether the migration ledger says that they are ours.
        tables: role → table, of those that are there.
    """

    ours: bool
    tables: Mapping[Role, Table]

    def __getitem__(self, role: Role) -> Table:
        return self.tables[role]

    def get(self, *roles: Role) -> tuple[Table, ...] | None:
        """The tables of these roles; None unless all are there."""
        found = tuple(self.tables[role] for role in roles if role in self.tables)
        return found if len(found) == len(roles) else None


def families_of(layout: Layout, *, ours: bool) -> list[Family]:
    """The families of a database: ours or the old project's, and the old project's later, plural one."""
    families = []
    for names, is_ours in ((_SINGULAR, ours), (_PLURAL, False)):
        tables = {
            role: layout.tables[name]
            for role, name in names.items()
            if name in layout.tables and layout.tables[name].has(*_REQUIRED[role])
        }
        if is_ours or {"embedding", "result", "assignment"} & {*tables}:
            families.append(Family(is_ours, tables))
    return families


def has_items(embedding: Table) -> bool:
    """Whether a table of embeddings can have rows that stand for rows of sources: ours, since version 3 of the schema."""
    return embedding.stores("embedding_source", "item_id")
