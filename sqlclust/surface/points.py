"""Points, ids with their vectors, and what is near or equal among them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from sqlclust.core.clusters.medoids import medoids
from sqlclust.core.geometry.duplicates import Distinct, distinct
from sqlclust.core.geometry.groups import first_of_groups
from sqlclust.core.geometry.metrics import Float64Array, IndexArray, unit_length
from sqlclust.core.neighbors.row_neighbors import row_neighbors
from sqlclust.core.runtime.control import Control
from sqlclust.errors import HandleLostError, HandleTypeError, Id, NullIdError
from sqlclust.options import DuplicatesOptions, NeighborsOptions, PointsOptions, parse_json
from sqlclust.sqlite.database import Row
from sqlclust.store.embeddings.collecting import SAID_OF_VALUES, PointsBuilder
from sqlclust.store.embeddings.points import Points
from sqlclust.store.memory import check_duplicates, check_neighbors
from sqlclust.surface.records import AggregateFunction, Context, Handle, PointsHandle, TableFunction
from sqlclust.vectors.blobs import sqlite_type


class PointsAggregate:
    """clust_points: collects ids and vectors for the table functions."""

    def __init__(self) -> None:
        self._builder: PointsBuilder | None = None

    def step(self, embedding_id: object, vector: object, options: object = "{}") -> None:
        """Take an id and its vector; the options of the first row count."""
        self._begun(options).add(embedding_id, vector)

    def step_many(self, ids: Sequence[object], vectors: Sequence[object], options: Sequence[object] = ("{}",)) -> None:
        """Take some rows, at least one; see `surface.records.Aggregate`."""
        self._begun(options[0]).add_many(ids, vectors)

    def _begun(self, options: object) -> PointsBuilder:
        if self._builder is None:
            parsed = parse_json(PointsOptions, options)
            self._builder = PointsBuilder(keep_first=parsed.duplicates == "first", format=parsed.format)
        return self._builder

    def final(self) -> PointsHandle:
        """The handle; of no rows too."""
        return PointsHandle((self._builder or PointsBuilder()).finish())


def handle_of(value: object, function: str) -> PointsHandle:
    """The handle that clust_points gave, as the argument `points` of a function."""
    if isinstance(value, PointsHandle):
        return value
    if value is None:
        raise HandleLostError(function)
    found = "a handle of clust_texts" if isinstance(value, Handle) else sqlite_type(value)
    raise HandleTypeError(function, found=found)


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
    first = first_of_groups(group_of_row, len(groups.counts), rank)
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


POINTS = (
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
        name="clust_medoid",
        args=("id", "vector"),
        factory=MedoidAggregate,
        returns="id",
        summary="The id whose vector has the smallest sum of squared euclidean distances to the others.",
        example='SELECT clust_medoid(key, clust_vector(value)) FROM json_each(\'["[0]", "[2]", "[9]"]\') -- 1',
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
