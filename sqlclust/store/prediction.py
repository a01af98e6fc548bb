"""Prediction: labels for embeddings that are not in a result, and how near its own rows are to its clusters.

For both, the result's clusters are made again from its stored fit, its members' vectors and its parameters (`recover`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqlclust import schema
from sqlclust.core.clusters import prediction as core
from sqlclust.core.clusters.clustered_rows import ClusteredRows
from sqlclust.core.clusters.labels import NOISE
from sqlclust.core.clusters.soft_membership import NearestClusters, nearest_clusters
from sqlclust.core.geometry.duplicates import distinct
from sqlclust.core.runtime.control import Control, Progress
from sqlclust.errors import Id, ResultChangedError, ResultWithoutFitError, shown
from sqlclust.options import CutOptions
from sqlclust.sqlite import interrupt, statements
from sqlclust.sqlite.database import Database, Row
from sqlclust.sqlite.transactions import PATIENCE, translated_errors, write_transaction
from sqlclust.sqlite.values import now, stored_object
from sqlclust.store.cut import flat_clusters_of, options_of_result
from sqlclust.store.embeddings.collecting import SAID_OF_EMBEDDINGS, PointsBuilder
from sqlclust.store.embeddings.origin import Origin
from sqlclust.store.embeddings.points import Points
from sqlclust.store.fits import loading as fits
from sqlclust.store.fits.stored_fit import StoredFit
from sqlclust.store.members import member_points
from sqlclust.store.memory import check_predicting
from sqlclust.store.origins import origin_of
from sqlclust.store.read_back import check_predictions
from sqlclust.store.results.listing import resolve_result
from sqlclust.vectors.blobs import check_dimension, subject_of
from sqlclust.vectors.formats import STORED_FORMAT, FormatName


@dataclass(frozen=True, eq=False)
class Recovered:
    """A result's clusters, made again from its stored fit. They were compared with the stored labels, and are the same.

    Attributes:
        id: of the ClusteringResult.
        stored: its fit.
        points: its n members with their vectors.
        labels: int64 (n,), in the order of `points`; noise -1. The stored ones.
        probabilities: float64 (n,).
        clustered: the clusters, rows in the order of `points`; numbered from 0.
        stored_labels: int64 (n_clusters,), the stored label of each of these.
    """

    id: int
    stored: StoredFit
    points: Points
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    clustered: ClusteredRows
    stored_labels: NDArray[np.int64]

    def as_stored(self, labels: NDArray[np.int64]) -> NDArray[np.int64]:
        """The stored labels of clusters numbered from 0; noise stays -1."""
        return _named(labels, self.stored_labels)

    @property
    def unit_length(self) -> bool:
        """Whether vectors are scaled to length one before they are compared."""
        return self.stored.record.needs_unit_length


_RESULT = "SELECT parameters, clustering_fit_id FROM main.ClusteringResult WHERE id = ?"
_LABELS = "SELECT embedding_id, label FROM main.EmbeddingCluster WHERE clustering_result_id = ?"


def recover(database: Database, clustering_result_id: int, progress: Progress | None = None) -> Recovered:
    """A result's clusters from its stored fit.

    Raises:
        UnknownResultError, FitDamagedError, MembersChangedError
        ResultWithoutFitError: there is no fit to go on from.
        FitNotStoredError: there is its description only.
        ResultChangedError: the stored rows or parameters were not made by this fit, or not by these versions.
        StatementInterrupted

    Cost: one read of the members' vectors, and O(n log n).
    """
    with translated_errors(database, doing="reading a result"):
        schema.check(database)
        result_id = resolve_result(database, clustering_result_id)
        [(parameters, fit_id)] = statements.all_rows(database, _RESULT, (result_id,))
    if fit_id is None:
        raise ResultWithoutFitError(result_id)
    stored = fits.load(database, fit_id)
    options = options_of_result(result_id, parameters)
    with origin_of(database, stored.record.embedding_model) as origin:
        points = member_points(database, stored, origin, Control(progress))
        (labels, probabilities, clustered), _ = interrupt.run(
            database, lambda control: _made_again(stored, points, options, control), progress
        )
        stored_labels = _stored_labels(database, result_id, origin, points.ids, labels)
    as_stored = _named(labels, stored_labels)
    return Recovered(result_id, stored, points, as_stored, probabilities, clustered, stored_labels)


def _made_again(
    stored: StoredFit, points: Points, options: CutOptions, control: Control
) -> tuple[NDArray[np.int64], NDArray[np.float64], ClusteredRows]:
    """Labels from 0, membership strengths and clusters, rows in the order of `points`."""
    n, rank = len(points), points.rank()
    with control.phase("clusters"):
        flat = None if n == 1 else flat_clusters_of(stored.tree_of(points), options, control)
        labels, probabilities = (np.full(n, NOISE, dtype=np.int64), np.zeros(n)) if flat is None else flat.of_points()
    with control.phase("duplicates"):
        vectors = distinct(points.vectors, normalize=stored.record.needs_unit_length, control=control)
    core_distances = stored.core_distances.astype(np.float64)[rank]
    return labels, probabilities, ClusteredRows(vectors, core_distances, rank, flat)


def _stored_labels(
    database: Database, result_id: int, origin: Origin, ids: Sequence[Id], labels: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The label that each cluster is stored under; a result may have others than those from 0 (the option `like`).

    Args:
        ids: of the n rows.
        labels: int64 (n,), their clusters from 0, noise -1.

    Returns:
        int64 (n_clusters,)

    Raises:
        ResultChangedError: the stored labels group the rows otherwise.
    """
    with (
        translated_errors(database, doing="reading a result"),
        statements.each_row(database, _LABELS, (result_id,)) as stored,
    ):
        rows: dict[Any, Any] = dict(stored)
    found = [rows.pop(embedding_id, None) for embedding_id in origin.embedding_ids(ids)]
    clusters = labels.tolist()
    names: dict[int, Any] = {NOISE: NOISE}
    taken = {NOISE}
    for (cluster, label), _ in Counter(zip(clusters, found, strict=True)).most_common():
        if label is not None and cluster not in names and label not in taken:
            names[cluster] = label
            taken.add(label)
    of_rows = zip(ids, clusters, found, strict=True)
    differing = [id for id, cluster, label in of_rows if label is None or names.get(cluster) != label]
    if differing or rows:
        example = differing[0] if differing else next(iter(rows))
        count = len(differing) + len(rows)
        difference = "1 row differs" if count == 1 else f"{count:,} rows differ"
        reason = f"{difference}, such as that of embedding {shown(example)}"
        raise ResultChangedError(result_id, reason=reason)
    return np.array([names[cluster] for cluster in range(len(names) - 1)], dtype=np.int64)


def _named(labels: NDArray[np.int64], names: NDArray[np.int64]) -> NDArray[np.int64]:
    """The names of clusters numbered from 0; noise stays -1."""
    return np.append(names, NOISE)[labels]  # the last is that of noise, −1


def check_points(recovered: Recovered, points: Points) -> None:
    """Refuse points that cannot be compared with the members.

    Raises:
        DimensionMismatchError, OutOfMemoryError
    """
    if len(points):
        first = points.ids[int(points.order[0])]
        expected = recovered.points.vectors.shape[1]
        check_predicting(len(recovered.points), *points.vectors.shape)
        check_dimension(points.vectors.shape[1], expected, subject_of(first), embedding_id=first)


def predicting(recovered: Recovered, points: Points, control: Control) -> core.Prediction:
    """The work of predicting points that are checked; in `points`' order of rows, under the stored labels.

    Raises:
        ZeroVectorError
    """
    if recovered.unit_length:
        points.check_directions(control)
    found = core.predict(points.vectors, recovered.clustered, recovered.stored.record.reachability, control)
    return found._replace(labels=recovered.as_stored(found.labels))


def predict(
    database: Database, recovered: Recovered, points: Points, progress: Progress | None = None
) -> core.Prediction:
    """Labels of points; in their order of rows. Nothing is written.

    Raises:
        DimensionMismatchError, ZeroVectorError; StatementInterrupted

    Cost: O(q·n·dimension) for q points.
    """
    check_points(recovered, points)
    prediction, _ = interrupt.run(database, lambda control: predicting(recovered, points, control), progress)
    return prediction


def nearest(recovered: Recovered, *, every_row: bool, control: Control) -> tuple[NDArray[np.intp], NearestClusters]:
    """The rows that are noise, or all, in the order of ids, and the cluster each belongs to most, by its stored label."""
    order = recovered.points.order
    rows = order if every_row else order[recovered.labels[order] == NOISE]
    found = nearest_clusters(recovered.clustered, rows, recovered.stored.record.metric, control)
    return rows, found._replace(labels=recovered.as_stored(found.labels))


def others(database: Database, recovered: Recovered) -> Points:
    """The embeddings of a result's model that are not in it.

    Raises:
        PointsError: a vector cannot be used; names the id.
        OutOfMemoryError: there is no room for them; none was read.
    """
    model = recovered.stored.record.embedding_model
    with (
        translated_errors(database, doing="reading the embeddings"),
        origin_of(database, model, runs_condition=True) as origin,
    ):
        builder = PointsBuilder(format=origin.format or _format_said(database, recovered), advice=SAID_OF_EMBEDDINGS)
        count = origin.n_others(recovered.id)
        check_predicting(len(recovered.points), count, recovered.points.vectors.shape[1], to_read=True)
        with origin.other_rows(recovered.id) as rows:
            while builder.extend(rows):
                database.check_interrupt()
    return builder.finish()


def _format_said(database: Database, recovered: Recovered) -> FormatName | None:
    """What the format of the model's vectors was said to be, to the result or to the fit that it goes on from."""
    parameters = stored_object(
        statements.value(database, "SELECT parameters FROM main.ClusteringResult WHERE id = ?", (recovered.id,))
    )
    said = {values.get("format") for values in (parameters, recovered.stored.record.selection)}
    return STORED_FORMAT.name if STORED_FORMAT.name in said else None


_STORE = """
INSERT INTO main.EmbeddingPrediction (clustering_result_id, embedding_id, label, probability, predicted_at)
VALUES (?, ?, ?, ?, ?)
ON CONFLICT (embedding_id, clustering_result_id) DO UPDATE
SET label = excluded.label, probability = excluded.probability, predicted_at = excluded.predicted_at
"""


def store(database: Database, recovered: Recovered, points: Points, prediction: core.Prediction) -> None:
    """Write predictions as EmbeddingPrediction, in one transaction; newer ones take the place of older ones.

    Args:
        database: in no transaction.
        points: embeddings that are in the database, and not in the result.

    Raises:
        LockedError, DatabaseFileError; ConstraintError: the result or an embedding is gone since.
        AlteredError: a trigger or a constraint of the file changed what was written; nothing was.
    """
    with (
        origin_of(database, recovered.stored.record.embedding_model) as origin,
        write_transaction(database, doing="storing predictions", patience=PATIENCE),
    ):
        moment = now()
        ids = origin.embedding_ids(points.ids)
        origin.prepare([])(points.ids, ids)
        statements.run_many(database, _STORE, _prediction_rows(recovered.id, points, ids, prediction, moment))
        check_predictions(database, recovered.id, moment=moment, n=len(points))


def _prediction_rows(
    result_id: int, points: Points, embedding_ids: Sequence[Id], prediction: core.Prediction, moment: str
) -> Iterator[Row]:
    order = points.order
    labels, probabilities = prediction.labels[order].tolist(), prediction.probabilities[order].tolist()
    for row, label, probability in zip(order.tolist(), labels, probabilities, strict=True):
        yield result_id, embedding_ids[row], label, probability, moment
