"""Publishing a result: it, its clusters and its assignments in one short transaction, whole or not at all."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from typing import Any, NamedTuple

from sqlclust.core.geometry.metrics import IndexArray
from sqlclust.core.pipeline import Clustering
from sqlclust.core.runtime.control import Control
from sqlclust.errors import ConstraintError, Id, LockedError, MembersGoneError, UnknownFitError
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database, Row
from sqlclust.sqlite.transactions import write_transaction
from sqlclust.sqlite.values import now
from sqlclust.store.embeddings.ids import sorted_order
from sqlclust.store.embeddings.origin import Origin
from sqlclust.store.embeddings.points import Points
from sqlclust.store.embeddings.snapshot import Snapshot
from sqlclust.store.fits import storing as fits
from sqlclust.store.fits.loading import known_fits
from sqlclust.store.fits.storing import NewFit
from sqlclust.store.read_back import ExpectedResult, check_result, refuse_vanished

_BATCH = 5_000
"""Rows between two looks at progress and interrupts while publishing: some hundredths of a second."""

_COMMIT_PATIENCE, _BREATH = 2.0, 0.5
"""Seconds that COMMIT waits for readers, while new ones wait behind it; and that those get to read before it is tried again."""


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
"""
_FINISH = """
UPDATE main.ClusteringResult SET completed_at = ? WHERE id = ?
"""
_RESULT_ROW = """
SELECT r.id, r.embedding_model, r.parameters, r.started_at, r.completed_at, f.id, f.corpus_hash, f.timings
FROM main.ClusteringResult r LEFT JOIN main.ClusteringFit f ON f.id = r.clustering_fit_id
WHERE r.id = ?
"""
_FIT_MODEL = "SELECT embedding_model FROM main.ClusteringFit WHERE id = ?"
_FIRST_MISSING = """
SELECT ec.embedding_id, count(*) OVER ()
FROM main.EmbeddingCluster ec LEFT JOIN main.Embedding e ON e.id = ec.embedding_id
WHERE ec.clustering_result_id = ? AND e.id IS NULL
ORDER BY ec.embedding_id LIMIT 1
"""


@dataclass(frozen=True, eq=False)
class NewResult:
    """A result that is to be published.

    Attributes:
        points: the embeddings that were clustered.
        clustering: their clusters, rows in the order of `points`.
        fit: a new one, which is stored with the result; or the id of a stored one.
        parameters: the options as they ran.
        started_at: when the work began.
        origin: where the embeddings are.
    """

    points: Points
    clustering: Clustering
    fit: NewFit | int
    parameters: dict[str, Any]
    started_at: str
    origin: Origin

    @cached_property
    def embedding_ids(self) -> Sequence[Id]:
        """Of the points."""
        return self.origin.embedding_ids(self.points.ids)

    @cached_property
    def _order(self) -> IndexArray:
        """Their order."""
        ids = self.embedding_ids
        return self.points.order if ids is self.points.ids else sorted_order(ids)

    @cached_property
    def ordered_ids(self) -> tuple[list[Id], list[Id]]:
        """The ids of the points, and those of their embeddings, in the order of the latter."""
        rows = self._order.tolist()
        ids = [self.points.ids[row] for row in rows]
        return ids, ids if self.embedding_ids is self.points.ids else [self.embedding_ids[row] for row in rows]

    @property
    def medoids(self) -> list[Id]:
        """Ids of the points that are medoids, by label."""
        return [self.points.ids[row] for row in self.clustering.medoids.tolist()]

    def cluster_rows(self, result_id: int) -> Iterator[Row]:
        """Rows of Cluster, by label."""
        ids, clustering = self.embedding_ids, self.clustering
        medoid_ids = [ids[row] for row in clustering.medoids.tolist()]
        labels, sizes = clustering.cluster_labels.tolist(), clustering.sizes.tolist()
        columns = zip(labels, medoid_ids, sizes, clustering.persistence.tolist(), strict=True)
        for label, medoid_id, size, persistence in columns:
            yield result_id, label, medoid_id, size, persistence

    def assignment_columns(self) -> tuple[list[Any], ...]:
        """embedding_id, label, probability and outlier_score, in the order of ids.

        Inserting in the order of the primary key is more than twice as fast.
        """
        order, clustering = self._order, self.clustering
        return (
            self.ordered_ids[1],
            clustering.labels[order].tolist(),
            clustering.probabilities[order].tolist(),
            clustering.outlier_scores[order].tolist(),
        )

    def assignment_rows(self, result_id: int) -> Iterator[Row]:
        """Rows of EmbeddingCluster, in the order of ids."""
        return zip(repeat(result_id, len(self.points)), *self.assignment_columns(), strict=True)


class Published(NamedTuple):
    """The ids of a ClusteringResult that was written and of its ClusteringFit.

    Both are known without a look at the file: once it is published, nothing that fails any more makes it an error.
    """

    result_id: int
    fit_id: int


def publish(
    database: Database,
    result: NewResult,
    *,
    snapshot: Snapshot,
    patience: float,
    control: Control,
) -> Published:
    """Write a result with its clusters and rows in one transaction.

    Without WAL a reader holds up the end of it, and new readers wait behind. So after two seconds it steps back and lets
    them read. Then it writes everything again, until `patience` is over.

    Args:
        database: in no transaction.
        snapshot: the embeddings as they were read; they must still be that.
        patience: seconds to wait for other writers.

    Raises:
        MembersGoneError, MembersReplacedError: embeddings are not any more what they were when they were read.
        AlteredError: a trigger or a constraint of the file changed what was written.
        LockedError: another writer did not finish in time.
        UnknownFitError: the stored fit was deleted meanwhile.
        OutOfMemoryError, DatabaseFileError.
        (in every case nothing was written)
        CommitUnknownError: the file failed at the very end; the result is there whole or not at all.

    Cost: O(n log n); the write lock is held while this is written. If others committed since the embeddings were read, see
    `Snapshot`.
    """
    began = time.monotonic()
    writer = _Writer(database, result)
    while True:
        snapshot.check(control)
        left = max(0.0, patience - (time.monotonic() - began))
        try:
            if _written(writer, snapshot, left, control):
                return writer.published
        except LockedError:
            waited = time.monotonic() - began
            if waited >= patience:
                raise LockedError(waited=waited, doing="publishing") from None
            time.sleep(_BREATH)
            database.check_interrupt()


def _written(writer: _Writer, snapshot: Snapshot, patience: float, control: Control) -> bool:
    """Try once; False if the embeddings have to be compared first, without the lock."""
    with (
        write_transaction(
            writer.database,
            doing="publishing",
            patience=patience,
            commit_patience=min(_COMMIT_PATIENCE, patience),
            let_readers_read=True,
            is_there=writer.is_there,
        ),
        control.phase("publish"),
    ):
        writer.database.check_interrupt()  # the next statement would forget an interrupt that came between two
        holds = snapshot.holds()
        if holds:
            writer.write(control)
    return holds


class _Writer:
    """Writes a result, inside a write transaction. `published` says which, once it is written."""

    def __init__(self, database: Database, result: NewResult) -> None:
        self.database, self.published = database, Published(0, 0)
        self._result, self._parameters = result, json.dumps(result.parameters)
        self._write_rows = result.origin.prepare(result.medoids)
        self._row_as_written: Row | None = None

    def write(self, control: Control) -> None:
        """Write everything, and look whether it is there as it was written."""
        database, result, fit = self.database, self._result, self._result.fit
        self._write_rows(*result.ordered_ids)
        fit_id = fit if isinstance(fit, int) else fits.insert(database, *fit)
        row = (self._model_of(fit_id), self._parameters, fit_id, result.started_at)
        result_id = statements.value(database, _INSERT_RESULT, row)
        if result_id is None:
            refuse_vanished(database, "ClusteringResult")
        self.published = Published(result_id, fit_id)
        with _explaining_missing_members(result):
            statements.run_many(database, _INSERT_CLUSTER, result.cluster_rows(result_id))
            _insert_assignments(database, result_id, result.assignment_columns(), control)
        self._check_members()
        expected = ExpectedResult(
            row,
            result.cluster_rows(result_id),
            len(result.clustering.sizes),
            result.assignment_rows(result_id),
            len(result.points),
        )
        check_result(database, result_id, expected)
        statements.run(database, _FINISH, (now(), result_id))
        if not isinstance(fit, int):
            fits.finish(database, fit_id, fit.record, publish=control.elapsed())
        self._row_as_written = self._row()

    def _model_of(self, fit_id: int) -> str:
        """A fit's embedding model, if it is still there: a stored fit may have been deleted since it was read."""
        model: str | None = statements.value(self.database, _FIT_MODEL, (fit_id,))
        if model is None:
            raise UnknownFitError(fit_id, known=known_fits(self.database))
        return model

    def _check_members(self) -> None:
        """Stands in for foreign keys, which may be off on a host's connection."""
        if not statements.pragma(self.database, "foreign_keys"):
            missing = statements.first_row(self.database, _FIRST_MISSING, (self.published.result_id,))
            if missing is not None:
                raise MembersGoneError(embedding_id=missing[0], missing=missing[1])

    def is_there(self) -> bool:
        """Whether the result is there: its row, not that of another process which got the same id after ours failed."""
        return self._row() == self._row_as_written

    def _row(self) -> Row | None:
        return statements.first_row(self.database, _RESULT_ROW, (self.published.result_id,))


def _insert_assignments(database: Database, result_id: int, columns: tuple[list[Any], ...], control: Control) -> None:
    total = len(columns[0])
    for start in range(0, total, _BATCH):
        rows = list(zip(*(column[start : start + _BATCH] for column in columns), strict=True))
        statements.insert_rows(database, _INSERT_ASSIGNMENT, f"({result_id:d}, ?, ?, ?, ?)", rows)
        control.at(min(start + _BATCH, total) / total)
        database.check_interrupt()


@contextmanager
def _explaining_missing_members(result: NewResult) -> Iterator[None]:
    """Turn a failed foreign key into MembersGoneError, if that is what it is."""
    try:
        yield
    except ConstraintError:
        missing = result.origin.missing(result.points.ids)
        if missing:
            raise MembersGoneError(embedding_id=missing[0], missing=len(missing)) from None
        raise
