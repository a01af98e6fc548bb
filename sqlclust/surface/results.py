"""Functions over results (ClusteringResult): predict from one, what changed since, compare two, follow runs through one."""

from __future__ import annotations

from collections.abc import Iterator

from sqlclust.errors import ArgumentError
from sqlclust.options import NearestOptions, parse_json
from sqlclust.sqlite.database import Row
from sqlclust.store import prediction as store
from sqlclust.store.results import comparison, staleness, trajectories
from sqlclust.surface.points import handle_of
from sqlclust.surface.records import Context, PointsHandle, TableFunction
from sqlclust.vectors.blobs import sqlite_type


def _result_id(function: str, value: object, argument: str = "clustering_result_id") -> int:
    if not isinstance(value, int):
        raise ArgumentError(function, argument, found=sqlite_type(value), expected="an INTEGER, see ClusteringResult")
    return value


def clust_predict(context: Context, clustering_result_id: object, points: object) -> Iterator[Row]:
    """Which clusters of a result new points fall into; a row for each."""
    handle: PointsHandle = handle_of(points, "clust_predict")
    result_id = _result_id("clust_predict", clustering_result_id)
    key = ("clust_predict", result_id)
    if key not in handle.memo:
        recovered = store.recover(context.database, result_id)
        store.check_points(recovered, handle.points)
        found = context.run(lambda control: store.predicting(recovered, handle.points, control))
        handle.memo[key] = (found, [recovered.points.ids[row] for row in found.neighbors.tolist()])
    prediction, neighbor_ids = handle.memo[key]
    order = handle.points.order
    columns = (prediction.labels, prediction.probabilities, prediction.distances)
    labels, probabilities, distances = (column[order].tolist() for column in columns)
    for row, label, probability, distance in zip(order.tolist(), labels, probabilities, distances, strict=True):
        yield handle.points.ids[row], label, probability, neighbor_ids[row], distance


def clust_nearest(context: Context, clustering_result_id: object, options: object = "{}") -> Iterator[Row]:
    """The cluster that each noise row of a result is nearest to; a row for each."""
    parsed = parse_json(NearestOptions, options)
    recovered = store.recover(context.database, _result_id("clust_nearest", clustering_result_id))
    rows, found = context.run(lambda control: store.nearest(recovered, every_row=parsed.rows == "all", control=control))
    ids = recovered.points.ids
    columns = (rows, recovered.labels[rows], found.labels, found.strengths, found.exemplars, found.distances)
    for row, label, nearest, strength, exemplar, distance in zip(*(c.tolist() for c in columns), strict=True):
        if nearest < 0:
            yield ids[row], label, None, None, None, None
        else:
            yield ids[row], label, nearest, strength, ids[exemplar], distance


def clust_staleness(context: Context, clustering_result_id: object) -> Iterator[Row]:
    """What has changed since a result was made; one row. A stored `where` is not run from here."""
    found = staleness.staleness(context.database, _result_id("clust_staleness", clustering_result_id))
    yield found[1:]  # the id is the argument already


def clust_lineage(context: Context, clustering_result_id_a: object, clustering_result_id_b: object) -> Iterator[Row]:
    """What became of the clusters of one result in another."""
    a = _result_id("clust_lineage", clustering_result_id_a, "clustering_result_id_a")
    b = _result_id("clust_lineage", clustering_result_id_b, "clustering_result_id_b")
    yield from comparison.lineage(context.database, a, b)


def clust_milestone(context: Context, clustering_result_id: object) -> Iterator[Row]:
    """The cluster that each run visited last, at each of its steps."""
    yield from trajectories.milestones(context.database, _result_id("clust_milestone", clustering_result_id))


RESULTS = (
    TableFunction(
        name="clust_predict",
        args=("clustering_result_id", "points"),
        function=clust_predict,
        columns={"id": "", "label": "INTEGER", "probability": "REAL"},
        hidden_columns={"neighbor_id": "", "distance": "REAL"},
        summary="Labels for embeddings that are not in a result, by all of its parameters, epsilon included; nothing else "
        "changes. The hidden columns are the nearest member by mutual reachability, whose cluster it is, and its distance.",
        example="SELECT label = (SELECT label FROM EmbeddingCluster WHERE clustering_result_id = 1 AND embedding_id = 1) "
        "FROM clust_predict(1, (SELECT clust_points(id, vector) FROM Embedding WHERE id = 1)) -- 1",
    ),
    TableFunction(
        name="clust_nearest",
        args=("clustering_result_id", "options"),
        optional=1,
        function=clust_nearest,
        columns={"id": "", "label": "INTEGER", "nearest_label": "INTEGER", "strength": "REAL"},
        hidden_columns={"exemplar_id": "", "distance": "REAL"},
        summary="For each noise row of a result the cluster it belongs to most, and how strongly (hdbscan's membership vectors); "
        "label stays what it is, NULL is no cluster at all. The hidden columns are that cluster's nearest exemplar, a densest "
        "member, and its distance.",
        example="SELECT count(*), min(label), count(nearest_label) FROM clust_nearest(1) -- 4|-1|4",
    ),
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
