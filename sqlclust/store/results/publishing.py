"""Publishing a result: it, its clusters and its assignments in one short transaction, whole or not at all."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from itertools import repeat
from typing import Any

from sqlclust.core.pipeline import Clustering
from sqlclust.core.runtime.control import Control
from sqlclust.errors import ConstraintError, LockedError, MembersGoneError, UnknownFitError
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.transactions import write_transaction
from sqlclust.sqlite.values import now
from sqlclust.store.embeddings.points import Points
from sqlclust.store.embeddings.snapshot import Snapshot
from sqlclust.store.fits import storing as fits
from sqlclust.store.fits.blobs import FitBlobs
from sqlclust.store.fits.record import FitRecord
from sqlclust.store.read_back import check_result, refuse_vanished

_BATCH = 5_000
"""Rows between two looks at progress and interrupts while publishing: some hundredths of a second."""

_COMMIT_PATIENCE, _BREATH = 2.0, 0.5
"""Seconds COMMIT waits for readers who are there while it keeps new ones waiting, and lets those read before it tries again."""


_INSERT_RESULT = """
INSERT INTO main.ClusteringResult (embedding_model, algorithm, parameters, clustering_fit_id, started_at)
VALUES (?, 'hdbscan', ?, ?, ?)
RETURNING id
"""
_INSERT_CLUSTER = """
INSERT INTO main.Cluster (clustering_result_id, label, medoid_embedding_id, size, persistence) VALUES (?, ?, ?, ?, ?)
"""
_INSERT_ASSIGNMENT = """
INSERT INTO main.EmbeddingCluster (clustering_result_id, embedding_id, label, probability, outlier_score)
VALUES ({:d}, ?, ?, ?, ?)
"""
_FINISH = """
UPDATE main.ClusteringResult SET completed_at = ? WHERE id = ?
"""
_RESULT_ROW = """
SELECT r.id, r.embedding_model, r.parameters, r.started_at, r.completed_at, f.id, f.corpus_hash, f.timings
FROM main.ClusteringResult r LEFT JOIN main.ClusteringFit f ON f.id = r.clustering_fit_id
WHERE r.id = ?
"""
_FIT_IDS = "SELECT id FROM main.ClusteringFit ORDER BY id"
_FIRST_MISSING = """
SELECT ec.embedding_id, count(*) OVER ()
FROM main.EmbeddingCluster ec LEFT JOIN main.Embedding e ON e.id = ec.embedding_id
WHERE ec.clustering_result_id = ? AND e.id IS NULL
ORDER BY ec.embedding_id LIMIT 1
"""


def publish(
    database: Database,
    points: Points,
    clustering: Clustering,
    fit: FitRecord | int,
    parameters: dict[str, Any],
    *,
    snapshot: Snapshot,
    blobs: FitBlobs | None = None,
    started_at: str,
    patience: float,
    control: Control,
) -> int:
    """Write a result with its clusters and rows in one transaction and return its ClusteringResult id.

    Without WAL a reader holds up the end of it, and new readers wait behind; so after two seconds it steps back to let
    them read, and writes everything again, until `patience` is over.

    Args:
        database: in no transaction.
        fit: what to store of a new fit, with `blobs` if it is to be cut again; or the id of a stored one.
        parameters: as they ran.
        snapshot: watches the points since they were read.
        patience: seconds to wait for other writers.

    Raises:
        MembersGoneError, MembersReplacedError: embeddings are not any more what they were when they were read.
        AlteredError: a trigger or a constraint of the file changed what was written.
        LockedError: another writer did not finish in time.
        UnknownFitError: the stored fit was deleted meanwhile.
        OutOfMemoryError, DatabaseFileError.
        (in every case nothing was written)
        CommitUnknownError: the file failed at the very end; the result is there whole or not at all.

    Cost: O(n log n); the write lock is held while this is written. If others committed since the points were read, see
    `Snapshot`.
    """
    began = time.monotonic()
    writing = _Writing(database, points, clustering, fit, parameters, blobs, started_at)
    while True:
        snapshot.check(control)
        waited = time.monotonic() - began
        try:
            with (
                write_transaction(
                    database,
                    doing="publishing",
                    patience=max(0.0, patience - waited),
                    commit_patience=min(_COMMIT_PATIENCE, max(0.0, patience - waited)),
                    let_readers_read=True,
                    is_there=writing.is_there,
                ),
                control.phase("publish"),
            ):
                _check_interrupt(database)  # the next statement would forget an interrupt that came between two
                holds = snapshot.holds()
                if holds:
                    writing.write(control)
        except LockedError:
            waited = time.monotonic() - began
            if waited >= patience:
                raise LockedError(waited=waited, doing="publishing") from None
            time.sleep(_BREATH)
            _check_interrupt(database)
        else:
            if holds:
                return writing.result_id


class _Writing:
    """What publishing writes, inside a write transaction."""

    def __init__(
        self,
        database: Database,
        points: Points,
        clustering: Clustering,
        fit: FitRecord | int,
        parameters: dict[str, Any],
        blobs: FitBlobs | None,
        started_at: str,
    ) -> None:
        self._database, self._points, self._clustering = database, points, clustering
        self._fit, self._blobs = fit, blobs
        self._parameters, self._started_at = json.dumps(parameters), started_at
        self._written: tuple[Any, ...] | None = None
        self.result_id = 0

    def write(self, control: Control) -> None:
        database, points, fit = self._database, self._points, self._fit
        fit_id = fit if isinstance(fit, int) else fits.insert(database, fit, self._blobs)
        model = statements.value(database, "SELECT embedding_model FROM main.ClusteringFit WHERE id = ?", (fit_id,))
        if model is None:  # a stored fit that was deleted since it was read
            raise UnknownFitError(fit_id, known=[int(row[0]) for row in statements.all_rows(database, _FIT_IDS)])
        result = (model, self._parameters, fit_id, self._started_at)
        result_id = statements.value(database, _INSERT_RESULT, result)
        if result_id is None:
            refuse_vanished(database, "ClusteringResult")
        self.result_id = result_id
        # foreign keys may be off on a host's connection; then the check below stands in for them
        with _explaining_missing_members(database, points):
            statements.run_many(database, _INSERT_CLUSTER, _cluster_rows(self.result_id, points, self._clustering))
            _insert_assignments(database, self.result_id, _assignment_columns(points, self._clustering), control)
        if not statements.pragma(database, "foreign_keys"):
            missing = statements.first_row(database, _FIRST_MISSING, (self.result_id,))
            if missing is not None:
                raise MembersGoneError(embedding_id=missing[0], missing=missing[1])
        check_result(
            database,
            self.result_id,
            result=result,
            clusters=_cluster_rows(self.result_id, points, self._clustering),
            n_clusters=len(self._clustering.sizes),
            assignments=_assignment_rows(self.result_id, points, self._clustering),
            n=len(points),
        )
        statements.run(database, _FINISH, (now(), self.result_id))
        if isinstance(fit, FitRecord):
            fits.finish(database, fit_id, fit, publish=control.elapsed())
        self._written = self._row()

    def is_there(self) -> bool:
        """Whether the result is there: its row, not that of another process which got the same id after ours failed."""
        return self._row() == self._written

    def _row(self) -> tuple[Any, ...] | None:
        found: tuple[Any, ...] | None = statements.first_row(self._database, _RESULT_ROW, (self.result_id,))
        return found


def _cluster_rows(result_id: int, points: Points, clustering: Clustering) -> Iterator[tuple[Any, ...]]:
    medoid_ids = [points.ids[row] for row in clustering.medoids.tolist()]
    columns = zip(medoid_ids, clustering.sizes.tolist(), clustering.persistence.tolist(), strict=True)
    for label, (medoid_id, size, persistence) in enumerate(columns):
        yield result_id, label, medoid_id, size, persistence


def _assignment_columns(points: Points, clustering: Clustering) -> tuple[list[Any], ...]:
    """embedding_id, label, probability and outlier_score in the order of ids: inserting in the order of the primary key is more
    than twice as fast."""
    order = points.order
    return (
        [points.ids[row] for row in order.tolist()],
        clustering.labels[order].tolist(),
        clustering.probabilities[order].tolist(),
        clustering.outlier_scores[order].tolist(),
    )


def _assignment_rows(result_id: int, points: Points, clustering: Clustering) -> Iterator[tuple[Any, ...]]:
    return zip(repeat(result_id, len(points)), *_assignment_columns(points, clustering), strict=True)


def _insert_assignments(database: Database, result_id: int, columns: tuple[list[Any], ...], control: Control) -> None:
    total = len(columns[0])
    for start in range(0, total, _BATCH):
        rows = zip(*(column[start : start + _BATCH] for column in columns), strict=True)
        statements.run_many(database, _INSERT_ASSIGNMENT.format(result_id), rows)
        control.at(min(start + _BATCH, total) / total)
        _check_interrupt(database)


def _check_interrupt(database: Database) -> None:
    database.check_interrupt()


class _explaining_missing_members:  # noqa: N801 - a context manager, used like a function
    """Turn a failed foreign key into MembersGoneError, if that is what it is."""

    def __init__(self, database: Database, points: Points) -> None:
        self._database, self._points = database, points

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        if isinstance(error, ConstraintError):
            exists = "SELECT 1 FROM main.Embedding WHERE id = ?"
            missing = [i for i in self._points.ids if statements.first_row(self._database, exists, (i,)) is None]
            if missing:
                raise MembersGoneError(embedding_id=missing[0], missing=len(missing)) from None
