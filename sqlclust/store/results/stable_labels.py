"""Stable labels, the option `like`: a new result's clusters keep the labels of those of an earlier result that they match.

Results that are like one another form a chain: each is like the one before. A label means one thing in a chain, so a new cluster
gets one that no result of the chain has had. Which those are has to outlast results that are deleted: each result has, with its
parameters, the first label that is free after it, `next_label`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from sqlclust import schema
from sqlclust.core.clusters.labels import NOISE
from sqlclust.core.labellings.lineage import Int64Array, Overlap
from sqlclust.core.labellings.stable_labels import stable_labels
from sqlclust.core.pipeline import Clustering
from sqlclust.core.runtime.control import Control, Progress
from sqlclust.errors import (
    Id,
    NoLabelsLeftError,
    ResultDamagedError,
    ResultOfAnotherModelError,
    UnknownResultError,
    shown,
)
from sqlclust.options import MAX_INTEGER, Options, of_part
from sqlclust.sqlite import interrupt, statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.transactions import translated_errors
from sqlclust.store.embeddings.origin import Origin
from sqlclust.store.results.listing import parameters_of, resolve_result

NEXT_LABEL = "next_label"
"""Key of the parameters of a result that is like another: above every label that it and those before it in its chain have had."""

_ELSEWHERE = NOISE - 1
"""In place of the label of a row that the earlier result has not."""


@dataclass(frozen=True, eq=False)
class EarlierLabels:
    """The labels that some rows have in an earlier result.

    Attributes:
        id: of that ClusteringResult.
        of_rows: int64 (n,), noise −1; −2 of a row that is not in it.
        clusters: int64, the labels of its clusters, ascending.
        next_label: above every label of its chain.
    """

    id: int
    of_rows: Int64Array
    clusters: Int64Array
    next_label: int

    def new_labels(self, labels: Int64Array, control: Control) -> Int64Array:
        """A label for each cluster of a labelling of the rows, so that those that were there before keep theirs.

        Args:
            labels: int64 (n,), noise −1.

        Returns:
            int64 (n_clusters,), by the clusters' labels now.

        Raises:
            NoLabelsLeftError
        """
        is_there = self.of_rows != _ELSEWHERE
        control.check()
        overlap = Overlap.of(self.of_rows[is_there], labels[is_there])
        control.check()
        clusters = np.unique(labels[labels != NOISE])
        found = stable_labels(overlap, self.clusters, clusters, self.next_label, control)
        n_new = sum(label >= self.next_label for label in found)
        if n_new and self.next_label + n_new - 1 > MAX_INTEGER:
            raise NoLabelsLeftError(self.id, next_label=self.next_label, n_new=n_new, largest=MAX_INTEGER)
        return np.array(found, dtype=np.int64)


class StableClustering(NamedTuple):
    """A clustering under the labels that it is published with, and what is recorded of them with its parameters."""

    clustering: Clustering
    recorded: dict[str, Any]


_RESULT = "SELECT id, embedding_model, algorithm, parameters FROM main.ClusteringResult WHERE id = ?"
_CLUSTERS = "SELECT label FROM main.Cluster WHERE clustering_result_id = ? ORDER BY label"
_LABELS = "SELECT embedding_id, label FROM main.EmbeddingCluster WHERE clustering_result_id = ?"


def earlier_labels(database: Database, options: Options, origin: Origin, ids: Sequence[Id]) -> EarlierLabels | None:
    """What the options of part "labels" say of the labels that rows are to keep; None if they say nothing.

    Args:
        origin: of the rows.
        ids: n of them.

    Raises:
        UnknownResultError: there is no such result.
        ResultOfAnotherModelError: it is not of the origin's model.
        ResultDamagedError: its parameters do not say which labels its chain has used.

    Cost: one read of the earlier result's rows.
    """
    said = {name: getattr(options, name) for name in of_part(type(options), "labels")}
    return _read(database, origin, ids, **said)


def _read(database: Database, origin: Origin, ids: Sequence[Id], *, like: int | None = None) -> EarlierLabels | None:
    if like is None:
        return None
    with translated_errors(database, doing="reading a result"):
        if schema.version(database) is None:  # of a source whose first result this is to be
            raise UnknownResultError(like, known=[])
        schema.check(database)
        with statements.one_moment(database):
            resolve_result(database, like)
            [row] = statements.dict_rows(database, _RESULT, (like,))
            clusters = [int(label) for (label,) in statements.all_rows(database, _CLUSTERS, (like,))]
            with statements.each_row(database, _LABELS, (like,)) as rows:
                labels: dict[Any, int] = dict(rows)
    if row["embedding_model"] != origin.embedding_model:
        raise ResultOfAnotherModelError(like, found=row["embedding_model"], expected=origin.embedding_model)
    at_least = max([*clusters, *labels.values()], default=NOISE) + 1
    try:
        next_label = next_label_of(row["algorithm"], parameters_of(row), at_least=at_least)
    except ValueError as error:
        raise ResultDamagedError(like, reason=str(error)) from None
    of_rows = (labels.get(embedding_id, _ELSEWHERE) for embedding_id in origin.embedding_ids(ids))
    return EarlierLabels(like, np.fromiter(of_rows, np.int64, len(ids)), np.array(clusters, np.int64), next_label)


def next_label_of(algorithm: str, parameters: Mapping[str, Any], *, at_least: int) -> int:
    """The first label that is free after a result.

    Args:
        algorithm: of the result. Parameters of another than ours mean whatever they mean there.
        at_least: above the labels of the result itself.

    Raises:
        ValueError: what the parameters say of it cannot be.
    """
    if algorithm != "hdbscan" or not {"like", NEXT_LABEL} & parameters.keys():
        return at_least
    for name, least in (("like", 1), (NEXT_LABEL, at_least)):
        value = parameters.get(name)
        if type(value) is not int or value < least:
            found = f"is {shown(value)}" if name in parameters else "is missing"
            raise ValueError(f"its {name} {found}, expected a whole number of at least {least}")
    return int(parameters[NEXT_LABEL])


def with_stable_labels(
    database: Database, clustering: Clustering, earlier: EarlierLabels | None, progress: Progress | None = None
) -> StableClustering:
    """The clustering under the labels that it is published with: those of the earlier result for clusters that match.

    Args:
        clustering: its rows in the order of `earlier.of_rows`.

    Raises:
        NoLabelsLeftError; StatementInterrupted
    """
    if earlier is None:
        return StableClustering(clustering, {})
    work = partial(_renumbered, clustering, earlier)
    found, _ = interrupt.run(database, work, progress)
    return found


def _renumbered(clustering: Clustering, earlier: EarlierLabels, control: Control) -> StableClustering:
    with control.phase("labels"):
        labels = earlier.new_labels(clustering.labels, control)
        n_new = int((labels >= earlier.next_label).sum())
        recorded = {"like": earlier.id, NEXT_LABEL: earlier.next_label + n_new}
        return StableClustering(clustering.renumbered(labels), recorded)


class Continuity(NamedTuple):
    """How the clusters of a result that is like another go on from those of that one.

    Attributes:
        like: the other result's id.
        n_kept: clusters under a label of it.
        n_new: clusters under another label.
        n_gone: labels of it that no cluster has now; None if it has been deleted.
    """

    like: int
    n_kept: int
    n_new: int
    n_gone: int | None


def continuity(database: Database, result_id: int) -> Continuity | None:
    """How a result goes on from the one that it is like; None if it is like none.

    Raises:
        ResultDamagedError
    """
    with translated_errors(database, doing="reading a result"), statements.one_moment(database):
        [row] = statements.dict_rows(database, _RESULT, (result_id,))
        like = parameters_of(row).get("like")
        if type(like) is not int:
            return None
        own, earlier = (
            {label for (label,) in statements.all_rows(database, _CLUSTERS, (which,))} for which in (result_id, like)
        )
        is_there = statements.first_row(database, _RESULT, (like,)) is not None
    return Continuity(like, len(own & earlier), len(own - earlier), len(earlier - own) if is_there else None)


_IS_LIKE = "iif(json_valid(r.parameters), r.parameters ->> '$.like', NULL)"
_LATEST_LIKE = f"""
SELECT max(r.id) FROM main.ClusteringResult r
WHERE r.embedding_model = ? AND r.algorithm = 'hdbscan' AND {_IS_LIKE} IS NOT NULL
"""
_OF_ITS_OWN = f"""
SELECT max(r.id) FROM main.ClusteringResult r
WHERE r.id > ? AND r.id < ? AND r.algorithm = 'hdbscan' AND {_IS_LIKE} IS NULL
  AND r.embedding_model = (SELECT embedding_model FROM main.ClusteringResult WHERE id = ?)
"""


def latest_like(database: Database, embedding_model: str) -> int | None:
    """The latest result of a model that is like another: the end of its chain. None if there is none."""
    with translated_errors(database, doing="looking for results"):
        found: int | None = statements.value(database, _LATEST_LIKE, (embedding_model,))
    return found


def passed_over(database: Database, like: int, result_id: int) -> int | None:
    """The latest result between two of a chain that has labels of its own. None if there is none."""
    with translated_errors(database, doing="reading a result"):
        found: int | None = statements.value(database, _OF_ITS_OWN, (like, result_id, result_id))
    return found
