"""Fits in shards of a database's vectors, and what they published beside what a fit in memory did."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import apsw
import pytest

from sqlclust.bindings.apsw.database import database_of
from sqlclust.core.runtime.control import Progress
from sqlclust.distributed import publishing
from sqlclust.distributed.plan import Plan
from sqlclust.distributed.publishing import Distribution, fit_with_workers
from sqlclust.distributed.workers import ExecutorWorkers
from sqlclust.options import FitOptions, parse
from tests.distributed.small_jobs import real_like, sharding

VECTORS = real_like(700, 16)


def fit(
    con: apsw.Connection,
    *,
    executor: Executor | None = None,
    told: list[str] | None = None,
    progress: Progress | None = None,
    announce: Callable[[Plan], None] | None = None,
    **options: Any,
) -> int:
    """A fit in shards by an executor of threads.

    `shards`, `overlap` and `memory_is_said` are as `small_jobs.sharding` has them; `where`, `parameters` and `runs_condition` as
    `fit_with_workers`; others are options of a fit.
    """
    divided = {name: options.pop(name) for name in ("overlap", "memory_is_said") if name in options}
    said: dict[str, Any] = {name: options.pop(name) for name in ("where", "parameters") if name in options}
    said["runs_condition"] = options.pop("runs_condition", True)
    spool = str(Path(con.db_filename("main")).parent / "spool")
    with ThreadPoolExecutor(2) as threads:
        workers = ExecutorWorkers(executor or threads, count=2)
        how = Distribution(workers, spool, sharding(options.pop("shards", 1), **divided), announce=announce)
        said |= {"tell": None if told is None else told.append, "progress": progress}
        model = options.pop("model", "demo")
        return fit_with_workers(database_of(con), model, parse(FitOptions, options), how, **said)


def before(patched: pytest.MonkeyPatch, name: str, act: Callable[[], None]) -> None:
    """Have something done whenever `publishing` calls a function of this name, before that."""
    original = getattr(publishing, name)

    def acting(*arguments: Any, **more: Any) -> Any:
        act()
        return original(*arguments, **more)

    patched.setattr(publishing, name, acting)


def rows(con: apsw.Connection, sql: str, *bindings: Any) -> list[Any]:
    """What a query gives."""
    return con.execute(sql, bindings).fetchall()


ASSIGNED = """
SELECT embedding_id, label, probability, outlier_score FROM EmbeddingCluster WHERE clustering_result_id = ? ORDER BY 1
"""
CLUSTERS = "SELECT label, medoid_embedding_id, size, persistence FROM Cluster WHERE clustering_result_id = ? ORDER BY 1"
FIT = """
SELECT embedding_model, selection, metric, normalize, min_samples, alpha, seed, n, n_distinct, dimension, corpus_hash, recall,
    row_ids, row_checks, core_distances, spanning_tree
FROM ClusteringFit WHERE id = (SELECT clustering_fit_id FROM ClusteringResult WHERE id = ?)
"""
NEIGHBORS = """
SELECT part, exponent, n, n_distinct, n_neighbors, row_vectors, row_hashes, counts, list_lengths, neighbors, squared_distances
FROM ClusteringFitNeighbors
WHERE clustering_fit_id = (SELECT clustering_fit_id FROM ClusteringResult WHERE id = ?) ORDER BY part
"""


def check_same(con: apsw.Connection, sharded: int, whole: int) -> None:
    """Two results are the same but for the engine that is named, and so are their stored fits."""
    for sql in (ASSIGNED, CLUSTERS, FIT, NEIGHBORS):
        assert rows(con, sql, sharded) == rows(con, sql, whole), sql
        assert rows(con, sql, sharded), sql
    ours, theirs = (dict(rows(con, _PARAMETERS, result)) for result in (sharded, whole))
    for said in (ours, theirs):
        for name in ("engine", "shards", "overlap", "recall", "update"):
            said.pop(name, None)
    assert ours == theirs


_PARAMETERS = "SELECT said.key, said.value FROM ClusteringResult r, json_each(r.parameters) said WHERE r.id = ?"
