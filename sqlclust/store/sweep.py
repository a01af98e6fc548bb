"""Sweeps: many cuts of one stored fit, of which only the figures are kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
from sqlclust.core.tree.single_linkage import Hierarchy, single_linkage
from sqlclust.errors import OptionError
from sqlclust.options import StoredFitOptions
from sqlclust.sqlite import interrupt
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.memory_errors import clear_memory_errors
from sqlclust.store.cut import Wanted, check_options
from sqlclust.store.fits import loading as fits
from sqlclust.store.fits.stored_fit import StoredFit
from sqlclust.store.memory import check_cutting
from sqlclust.store.min_samples import trees_with

MAX_COMBINATIONS = 1_000
"""Rows a sweep gives at the most."""


@clear_memory_errors("cutting")
def sweep(
    database: Database, clustering_fit_id: object, values: Mapping[str, Any], progress: Progress | None = None
) -> list[dict[str, Any]]:
    """One row for every combination of parameters, cut from a stored fit; nothing is written.

    Args:
        values: options of `StoredFitOptions`, each a value or a list of values; combinations in the order given, the last
            option changing fastest.

    Returns:
        min_samples, the other options, and n_clusters, noise_share, largest_share, mean_persistence, relative_validity (None
        where there is no cluster) and ari_previous (agreement with the row before, None in the first).

    Raises:
        UnknownFitError, FitNotStoredError, FitDamagedError, OptionError, OutOfMemoryError; StatementInterrupted
        MembersChangedError: with a min_samples that no stored fit of these rows has.

    Cost: O(n log n) for every row; condensing once where neither min_samples nor min_cluster_size changes from row to row. No
    vector is read, but once where the tree of another min_samples is to be made (`min_samples.trees_with`): one for each.
    """
    stored = fits.load(database, clustering_fit_id)
    combinations = _combinations(database, values, stored)
    every_min_samples = dict.fromkeys(wanted.min_samples for wanted in combinations)
    check_cutting(len(stored.ids), trees=len(every_min_samples))
    trees = trees_with(database, stored, every_min_samples, progress)

    def work(control: Control) -> list[dict[str, Any]]:
        with control.phase("sweep"):
            return list(_sweep_rows(trees, combinations, control))

    rows, _ = interrupt.run(database, work, progress)
    return rows


def _combinations(database: Database, values: Mapping[str, Any], stored: StoredFit) -> list[Wanted[StoredFitOptions]]:
    lists = {name: value if isinstance(value, list) else [value] for name, value in values.items()}
    for name, choices in lists.items():
        if not choices:
            raise OptionError(name, found=choices, expected="a value or a list of at least one")
    total = int(np.prod([float(len(choices)) for choices in lists.values()]))
    if total > MAX_COMBINATIONS:
        raise OptionError(next(iter(lists)), found=f"{total:,} combinations", expected=f"at most {MAX_COMBINATIONS:,}")
    return [
        check_options(database, dict(zip(lists, choice, strict=True)), stored, StoredFitOptions)
        for choice in product(*lists.values())
    ]


class _CondensedTrees:
    """The condensed trees of a stored fit, for one min_samples and min_cluster_size after the other.

    One is made only where either changes: many combinations in turn have the same. A hierarchy is made once for each
    min_samples.

    Args:
        trees: spanning trees of n rows by min_samples.
    """

    def __init__(self, trees: Mapping[int, SpanningTree], n: int, control: Control) -> None:
        self._trees, self._n, self._control = trees, n, control
        self._hierarchies: dict[int, Hierarchy] = {}
        self._condensed: CondensedTree | None = None
        self._condensed_for = (0, 0)

    def labels(self, min_samples: int, parameters: CutParameters) -> ClusterLabels:
        """The clusters of these parameters."""
        if self._n == 1:
            return all_noise(1)
        if min_samples not in self._hierarchies:
            self._hierarchies[min_samples] = single_linkage(self._trees[min_samples], self._control)
        wanted = min_samples, parameters.min_cluster_size
        if self._condensed is None or self._condensed_for != wanted:
            self._condensed = condense(
                self._hierarchies[min_samples], min_cluster_size=parameters.min_cluster_size, control=self._control
            )
            self._condensed_for = wanted
        return cluster_labels(self._condensed, parameters, self._control)


def _sweep_rows(
    trees: Mapping[int, SpanningTree], combinations: list[Wanted[StoredFitOptions]], control: Control
) -> Iterator[dict[str, Any]]:
    """A row for each combination; `trees` by min_samples, of the same rows."""
    n = len(next(iter(trees.values())).weight) + 1
    condensed = _CondensedTrees(trees, n, control)
    previous = None
    for done, (min_samples, options) in enumerate(combinations):
        control.at(done / len(combinations))
        selecting = options.selecting(n)
        labelled = condensed.labels(min_samples, CutParameters(**selecting))
        control.check()
        yield {
            "min_samples": min_samples,
            **selecting,
            **_figures(labelled, trees[min_samples]),
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
