"""A stored fit as the engine goes on from it: brought up to date, or cut with another min_samples."""

from __future__ import annotations

import numpy as np

from sqlclust.core.update.updating import OldFit
from sqlclust.errors import FitDamagedError
from sqlclust.store.fits.neighbors import FitNeighbors
from sqlclust.store.fits.stored_fit import StoredFit


def old_fit(stored: StoredFit, neighbors: FitNeighbors) -> OldFit:
    """A stored fit and the neighbours that are kept with it, of its distinct vectors.

    Raises:
        FitDamagedError: its tree is not one of the distinct vectors and their copies.

    Cost: O(n).
    """
    left, right = (neighbors.row_vectors[ends] for ends in (stored.tree.left, stored.tree.right))
    of_vectors = left != right  # the others are of copies
    left, right = (ends[of_vectors].astype(np.intp) for ends in (left, right))
    if len(left) != stored.record.n_distinct - 1:
        raise FitDamagedError(stored.id, reason="its neighbours are of other vectors than its spanning_tree")
    return OldFit(stored.record.reachability, neighbors.lists, left, right, neighbors.exponent)
