"""Fits in shards as Python calls them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from sqlclust.core.runtime.control import Progress
from sqlclust.distributed.plan import Sharding
from sqlclust.distributed.publishing import Distribution, fit_with_workers
from sqlclust.distributed.workers import memory_of, workers_of
from sqlclust.errors import ArgumentError, shown
from sqlclust.options import FitOptions, parse
from sqlclust.sqlite.database import Database


def fit_by(
    database: Database,
    embedding_model: str,
    options: Mapping[str, Any],
    executor: object,
    said: Mapping[str, Any],
    progress: Progress | None,
) -> int:
    """As `sqlclust.fit` with an executor: fit in shards.

    Args:
        options: those of `sqlclust.fit`, and besides `memory`, bytes that each worker may take, None for one shard of everything,
            by default its share of what is free, or of a Dask worker's limit (`workers.memory_of`);
            and `overlap`, cells that each vector goes to, 3 by default.
        executor: who fits: a number of processes, an executor of `concurrent.futures`, a `distributed.Client` or the address of a
            Dask scheduler. Processes are started afresh, so a script that asks for some has `if __name__ == "__main__"`.
        said: the arguments `spool`, a folder for the workers' files, which all of them see: the same call goes on where it
            stopped; `where` and `parameters`.

    Raises:
        ArgumentError: one of them cannot be; and as `fit_with_workers`.
    """
    spool = said["spool"]
    if executor is None:
        raise ArgumentError("fit", "spool", found=shown(spool), expected="none without an executor, who writes there")
    sharded: dict[str, Any] = {"memory": None, "overlap": 3}
    sharded |= {name: options[name] for name in sharded if name in options}
    fitting = parse(FitOptions, {name: value for name, value in options.items() if name not in sharded})
    if not isinstance(spool, str | os.PathLike) or not os.fspath(spool) or "\0" in os.fspath(spool):
        raise ArgumentError(
            "fit", "spool", found=shown(spool), expected="a folder for what workers write, since there is an executor"
        )
    for name, value in sharded.items():
        if (value is not None or name == "overlap") and (not isinstance(value, int) or value < 1):
            raise ArgumentError("fit", name, found=shown(value), expected="an integer from 1")
    workers = workers_of(executor, memory=sharded["memory"])
    try:
        is_said = "memory" in options
        if not is_said:
            sharded["memory"] = memory_of(workers)
        sharding = Sharding(**sharded, memory_is_said=is_said, threads=workers.threads)
        how = Distribution(workers, os.fspath(spool), sharding)
        selecting: dict[str, Any] = {"where": said["where"], "parameters": said["parameters"], "runs_condition": True}
        return fit_with_workers(database, embedding_model, fitting, how, progress=progress, **selecting)
    finally:
        workers.close()
