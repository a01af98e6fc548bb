"""Table functions over the points that clust_points collects. Rows come in the order of the ids."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np

from sqlclust.core.clusters.labels import NOISE
from sqlclust.core.geometry.duplicates import Distinct, distinct
from sqlclust.core.geometry.metrics import Float64Array, IndexArray, unit_length
from sqlclust.core.neighbors.row_neighbors import row_neighbors
from sqlclust.core.pipeline import Clustering
from sqlclust.core.runtime.control import Control
from sqlclust.errors import HandleLostError, HandleTypeError
from sqlclust.options import DuplicatesOptions, HdbscanOptions, NeighborsOptions, parse_json
from sqlclust.store.embeddings.points import Points
from sqlclust.store.fit import cluster
from sqlclust.store.memory import check_duplicates, check_memory, check_neighbors
from sqlclust.surface.records import Context, PointsHandle, TableFunction
from sqlclust.vectors.blobs import sqlite_type

Row = tuple[Any, ...]
OptionsT = TypeVar("OptionsT")


def handle_of(value: object, function: str) -> PointsHandle:
    """The handle that clust_points gave, as the argument `points` of a function."""
    if isinstance(value, PointsHandle):
        return value
    if value is None:
        raise HandleLostError(function)
    raise HandleTypeError(function, found=sqlite_type(value))


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
    sizes, persistence = clustering.sizes.tolist(), clustering.persistence.tolist()
    labels = clustering.labels[order].tolist()
    probabilities = clustering.probabilities[order].tolist()
    scores = clustering.outlier_scores[order].tolist()
    for row, label, probability, score in zip(order.tolist(), labels, probabilities, scores, strict=True):
        if label == NOISE:
            yield points.ids[row], label, probability, score, None, None, None
        else:
            yield points.ids[row], label, probability, score, medoid_ids[label], sizes[label], persistence[label]


def clust_duplicates(context: Context, points: object, options: object = "{}") -> Iterator[Row]:
    """Identical vectors: a row for each point that has a twin."""
    handle = handle_of(points, "clust_duplicates")
    parsed = parse_json(DuplicatesOptions, options)
    if len(handle.points) == 0:
        return iter(())
    if parsed not in handle.memo:
        found = handle.points
        check_duplicates(*found.vectors.shape)

        def work(control: Control) -> Distinct:
            if parsed.normalize:
                found.check_directions(control)
            return distinct(found.vectors, normalize=parsed.normalize, control=control)

        handle.memo[parsed] = context.run(work)
    return _duplicates_rows(handle.points, handle.memo[parsed])


def _duplicates_rows(points: Points, groups: Distinct) -> Iterator[Row]:
    rank, group_of_row = points.rank(), groups.group_of_row()
    first = np.full(len(groups.counts), -1, dtype=np.intp)
    first[group_of_row[points.order[::-1]]] = points.order[::-1]  # the last assignment, of the lowest rank, stays
    repeated = np.flatnonzero(groups.counts[group_of_row] > 1)
    for row in repeated[np.argsort(rank[repeated])].tolist():
        group = group_of_row[row]
        yield points.ids[row], points.ids[first[group]], int(groups.counts[group])


def clust_neighbors(context: Context, points: object, options: object = "{}") -> Iterator[Row]:
    """The nearest neighbours of each point, nearest first."""
    handle = handle_of(points, "clust_neighbors")
    parsed = parse_json(NeighborsOptions, options)
    if len(handle.points) == 0:
        return iter(())
    if parsed not in handle.memo:
        found = handle.points
        check_neighbors(len(found), found.vectors.shape[1], parsed.k)

        def work(control: Control) -> list[tuple[int, IndexArray, Float64Array]]:
            if unit_length(parsed.metric, normalize=parsed.normalize):
                found.check_directions(control)
            near = row_neighbors(
                found.vectors,
                parsed.k,
                metric=parsed.metric,
                normalize=parsed.normalize,
                rank=found.rank(),
                control=control,
            )
            return _checked(near, control)

        handle.memo[parsed] = context.run(work)
    return _neighbors_rows(handle.points, handle.memo[parsed])


def _checked(
    items: Iterator[tuple[int, IndexArray, Float64Array]], control: Control
) -> list[tuple[int, IndexArray, Float64Array]]:
    result = []
    for item in items:
        control.check()
        result.append(item)
    return result


def _neighbors_rows(points: Points, near: list[tuple[int, IndexArray, Float64Array]]) -> Iterator[Row]:
    for row, neighbors, distances in near:
        pairs = zip(neighbors.tolist(), distances.tolist(), strict=True)
        for place, (neighbor, distance) in enumerate(pairs, start=1):
            yield points.ids[row], place, points.ids[neighbor], distance


TABLES = (
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
    TableFunction(
        name="clust_duplicates",
        args=("points", "options"),
        optional=1,
        function=clust_duplicates,
        columns={"id": "", "representative_id": "", "copies": "INTEGER"},
        summary="Identical vectors. A row for each point that has a twin: the first id with the same vector, and how many "
        "points have it.",
        example="SELECT id, representative_id, copies FROM clust_duplicates((SELECT clust_points(key, clust_vector(value)) "
        'FROM json_each(\'["[1]", "[2]", "[1]"]\'))) WHERE id = 2 -- 2|0|2',
    ),
    TableFunction(
        name="clust_neighbors",
        args=("points", "options"),
        optional=1,
        function=clust_neighbors,
        columns={"id": "", "rank": "INTEGER", "neighbor_id": "", "distance": "REAL"},
        summary="The k nearest other points of each point, exactly, nearest first (rank 1).",
        example="SELECT neighbor_id FROM clust_neighbors((SELECT clust_points(key, clust_vector(value)) "
        'FROM json_each(\'["[1]", "[5]", "[2]"]\')), \'{"k": 1, "normalize": false}\') WHERE id = 1 -- 2',
    ),
)
