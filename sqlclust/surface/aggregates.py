"""Aggregate functions. Rows whose vector or label is NULL are passed over, as SQLite's own aggregates do; only clust_points,
whose rows must all be accounted for, refuses them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.clusters.medoids import medoids
from sqlclust.core.labellings.agreement import adjusted_mutual_information, adjusted_rand_index
from sqlclust.errors import Id, NullIdError
from sqlclust.options import PointsOptions, parse_json
from sqlclust.store.embeddings.collecting import SAID_OF_VALUES, PointsBuilder
from sqlclust.surface.records import AggregateFunction, PointsHandle
from sqlclust.vectors import blobs as vectors


class PointsAggregate:
    """clust_points: collects ids and vectors for the table functions."""

    def __init__(self) -> None:
        self._builder: PointsBuilder | None = None

    def step(self, embedding_id: object, vector: object, options: object = "{}") -> None:
        """Take an id and its vector; the options of the first row count."""
        if self._builder is None:
            parsed = parse_json(PointsOptions, options)
            self._builder = PointsBuilder(keep_first=parsed.duplicates == "first", format=parsed.format)
        self._builder.add(embedding_id, vector)

    def final(self) -> PointsHandle:
        """The handle; of no rows too."""
        return PointsHandle((self._builder or PointsBuilder()).finish())


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


class MedoidAggregate:
    """clust_medoid: the id of the vector with the smallest sum of squared euclidean distances to the others."""

    def __init__(self) -> None:
        self._builder = PointsBuilder(advice=SAID_OF_VALUES)
        self._row = 0

    def step(self, embedding_id: object, vector: object) -> None:
        """Take an id and its vector.

        Raises:
            VectorFormatError: the vectors look like another format than float32.
        """
        self._row += 1
        if vector is None:
            return
        if embedding_id is None:
            raise NullIdError(row=self._row)
        self._builder.add(embedding_id, vector)

    def final(self) -> Id | None:
        """The id; of equally good ones the first in SQLite's order. NULL of no vectors."""
        points = self._builder.finish()
        if not len(points):
            return None
        every = np.arange(len(points))
        row: int = medoids(
            points.vectors,
            np.zeros(len(points), dtype=np.int64),
            groups=every,
            counts=np.ones(len(points), dtype=np.intp),
            rank=points.rank(),
        ).tolist()[0]
        return points.ids[row]


class _Agreement:
    """Two labels of each thing. Labels are INTEGER, REAL, TEXT or BLOB; every different value is a label."""

    def __init__(self) -> None:
        self._codes: tuple[dict[object, int], dict[object, int]] = ({}, {})
        self._labels: tuple[list[int], list[int]] = ([], [])

    def step(self, a: object, b: object) -> None:
        """Take a thing's two labels."""
        if a is None or b is None:
            return
        for label, codes, labels in zip((a, b), self._codes, self._labels, strict=True):
            labels.append(codes.setdefault(label, len(codes)))

    def _arrays(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        a, b = self._labels
        return np.array(a, dtype=np.int64), np.array(b, dtype=np.int64)


class AriAggregate(_Agreement):
    """clust_ari: adjusted Rand index."""

    def final(self) -> float | None:
        """The index; NULL of nothing."""
        a, b = self._arrays()
        return adjusted_rand_index(a, b) if len(a) else None


class AmiAggregate(_Agreement):
    """clust_ami: adjusted mutual information."""

    def final(self) -> float | None:
        """The information; NULL of nothing."""
        a, b = self._arrays()
        return adjusted_mutual_information(a, b) if len(a) else None


AGGREGATES = (
    AggregateFunction(
        name="clust_points",
        args=("id", "vector", "options"),
        optional=1,
        factory=PointsAggregate,
        returns="handle",
        summary="Collects ids and vectors for the table functions and checks them: no NULL or repeated id, no vector of another "
        "dimension, no NaN, none that looks like another format than float32 unless that is said. Its value is a handle that "
        "lives only inside the expression it is made in.",
        example="SELECT count(*) FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding)) -- 40",
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
    AggregateFunction(
        name="clust_medoid",
        args=("id", "vector"),
        factory=MedoidAggregate,
        returns="id",
        summary="The id whose vector has the smallest sum of squared euclidean distances to the others.",
        example='SELECT clust_medoid(key, clust_vector(value)) FROM json_each(\'["[0]", "[2]", "[9]"]\') -- 1',
    ),
    AggregateFunction(
        name="clust_ari",
        args=("a", "b"),
        factory=AriAggregate,
        returns="REAL",
        summary="Adjusted Rand index of two labellings: 1 when they agree up to names, about 0 by chance.",
        example="SELECT clust_ari(value / 2, value / 2 + 7) FROM json_each('[0, 1, 2, 3]') -- 1.0",
    ),
    AggregateFunction(
        name="clust_ami",
        args=("a", "b"),
        factory=AmiAggregate,
        returns="REAL",
        summary="Adjusted mutual information of two labellings: 1 when they agree up to names, about 0 by chance.",
        example="SELECT clust_ami(value / 2, value / 2 + 7) FROM json_each('[0, 1, 2, 3]') -- 1.0",
    ),
)
