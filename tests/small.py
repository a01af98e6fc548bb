"""Small seeded data for tests: clusters that HDBSCAN finds with min_cluster_size 5, and embeddings of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import nullcontext

import apsw
import numpy as np
from numpy.typing import NDArray

NOTE = "CREATE TABLE note AS SELECT id AS slug, 'text ' || id AS body, vector AS embedding FROM Embedding"
"""A table as another program might have it, for the example of clust_source."""

MAP = """
INSERT INTO ClusteringFitMap (clustering_fit_id, method, parameters, versions, timings, n, xy)
SELECT id, 'PCA', '{}', '{}', '{}', n, CAST(x'0000803f000000c0' || zeroblob(8 * n - 8) AS BLOB) FROM ClusteringFit
WHERE spanning_tree IS NOT NULL
"""
"""A map of every stored fit, as another program might have made it: the first row at (1, -2), all others at (0, 0)."""

Id = int | float | str | bytes


def blob(*numbers: float) -> bytes:
    """A stored vector of these numbers."""
    return np.array(numbers, dtype="<f4").tobytes()


def clustered(
    n: int = 40, *, clusters: int = 3, noise: int = 4, dimension: int = 8, seed: int = 7
) -> NDArray[np.float32]:
    """float32 (n, dimension): row i belongs to cluster i % clusters, but for the last `noise` rows, which are far from all."""
    rng = np.random.default_rng(seed)
    centers = np.eye(clusters, dimension)
    near = centers[np.arange(n - noise) % clusters] + 0.03 * rng.normal(size=(n - noise, dimension))
    far = -np.eye(noise, dimension)[:, ::-1] - 0.5 * np.eye(noise, dimension)
    return np.vstack([near, far]).astype(np.float32)


def add_embeddings(
    con: apsw.Connection,
    vectors: NDArray[np.float32],
    *,
    model: str = "demo",
    ids: Iterable[Id] | None = None,
    invocation_ids: Sequence[Id | None] | None = None,
) -> None:
    """Store vectors as embeddings, with ids from 1 by default."""
    identifiers = list(ids) if ids is not None else list(range(1, len(vectors) + 1))
    invocations = list(invocation_ids) if invocation_ids is not None else [None] * len(vectors)
    # each row by itself would wait for the disk; a host's trace would see the transaction
    with con if con.exec_trace is None else nullcontext():
        con.executemany(
            "INSERT INTO Embedding (id, invocation_id, embedding_model, vector) VALUES (?, ?, ?, ?)",
            [
                (identifier, invocation, model, vector.tobytes())
                for identifier, invocation, vector in zip(identifiers, invocations, vectors, strict=True)
            ],
        )
