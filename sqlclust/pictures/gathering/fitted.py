"""What of a result its stored fit tells: the condensed tree, and the clusters in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.clusters.labels import NOISE
from sqlclust.core.clusters.selection import FlatClusters
from sqlclust.core.runtime.control import Control, Progress
from sqlclust.errors import ResultChangedError
from sqlclust.options import CutOptions
from sqlclust.sqlite import interrupt
from sqlclust.sqlite.database import Database
from sqlclust.store.cut import flat_clusters_of
from sqlclust.store.fits import loading as fits
from sqlclust.store.fits.stored_fit import StoredFit
from sqlclust.store.memory import check_cutting
from sqlclust.store.results.rows import ResultRows


@dataclass(frozen=True, eq=False)
class Fitted:
    """The stored fit of a result, cut with the result's own options.

    Attributes:
        stored: rows as in the result.
        options: of the result.
        flat: the clusters in the condensed tree; None of a single row.
        labels: int64, the stored label of each of them.
    """

    stored: StoredFit
    options: CutOptions
    flat: FlatClusters | None
    labels: NDArray[np.int64]


def fitted(
    database: Database, result_id: int, fit_id: int, options: CutOptions, rows: ResultRows, progress: Progress | None
) -> Fitted:
    """The stored fit of a result. No vector is read.

    Raises:
        FitNotStoredError, FitDamagedError, OutOfMemoryError; StatementInterrupted
        ResultChangedError: it gives other rows, or other clusters.

    Cost: O(n log n).
    """
    stored = fits.load(database, fit_id)
    if stored.ids != rows.ids:
        raise ResultChangedError(result_id, reason=f"its rows are others than those of clustering fit {fit_id}")
    if len(stored.ids) == 1:
        return Fitted(stored, options, None, np.empty(0, dtype=np.int64))
    check_cutting(len(stored.ids))

    def work(control: Control) -> tuple[FlatClusters, NDArray[np.int64] | None]:
        with control.phase("tree"):
            flat = flat_clusters_of(stored.tree, options, control)
            return flat, _stored_labels(flat, rows.labels)

    (flat, labels), _ = interrupt.run(database, work, progress)
    if labels is None:
        raise ResultChangedError(result_id, reason="its clusters are others")
    return Fitted(stored, options, flat, labels)


def _stored_labels(flat: FlatClusters, stored: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """The label that each flat cluster is stored under (the option `like` gives others than those from 0).

    Args:
        stored: int64 (n,), of the tree's points.

    Returns:
        int64 (n_clusters,); None where the stored labels group the points otherwise.
    """
    found, _ = flat.of_points()
    _, first = np.unique(found, return_index=True)
    names = stored[first[found[first] != NOISE]]
    if len(np.unique(names)) != len(names) or (np.append(names, NOISE)[found] != stored).any():
        return None
    return np.asarray(names)
