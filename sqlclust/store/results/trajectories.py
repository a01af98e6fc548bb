"""Trajectories: runs as sequences of clusters. The views of schema.sql say the same to any SQLite program."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from sqlclust import schema
from sqlclust.core.clusters.labels import NOISE
from sqlclust.errors import Id
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.transactions import translated_errors
from sqlclust.store.results.listing import resolve_result


class Milestone(NamedTuple):
    """A step of a run.

    Attributes:
        run_id: the run.
        sequence_number: of the step.
        embedding_id: the step's embedding.
        label: its label; −1 is noise.
        milestone: the cluster the run visited last, this step's own included; None before the first.
    """

    run_id: Id
    sequence_number: int
    embedding_id: Id
    label: int
    milestone: int | None


_STEPS = """
SELECT i.run_id, i.sequence_number, ec.embedding_id, ec.label
FROM main.EmbeddingCluster ec
JOIN main.Embedding e ON e.id = ec.embedding_id
JOIN main.Invocation i ON i.id = e.invocation_id
WHERE ec.clustering_result_id = ?
ORDER BY i.run_id, i.sequence_number
"""


def milestones(database: Database, clustering_result_id: int) -> Iterator[Milestone]:
    """The steps of every run that have an embedding in a result, run by run in the order of sequence_number.

    Noise does not end a visit: a step that is noise has the milestone of the step before.

    Raises:
        UnknownResultError: there is no such result.

    Cost: two look-ups for every row of the result, and sorting.
    """
    with translated_errors(database, doing="reading a result"):
        schema.check(database)
        result_id = resolve_result(database, clustering_result_id)
        run_before, milestone = None, None
        with statements.each_row(database, _STEPS, (result_id,)) as steps:
            for run_id, sequence_number, embedding_id, label in steps:
                if run_id != run_before:
                    run_before, milestone = run_id, None
                if label != NOISE:
                    milestone = label
                yield Milestone(run_id, sequence_number, embedding_id, label, milestone)
