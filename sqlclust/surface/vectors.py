"""Functions of vectors, one by one or their mean."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.metrics import METRICS, distance, metric_of, unit
from sqlclust.errors import ArgumentError, shown
from sqlclust.surface.records import AggregateFunction, ScalarFunction
from sqlclust.vectors import blobs as vectors
from sqlclust.vectors.formats import FORMAT_NAMES, to_stored


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


class CentroidAggregate:
    """clust_centroid: the mean, summed in float64."""

    def __init__(self) -> None:
        self._total: NDArray[np.float64] | None = None
        self._count = 0

    def step(self, vector: object) -> None:
        """Add a vector."""
        if vector is None:
            return
        decoded = vectors.decode(vector, "clust_centroid: a vector")
        if self._total is None:
            self._total = np.zeros(len(decoded))
        vectors.check_dimension(len(decoded), len(self._total), "clust_centroid: a vector")
        self._total += decoded
        self._count += 1

    def final(self) -> bytes | None:
        """The mean as a vector; NULL of no vectors."""
        return None if self._total is None else vectors.encode(self._total / self._count)


VECTORS = (
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
    AggregateFunction(
        name="clust_centroid",
        args=("vector",),
        factory=CentroidAggregate,
        returns="BLOB",
        summary="The mean of vectors.",
        example="SELECT clust_to_json(clust_centroid(clust_vector(value))) "
        'FROM json_each(\'["[0, 0]", "[1, 4]"]\') -- [0.5, 2.0]',
    ),
)
