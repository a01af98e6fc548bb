"""The k nearest of each distinct vector of a fit in shards, read from the spool folder piece by piece."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.metrics import Float64Array
from sqlclust.core.neighbors.k_nearest import Int32Array
from sqlclust.distributed.fit import ShardedFit
from sqlclust.distributed.merging import merged_path
from sqlclust.distributed.spool import SpoolFile


class SpooledLists:
    """As `core.neighbors.k_nearest_lists.KNearestLists`, without its entries in memory: only those that are asked for.

    Attributes:
        counts, starts: as there; all lists have the same length.
    """

    def __init__(self, fitted: ShardedFit) -> None:
        m = len(fitted.corpus.starts)
        self._folder, self._owners = fitted.folder, fitted.plan.owner_rows
        self._k = min(fitted.plan.k, m - 1)
        self.counts = fitted.corpus.counts.astype(np.int64)
        self.starts = np.arange(m + 1, dtype=np.int64) * self._k

    def lengths(self) -> NDArray[np.int64]:
        """int64 (m,), how many neighbours each list has."""
        return np.full(len(self.counts), self._k, dtype=np.int64)

    def between(self, first: int, last: int) -> tuple[Int32Array, Float64Array]:
        """The lists of the vectors from `first` to before `last`, one after the other: vectors, and squared distances.

        Raises:
            SpoolDamagedError, SpoolMissingError
        """
        indices = np.empty((last - first, self._k), dtype=np.int32)
        squared = np.empty(indices.shape)
        at = first
        while at < last and self._k:
            number, skipped = divmod(at, self._owners)
            taken = min(last - at, self._owners - skipped)
            with SpoolFile(merged_path(self._folder, number)) as file:
                place = slice(at - first, at - first + taken)
                indices[place] = file.array("indices")[skipped : skipped + taken]
                squared[place] = file.array("squared")[skipped : skipped + taken]
            at += taken
        return indices.ravel(), squared.ravel()
