"""Fits in shards as Python calls them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from sqlclust.core.runtime.control import Progress
from sqlclust.core.runtime.threads import worker_count
from sqlclust.distributed.plan import Sharding
from sqlclust.distributed.publishing import Distribution, fit_with_workers
from sqlclust.distributed.workers import workers_of
from sqlclust.errors import ArgumentError, shown
from sqlclust.options import FitOptions
from sqlclust.sqlite.database import Database


def fit_by(
    database: Database,
    embedding_model: str,
    options: FitOptions,
    executor: object,
    said: Mapping[str, Any],
    progress: Progress | None,
) -> int:
    """As `sqlclust.fit` with an executor: fit all embeddings of a model in shards.

    Args:
        executor: who fits: a number of processes, an executor of `concurrent.futures`, a `distributed.Client` or the address of a
            Dask scheduler. Processes are started afresh, so a script that asks for some has `if __name__ == "__main__"`.
        said: the arguments `spool`, a folder for the workers' files, which all of them see: the same call goes on where it
            stopped; `memory`, bytes that each worker may take, None for one shard of everything; `overlap`, cells that each
            vector goes to; and `where`, None.

    Raises:
        ArgumentError: one of them cannot be; and as `fit_with_workers`.
    """
    spool, memory, overlap = said["spool"], said["memory"], said["overlap"]
    if said["where"] is not None:
        raise ArgumentError(
            "fit", "where", found=shown(said["where"]), expected="None with an executor, which fits all"
        )
    if not isinstance(spool, str | os.PathLike):
        raise ArgumentError(
            "fit", "spool", found=shown(spool), expected="with an executor, a folder for what workers write"
        )
    for name, value, least in (("memory", memory, 1), ("overlap", overlap, 1)):
        if value is not None and (not isinstance(value, int) or value < least):
            raise ArgumentError("fit", name, found=shown(value), expected=f"an integer from {least}")
    workers = workers_of(executor, memory=memory)
    try:
        sharding = Sharding(memory=memory, overlap=overlap, threads=max(1, worker_count() // workers.count))
        return fit_with_workers(
            database, embedding_model, options, Distribution(workers, os.fspath(spool), sharding), progress=progress
        )
    finally:
        workers.close()
