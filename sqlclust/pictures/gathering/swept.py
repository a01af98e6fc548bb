"""The sweep of a picture: what other values of min_cluster_size would give."""

from __future__ import annotations

from typing import Any

import numpy as np

from sqlclust.core.runtime.control import Progress
from sqlclust.options import CutOptions
from sqlclust.pictures.scene import SceneSweep, SweptCut
from sqlclust.sqlite.database import Database
from sqlclust.store.sweep import sweep

_VALUES = 24
"""Values of a sweep; of more than 250,000 rows fewer, so that it takes some seconds at the most."""
_FEWER_FROM, _FEWEST = 250_000, 8


def values_to_try(n: int, stored: int, *, most: int) -> list[int]:
    """Values of min_cluster_size, ascending: from 2 to n/4 in steps of one ratio, whole numbers, each once; and the stored one.

    Args:
        n: rows.
        stored: the result's own.
        most: how many, the stored one not counted.
    """
    last = max(2, n // 4, min(stored, n))
    spaced = np.unique(np.rint(np.geomspace(2, last, most)).astype(int)).tolist()
    return sorted({*spaced, stored})


def scene_sweep(
    database: Database, fit_id: int, n: int, options: CutOptions, progress: Progress | None = None
) -> SceneSweep:
    """The sweep of a result with its other options as they are.

    Args:
        n: rows of the fit.
        options: of the result.

    Raises:
        as `store.sweep.sweep`.

    Cost: that of as many cuts as there are values: 24, fewer of more than 250,000 rows.
    """
    selecting: dict[str, Any] = options.selecting(n)
    stored, largest = selecting["min_cluster_size"], selecting["max_cluster_size"]
    most = max(_FEWEST, _VALUES * _FEWER_FROM // max(n, _FEWER_FROM))
    values = values_to_try(n, stored, most=most)
    if largest:
        values = [value for value in values if value <= largest or value == stored]
    rows = sweep(database, fit_id, {**selecting, "min_cluster_size": values}, progress)
    names = ("min_cluster_size", "n_clusters", "noise_share", "largest_share")
    return SceneSweep([SweptCut(**{name: row[name] for name in names}) for row in rows], stored)
