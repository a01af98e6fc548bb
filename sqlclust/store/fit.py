"""A whole fit from the database to the database: select, cluster with no transaction open, publish in one short one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import version as installed_version
from typing import Any

import sqlclust.core.pipeline as core
from sqlclust import __version__, schema
from sqlclust.core.engines import engine_of
from sqlclust.core.geometry.metrics import Float32Array, IndexArray
from sqlclust.core.runtime.control import Control, Progress
from sqlclust.errors import TooFewRowsError, TopLevelOnlyError, ZeroVectorError
from sqlclust.options import FitOptions, HdbscanOptions
from sqlclust.sqlite import interrupt
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.memory_errors import clear_memory_errors
from sqlclust.sqlite.transactions import PATIENCE, translated_errors
from sqlclust.sqlite.values import now
from sqlclust.store.cut import cutting
from sqlclust.store.embeddings.one_direction import warn_of_one_direction
from sqlclust.store.embeddings.points import Fingerprint
from sqlclust.store.embeddings.selection import Selection, select
from sqlclust.store.embeddings.snapshot import Snapshot, data_version
from sqlclust.store.fits import loading
from sqlclust.store.fits.blobs import to_blobs
from sqlclust.store.fits.record import FIT_OPTIONS, FitRecord
from sqlclust.store.memory import check_memory, reading_bytes
from sqlclust.store.results.publishing import publish
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
    vectors: Float32Array, options: HdbscanOptions, control: Control, *, rank: IndexArray | None = None
) -> tuple[core.Fit, core.Clustering]:
    """Cluster vectors that are checked, with options that are resolved; `rank` as in `core.pipeline.fit`.

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
    store_fit: bool = True,
    progress: Progress | None = None,
) -> int:
    """Select a model's embeddings, cluster them, publish the result; returns its ClusteringResult id.

    No lock is held while it computes. Publishing waits for other writers at least ten seconds, and after a long fit
    as long as the fit took. Embeddings that were changed or deleted meanwhile are an error. Whatever happens, the result
    is there whole or not at all.

    Args:
        database: in no transaction.
        where: an SQL condition on columns of Embedding, `parameters` its named placeholders.
        store_fit: keep the spanning tree too, so that the fit can be cut again; some 30 bytes a row. A stored fit of the
            same embeddings and settings is reused.
        progress: called with (phase, fraction) from this thread.

    Raises:
        TopLevelOnlyError, SchemaMissingError, UnknownModelError, TooFewRowsError, PointsError, FilterError,
        MembersGoneError, MembersReplacedError, LockedError, OutOfMemoryError, DatabaseFileError, CommitUnknownError;
        StatementInterrupted; KeyboardInterrupt.
    """
    check_top_level(database, "clust_fit")
    interrupt.preload()
    started_at = now()
    reading = Control(progress)
    with translated_errors(database, doing="reading the embeddings"):
        schema.check(database)
        version = data_version(database)
        said = options.format if isinstance(options, FitOptions) else None
        selection = Selection(embedding_model, where, parameters, options.downsample, said)
        with reading.phase("load"):
            points = select(database, selection, reading, check=_checking(options, selection))
    n = len(points)
    if n < 2:
        raise TooFewRowsError(embedding_model, found=n, filtered=selection.filtered)
    resolved = options.resolved(n, points.vectors.shape[1])
    check_memory(n, points.vectors.shape[1], resolved.min_samples or 1, resolved.engine)

    def hashing(control: Control) -> Fingerprint:
        with control.phase("hash"):
            if resolved.needs_directions:
                points.check_directions(control)
            return points.fingerprint(control)

    def computing(control: Control) -> tuple[core.Fit, core.Clustering]:
        return cluster(points.vectors, resolved, control, rank=points.rank())

    fingerprint, timings = interrupt.run(database, hashing, progress)
    key = _key(embedding_model, fingerprint, resolved)
    record: FitRecord | int | None = loading.find(database, key)
    blobs = None
    if isinstance(record, int):
        logger.info("%s: reusing clustering fit %d, of the same embeddings and settings", embedding_model, record)
        again = cutting(points, loading.load(database, record), resolved)
        clustering, seconds = interrupt.run(database, again, progress)
    else:
        (fitted, clustering), seconds = interrupt.run(database, computing, progress)
        record = FitRecord(
            **key,
            selection=selection.as_json(),
            recall=fitted.recall,
            n=n,
            n_distinct=len(fitted.points.counts),
            dimension=points.vectors.shape[1],
            versions=versions(database),
            timings={**reading.seconds, **timings, **seconds},
            tree_confirmed=fitted.tree_confirmed if fitted.engine == "approximate" else None,
        )
        if store_fit:
            blobs, _ = interrupt.run(database, lambda control: to_blobs(points, fingerprint, fitted, control), progress)
    result_id = publish(
        database,
        points,
        clustering,
        record,
        {**resolved.as_dict(), **({"where": where} if where is not None else {})},
        snapshot=Snapshot(database, points, embedding_model, version=version),
        blobs=blobs,
        started_at=started_at,
        patience=max(PATIENCE, sum(seconds.values())),
        control=Control(progress),
    )
    logger.info(
        "%s: result %d, %d rows, %d clusters, %d noise", embedding_model, result_id, n,
        len(clustering.sizes), n - int(clustering.sizes.sum()),
    )  # fmt: skip
    return result_id


def _checking(options: HdbscanOptions, selection: Selection) -> Callable[[int, int, int], None]:
    """What refuses rows that there is no memory for, before or while they are read; see `select`."""

    def check(n: int, held: int, dimension: int) -> None:
        if n < 2:
            return
        at_least = options.resolved(n, dimension)
        # more rows may come, and of more rows `auto` makes the engine that needs less
        more_may_come = held > 0 or selection.filtered
        engine = "approximate" if more_may_come and options.engine == "auto" else at_least.engine
        more = reading_bytes(n - held, dimension)
        check_memory(n, dimension, at_least.min_samples or 1, engine, more=more)

    return check


def _key(embedding_model: str, fingerprint: Fingerprint, options: HdbscanOptions) -> dict[str, Any]:
    """What makes two fits the same: the columns of `fits.IDENTITY`."""
    return {
        "embedding_model": embedding_model,
        "corpus_hash": fingerprint.corpus_hash,
        **{name: getattr(options, name) for name in FIT_OPTIONS},
    }
