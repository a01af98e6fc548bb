"""A fit in shards, from vectors to spanning tree: the stages in a row.

    scan → number → assign → divide → route → search → merge → forest → join

Workers do scan, assign, route, search, merge and forest, a task for each range of rows, shard or range of owners; the client does
number, divide and join. All of it is in the spool folder, so whoever begins again with the same folder goes on.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

import numpy as np

from sqlclust.core.geometry.metrics import Float64Array, IndexArray
from sqlclust.core.geometry.mutual_reachability import ReachabilityParameters
from sqlclust.core.pipeline import Fit, in_metric
from sqlclust.core.runtime.control import Control
from sqlclust.core.tree.boruvka import SpanningTree
from sqlclust.core.tree.edges import Edges
from sqlclust.distributed.confirming import measured_confirmation
from sqlclust.distributed.division import SHARDS, destinations_path, divide, shard_sizes
from sqlclust.distributed.forests import engines_confirmation, forest, forest_path
from sqlclust.distributed.merging import merge, merged_path
from sqlclust.distributed.numbering import CORPUS, Corpus, number, read_corpus
from sqlclust.distributed.plan import Plan, Sharding, keep_plan, plan_of
from sqlclust.distributed.recall import measured_recall
from sqlclust.distributed.routing import route, routed_path
from sqlclust.distributed.running import Limits, Runner
from sqlclust.distributed.scanning import CELLS, assign, nearest_path, scan, scan_path, verified_path, verify
from sqlclust.distributed.searching import found_path, search
from sqlclust.distributed.spool import SpoolFile
from sqlclust.distributed.tasks import Task
from sqlclust.distributed.vectors import VectorSource
from sqlclust.distributed.ways_out import joined_tree
from sqlclust.distributed.workers import Workers


class ShardedFit(NamedTuple):
    """What a fit in shards gives.

    Attributes:
        corpus: which rows have which distinct vector.
        squared_core: float64 (m,), of the distinct vectors.
        edges: the spanning tree of these, squared, ascending in the strict order.
        recall: measured on a sample; 1.0 where the exact engine had all vectors in one shard.
        tree_confirmed: share of a sample of vectors that see no lighter edge than the tree has, see `core.tree.confirmation`; 1.0
            where the exact engine had all vectors in one shard.
        shards: vectors of each.
        plan: what it was made by.
        folder: of its files, in the spool folder.
        peak: the most memory that any worker had, bytes, as far as tasks were run now; 0 where nobody says.
        core_seconds: of the processor, by phase, as far as tasks were run now.
    """

    corpus: Corpus
    squared_core: Float64Array
    edges: Edges
    recall: float
    tree_confirmed: float
    shards: list[int]
    plan: Plan
    folder: str
    peak: int = 0
    core_seconds: dict[str, float] = {}  # noqa: RUF012  # a tuple's default, never changed

    def fit(self, rank: IndexArray | None = None) -> Fit:
        """As `core.pipeline` has it, with `rank` as there: of all rows, in the metric; its `points` are without their numbers."""
        tree = SpanningTree(self.edges.left, self.edges.right, self.edges.weight)
        points = self.corpus.points if rank is None else self.corpus.points.by_rank(rank)
        fitted = in_metric(points, self.squared_core, tree, self.plan.parameters, self.corpus.exponent)
        return fitted._replace(engine=self.plan.engine, recall=self.recall, tree_confirmed=self.tree_confirmed)


class Job(NamedTuple):
    """What is fitted, and how.

    Attributes:
        source: the vectors.
        parameters: how mutual reachability is measured.
        seed: of whatever is random.
        sharding: how it is divided.
    """

    source: VectorSource
    parameters: ReachabilityParameters
    seed: int
    sharding: Sharding


def fit_in_shards(
    job: Job, workers: Workers, spool: str, control: Control, *, seconds_per_task: float | None = 3600.0
) -> ShardedFit:
    """Fit vectors in shards.

    The result is the same for the same seed, however many workers there are, whichever die, and in whatever order they end. With
    one shard it is that of the engine. It depends on the number of shards and the overlap.

    Args:
        spool: a folder that the client and all workers see under this name. What an earlier run left there is used, if it is of
            the same fit; otherwise that is an error.
        control: progress; Interrupted leaves all that is done in the spool.
        seconds_per_task: a worker that takes longer is ended, and the task is tried again.

    Raises:
        DistributedError: see `errors.distributed`.
        OutOfMemoryError, Interrupted; PointsError: a row is no vector.

    Cost: see `cost`.
    """
    spool = os.path.abspath(spool)
    with control.phase("plan"):
        plan = plan_of(job.source, job.parameters, job.seed, job.sharding)
        plan, folder = keep_plan(spool, plan, adopt=not job.sharding.memory_is_said)
    runner = Runner(folder, workers, Limits(plan.threads, seconds_per_task), control)
    return _Stages(folder, plan, runner).run(job.source, control)


class _Stages:
    """The stages of one fit; `spool` is its folder, in the spool folder."""

    def __init__(self, spool: str, plan: Plan, runner: Runner) -> None:
        self._spool, self._plan, self._runner = spool, plan, runner

    def run(self, source: VectorSource, control: Control) -> ShardedFit:
        """All of them."""
        plan, spool, ranges = self._plan, self._spool, range(len(self._plan.ranges))
        files = source.files(spool)
        if files:
            self._runner.run("numbers", [Task("numbers", source.write_files, (), tuple(files), local=True)])
        self._for_each("scan", scan, ranges, scan_path)
        cells = [os.path.join(spool, CELLS)] if plan.shards > 1 else []
        self._local("number", number, [*cells, os.path.join(spool, CORPUS)])
        reading = self._runner.reading
        corpus = reading(lambda: read_corpus(spool))
        if len(corpus.starts) == 1:
            return self._of_one_vector(corpus)
        if plan.shards > 1:
            self._for_each("assign", assign, ranges, nearest_path)
        destinations = [destinations_path(spool, at) for at in ranges]
        self._local("divide", divide, [*destinations, os.path.join(spool, SHARDS)])
        self._for_each("route", route, ranges, routed_path)
        sizes = reading(lambda: shard_sizes(spool)).tolist()
        shards = range(len(sizes))
        self._for_each("search", search, shards, found_path)
        owners = range(len(plan.owner_bounds(len(corpus.starts))) - 1)
        self._for_each("merge", merge, owners, merged_path)
        self._for_each("forest", forest, shards, forest_path)
        recall = 1.0
        if plan.engine != "exact" or len(shards) > 1:
            recall = reading(lambda: measured_recall(spool, self._runs("recall")))
        edges = reading(lambda: joined_tree(spool, self._runs("join")))
        confirmed = 1.0
        if len(shards) > 1:
            confirmed = reading(lambda: measured_confirmation(spool, edges, self._runs("confirm"), control))
        elif plan.engine != "exact":
            confirmed = reading(lambda: engines_confirmation(spool))
        self._check_unchanged(source)
        with control.phase("core"):
            core = reading(lambda: np.concatenate([self._merged(at, "core") for at in owners]))
        peak = max((report.peak for report in self._runner.worker_reports()), default=0)
        seconds = self._runner.core_seconds()
        return ShardedFit(corpus, core, edges, recall, confirmed, sizes, plan, spool, peak, seconds)

    def _for_each(
        self, phase: str, work: Callable[[str, int], None], numbers: range, path: Callable[[str, int], str]
    ) -> None:
        tasks = [Task(f"{phase} {number}", work, (number,), (path(self._spool, number),)) for number in numbers]
        self._runner.run(phase, tasks)

    def _local(self, phase: str, work: Callable[[str], None], outputs: list[str]) -> None:
        self._runner.run(phase, [Task(phase, work, (), tuple(outputs), local=True)])

    def _runs(self, phase: str) -> Callable[[list[Task]], None]:
        return lambda tasks: self._runner.run(phase, tasks)

    def _merged(self, number: int, name: str) -> Float64Array:
        with SpoolFile(merged_path(self._spool, number)) as file:
            return file.array(name)

    def _check_unchanged(self, source: VectorSource) -> None:
        """Where files were written to meanwhile, compare all vectors again."""
        if source.fingerprint() != self._plan.fingerprint:
            for at in range(len(self._plan.ranges)):
                with suppress(FileNotFoundError):  # of an earlier run
                    os.unlink(verified_path(self._spool, at))
            self._for_each("verify", verify, range(len(self._plan.ranges)), verified_path)

    def _of_one_vector(self, corpus: Corpus) -> ShardedFit:
        none = np.empty(0)
        ends = np.empty(0, dtype=np.intp)
        return ShardedFit(corpus, np.zeros(1), Edges(none, none, ends, ends), 1.0, 1.0, [1], self._plan, self._spool)
