"""Cutting stored fits: other clusters from the same spanning tree. Neighbours are not looked for again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from itertools import islice, product
from typing import Any
from zlib import crc32

import numpy as np

import sqlclust.core.pipeline as core
from sqlclust import schema
from sqlclust.core.clusters.cut_parameters import CutParameters
from sqlclust.core.clusters.labels import NOISE
from sqlclust.core.clusters.selection import all_noise, cluster_labels
from sqlclust.core.clusters.validity import relative_validity
from sqlclust.core.geometry.duplicates import distinct
from sqlclust.core.labellings.agreement import adjusted_rand_index
from sqlclust.core.runtime.control import Control, Progress
from sqlclust.core.tree.condensed_tree import condense
from sqlclust.core.tree.single_linkage import single_linkage
from sqlclust.errors import FitDamagedError, FitOptionError, Id, MembersChangedError, OptionError, UnknownOptionError
from sqlclust.options import CutOptions, HdbscanOptions, names, parse
from sqlclust.sqlite import interrupt
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.memory_errors import clear_memory_errors
from sqlclust.sqlite.transactions import PATIENCE, translated_errors
from sqlclust.sqlite.values import now
from sqlclust.store.embeddings.buffer import GrowingBytes
from sqlclust.store.embeddings.ids import sort_key
from sqlclust.store.embeddings.points import Points, points_of
from sqlclust.store.embeddings.selection import recorded_where
from sqlclust.store.embeddings.snapshot import Snapshot, data_version, member_rows
from sqlclust.store.fits import loading as fits
from sqlclust.store.fits.stored_fit import StoredFit
from sqlclust.store.memory import check_cutting
from sqlclust.store.results.publishing import NewResult, publish
from sqlclust.vectors.blobs import ITEM_BYTES, STORED

_REPORT = 1024
MAX_COMBINATIONS = 1_000
"""Rows a sweep gives at the most."""


def cutting(points: Points, stored: StoredFit, options: CutOptions) -> Callable[[Control], core.Clustering]:
    """The work of cutting a stored fit whose embeddings are `points`; in `points`' order of rows."""

    def work(control: Control) -> core.Clustering:
        tree = stored.tree._replace(left=points.order[stored.tree.left], right=points.order[stored.tree.right])
        with control.phase("clusters"):
            labelled = core.select_clusters(tree, CutParameters(**options.selecting(len(points))), control)
        with control.phase("duplicates"):
            vectors = distinct(points.vectors, normalize=stored.record.needs_unit_length, control=control)
        return core.with_medoids(labelled, vectors, rank=points.rank(), control=control)

    return work


def check_options(values: Mapping[str, Any], stored: StoredFit) -> CutOptions:
    """Options for cutting a stored fit.

    Raises:
        FitOptionError: an option that the fit has settled otherwise.
        OptionError: see `options.parse`.
    """
    cut_names, settled = names(CutOptions), set(names(HdbscanOptions)) - set(names(CutOptions))
    for name, value in values.items():
        if name not in settled and name not in cut_names:
            raise UnknownOptionError(name, allowed=cut_names)
        if name in settled:
            parse(HdbscanOptions, {name: value})
            fitted = stored.record.settled[name]
            if name == "min_samples" and value is not None:
                value = min(value, max(1, stored.record.n - 1))  # as a fit of them takes it
            if value != fitted and (name, value) != ("engine", "auto"):
                raise FitOptionError(name, found=value, fitted=fitted, clustering_fit_id=stored.id)
    return parse(CutOptions, {name: value for name, value in values.items() if name in cut_names})


def members(database: Database, stored: StoredFit, control: Control) -> Points:
    """The embeddings a fit is of, as they are now, if they still are as they were.

    Raises:
        MembersChangedError: some are gone or have another vector; names the first.
        OutOfMemoryError: there is no room for them, and for what cutting takes; none was read.

    Cost: O(n·dimension), one read of the vectors.
    """
    check_cutting(len(stored.ids), stored.record.dimension)
    expected = dict(zip(stored.ids, stored.row_checks.tolist(), strict=True))
    ids: list[Id] = []
    changed: list[Id] = []
    buffer = GrowingBytes()
    with (
        translated_errors(database, doing="reading the embeddings"),
        control.phase("load"),
        member_rows(database, stored.ids, stored.record.embedding_model) as rows,
    ):
        while batch := list(islice(rows, _REPORT)):
            for embedding_id, vector in batch:
                if (check := expected.get(embedding_id)) is None:
                    continue
                if isinstance(vector, bytes) and crc32(vector) == check:
                    ids.append(embedding_id)
                    buffer.append(vector)
                else:
                    changed.append(embedding_id)
            control.at(len(ids) / len(stored.ids))
            database.check_interrupt()
    there = {*ids, *changed}
    gone = [embedding_id for embedding_id in stored.ids if embedding_id not in there]
    for which, change in ((gone, "is gone"), (changed, "has another vector")):
        if which:
            raise MembersChangedError(
                embedding_id=min(which, key=sort_key), change=change, changed=len(which), clustering_fit_id=stored.id
            )
    dimension = stored.record.dimension
    vectors = buffer.take()
    if len(vectors) != len(ids) * dimension * ITEM_BYTES:
        raise FitDamagedError(stored.id, reason="its vectors have another dimension")
    return points_of(ids, vectors.view(STORED).reshape(len(ids), dimension).astype(np.float32, copy=False))


@clear_memory_errors("cutting")
def labels(
    database: Database, clustering_fit_id: object, values: Mapping[str, Any], progress: Progress | None = None
) -> tuple[StoredFit, CutOptions, Points, core.Clustering]:
    """Clusters cut from a stored fit; nothing is written.

    Raises:
        UnknownFitError, FitNotStoredError, FitDamagedError, OptionError, MembersChangedError; StatementInterrupted

    Cost: one read of the fit's vectors, for the medoids, and O(n log n).
    """
    with translated_errors(database, doing="reading a fit"):
        schema.check(database)
    stored = fits.load(database, clustering_fit_id)
    options = check_options(values, stored)
    points = members(database, stored, Control(progress))
    clustering, _ = interrupt.run(database, cutting(points, stored, options), progress)
    return stored, options, points, clustering


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
    with translated_errors(database, doing="reading a fit"):
        version = data_version(database)
    stored, options, points, clustering = labels(database, clustering_fit_id, values, progress)
    record = stored.record
    parameters = {
        **options.selecting(len(points)),
        **stored.record.settled,
        **recorded_where(record.selection["where"]),
    }
    return publish(
        database,
        NewResult(points, clustering, stored.id, parameters, started_at),
        snapshot=Snapshot(database, points, record.embedding_model, version=version),
        patience=PATIENCE,
        control=Control(progress),
    )


@clear_memory_errors("cutting")
def sweep(
    database: Database, clustering_fit_id: object, values: Mapping[str, Any], progress: Progress | None = None
) -> list[dict[str, Any]]:
    """One row for every combination of parameters, cut from a stored fit; nothing is written, no vector is read.

    Args:
        values: options of `CutOptions`, each a value or a list of values; combinations in the order given, the last
            option changing fastest.

    Returns:
        The options, and n_clusters, noise_share, largest_share, mean_persistence, relative_validity (None where there is
        no cluster) and ari_previous (agreement with the row before, None in the first).

    Raises:
        UnknownFitError, FitNotStoredError, FitDamagedError, OptionError; StatementInterrupted

    Cost: O(n log n) for every row; condensing once where min_cluster_size does not change from row to row.
    """
    with translated_errors(database, doing="reading a fit"):
        schema.check(database)
    stored = fits.load(database, clustering_fit_id)
    combinations = _combinations(values, stored)
    check_cutting(len(stored.ids))

    def work(control: Control) -> list[dict[str, Any]]:
        with control.phase("sweep"):
            return list(_sweep_rows(stored, combinations, control))

    rows, _ = interrupt.run(database, work, progress)
    return rows


def _combinations(values: Mapping[str, Any], stored: StoredFit) -> list[CutOptions]:
    lists = {name: value if isinstance(value, list) else [value] for name, value in values.items()}
    for name, choices in lists.items():
        if not choices:
            raise OptionError(name, found=choices, expected="a value or a list of at least one")
    total = int(np.prod([float(len(choices)) for choices in lists.values()]))
    if total > MAX_COMBINATIONS:
        raise OptionError(next(iter(lists)), found=f"{total:,} combinations", expected=f"at most {MAX_COMBINATIONS:,}")
    return [check_options(dict(zip(lists, choice, strict=True)), stored) for choice in product(*lists.values())]


def _sweep_rows(stored: StoredFit, combinations: list[CutOptions], control: Control) -> Iterator[dict[str, Any]]:
    n = len(stored.ids)
    hierarchy = single_linkage(stored.tree, control) if n > 1 else None
    condensed, condensed_for = None, 0
    previous = None
    for done, options in enumerate(combinations):
        control.at(done / len(combinations))
        parameters = CutParameters(**options.selecting(n))
        min_cluster_size = parameters.min_cluster_size
        if hierarchy is not None and condensed_for != min_cluster_size:
            condensed = condense(hierarchy, min_cluster_size=min_cluster_size, control=control)
            condensed_for = min_cluster_size
        labelled = all_noise(n) if condensed is None else cluster_labels(condensed, parameters, control)
        control.check()
        sizes = np.bincount(labelled.labels - NOISE, minlength=1)  # noise first
        clusters = sizes[1:]
        yield {
            **asdict(options),
            "min_cluster_size": min_cluster_size,
            "n_clusters": len(clusters),
            "noise_share": int(sizes[0]) / n,
            "largest_share": int(clusters.max(initial=0)) / n,
            "mean_persistence": float(labelled.persistence.mean()) if len(clusters) else None,
            "relative_validity": relative_validity(stored.tree, labelled.labels) if n > 1 else None,
            "ari_previous": None if previous is None else adjusted_rand_index(previous, labelled.labels),
        }
        previous = labelled.labels
