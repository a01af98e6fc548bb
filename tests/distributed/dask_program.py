"""Fits in shards on a Dask cluster of this machine, a program of its own: pytest's warnings are errors, and Dask has some.

    python -m tests.distributed.dask_program FOLDER

Prints what happened as JSON. The results are in FOLDER, as .npy files.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np

from sqlclust.core.runtime.control import Control, Progress
from sqlclust.distributed.fit import fit_in_shards
from sqlclust.distributed.running import Limits, Runner
from sqlclust.distributed.spool import is_whole
from sqlclust.distributed.tasks import Task
from sqlclust.distributed.workers import DaskWorkers
from tests.distributed import faulty
from tests.distributed.small_jobs import job, real_like


def fit(path: Path, workers: DaskWorkers, progress: Progress | None = None) -> None:
    """A small fit; its tree goes into a file."""
    path.mkdir()
    found = fit_in_shards(
        job(path / "vectors", real_like(1500), shards=3), workers, str(path / "spool"), Control(progress)
    )
    np.save(path / "tree.npy", np.column_stack(found.edges))


def harming(cluster: Any, client: Any, done: list[str]) -> Progress:
    """Progress that kills a worker while vectors are routed and while forests are made, and restarts the scheduler between."""

    def harm(phase: str, fraction: float) -> None:
        if phase in done:
            return
        done.append(phase)
        if phase in ("route", "forest"):
            os.kill(next(iter(cluster.workers.values())).pid, signal.SIGKILL)
        if phase == "search":
            client.restart(wait_for_workers=False)

    return harm


def main(folder: Path) -> None:
    """All of it."""
    from distributed import Client, LocalCluster

    phases: list[str] = []
    cluster: Any = LocalCluster(  # type: ignore[no-untyped-call]
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", silence_logs=50
    )
    with cluster:
        workers = DaskWorkers(cluster.scheduler_address)
        facts = {"count": workers.count, "said": workers.said, "address": cluster.scheduler_address}
        fit(folder / "calm", workers)
        workers.close()
        with Client(cluster, set_as_default=False) as client:  # type: ignore[no-untyped-call]
            fit(folder / "harmed", DaskWorkers(client), harming(cluster, client, phases))
            task = Task("a", faulty.hang_once, ("a",), (str(folder / "a"),))
            Runner(str(folder), DaskWorkers(client), Limits(threads=1, seconds=1.0), Control()).run("work", [task])
    print(json.dumps({**facts, "phases": phases, "hung": is_whole(str(folder / "a"))}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
