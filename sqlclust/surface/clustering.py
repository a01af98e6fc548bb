"""Clustering points, and clustering a model's embeddings."""

from __future__ import annotations

from collections.abc import Iterator

from sqlclust.core.clusters.labels import NOISE
from sqlclust.core.pipeline import Clustering
from sqlclust.core.runtime.control import Control
from sqlclust.errors import ArgumentError
from sqlclust.options import FitOptions, HdbscanOptions, parse_json
from sqlclust.sqlite.database import Row
from sqlclust.store import fit as store_fit
from sqlclust.store.clustering import cluster
from sqlclust.store.embeddings.points import Points
from sqlclust.store.memory import check_memory
from sqlclust.surface.points import handle_of
from sqlclust.surface.records import Context, ScalarFunction, TableFunction
from sqlclust.vectors import blobs as vectors


def clust_hdbscan(context: Context, points: object, options: object = "{}") -> Iterator[Row]:
    """HDBSCAN of the points; a row for each."""
    handle = handle_of(points, "clust_hdbscan")
    parsed = parse_json(HdbscanOptions, options)
    if parsed not in handle.memo:
        handle.memo[parsed] = _hdbscan(context, handle.points, parsed)
    chosen, clustering = handle.memo[parsed]
    return hdbscan_rows(chosen, clustering)


def _hdbscan(context: Context, points: Points, options: HdbscanOptions) -> tuple[Points, Clustering | None]:
    n, dimension = -(-len(points) // options.downsample), points.vectors.shape[1]
    if n > 1:
        resolved, copy = options.resolved(n, dimension), 4 * n * dimension if options.downsample > 1 else 0
        check_memory(n, dimension, resolved.min_samples or 1, resolved.engine, more=copy)
    if len(points) == 0:
        return points, None

    def work(control: Control) -> tuple[Points, Clustering]:
        chosen = points.every(options.downsample, control)
        if options.needs_directions:
            chosen.check_directions(control)
        resolved = options.resolved(*chosen.vectors.shape)
        return chosen, cluster(chosen.vectors, resolved, control, rank=chosen.rank())[1]

    return context.run(work)


HDBSCAN_COLUMNS = {"id": "", "label": "INTEGER", "probability": "REAL", "outlier_score": "REAL", "medoid_id": ""}
HDBSCAN_HIDDEN_COLUMNS = {"cluster_size": "INTEGER", "persistence": "REAL"}


def hdbscan_rows(points: Points, clustering: Clustering | None) -> Iterator[Row]:
    """Rows of HDBSCAN_COLUMNS and HDBSCAN_HIDDEN_COLUMNS, in the order of ids."""
    if clustering is None:
        return
    order = points.order
    medoid_ids = [points.ids[row] for row in clustering.medoids.tolist()]
    of_clusters = zip(medoid_ids, clustering.sizes.tolist(), clustering.persistence.tolist(), strict=True)
    clusters = dict(zip(clustering.cluster_labels.tolist(), of_clusters, strict=True))
    labels = clustering.labels[order].tolist()
    probabilities = clustering.probabilities[order].tolist()
    scores = clustering.outlier_scores[order].tolist()
    for row, label, probability, score in zip(order.tolist(), labels, probabilities, scores, strict=True):
        if label == NOISE:
            yield points.ids[row], label, probability, score, None, None, None
        else:
            yield points.ids[row], label, probability, score, *clusters[label]


def clust_fit(context: Context, embedding_model: object, options: object = "{}") -> int:
    """Select, cluster and publish a model; returns the ClusteringResult id."""
    store_fit.check_top_level(context.database, "clust_fit")
    if not isinstance(embedding_model, str):
        found = vectors.sqlite_type(embedding_model)
        raise ArgumentError(
            "clust_fit", "embedding_model", found=found, expected="TEXT, the name of an embedding model"
        )
    return store_fit.fit(context.database, embedding_model, parse_json(FitOptions, options))


CLUSTERING = (
    TableFunction(
        name="clust_hdbscan",
        args=("points", "options"),
        optional=1,
        function=clust_hdbscan,
        columns=HDBSCAN_COLUMNS,
        hidden_columns=HDBSCAN_HIDDEN_COLUMNS,
        summary="HDBSCAN. A row for each point: label (−1: noise), membership strength, GLOSH outlier score and its "
        "cluster's medoid. The hidden columns cluster_size and persistence, selected by name, are the cluster's.",
        example="SELECT count(DISTINCT label) FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding), "
        "'{\"min_cluster_size\": 5}') WHERE label >= 0 -- 3",
    ),
    ScalarFunction(
        name="clust_fit",
        args=("embedding_model", "options"),
        optional=1,
        function=clust_fit,
        uses_context=True,
        returns="INTEGER",
        summary="Selects a model's embeddings, clusters them without a lock, publishes the result in one short transaction "
        "and returns its ClusteringResult id. Top level only: not inside a transaction or another statement.",
        example="SELECT clust_fit('demo', '{\"min_cluster_size\": 5}') -- 1",
    ),
)
