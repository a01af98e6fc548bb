"""A whole fit: select embeddings, cluster them with no transaction open, publish the result in one short transaction."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import cache, partial
from importlib.metadata import version as installed_version
from typing import Any, NamedTuple

import sqlclust.core.pipeline as core
from sqlclust import __version__
from sqlclust.core.engines import engine_of
from sqlclust.core.geometry.metrics import Float32Array, IndexArray
from sqlclust.core.runtime.control import Control, Progress
from sqlclust.errors import TooFewRowsError, TopLevelOnlyError, ZeroVectorError
from sqlclust.options import MAX_INTEGER, HdbscanOptions, of_part
from sqlclust.sqlite import interrupt
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.memory_errors import clear_memory_errors
from sqlclust.sqlite.transactions import PATIENCE, translated_errors
from sqlclust.sqlite.values import now
from sqlclust.store.cut import cutting
from sqlclust.store.embeddings.one_direction import warn_of_one_direction
from sqlclust.store.embeddings.origin import Origin
from sqlclust.store.embeddings.points import Fingerprint, Points
from sqlclust.store.embeddings.selection import Selection, recorded_where
from sqlclust.store.embeddings.snapshot import Snapshot
from sqlclust.store.fits import loading
from sqlclust.store.fits.blobs import FitBlobs, to_blobs
from sqlclust.store.fits.neighbors import FitNeighbors, neighbors_of
from sqlclust.store.fits.record import FIT_OPTIONS, FitRecord
from sqlclust.store.memory import check_memory, reading_bytes
from sqlclust.store.origins import origin_to_fit
from sqlclust.store.results.publishing import NewResult, publish
from sqlclust.store.results.stable_labels import earlier_labels, with_stable_labels
from sqlclust.store.sources.registered import Registered
from sqlclust.vectors.blobs import as_matrix, first_zero

logger = logging.getLogger("sqlclust")


@cache
def _versions() -> dict[str, str]:
    return {
        "sqlclust": __version__,
        "hdbscan": installed_version("hdbscan"),
        "numpy": installed_version("numpy"),
    }


def versions(database: Database) -> dict[str, str]:
    """Versions of what computes and stores, as they are stored with every fit."""
    return {**_versions(), **database.versions}


def check_top_level(database: Database, function: str) -> None:
    """Refuse to go on inside a transaction or a statement that reads or writes: publishing needs one of its own.

    Raises:
        TopLevelOnlyError
    """
    if database.in_transaction or database.is_reading:
        raise TopLevelOnlyError(function)


def cluster(
    vectors: Float32Array,
    options: HdbscanOptions,
    control: Control,
    *,
    rank: IndexArray | None = None,
    keep_lists: bool = False,
) -> tuple[core.Fit, core.Clustering]:
    """Cluster vectors that are checked, with options that are resolved; `rank` and `keep_lists` as in `core.pipeline.fit`.

    Raises:
        UnknownMetricError, UnknownEngineError: options that are not resolved, or that no check has seen.
    """
    if options.needs_directions:
        warn_of_one_direction(vectors)
    fitted = core.fit(
        vectors,
        core.ReachabilityParameters(
            options.min_samples or 1, options.metric, normalize=options.normalize, alpha=options.alpha
        ),
        engine=engine_of(options.engine).name,
        seed=options.seed,
        rank=rank,
        keep_lists=keep_lists,
        control=control,
    )
    parameters = core.CutParameters(**options.selecting(len(vectors)))
    return fitted, core.cut(fitted, parameters, rank=rank, control=control)


@clear_memory_errors("clustering")
def cluster_array(vectors: object, options: HdbscanOptions, control: Control) -> core.Clustering:
    """Cluster anything array-like (n, d); rows stand in for ids in messages.

    Raises:
        MatrixError, NotFiniteError, ZeroVectorError, OutOfMemoryError
    """

    def check(n: int, dimension: int, copy: int) -> None:
        n = -(-n // options.downsample)
        if n > 1:
            resolved = options.resolved(n, dimension)
            check_memory(n, dimension, resolved.min_samples or 1, resolved.engine, more=copy)

    matrix = as_matrix(vectors, check=check)[:: options.downsample]
    if len(matrix) == 0:
        return core.clustering_of_nothing()
    if options.needs_directions and (row := first_zero(matrix)) is not None:
        raise ZeroVectorError(f"row {row * options.downsample}")
    _, clustering = cluster(matrix, options.resolved(*matrix.shape), control)
    return clustering


@clear_memory_errors("clustering")
def fit(
    database: Database,
    embedding_model: str,
    options: HdbscanOptions,
    *,
    where: str | None = None,
    parameters: Mapping[str, object] | None = None,
    source: Registered | None = None,
    runs_condition: bool = False,
    store_fit: bool = True,
    store_neighbors: bool = True,
    progress: Progress | None = None,
) -> int:
    """Select a model's embeddings, cluster them, publish the result; returns its ClusteringResult id.

    The model may be a source: its vectors are read where they are. One that is found by its name is registered with its first
    result, in the same transaction, which makes our tables too if they are not there.

    No lock is held while it computes. Publishing waits for other writers: at least ten seconds, and after a long fit as long
    as the fit took. Embeddings that were changed or deleted meanwhile are an error. Whatever happens, the result is there
    whole or not at all.

    Args:
        database: in no transaction.
        where: an SQL condition on columns of Embedding, or of a source's table; `parameters` its named placeholders.
        source: to be registered under this name; None: it is one already, or found, or a model of our own.
        runs_condition: whether a condition that the file keeps with the source may be run.
        store_fit: keep the spanning tree too, so that the fit can be cut again; some 30 bytes a row. A stored fit of the
            same embeddings and settings is reused.
        store_neighbors: keep who is near whom with it, 12 bytes a neighbour: some 260 a row at min_samples 15. Without the fit
            none are kept; and a stored fit that is reused stays as it is, with neighbours or without.
        progress: called with (phase, fraction) from this thread.

    Raises:
        TopLevelOnlyError, SchemaMissingError, UnknownModelError, TooFewRowsError, PointsError, FilterError, SourceError,
        SourceConditionError, HostTableError, SchemaConflictError, ViewNameError, UnknownResultError,
        ResultOfAnotherModelError, ResultDamagedError, NoLabelsLeftError (of the option `like`),
        MembersGoneError, MembersReplacedError, LockedError, OutOfMemoryError, DatabaseFileError, CommitUnknownError;
        StatementInterrupted; KeyboardInterrupt.
    """
    check_top_level(database, "clust_fit")
    interrupt.preload()
    selection = _selection(embedding_model, options, where, parameters)
    with origin_to_fit(database, embedding_model, source, runs_condition=runs_condition) as origin:
        keeping = _Keeping(store_fit, store_fit and store_neighbors)
        return _fit(database, origin, selection, options, keeping, progress=progress)


class _Keeping(NamedTuple):
    """What is kept of a new fit."""

    fit: bool
    neighbors: bool


def _fit(
    database: Database,
    origin: Origin,
    selection: Selection,
    options: HdbscanOptions,
    keeping: _Keeping,
    *,
    progress: Progress | None,
) -> int:
    started_at, reading = now(), Control(progress)
    embedding_model = selection.embedding_model
    with translated_errors(database, doing="reading the embeddings"):
        version = origin.data_version()
        with reading.phase("load"):
            points = origin.select(selection, reading, check=_checking(options, selection))
    corpus = _Corpus(selection, origin, points, _resolved(options, selection, points))
    earlier = earlier_labels(database, options, origin, points.ids)
    fingerprint, hashing = interrupt.run(database, corpus.fingerprint, progress)
    kept: tuple[FitBlobs | None, FitNeighbors | None] = (None, None)
    of_fit: FitRecord | int | None = loading.find(database, corpus.identity(fingerprint))
    if of_fit is not None:
        logger.info("%s: reusing clustering fit %d, of the same embeddings and settings", embedding_model, of_fit)
        again = cutting(points, loading.load(database, of_fit), corpus.options)
        clustering, seconds = interrupt.run(database, again, progress)
    else:
        (fitted, clustering), seconds = interrupt.run(
            database, partial(corpus.cluster, keep_lists=keeping.neighbors), progress
        )
        of_fit = FitRecord(
            **corpus.identity(fingerprint),
            **corpus.figures(fitted),
            versions=versions(database),
            timings={**reading.seconds, **hashing, **seconds},
        )
        if keeping.fit:
            kept, _ = interrupt.run(database, partial(_to_keep, points, fingerprint, fitted), progress)
    clustering, recorded = with_stable_labels(database, clustering, earlier, progress)
    result_parameters = {
        **corpus.options.as_dict(), **recorded_where(selection.where), **origin.recorded, **recorded
    }  # fmt: skip
    result_id = publish(
        database,
        NewResult(points, clustering, of_fit, result_parameters, started_at, origin, *kept),
        snapshot=Snapshot(database, points, origin, version=version),
        patience=max(PATIENCE, sum(seconds.values())),
        control=Control(progress),
    )
    n_members, n_clusters = int(clustering.sizes.sum()), len(clustering.sizes)
    logger.info(
        "%s: result %d, %d rows, %d clusters, %d noise",
        embedding_model, result_id, len(points), n_clusters, len(points) - n_members,
    )  # fmt: skip
    return result_id


def _to_keep(
    points: Points, fingerprint: Fingerprint, fitted: core.Fit, control: Control
) -> tuple[FitBlobs, FitNeighbors | None]:
    return to_blobs(points, fingerprint, fitted, control), neighbors_of(points, fitted, control)


class _Corpus(NamedTuple):
    """The embeddings that are clustered, and the options, resolved for them."""

    selection: Selection
    origin: Origin
    points: Points
    options: HdbscanOptions

    def fingerprint(self, control: Control) -> Fingerprint:
        """What tells whether a stored fit is of these embeddings.

        Raises:
            ZeroVectorError: a vector has no direction, and the options need one.
        """
        with control.phase("hash"):
            if self.options.needs_directions:
                self.points.check_directions(control)
            return self.points.fingerprint(control)

    def identity(self, fingerprint: Fingerprint) -> dict[str, Any]:
        """What makes two fits the same: the columns of `fits.record.IDENTITY`."""
        return {
            "embedding_model": self.selection.embedding_model,
            "corpus_hash": fingerprint.corpus_hash,
            **{name: getattr(self.options, name) for name in FIT_OPTIONS},
        }

    def cluster(self, control: Control, *, keep_lists: bool) -> tuple[core.Fit, core.Clustering]:
        """The clustering, computed anew."""
        return cluster(self.points.vectors, self.options, control, rank=self.points.rank(), keep_lists=keep_lists)

    def figures(self, fitted: core.Fit) -> dict[str, Any]:
        """What is stored of a new fit besides its identity: the selection, counts, and what the engine measured."""
        is_exact = engine_of(fitted.engine).exact
        return {
            "selection": {**self.selection.recorded(), **self.origin.recorded},
            "recall": fitted.recall,
            "n": len(self.points),
            "n_distinct": len(fitted.points.counts),
            "dimension": self.points.vectors.shape[1],
            "tree_confirmed": None if is_exact else fitted.tree_confirmed,
        }


def _selection(
    embedding_model: str, options: HdbscanOptions, where: str | None, parameters: Mapping[str, object] | None
) -> Selection:
    """What is fitted; of the options those of part "selection"."""
    of_options = {name: getattr(options, name) for name in of_part(type(options), "selection")}
    return Selection(embedding_model, where, parameters, **of_options)


def _resolved(options: HdbscanOptions, selection: Selection, points: Points) -> HdbscanOptions:
    """The options as they run for these points.

    Raises:
        TooFewRowsError, OutOfMemoryError
    """
    n, dimension = points.vectors.shape
    if n < 2:
        raise TooFewRowsError(selection.embedding_model, found=n, filtered=selection.filtered)
    resolved = options.resolved(n, dimension)
    check_memory(n, dimension, resolved.min_samples or 1, resolved.engine)
    return resolved


def _checking(options: HdbscanOptions, selection: Selection) -> Callable[[int, int, int], None]:
    """What refuses rows that there is no memory for, before or while they are read; see `select`."""

    def check(n: int, held: int, dimension: int) -> None:
        if n < 2:
            return
        at_least = options.resolved(n, dimension)
        # more rows may come, and of more rows `auto` may make another engine, which needs less
        more_may_come = held > 0 or selection.filtered
        engine = options.resolved(MAX_INTEGER, dimension).engine if more_may_come else at_least.engine
        more = reading_bytes(n - held, dimension)
        check_memory(n, dimension, at_least.min_samples or 1, engine, more=more)

    return check
