"""Cutting stored fits: other clusters from the same spanning tree. Neighbours are not looked for again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, TypeVar

import sqlclust.core.pipeline as core
from sqlclust.core.clusters.cut_parameters import CutParameters
from sqlclust.core.clusters.selection import FlatClusters, flat_clusters
from sqlclust.core.runtime.control import Control, Progress
from sqlclust.core.tree.boruvka import SpanningTree
from sqlclust.core.tree.condensed_tree import condense
from sqlclust.core.tree.single_linkage import single_linkage
from sqlclust.errors import FitOptionError, ResultChangedError
from sqlclust.options import CutOptions, HdbscanOptions, LabelsOptions, StoredFitOptions, names, parse
from sqlclust.sqlite import interrupt
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.memory_errors import clear_memory_errors
from sqlclust.sqlite.transactions import PATIENCE, translated_errors
from sqlclust.sqlite.values import now, stored_object
from sqlclust.store.embeddings.origin import OF_ORIGIN, Origin
from sqlclust.store.embeddings.points import Points
from sqlclust.store.embeddings.selection import recorded_where
from sqlclust.store.embeddings.snapshot import Snapshot
from sqlclust.store.fits import loading as fits
from sqlclust.store.fits.stored_fit import StoredFit
from sqlclust.store.fits.storing import NewFit
from sqlclust.store.members import member_points
from sqlclust.store.min_samples import WithNeighbors, check, stored_with, with_neighbors
from sqlclust.store.origins import origin_of
from sqlclust.store.results.publishing import NewResult, publish
from sqlclust.store.results.stable_labels import earlier_labels, with_stable_labels
from sqlclust.store.versions import versions

OptionsT = TypeVar("OptionsT", bound=StoredFitOptions)


def cutting(points: Points, stored: StoredFit, options: CutOptions) -> Callable[[Control], core.Clustering]:
    """The work of cutting a stored fit whose embeddings are `points`; in `points`' order of rows."""

    def work(control: Control) -> core.Clustering:
        tree = stored.tree_of(points)
        with control.phase("clusters"):
            labelled = core.select_clusters(tree, CutParameters(**options.selecting(len(points))), control)
        return core.with_medoids_of_rows(
            labelled, points.vectors, normalize=stored.record.needs_unit_length, rank=points.rank(), control=control
        )

    return work


def options_of_result(result_id: int, parameters: object) -> CutOptions:
    """The options that a result was cut with.

    Args:
        parameters: of the result, or their JSON text.

    Raises:
        ResultChangedError: its parameters are none.
    """
    try:
        values = parameters if isinstance(parameters, Mapping) else stored_object(parameters)
        return parse(CutOptions, {name: value for name, value in values.items() if name in names(CutOptions)})
    except ValueError as error:
        raise ResultChangedError(result_id, reason=f"its parameters are no options ({error})") from None


def flat_clusters_of(tree: SpanningTree, options: CutOptions, control: Control) -> FlatClusters:
    """The clusters that options cut from a spanning tree of at least two rows, with the condensed tree that they are of.

    Cost: O(n log n).
    """
    parameters = CutParameters(**options.selecting(len(tree.weight) + 1))
    hierarchy = single_linkage(tree, control)
    condensed = condense(hierarchy, min_cluster_size=parameters.min_cluster_size, control=control)
    return flat_clusters(condensed, parameters, control)


class Wanted(NamedTuple, Generic[OptionsT]):
    """What is to be cut from a stored fit: with which min_samples, and which clusters."""

    min_samples: int
    options: OptionsT


def check_options(
    database: Database, values: Mapping[str, Any], stored: StoredFit, options: type[OptionsT]
) -> Wanted[OptionsT]:
    """Options for cutting a stored fit; min_samples is the fit's own where none is said.

    Raises:
        MinSamplesError: the fit cannot be cut with this min_samples.
        FitOptionError: another option that the fit has settled otherwise.
        OptionError: see `options.parse`.
    """
    allowed, settled = names(options), stored.record.settled
    for name, value in values.items():
        if name in allowed:
            continue
        if name in settled:
            parse(HdbscanOptions, {name: value})
            _check_settled(name, value, stored)
        else:
            parse(options, {name: value})  # it says where else
    parsed = parse(options, {name: value for name, value in values.items() if name in allowed})
    min_samples = stored.record.min_samples
    if parsed.min_samples is not None:  # no more than there are other rows, as a fit takes it
        min_samples = min(parsed.min_samples, max(1, stored.record.n - 1))
    check(database, stored, min_samples)
    return Wanted(min_samples, parsed)


def _check_settled(name: str, value: Any, stored: StoredFit) -> None:
    """Refuse a value that is not the fit's. An engine is taken as a fit takes it."""
    fitted = stored.record.settled[name]
    if name == "engine" and value == "auto":  # whichever it came to
        return
    if value != fitted:
        raise FitOptionError(name, found=value, fitted=fitted, clustering_fit_id=stored.id)


class SmallerFit(NamedTuple):
    """A fit with a smaller min_samples than the stored one that it was made from. It is not stored yet.

    Attributes:
        earlier: the stored one.
        min_samples: its own.
        fitted: it, rows in the order of its points.
        seconds: of each phase.
    """

    earlier: WithNeighbors
    min_samples: int
    fitted: core.Fit
    seconds: dict[str, float]


class Cut(NamedTuple):
    """Clusters cut from a stored fit.

    Attributes:
        fit: with the min_samples asked for: a stored one, or one made from the one that was to be cut.
        points: the fit's embeddings.
        clustering: their clusters, rows in the order of `points`.
        recorded: what is recorded of their labels with the parameters.
    """

    fit: StoredFit | SmallerFit
    points: Points
    clustering: core.Clustering
    recorded: Mapping[str, Any] = MappingProxyType({})


@clear_memory_errors("cutting")
def labels(
    database: Database, clustering_fit_id: object, values: Mapping[str, Any], progress: Progress | None = None
) -> Cut:
    """Clusters cut from a stored fit; nothing is written.

    Raises:
        UnknownFitError, FitNotStoredError, FitDamagedError, OptionError, MembersChangedError, OutOfMemoryError; of the option
        `like` UnknownResultError, ResultOfAnotherModelError, ResultDamagedError, NoLabelsLeftError; StatementInterrupted

    Cost: one read of the fit's vectors, for the medoids, and O(n log n). With a smaller min_samples, which no stored fit of the
    same rows has, the fit's neighbours are read too, and it is O(n·min_samples) more.
    """
    stored = fits.load(database, clustering_fit_id)
    wanted = check_options(database, values, stored, LabelsOptions)
    with origin_of(database, stored.record.embedding_model) as origin:
        return _labels(database, stored, wanted, origin, progress)


def _labels(
    database: Database, stored: StoredFit, wanted: Wanted[LabelsOptions], origin: Origin, progress: Progress | None
) -> Cut:
    found = _cut(database, stored, wanted, origin, progress)
    earlier = earlier_labels(database, wanted.options, origin, found.points.ids)
    clustering, recorded = with_stable_labels(database, found.clustering, earlier, progress)
    return found._replace(clustering=clustering, recorded=recorded)


def _cut(
    database: Database, stored: StoredFit, wanted: Wanted[LabelsOptions], origin: Origin, progress: Progress | None
) -> Cut:
    min_samples, options = wanted
    of_rows, reading = stored_with(database, stored, min_samples), Control(progress)
    if of_rows is not None:
        points = member_points(database, of_rows, origin, reading)
        clustering, _ = interrupt.run(database, cutting(points, of_rows, options), progress)
        return Cut(of_rows, points, clustering)
    earlier = with_neighbors(database, stored, min_samples)
    points = member_points(database, stored, origin, reading)

    def work(control: Control) -> tuple[core.Fit, core.Clustering]:
        fitted = earlier.fitted(points, earlier.vectors(points, control), min_samples, control)
        parameters = CutParameters(**options.selecting(len(points)))
        return fitted, core.cut(fitted, parameters, rank=points.rank(), control=control)

    (fitted, clustering), seconds = interrupt.run(database, work, progress)
    new = SmallerFit(earlier, min_samples, fitted, {**reading.seconds, **seconds})
    return Cut(new, points, clustering)


@clear_memory_errors("cutting")
def cut(
    database: Database, clustering_fit_id: object, values: Mapping[str, Any], progress: Progress | None = None
) -> int:
    """Publish clusters cut from a stored fit as a new result; returns its ClusteringResult id.

    The result is the one a fresh fit with the same options, min_samples among them, would give, row for row. With a smaller
    min_samples than the fit's it has a fit of its own, which says whose neighbours it was made from, and keeps as many as a fresh
    fit does; one that is stored already is used.

    Raises:
        as `labels`, and as `publish`. Nothing was written.
    """
    started_at = now()
    stored = fits.load(database, clustering_fit_id)
    wanted = check_options(database, values, stored, LabelsOptions)
    record = stored.record
    with origin_of(database, record.embedding_model) as origin:
        with translated_errors(database, doing="reading the embeddings"):
            version = origin.data_version()
        found = _labels(database, stored, wanted, origin, progress)
        points = found.points
        parameters = {
            **wanted.options.selecting(len(points)),
            **record.settled,
            "min_samples": wanted.min_samples,
            **recorded_where(record.selection["where"]),
            **{name: record.selection[name] for name in OF_ORIGIN if name in record.selection},
            **found.recorded,
        }
        fit = _to_publish(database, found, progress)
        published = publish(
            database,
            NewResult(points, found.clustering, fit, parameters, started_at, origin),
            snapshot=Snapshot(database, points, origin, version=version),
            patience=PATIENCE,
            control=Control(progress),
        )
    return published.result_id


def _to_publish(database: Database, found: Cut, progress: Progress | None) -> NewFit | int:
    """The fit of a cut as its result needs it: the id of a stored one, or a new one."""
    if isinstance(found.fit, StoredFit):
        return found.fit.id
    earlier, min_samples, fitted, seconds = found.fit
    work = partial(earlier.to_store, found.points, fitted, min_samples, versions(database), seconds)
    fit, _ = interrupt.run(database, work, progress)
    return fit
