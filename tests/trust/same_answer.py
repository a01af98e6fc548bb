"""Data on which an answer is easily another one, and answers in a form in which the slightest difference shows."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import apsw
import numpy as np

import sqlclust
from sqlclust.core.geometry.metrics import Float32Array, IndexArray
from sqlclust.core.pipeline import Clustering
from tests.small import Id, add_embeddings

LARGE = 1800
"""Rows of `hard` of which more than 1,371 differ: from there on the approximate engine searches several lists (`FULL` in
core/approximate.py), and from 938 on the exact one does for its first limits.
"""


def hard(n: int, dimension: int = 8, seed: int = 0) -> Float32Array:
    """float32 (n, dimension) in random order: a grid, where everything ties; clusters of very different density; noise; identical
    vectors; and vectors that differ from another in the last bit of every number.
    """
    rng = np.random.default_rng(seed)
    third = n // 3
    grid = rng.integers(0, 3, (third, dimension)) + 5.0
    of = rng.integers(0, 5, third)
    dense = 4 * rng.normal(size=(5, dimension))[of] + 10.0 ** -of[:, None] * rng.normal(size=(third, dimension))
    noise = rng.uniform(-12, 12, (n - 2 * third, dimension))
    vectors = np.vstack([grid, dense, noise]).astype(np.float32)
    few = n // 12
    vectors[rng.choice(n, few, replace=False)] = vectors[rng.integers(0, n, few)]
    vectors[rng.choice(n, few, replace=False)] = np.nextafter(vectors[rng.integers(0, n, few)], np.float32(99))
    shuffled: Float32Array = rng.permutation(vectors)
    return shuffled


class Answer(NamedTuple):
    """A clustering by ids. Floats are compared with ==, so to the last bit.

    Attributes:
        rows: id → label, probability, outlier score.
        clusters: medoid's id, size, persistence of each label.
    """

    rows: dict[Id, tuple[int, float, float]]
    clusters: list[tuple[Id, int, float]]

    def renamed(self, names: Mapping[Id, Id]) -> Answer:
        """The same with other ids."""
        return Answer(
            {names[i]: row for i, row in self.rows.items()},
            [(names[medoid], size, persistence) for medoid, size, persistence in self.clusters],
        )

    def without_medoids(self) -> tuple[dict[Id, tuple[int, float, float]], list[tuple[int, float]]]:
        """What does not depend on the order of the ids: of equally good medoids the first id is taken."""
        return self.rows, [(size, persistence) for _, size, persistence in self.clusters]


def of_array(clustering: Clustering, ids: Sequence[Id]) -> Answer:
    """The answer that `sqlclust.hdbscan` gave for rows of these ids."""
    columns = clustering.labels.tolist(), clustering.probabilities.tolist(), clustering.outlier_scores.tolist()
    medoids = [ids[row] for row in clustering.medoids.tolist()]
    return Answer(
        dict(zip(ids, zip(*columns, strict=True), strict=True)),
        list(zip(medoids, clustering.sizes.tolist(), clustering.persistence.tolist(), strict=True)),
    )


def of_rows(connection: apsw.Connection, source: str) -> Answer:
    """The answer in the rows of a table function; `source` is what stands after FROM."""
    found: list[Any] = connection.execute(
        f"SELECT id, label, probability, outlier_score, medoid_id, cluster_size, persistence FROM {source}"
    ).fetchall()
    clusters = sorted({(label, *cluster) for _, label, _, _, *cluster in found if label >= 0}, key=lambda row: row[0])
    assert [label for label, *_ in clusters] == list(range(len(clusters)))
    return Answer({row[0]: row[1:4] for row in found}, [cluster[1:] for cluster in clusters])


def of_result(connection: apsw.Connection, result_id: int) -> Answer:
    """The answer that is stored as a result."""
    rows = connection.execute(
        "SELECT embedding_id, label, probability, outlier_score FROM EmbeddingCluster WHERE clustering_result_id = ?",
        (result_id,),
    )
    clusters: list[Any] = connection.execute(
        "SELECT label, medoid_embedding_id, size, persistence FROM Cluster WHERE clustering_result_id = ? ORDER BY label",
        (result_id,),
    ).fetchall()
    assert [label for label, *_ in clusters] == list(range(len(clusters)))
    return Answer({row[0]: row[1:] for row in rows}, [cluster[1:] for cluster in clusters])


def parameters(connection: apsw.Connection, result_id: int) -> str:
    """A result's parameters as they are stored."""
    text: str = connection.execute("SELECT parameters FROM ClusteringResult WHERE id = ?", (result_id,)).get
    return text


FIT_COLUMNS = (
    "embedding_model, selection, metric, normalize, min_samples, alpha, engine, recall, seed, n, n_distinct, dimension, "
    "corpus_hash, versions, timings ->> '$.measured.tree_confirmed' AS tree_confirmed, row_ids, "
    "row_checks, core_distances, spanning_tree"
)


def tables(connection: apsw.Connection) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that fits and cuts have written, but for times."""
    return {
        "results": connection.execute(
            "SELECT id, embedding_model, algorithm, parameters, clustering_fit_id FROM ClusteringResult ORDER BY id"
        ).fetchall(),
        "fits": connection.execute(f"SELECT id, {FIT_COLUMNS} FROM ClusteringFit ORDER BY id").fetchall(),
        "clusters": connection.execute("SELECT * FROM Cluster ORDER BY clustering_result_id, label").fetchall(),
        "rows": connection.execute(
            "SELECT *, typeof(embedding_id) FROM EmbeddingCluster ORDER BY clustering_result_id, embedding_id"
        ).fetchall(),
    }


@contextlib.contextmanager
def opened(path: Path) -> Iterator[apsw.Connection]:
    """A database that is there."""
    connection = sqlclust.connect(str(path), create=False)
    try:
        yield connection
    finally:
        connection.close()


@contextlib.contextmanager
def database(
    vectors: Float32Array,
    ids: Sequence[Id],
    *,
    order: IndexArray | None = None,
    path: Path | str = ":memory:",
    pragmas: Mapping[str, object] = {},
) -> Iterator[apsw.Connection]:
    """A database of ours with these embeddings of model 'demo'.

    Args:
        order: in which the rows are inserted.
        pragmas: set before anything is written.
    """
    connection = sqlclust.connect(str(path))
    try:
        for name, value in pragmas.items():
            connection.execute(f"PRAGMA {name} = {value!r}").fetchall()
        sqlclust.initialize(connection)
        rows = np.arange(len(ids)) if order is None else order
        with connection:
            add_embeddings(connection, vectors[rows], ids=[ids[row] for row in rows.tolist()])
        yield connection
    finally:
        connection.close()
