"""Cutting stored fits: other clusters from the same spanning tree. Neighbours are not looked for again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import sqlclust.core.pipeline as core
from sqlclust.core.clusters.cut_parameters import CutParameters
from sqlclust.core.runtime.control import Control, Progress
from sqlclust.errors import FitOptionError, UnknownOptionError
from sqlclust.options import CutOptions, HdbscanOptions, names, parse
from sqlclust.sqlite import interrupt
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.memory_errors import clear_memory_errors
from sqlclust.sqlite.transactions import PATIENCE, translated_errors
from sqlclust.sqlite.values import now
from sqlclust.store.embeddings.origin import OF_ORIGIN, Origin
from sqlclust.store.embeddings.points import Points
from sqlclust.store.embeddings.selection import recorded_where
from sqlclust.store.embeddings.snapshot import Snapshot
from sqlclust.store.fits import loading as fits
from sqlclust.store.fits.stored_fit import StoredFit
from sqlclust.store.members import member_points
from sqlclust.store.origins import origin_of
from sqlclust.store.results.publishing import NewResult, publish


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


def check_options(values: Mapping[str, Any], stored: StoredFit) -> CutOptions:
    """Options for cutting a stored fit.

    Raises:
        FitOptionError: an option that the fit has settled otherwise.
        OptionError: see `options.parse`.
    """
    cut_names, settled = names(CutOptions), stored.record.settled
    for name, value in values.items():
        if name in settled:
            parse(HdbscanOptions, {name: value})
            _check_settled(name, value, stored)
        elif name not in cut_names:
            raise UnknownOptionError(name, allowed=cut_names)
    return parse(CutOptions, {name: value for name, value in values.items() if name in cut_names})


def _check_settled(name: str, value: Any, stored: StoredFit) -> None:
    """Refuse a value that is not the fit's. Two are taken as a fit of these rows takes them."""
    fitted = stored.record.settled[name]
    if name == "engine" and value == "auto":  # whichever it came to
        return
    if name == "min_samples" and value is not None:  # no more than there are other rows
        value = min(value, max(1, stored.record.n - 1))
    if value != fitted:
        raise FitOptionError(name, found=value, fitted=fitted, clustering_fit_id=stored.id)


class Cut(NamedTuple):
    """Clusters cut from a stored fit.

    Attributes:
        stored: the fit.
        options: as they ran.
        points: the fit's embeddings.
        clustering: their clusters, rows in the order of `points`.
    """

    stored: StoredFit
    options: CutOptions
    points: Points
    clustering: core.Clustering


@clear_memory_errors("cutting")
def labels(
    database: Database, clustering_fit_id: object, values: Mapping[str, Any], progress: Progress | None = None
) -> Cut:
    """Clusters cut from a stored fit; nothing is written.

    Raises:
        UnknownFitError, FitNotStoredError, FitDamagedError, OptionError, MembersChangedError; StatementInterrupted

    Cost: one read of the fit's vectors, for the medoids, and O(n log n).
    """
    stored = fits.load(database, clustering_fit_id)
    options = check_options(values, stored)
    with origin_of(database, stored.record.embedding_model) as origin:
        return _labels(database, stored, options, origin, progress)


def _labels(
    database: Database, stored: StoredFit, options: CutOptions, origin: Origin, progress: Progress | None
) -> Cut:
    points = member_points(database, stored, origin, Control(progress))
    clustering, _ = interrupt.run(database, cutting(points, stored, options), progress)
    return Cut(stored, options, points, clustering)


@clear_memory_errors("cutting")
def cut(
    database: Database, clustering_fit_id: object, values: Mapping[str, Any], progress: Progress | None = None
) -> int:
    """Publish clusters cut from a stored fit as a new result; returns its ClusteringResult id.

    The result is the one a fresh fit with the same options, min_samples among them, would give, row for row.

    Raises:
        as `labels`, and as `publish`. Nothing was written.
    """
    started_at = now()
    stored = fits.load(database, clustering_fit_id)
    options = check_options(values, stored)
    record = stored.record
    with origin_of(database, record.embedding_model) as origin:
        with translated_errors(database, doing="reading the embeddings"):
            version = origin.data_version()
        _, _, points, clustering = _labels(database, stored, options, origin, progress)
        parameters = {
            **options.selecting(len(points)),
            **record.settled,
            **recorded_where(record.selection["where"]),
            **{name: record.selection[name] for name in OF_ORIGIN if name in record.selection},
        }
        return publish(
            database,
            NewResult(points, clustering, stored.id, parameters, started_at, origin),
            snapshot=Snapshot(database, points, origin, version=version),
            patience=PATIENCE,
            control=Control(progress),
        )
