"""Comparing two results: what they have in common, how far they agree, and what became of each cluster."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sqlclust import schema
from sqlclust.core.clusters.labels import NOISE
from sqlclust.core.labellings.agreement import adjusted_mutual_information, adjusted_rand_index
from sqlclust.core.labellings.lineage import EVENTS, Descent, Int64Array, Overlap
from sqlclust.core.labellings.lineage import lineage as lineage_of
from sqlclust.core.runtime.control import Control
from sqlclust.sqlite import interrupt, statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.transactions import translated_errors
from sqlclust.store.results.listing import resolve_result


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two results, a and b, of embeddings they have in common.

    Attributes:
        a: ClusteringResult id.
        b: the other's.
        n_a: rows of a.
        n_b: rows of b.
        n_common: embeddings that are in both.
        ari: adjusted Rand index of their labels, noise being a label of its own; None if there are none.
        ami: adjusted mutual information likewise.
        noise_a: of those in common, noise in a.
        noise_b: noise in b.
        noise_both: noise in both.
        lineage: as in `core.labellings.lineage.lineage`.
        overlap: as in `core.labellings.lineage.Overlap`.
    """

    a: int
    b: int
    n_a: int
    n_b: int
    n_common: int
    ari: float | None
    ami: float | None
    noise_a: int
    noise_b: int
    noise_both: int
    lineage: list[Descent]
    overlap: Overlap

    @property
    def noise_agreement(self) -> float | None:
        """Rows that are noise in both as a share of those that are noise in either; None if there are none."""
        either = self.noise_a + self.noise_b - self.noise_both
        return self.noise_both / either if either else None

    def events(self) -> dict[str, int]:
        """How many of each event there are."""
        events = [row.event for row in self.lineage]
        return {event: events.count(event) for event in EVENTS}


# as the view ClusterOverlap, but a result may be compared with itself
_OVERLAP = """
SELECT a.label, b.label, count(*)
FROM main.EmbeddingCluster a
JOIN main.EmbeddingCluster b ON b.embedding_id = a.embedding_id AND b.clustering_result_id = :b
WHERE a.clustering_result_id = :a
GROUP BY 1, 2
ORDER BY 1, 2
"""
_LABELS = "SELECT label FROM main.Cluster WHERE clustering_result_id = ? ORDER BY 1"
_SIZE = "SELECT count(*) FROM main.EmbeddingCluster WHERE clustering_result_id = ?"


def _overlap(database: Database, a: int, b: int) -> Overlap:
    rows = statements.all_rows(database, _OVERLAP, {"a": a, "b": b})
    columns = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    return Overlap(*columns)


def _labels(database: Database, clustering_result_id: int) -> Int64Array:
    return np.array([row[0] for row in statements.all_rows(database, _LABELS, (clustering_result_id,))], dtype=np.int64)


def lineage(database: Database, a: int | str, b: int | str) -> list[Descent]:
    """What became of the clusters of result a in result b, by the embeddings that both have.

    See `core.labellings.lineage.lineage`.

    Args:
        a: a ClusteringResult id, or as `store.results.listing.resolve_result` takes it.
        b: likewise.

    Raises:
        UnknownResultError; StatementInterrupted

    Cost: a look-up in b for every row of a, in SQL.
    """
    with translated_errors(database, doing="comparing results"):
        schema.check(database)
        id_a, id_b = resolve_result(database, a), resolve_result(database, b)
        overlap = _overlap(database, id_a, id_b)
        labels_a, labels_b = _labels(database, id_a), _labels(database, id_b)
    rows, _ = interrupt.run(database, lambda control: lineage_of(overlap, labels_a, labels_b, control))
    return rows


def compare(database: Database, a: int | str, b: int | str) -> Comparison:
    """Everything about two results, read at one moment; arguments and errors as of `lineage`."""
    with translated_errors(database, doing="comparing results"), statements.one_moment(database):
        schema.check(database)
        id_a, id_b = resolve_result(database, a), resolve_result(database, b)
        overlap = _overlap(database, id_a, id_b)
        labels_a, labels_b = _labels(database, id_a), _labels(database, id_b)
        n_a, n_b = (int(statements.value(database, _SIZE, (result,))) for result in (id_a, id_b))

    def work(control: Control) -> tuple[list[Descent], float | None, float | None]:
        rows = lineage_of(overlap, labels_a, labels_b, control)
        if not len(overlap.size):
            return rows, None, None
        labellings = overlap.labellings()
        control.check()
        ari = adjusted_rand_index(*labellings)
        control.check()
        return rows, ari, adjusted_mutual_information(*labellings, control)

    (rows, ari, ami), _ = interrupt.run(database, work)
    noise_a, noise_b = overlap.label_a == NOISE, overlap.label_b == NOISE
    return Comparison(
        a=id_a,
        b=id_b,
        n_a=n_a,
        n_b=n_b,
        n_common=int(overlap.size.sum()),
        ari=ari,
        ami=ami,
        noise_a=int(overlap.size[noise_a].sum()),
        noise_b=int(overlap.size[noise_b].sum()),
        noise_both=int(overlap.size[noise_a & noise_b].sum()),
        lineage=rows,
        overlap=overlap,
    )
