"""A whole fit: select embeddings, cluster them with no transaction open, publish the result in one short transaction."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from sqlclust.core.runtime.control import Control, Progress
from sqlclust.errors import TooFewRowsError, TopLevelOnlyError
from sqlclust.options import MAX_INTEGER, HdbscanOptions, of_part
from sqlclust.sqlite import interrupt
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.memory_errors import clear_memory_errors
from sqlclust.sqlite.transactions import PATIENCE, translated_errors
from sqlclust.sqlite.values import now
from sqlclust.store.embeddings.origin import Origin
from sqlclust.store.embeddings.points import Points
from sqlclust.store.embeddings.selection import Selection, recorded_where
from sqlclust.store.embeddings.snapshot import Snapshot
from sqlclust.store.making import Corpus, Keeping, make
from sqlclust.store.memory import check_memory, reading_bytes
from sqlclust.store.origins import origin_to_fit
from sqlclust.store.results.publishing import NewResult, publish
from sqlclust.store.results.stable_labels import earlier_labels, with_stable_labels
from sqlclust.store.sources.registered import Registered

logger = logging.getLogger("sqlclust")


def check_top_level(database: Database, function: str) -> None:
    """Refuse to go on inside a transaction or a statement that reads or writes: publishing needs one of its own.

    Raises:
        TopLevelOnlyError
    """
    if database.in_transaction or database.is_reading:
        raise TopLevelOnlyError(function)


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
    tell: Callable[[str], object] | None = None,
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
        tell: called with what was done with stored fits, a sentence for people; nothing where there were none.
        progress: called with (phase, fraction) from this thread.

    Raises:
        TopLevelOnlyError, SchemaMissingError, UnknownModelError, TooFewRowsError, PointsError, FilterError, SourceError,
        UpdateError, SourceConditionError, HostTableError, SchemaConflictError, ViewNameError, UnknownResultError,
        ResultOfAnotherModelError, ResultDamagedError, NoLabelsLeftError (of the option `like`),
        MembersGoneError, MembersReplacedError, LockedError, OutOfMemoryError, DatabaseFileError, CommitUnknownError;
        StatementInterrupted; KeyboardInterrupt.
    """
    check_top_level(database, "clust_fit")
    interrupt.preload()
    selection = selection_of(embedding_model, options, where, parameters)
    with origin_to_fit(database, embedding_model, source, runs_condition=runs_condition) as origin:
        keeping = Keeping(store_fit, store_fit and store_neighbors)
        result_id, said = _fit(database, origin, selection, options, keeping, progress)
    if said is not None:
        logger.info("%s: %s", embedding_model, said)
        if tell is not None:
            tell(said)
    return result_id


def _fit(
    database: Database,
    origin: Origin,
    selection: Selection,
    options: HdbscanOptions,
    keeping: Keeping,
    progress: Progress | None,
) -> tuple[int, str | None]:
    """The result's id, and what was done with stored fits."""
    started_at, reading = now(), Control(progress)
    with translated_errors(database, doing="reading the embeddings"):
        version = origin.data_version()
        with reading.phase("load"):
            points = origin.select(selection, reading, check=_checking(options, selection))
    corpus = Corpus(selection, origin, points, _resolved(options, selection, points))
    earlier = earlier_labels(database, options, origin, points.ids)
    made = make(database, corpus, keeping, reading.seconds, progress)
    clustering, recorded = with_stable_labels(database, made.clustering, earlier, progress)
    result_parameters = {
        **corpus.options.as_dict(), **recorded_where(selection.where), **origin.recorded, **recorded
    }  # fmt: skip
    result_id, fit_id = publish(
        database,
        NewResult(points, clustering, made.fit, result_parameters, started_at, origin),
        snapshot=Snapshot(database, points, origin, version=version),
        patience=max(PATIENCE, made.seconds),
        control=Control(progress),
    )
    n_members, n_clusters = int(clustering.sizes.sum()), len(clustering.sizes)
    logger.info(
        "%s: result %d, %d rows, %d clusters, %d noise",
        selection.embedding_model, result_id, len(points), n_clusters, len(points) - n_members,
    )  # fmt: skip
    return result_id, None if made.said is None else made.said.replace("{fit}", str(fit_id))


def selection_of(
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
