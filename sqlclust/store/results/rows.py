"""The rows of a result as arrays, in the order of ids that its stored fit has them in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust import schema
from sqlclust.core.geometry.metrics import Float64Array
from sqlclust.errors import Id
from sqlclust.sources.registered_rows import is_registered
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.transactions import translated_errors
from sqlclust.store.results.listing import resolve_result

_MODEL = "SELECT embedding_model FROM main.ClusteringResult WHERE id = ?"
_OWN = """
SELECT embedding_id, embedding_id, label, probability, outlier_score
FROM main.EmbeddingCluster WHERE clustering_result_id = ? ORDER BY embedding_id
"""
_OF_SOURCE = """
SELECT e.item_id, ec.embedding_id, ec.label, ec.probability, ec.outlier_score
FROM main.EmbeddingCluster ec JOIN main.Embedding e ON e.id = ec.embedding_id
WHERE ec.clustering_result_id = ? ORDER BY e.item_id
"""
_REPORT = 4096
"""Rows between two looks at interrupts."""


@dataclass(frozen=True, eq=False)
class ResultRows:
    """The n rows of a result as they are stored.

    Attributes:
        ids: ascending in SQLite's order; of a source the keys of its items.
        embedding_ids: of their rows of Embedding; the ids themselves, if it is no source's.
        labels: int64 (n,), noise −1. They may have gaps (the option `like`).
        probabilities: float64 (n,), 0..1.
        outlier_scores: float64 (n,), 0..1; NaN where none is stored.
    """

    ids: Sequence[Id]
    embedding_ids: Sequence[Id]
    labels: NDArray[np.int64]
    probabilities: Float64Array
    outlier_scores: Float64Array


def result_rows(database: Database, clustering_result_id: int) -> ResultRows:
    """The rows of a result.

    Raises:
        UnknownResultError; StatementInterrupted

    Cost: one look-up for each row, of a source's two, and sorting: 0.3 s for 100,000
    (`tests/benchmarks/pictures.py`).
    """
    with translated_errors(database, doing="reading a result"):
        schema.check(database)
        result_id = resolve_result(database, clustering_result_id)
        of_source = is_registered(database, statements.value(database, _MODEL, (result_id,)))
        ids: list[Id] = []
        embedding_ids: list[Id] = [] if of_source else ids
        numbers: list[tuple[int, float, float | None]] = []
        with statements.each_row(database, _OF_SOURCE if of_source else _OWN, (result_id,)) as rows:
            while batch := list(islice(rows, _REPORT)):
                ids += [row[0] for row in batch]
                if of_source:
                    embedding_ids += [row[1] for row in batch]
                numbers += [row[2:] for row in batch]
                database.check_interrupt()
    labels, probabilities, scores = zip(*numbers, strict=True) if numbers else ((), (), ())
    return ResultRows(
        ids,
        embedding_ids,
        np.array(labels, dtype=np.int64),
        np.array(probabilities, dtype=np.float64),
        np.array(scores, dtype=np.float64),
    )


class StoredCluster(NamedTuple):
    """A cluster of a result as it is stored."""

    label: int
    persistence: float | None
    medoid_embedding_id: Id


_CLUSTERS = """
SELECT label, persistence, medoid_embedding_id FROM main.Cluster WHERE clustering_result_id = ? ORDER BY label
"""


def stored_clusters(database: Database, result_id: int) -> list[StoredCluster]:
    """The clusters of a result that is there, by label."""
    with translated_errors(database, doing="reading a result"):
        return [StoredCluster(*row) for row in statements.all_rows(database, _CLUSTERS, (result_id,))]
