"""Functions over results (ClusteringResult): comparing two, following runs through one, and whether it is still fresh."""

from __future__ import annotations

from collections.abc import Iterator

from sqlclust.errors import ArgumentError
from sqlclust.store.results import comparison as compare
from sqlclust.store.results import staleness, trajectories
from sqlclust.surface.records import Context, TableFunction
from sqlclust.surface.tables import Row
from sqlclust.vectors.blobs import sqlite_type


def _result_id(function: str, value: object, argument: str = "clustering_result_id") -> int:
    if not isinstance(value, int):
        raise ArgumentError(function, argument, found=sqlite_type(value), expected="an INTEGER, see ClusteringResult")
    return value


def clust_staleness(context: Context, clustering_result_id: object) -> Iterator[Row]:
    """What has changed since a result was made; one row. A stored `where` is not run from here."""
    found = staleness.staleness(context.database, _result_id("clust_staleness", clustering_result_id))
    yield found[1:]  # the id is the argument already


def clust_lineage(context: Context, clustering_result_id_a: object, clustering_result_id_b: object) -> Iterator[Row]:
    """What became of the clusters of one result in another."""
    a = _result_id("clust_lineage", clustering_result_id_a, "clustering_result_id_a")
    b = _result_id("clust_lineage", clustering_result_id_b, "clustering_result_id_b")
    yield from compare.lineage(context.database, a, b)


def clust_milestone(context: Context, clustering_result_id: object) -> Iterator[Row]:
    """The cluster that each run visited last, at each of its steps."""
    yield from trajectories.milestones(context.database, _result_id("clust_milestone", clustering_result_id))


RESULT_TABLES = (
    TableFunction(
        name="clust_staleness",
        args=("clustering_result_id",),
        function=clust_staleness,
        columns={
            "embedding_model": "TEXT",
            "n_rows": "INTEGER",
            "n_new": "INTEGER",
            "n_missing": "INTEGER",
            "n_changed": "INTEGER",
            "new_id": "",
            "missing_id": "",
            "changed_id": "",
            "is_stale": "INTEGER",
            "remark": "TEXT",
        },
        summary="One row: makes a result's selection again and counts the embeddings that are new, missing or have another "
        "vector now, with one id of each. NULL is not known, and remark says why: a stored where filter is not run from SQL.",
        example="SELECT n_rows, n_new, n_missing, n_changed, is_stale FROM clust_staleness(1) -- 40|0|0|0|0",
    ),
    TableFunction(
        name="clust_lineage",
        args=("clustering_result_id_a", "clustering_result_id_b"),
        function=clust_lineage,
        columns={
            "event": "TEXT",
            "label_a": "INTEGER",
            "label_b": "INTEGER",
            "overlap": "INTEGER",
            "jaccard": "REAL",
            "share_of_a": "REAL",
            "share_of_b": "REAL",
            "size_a": "INTEGER",
            "size_b": "INTEGER",
        },
        summary="What became of each cluster of result a in result b, of the embeddings in both: match (paired by maximum "
        "total overlap), split (b's cluster, at least half from label_a), merge (a's cluster, at least half in label_b), "
        "birth, death.",
        example="SELECT event, count(*), sum(overlap) FROM clust_lineage(1, 1) GROUP BY event -- match|3|36",
    ),
    TableFunction(
        name="clust_milestone",
        args=("clustering_result_id",),
        function=clust_milestone,
        columns={
            "run_id": "",
            "sequence_number": "INTEGER",
            "embedding_id": "",
            "label": "INTEGER",
            "milestone": "INTEGER",
        },
        summary="Each clustered embedding of a run with the cluster the run visited last, run by run: noise does not end a "
        "visit, and before the first cluster it is NULL. As the view ClusterMilestone, which any SQLite reads.",
        example="SELECT count(*) FROM clust_milestone(1) -- 0",
    ),
)
