"""Fits in shards on a Dask cluster of this machine, a program of its own: pytest's warnings are errors, and Dask has some.

    python -m tests.distributed.dask_program FOLDER

Prints what happened as JSON. The results are in FOLDER, as .npy files.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from sqlclust.core.runtime.control import Progress
from sqlclust.distributed import running
from sqlclust.distributed.workers import DaskWorkers, Workers
from tests.distributed import faulty
from tests.distributed.dask_cluster import Cluster
from tests.distributed.small_jobs import PHASES, fit_with

_SECONDS, _GRACE = 5.0, 120.0
"""After which a worker ends itself; and that the client gives it beyond, in which another one does the task."""


def fit(path: Path, workers: Workers, progress: Progress | None = None, *, seconds: float | None = None) -> None:
    """A small fit; what it found goes into files."""
    path.mkdir()
    found = fit_with(workers, path, progress, seconds=seconds)
    np.save(path / "tree.npy", np.column_stack(found.edges))
    np.save(path / "shares.npy", np.array([found.recall, found.tree_confirmed]))


def fits(folder: Path, cluster: Cluster) -> dict[str, Any]:
    """Fits of which one worker is killed in each phase, one hangs, a file is gone, and the scheduler begins anew."""
    died = 0
    restarted: list[str] = []

    def keep(phase: str, fraction: float) -> None:
        nonlocal died
        died += cluster.renew()

    def restart(phase: str, fraction: float) -> None:
        if phase in ("route", "forest") and phase not in restarted:
            restarted.append(phase)
            cluster.restart()

    workers = DaskWorkers(cluster.address)
    facts = {"count": workers.count, "said": workers.said, "address": cluster.address}
    fit(folder / "killed", faulty.Harmed(workers, dict.fromkeys(PHASES, "die")), keep)
    fit(folder / "missing", faulty.Harmed(workers, {"search": "miss", "merge": "miss"}), keep)
    running._GRACE = _GRACE
    fit(folder / "hung", faulty.Harmed(workers, {"search": "hang"}), keep, seconds=_SECONDS)
    fit(folder / "restarted", workers, restart)
    workers.close()
    return {**facts, "died": died, "restarted": restarted}


def main(folder: Path) -> None:
    """All of it."""
    with tempfile.TemporaryDirectory() as own:
        cluster = Cluster(Path(own))
        try:
            print(json.dumps(fits(folder, cluster)))
        finally:
            cluster.end()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
