"""Small fits in shards for tests: vectors in a folder, a job, and what an executor of threads makes of it."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from sqlclust.core.geometry.metrics import Float32Array
from sqlclust.core.pipeline import ReachabilityParameters
from sqlclust.core.runtime.control import Control, Progress
from sqlclust.distributed.fit import Job, ShardedFit, fit_in_shards
from sqlclust.distributed.folder_rows import FolderRows
from sqlclust.distributed.plan import Sharding
from sqlclust.distributed.workers import ExecutorWorkers, ProcessWorkers, Workers
from sqlclust.vectors.folders import NpyFolder
from tests.benchmarks.data import embeddings

PARAMETERS = ReachabilityParameters(5, "cosine")


def folder_of(path: Path, vectors: Float32Array, *, files: int = 3) -> FolderRows:
    """Vectors as a folder of .npy files."""
    path.mkdir(parents=True)
    for number, part in enumerate(np.array_split(vectors, files)):
        np.save(path / f"{number:03d}.npy", part)
    return FolderRows(NpyFolder.found(path))


def sharding(shards: int | None = 1, **said: object) -> Sharding:
    """How small fits are divided, unless it is said otherwise."""
    return Sharding(**{"shards": shards, "threads": 1, "range_rows": 400, **said})  # type: ignore[arg-type]


def job(path: Path, vectors: Float32Array, **said: object) -> Job:
    """A fit of vectors, which are written to a folder; `said` as `sharding` has it, and `parameters`."""
    parameters = said.pop("parameters", PARAMETERS)
    assert isinstance(parameters, ReachabilityParameters)
    return Job(folder_of(path, vectors), parameters, 0, sharding(**said))  # type: ignore[arg-type]


def fitted(path: Path, vectors: Float32Array, *, threads: int = 2, **said: object) -> ShardedFit:
    """A fit in shards by an executor of threads; the spool is `path / "spool"`."""
    with ThreadPoolExecutor(threads) as executor:
        workers = ExecutorWorkers(executor, count=threads)
        return fit_in_shards(job(path / "vectors", vectors, **said), workers, str(path / "spool"), Control())


def files_in(spool: Path) -> Path:
    """The folder of the one fit that has files in a spool folder."""
    [folder] = spool.glob("fit-*")
    return folder


def real_like(n: int = 2000, dimension: int = 24, *, seed: int = 0) -> Float32Array:
    """Vectors with the structure of embeddings; some rows are identical."""
    return embeddings(n, dimension, seed=seed)


def quick_processes(count: int, *, memory: int | None = None) -> ProcessWorkers:
    """`ProcessWorkers` whose processes are forked from one that has all imported, where the system can do that."""
    workers = ProcessWorkers(count, memory=memory)
    if "forkserver" in multiprocessing.get_all_start_methods():
        workers._context = multiprocessing.get_context("forkserver")  # type: ignore[assignment]
        workers._context.set_forkserver_preload(["tests.distributed.faulty"])
    return workers


VECTORS = real_like(1500)
PHASES = ("scan", "assign", "route", "search", "merge", "forest", "pick", "recall", "confirm")
"""Of tasks that workers do; a task's name begins with its phase."""


def start(path: Path, *, spool: str = "spool", **said: object) -> tuple[Job, str]:
    """A fit of VECTORS in three shards, and its spool folder; the vectors' folder is made once."""
    folder = path / "vectors"
    source = FolderRows(NpyFolder.found(folder)) if folder.exists() else folder_of(folder, VECTORS)
    return Job(source, PARAMETERS, 0, sharding(**{"shards": 3, **said})), str(path / spool)  # type: ignore[arg-type]


def fit_with(
    workers: Workers, path: Path, progress: Progress | None = None, *, seconds: float | None = None, **said: object
) -> ShardedFit:
    """That fit; a task may take so many seconds."""
    job, spool = start(path, **said)  # type: ignore[arg-type]
    return fit_in_shards(job, workers, spool, Control(progress), seconds_per_task=seconds)


def by_threads(path: Path, progress: Progress | None = None, **said: object) -> ShardedFit:
    """The same by threads of this process."""
    with ThreadPoolExecutor(2) as executor:
        return fit_with(ExecutorWorkers(executor, count=2), path, progress, **said)  # type: ignore[arg-type]


def assert_same(found: ShardedFit, expected: ShardedFit) -> None:
    """To the last bit."""
    assert (found.recall, found.tree_confirmed) == (expected.recall, expected.tree_confirmed)
    assert np.array_equal(found.squared_core, expected.squared_core)
    for mine, theirs in zip(found.edges, expected.edges, strict=True):
        assert np.array_equal(mine, theirs)
