"""Functions that go on from a result: labels for embeddings that are not in it, and the cluster nearest to noise."""

from __future__ import annotations

from collections.abc import Iterator

from sqlclust.errors import ArgumentError
from sqlclust.options import NearestOptions, parse_json
from sqlclust.store import prediction as store
from sqlclust.surface.records import Context, PointsHandle, TableFunction
from sqlclust.surface.tables import Row, handle_of
from sqlclust.vectors.blobs import sqlite_type


def _result_id(function: str, value: object) -> int:
    if not isinstance(value, int):
        raise ArgumentError(
            function, "clustering_result_id", found=sqlite_type(value), expected="an INTEGER, see ClusteringResult"
        )
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


PREDICTION_TABLES = (
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
)
