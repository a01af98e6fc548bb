"""Scalar functions. As with SQLite's own, a NULL argument gives NULL."""

from __future__ import annotations

import numpy as np

from sqlclust import __version__
from sqlclust.core.geometry.metrics import METRICS, distance, metric_of, unit
from sqlclust.errors import ArgumentError, shown
from sqlclust.options import FitOptions, parse_json
from sqlclust.store import fit as store_fit
from sqlclust.surface.records import Context, ScalarFunction
from sqlclust.vectors import blobs as vectors
from sqlclust.vectors.formats import FORMAT_NAMES, to_stored


def clust_version() -> str:
    """The version of sqlclust."""
    return __version__


def clust_vector(value: object, format: object = "json") -> bytes | None:
    """A vector BLOB from a JSON array, or from a BLOB of another format."""
    if value is None or format is None:
        return None
    for name in FORMAT_NAMES:
        if format == name:
            return to_stored(value, name, "clust_vector")
    raise ArgumentError("clust_vector", "format", found=shown(format), expected=" or ".join(map(repr, FORMAT_NAMES)))


def clust_to_json(vector: object) -> str | None:
    """A JSON array from a vector BLOB."""
    return None if vector is None else vectors.to_json(vectors.decode(vector, "clust_to_json: the vector"))


def clust_dimension(vector: object) -> int | None:
    """How many numbers a vector has."""
    if vector is None:
        return None
    return len(vectors.check_blob(vector, "clust_dimension: the vector")) // vectors.ITEM_BYTES


def clust_norm(vector: object) -> float | None:
    """Euclidean length of a vector, in float64."""
    if vector is None:
        return None
    return float(np.linalg.norm(vectors.decode(vector, "clust_norm: the vector").astype(np.float64)))


def clust_normalize(vector: object) -> bytes | None:
    """The vector scaled to length one."""
    if vector is None:
        return None
    decoded = vectors.decode(vector, "clust_normalize: the vector")
    vectors.check_direction(decoded, "clust_normalize: the vector")
    return vectors.encode(unit(decoded[None])[0])


def clust_distance(a: object, b: object, metric: object = "euclidean") -> float | None:
    """Distance between two vectors, in float64."""
    if a is None or b is None or metric is None:
        return None
    if metric not in METRICS:
        raise ArgumentError("clust_distance", "metric", found=shown(metric), expected=" or ".join(map(repr, METRICS)))
    first = vectors.decode(a, "clust_distance: the first vector")
    second = vectors.decode(b, "clust_distance: the second vector")
    vectors.check_dimension(len(second), len(first), "clust_distance: the second vector")
    if metric_of(metric).unit_length:
        vectors.check_direction(first, "clust_distance: the first vector")
        vectors.check_direction(second, "clust_distance: the second vector")
    return distance(first, second, metric)


def clust_fit(context: Context, embedding_model: object, options: object = "{}") -> int:
    """Select, cluster and publish a model; returns the ClusteringResult id."""
    store_fit.check_top_level(context.database, "clust_fit")
    if not isinstance(embedding_model, str):
        found = vectors.sqlite_type(embedding_model)
        raise ArgumentError(
            "clust_fit", "embedding_model", found=found, expected="TEXT, the name of an embedding model"
        )
    return store_fit.fit(context.database, embedding_model, parse_json(FitOptions, options))


SCALARS = (
    ScalarFunction(
        name="clust_version",
        function=clust_version,
        returns="TEXT",
        summary="The version of sqlclust.",
        example=f"SELECT clust_version() -- {__version__}",
        innocuous=True,
    ),
    ScalarFunction(
        name="clust_vector",
        args=("value", "format"),
        optional=1,
        function=clust_vector,
        returns="BLOB",
        summary="A vector (little-endian float32) from a JSON array of numbers, or from a BLOB in another format, such as "
        "'float64' (the formats of clust_points).",
        example="SELECT hex(clust_vector('[1, 2]')) -- 0000803F00000040",
        innocuous=True,
    ),
    ScalarFunction(
        name="clust_to_json",
        args=("vector",),
        function=clust_to_json,
        returns="TEXT",
        summary="A JSON array of a vector's numbers, the shortest that give the same float32 back.",
        example="SELECT clust_to_json(x'0000803fcdcccc3d') -- [1.0, 0.1]",
        innocuous=True,
    ),
    ScalarFunction(
        name="clust_dimension",
        args=("vector",),
        function=clust_dimension,
        returns="INTEGER",
        summary="How many numbers a vector has.",
        example="SELECT clust_dimension(x'0000803f0000803f') -- 2",
        innocuous=True,
    ),
    ScalarFunction(
        name="clust_norm",
        args=("vector",),
        function=clust_norm,
        returns="REAL",
        summary="A vector's euclidean length.",
        example="SELECT clust_norm(clust_vector('[3, 4]')) -- 5.0",
        innocuous=True,
    ),
    ScalarFunction(
        name="clust_normalize",
        args=("vector",),
        function=clust_normalize,
        returns="BLOB",
        summary="A vector scaled to length one; a zero vector is an error.",
        example="SELECT clust_to_json(clust_normalize(clust_vector('[3, 4]'))) -- [0.6, 0.8]",
        innocuous=True,
    ),
    ScalarFunction(
        name="clust_distance",
        args=("a", "b", "metric"),
        optional=1,
        function=clust_distance,
        returns="REAL",
        summary="Distance of two vectors: 'euclidean' (the default) or 'cosine' (1 − cos of their angle).",
        example="SELECT clust_distance(clust_vector('[3, 0]'), clust_vector('[0, 4]')) -- 5.0",
        innocuous=True,
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
