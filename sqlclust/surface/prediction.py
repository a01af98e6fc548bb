"""Functions that go on from a result: labels for embeddings that are not in it."""

from __future__ import annotations

from collections.abc import Iterator

from sqlclust.errors import ArgumentError
from sqlclust.store import prediction as store
from sqlclust.surface.records import Context, PointsHandle, TableFunction
from sqlclust.surface.tables import Row, handle_of
from sqlclust.vectors import sqlite_type


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
        recovered = store.recover(context.connection, result_id)
        store.check_points(recovered, handle.points)
        found = context.run(lambda control: store.predicting(recovered, handle.points, control))
        handle.memo[key] = (found, [recovered.points.ids[row] for row in found.neighbors.tolist()])
    prediction, neighbor_ids = handle.memo[key]
    order = handle.points.order
    columns = (prediction.labels, prediction.probabilities, prediction.distances)
    labels, probabilities, distances = (column[order].tolist() for column in columns)
    for row, label, probability, distance in zip(order.tolist(), labels, probabilities, distances, strict=True):
        yield handle.points.ids[row], label, probability, neighbor_ids[row], distance


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
)
