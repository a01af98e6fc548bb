"""Sweeps: many cuts of one stored fit, of which only the figures are kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from itertools import product
from typing import Any

import numpy as np

from sqlclust.core.clusters.cut_parameters import CutParameters
from sqlclust.core.clusters.labels import NOISE
from sqlclust.core.clusters.selection import ClusterLabels, all_noise, cluster_labels
from sqlclust.core.clusters.validity import relative_validity
from sqlclust.core.labellings.agreement import adjusted_rand_index
from sqlclust.core.runtime.control import Control, Progress
from sqlclust.core.tree.boruvka import SpanningTree
from sqlclust.core.tree.condensed_tree import CondensedTree, condense
from sqlclust.core.tree.single_linkage import single_linkage
from sqlclust.errors import OptionError
from sqlclust.options import CutOptions
from sqlclust.sqlite import interrupt
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.memory_errors import clear_memory_errors
from sqlclust.store.cut import check_options
from sqlclust.store.fits import loading as fits
from sqlclust.store.fits.stored_fit import StoredFit
from sqlclust.store.memory import check_cutting

MAX_COMBINATIONS = 1_000
"""Rows a sweep gives at the most."""


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
    return [
        check_options(dict(zip(lists, choice, strict=True)), stored, CutOptions) for choice in product(*lists.values())
    ]


class _CondensedTrees:
    """The condensed trees of a stored fit, for one min_cluster_size after the other.

    One is made only where min_cluster_size changes: many combinations in turn have the same.
    """

    def __init__(self, stored: StoredFit, control: Control) -> None:
        self._n, self._control = len(stored.ids), control
        self._linkage = single_linkage(stored.tree, control) if self._n > 1 else None
        self._condensed: CondensedTree | None = None
        self._condensed_for = 0

    def labels(self, parameters: CutParameters) -> ClusterLabels:
        """The clusters of these parameters."""
        if self._linkage is None:
            return all_noise(self._n)
        size = parameters.min_cluster_size
        if self._condensed is None or self._condensed_for != size:
            self._condensed = condense(self._linkage, min_cluster_size=size, control=self._control)
            self._condensed_for = size
        return cluster_labels(self._condensed, parameters, self._control)


def _sweep_rows(stored: StoredFit, combinations: list[CutOptions], control: Control) -> Iterator[dict[str, Any]]:
    trees = _CondensedTrees(stored, control)
    previous = None
    for done, options in enumerate(combinations):
        control.at(done / len(combinations))
        parameters = CutParameters(**options.selecting(len(stored.ids)))
        labelled = trees.labels(parameters)
        control.check()
        yield {
            **asdict(options),
            "min_cluster_size": parameters.min_cluster_size,
            **_figures(labelled, stored.tree),
            "ari_previous": None if previous is None else adjusted_rand_index(previous, labelled.labels),
        }
        previous = labelled.labels


def _figures(labelled: ClusterLabels, tree: SpanningTree) -> dict[str, Any]:
    """What is kept of a clustering of the tree's rows."""
    n = len(labelled.labels)
    n_noise, *sizes = np.bincount(labelled.labels - NOISE, minlength=1).tolist()
    return {
        "n_clusters": len(sizes),
        "noise_share": n_noise / n,
        "largest_share": max(sizes, default=0) / n,
        "mean_persistence": float(labelled.persistence.mean()) if sizes else None,
        "relative_validity": relative_validity(tree, labelled.labels) if n > 1 else None,
    }
