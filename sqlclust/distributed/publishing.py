"""A fit in shards of the embeddings of a model in a database: published as any other, in one short transaction."""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

import sqlclust.core.pipeline as core
from sqlclust.core.engines import SHARDED
from sqlclust.core.geometry.metrics import Float32Array
from sqlclust.core.runtime.control import Control, Progress
from sqlclust.distributed.digests import corpus_hash
from sqlclust.distributed.fit import Job, ShardedFit, fit_in_shards
from sqlclust.distributed.folder import held, remove_spool
from sqlclust.distributed.lists import SpooledLists
from sqlclust.distributed.plan import Plan, Sharding, plan_of
from sqlclust.distributed.reusing import Sought, clustered, cut_streamed, stored_fit
from sqlclust.distributed.scanning import read_again, read_as_scanned
from sqlclust.distributed.stored_rows import HashedSnapshot, RowHashes, StoredRows, read_row_hashes, stored_rows
from sqlclust.distributed.workers import Workers
from sqlclust.errors import OptionError, SpoolDamagedError, UnknownModelError
from sqlclust.options import FitOptions
from sqlclust.sqlite import interrupt
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.memory_errors import clear_memory_errors
from sqlclust.sqlite.transactions import PATIENCE, translated_errors
from sqlclust.sqlite.values import now
from sqlclust.store.clustering import reachability
from sqlclust.store.embeddings.origin import Origin
from sqlclust.store.embeddings.own_vectors import OwnVectors
from sqlclust.store.embeddings.points import Fingerprint
from sqlclust.store.embeddings.selection import Selection, models, recorded_where
from sqlclust.store.fit import check_top_level, selection_of
from sqlclust.store.fits.blobs import to_blobs
from sqlclust.store.fits.neighbors import NewNeighbors, row_vectors
from sqlclust.store.fits.record import FitRecord
from sqlclust.store.fits.storing import NewFit
from sqlclust.store.making import Corpus, Keeping
from sqlclust.store.origins import origin_to_fit
from sqlclust.store.results.publishing import NewResult, publish
from sqlclust.store.results.stable_labels import earlier_labels, with_stable_labels
from sqlclust.store.sources.registered import Registered
from sqlclust.store.versions import versions

logger = logging.getLogger("sqlclust")


class Distribution(NamedTuple):
    """Who fits, and where files go.

    Attributes:
        workers: who does the tasks.
        spool: a folder that all of them see.
        sharding: how the fit is divided.
        seconds_per_task: after which a worker counts as hanging.
        announce: hears how a new fit is divided, before vectors are read for it.
    """

    workers: Workers
    spool: str
    sharding: Sharding
    seconds_per_task: float | None = 3600.0
    announce: Callable[[Plan], None] | None = None


class _Asked(NamedTuple):
    """What is to be kept, who hears of progress, and when it began.

    Attributes:
        tell: as `fit_with_workers` has it.
    """

    keeping: Keeping
    progress: Progress | None
    tell: Callable[[str], object] | None
    started_at: str


@clear_memory_errors("clustering")
def fit_with_workers(
    database: Database,
    embedding_model: str,
    options: FitOptions,
    distribution: Distribution,
    *,
    where: str | None = None,
    parameters: Mapping[str, object] | None = None,
    source: Registered | None = None,
    runs_condition: bool = False,
    keeping: Keeping = Keeping(fit=True, neighbors=True),  # noqa: B008  # a tuple
    tell: Callable[[str], object] | None = None,
    progress: Progress | None = None,
) -> int:
    """Fit the embeddings of a model, or the rows of a source, in shards and publish the result; returns its ClusteringResult id.

    Nothing is locked while it computes. If it fails or is stopped, nothing is published, and the same call with the same spool
    goes on where it stopped. `where`, `parameters`, `source`, `runs_condition` and `tell` are as `store.fit.fit` has them;
    conditions are run by this connection alone. The stored fit's engine is "sharded", with how many shards there were and the
    measured recall. One of the same embeddings that is stored is used again, if the same settings were asked for, `overlap` and,
    where somebody said the memory of a worker, the number of shards among them.

    Raises:
        as `store.fit.fit`; DistributedError: see `errors.distributed`; SpoolInUseError: another client has the folder.
        OptionError: an option that goes with fits in memory only; or the database is in no file.
    """
    check_top_level(database, "clust_fit")
    interrupt.preload()
    _check(database, options)
    selection = selection_of(embedding_model, options, where, parameters)
    started_at = now()
    spool = os.path.abspath(distribution.spool)
    with held(spool), origin_to_fit(database, embedding_model, source, runs_condition=runs_condition) as origin:
        try:
            asked = _Asked(keeping, progress, tell, started_at)
            result_id, folder = _fit(database, origin, selection, options, distribution, asked)
        except SpoolDamagedError as error:  # met after the stages, which make such files again; so the next run does
            with suppress(OSError):
                os.unlink(error.path)
            raise
        if folder is not None:
            try:
                remove_spool(spool, folder)
            except OSError as error:  # the result is there
                logger.warning("result %d is there; its spool folder was not removed: %s", result_id, error)
        return result_id


def _fit(
    database: Database,
    origin: Origin,
    selection: Selection,
    options: FitOptions,
    distribution: Distribution,
    asked: _Asked,
) -> tuple[int, str | None]:
    """The result's id, and the folder of the fit's files; None where a stored one was used."""
    embedding_model = origin.embedding_model
    with translated_errors(database, doing="reading the embeddings"):
        version = origin.data_version()
        if isinstance(origin, OwnVectors):
            there = dict(models(database))
            if embedding_model not in there:
                raise UnknownModelError(embedding_model, known=[*there])
        rows = stored_rows(database, origin, selection)
    parameters = dataclasses.replace(options, engine="auto").resolved(len(rows.points), rows.source.dimension)
    ran = dataclasses.replace(parameters, engine=SHARDED)
    corpus = Corpus(selection, origin, rows.points, ran)
    earlier = earlier_labels(database, ran, origin, rows.points.ids)
    work = _Work(database, rows, corpus, distribution)
    made = work.made_of_stored(asked) if options.update != "never" else None
    if made is None:
        made = work.made_anew(asked)
    stable, recorded = with_stable_labels(database, made.clustering, earlier, asked.progress)
    result = NewResult(
        rows.points,
        stable,
        made.fit,
        {**ran.as_dict(), **made.recorded, **recorded_where(selection.where), **origin.recorded, **recorded},
        asked.started_at,
        origin,
    )
    result_id, _ = publish(
        database,
        result,
        snapshot=HashedSnapshot(database, rows.points, origin, made.hashes, version=version),
        patience=max(PATIENCE, made.seconds),
        control=Control(asked.progress),
    )
    shards, recall = made.recorded["shards"], made.recorded["recall"]
    logger.info("%s: result %d in %d shards, recall %.3f", embedding_model, result_id, shards, recall)
    return result_id, made.folder


def _check(database: Database, options: FitOptions) -> None:
    """What cannot be done in shards is refused before anything is."""
    if options.engine not in ("auto", SHARDED):
        raise OptionError("engine", found=options.engine, expected="'auto' or 'sharded' with workers")
    if options.update == "only":
        raise OptionError("update", found="only", expected="'auto' or 'never' with workers, who fit anew")
    if not os.path.isfile(database.filename):
        raise OptionError("workers", found="a database in no file", expected="a file that workers can read")


class _Made(NamedTuple):
    """Clusters, the fit they are cut from, and what is recorded of it with the result.

    Attributes:
        hashes: of the vectors that it is of.
        seconds: it took.
        folder: of a new fit's files.
    """

    clustering: core.Clustering
    fit: NewFit | int
    hashes: RowHashes
    recorded: dict[str, Any]
    seconds: float
    folder: str | None


class _Work:
    """The steps, each with what it needs of the others."""

    def __init__(self, database: Database, rows: StoredRows, corpus: Corpus, distribution: Distribution) -> None:
        self._database, self._rows, self._corpus, self._distribution = database, rows, corpus, distribution
        options = corpus.options
        self._job = Job(rows.source, reachability(options), options.seed, distribution.sharding)

    def made_of_stored(self, asked: _Asked) -> _Made | None:
        """Clusters of a stored fit that is the same; None: there is none."""
        sharding, folder = self._distribution.sharding, os.path.abspath(self._distribution.spool)
        sought = Sought(self._rows, self._corpus, plan_of(*self._job), not sharding.memory_is_said, folder)
        reused, said = stored_fit(self._database, sought, asked.progress)
        if said is not None:
            logger.info("%s: %s", self._corpus.selection.embedding_model, said)
            if asked.tell is not None:
                asked.tell(said)
        if reused is None:
            return None
        work = partial(clustered, sought, reused)
        clustering, seconds = interrupt.run(self._database, work, asked.progress)
        record = reused.stored.record
        recorded = {"shards": record.shards, "overlap": record.overlap, "recall": record.recall}
        return _Made(clustering, reused.stored.id, reused.hashes, recorded, sum(seconds.values()), None)

    def made_anew(self, asked: _Asked) -> _Made:
        """A new fit, and its clusters."""
        keeping, progress, *_ = asked
        if self._distribution.announce is not None:
            self._distribution.announce(plan_of(*self._job))
        found, seconds = interrupt.run(self._database, self._fitted, progress)
        hashes = read_row_hashes(found.folder, found.plan)
        hashed, hashing = interrupt.run(self._database, partial(self._fingerprint, found, hashes), progress)
        clustering, cutting = interrupt.run(self._database, partial(self._clustered, found), progress)
        record = self._record(found, hashed, {**seconds, **hashing, **cutting})
        kept: tuple[Any, ...] = ()
        if keeping.fit:
            to_keep = partial(self._to_keep, keeping, found, hashed, hashes)
            kept, _ = interrupt.run(self._database, to_keep, progress)
        recorded = {"shards": len(found.shards), "overlap": found.plan.overlap, "recall": found.recall}
        return _Made(clustering, NewFit(record, *kept), hashes, recorded, sum(seconds.values()), found.folder)

    def _fitted(self, control: Control) -> ShardedFit:
        distribution = self._distribution
        return fit_in_shards(
            self._job,
            distribution.workers,
            distribution.spool,
            control,
            seconds_per_task=distribution.seconds_per_task,
        )

    def _fingerprint(self, found: ShardedFit, hashes: RowHashes, control: Control) -> Fingerprint:
        points, plan, folder = self._corpus.points, found.plan, found.folder
        vectors = ((start, read_as_scanned(folder, plan, number)) for number, (start, _) in enumerate(plan.ranges))
        with control.phase("hash"):
            whole = corpus_hash(points, vectors, plan.dimension, folder, control)
        return Fingerprint(whole, hashes.checks[points.order])

    def _clustered(self, found: ShardedFit, control: Control) -> core.Clustering:
        ranges = partial(_ranges, found.folder, found.plan, control)
        return cut_streamed(self._fit(found).tree, self._corpus, ranges, found.plan.dimension, control)

    def _fit(self, found: ShardedFit) -> core.Fit:
        return found.fit(self._corpus.points.rank())

    def _record(self, found: ShardedFit, hashed: Fingerprint, timings: dict[str, float]) -> FitRecord:
        corpus = self._corpus
        return FitRecord(
            **corpus.identity(hashed),
            selection=corpus.recorded_selection(),
            recall=found.recall,
            tree_confirmed=found.tree_confirmed,
            n=found.plan.n,
            n_distinct=len(found.corpus.starts),
            dimension=found.plan.dimension,
            versions=versions(self._database),
            timings=timings,
            shards=len(found.shards),
            overlap=found.plan.overlap,
            shards_asked=found.plan.shards,
        )

    def _to_keep(
        self, keeping: Keeping, found: ShardedFit, hashed: Fingerprint, hashes: RowHashes, control: Control
    ) -> tuple[Any, ...]:
        points, fitted = self._corpus.points, self._fit(found)
        neighbors = None
        if keeping.neighbors:
            of_rows = hashes.hashes[points.order]
            neighbors = NewNeighbors(row_vectors(points, fitted), of_rows, SpooledLists(found), fitted.exponent)
        return to_blobs(points, hashed, fitted, control), neighbors


def _ranges(folder: str, plan: Plan, control: Control) -> Iterator[tuple[int, Float32Array]]:
    for number, (start, _) in enumerate(plan.ranges):
        control.at(number / len(plan.ranges))
        yield start, read_again(folder, plan, number, 0)
