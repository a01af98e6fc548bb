"""A stored fit as the engine goes on from it: brought up to date, or cut with another min_samples."""

from __future__ import annotations

import numpy as np

from sqlclust.core.engines import engine_of
from sqlclust.core.update.consistency import Kept
from sqlclust.core.update.updating import OldFit
from sqlclust.errors import FitDamagedError
from sqlclust.store.fits.neighbors import FitNeighbors
from sqlclust.store.fits.stored_fit import StoredFit


def old_fit(stored: StoredFit, neighbors: FitNeighbors) -> OldFit:
    """A stored fit and the neighbours that are kept with it, of its distinct vectors.

    Raises:
        FitDamagedError: its tree is not one of the distinct vectors and their copies, or these have other core distances.

    Cost: O(n).
    """
    core = np.empty(stored.record.n_distinct, dtype=np.float32)
    core[neighbors.row_vectors] = stored.core_distances
    if (core[neighbors.row_vectors] != stored.core_distances).any():
        raise FitDamagedError(stored.id, reason="its neighbours are of other vectors than its core_distances")
    left, right = (neighbors.row_vectors[ends] for ends in (stored.tree.left, stored.tree.right))
    of_vectors = left != right  # the others are of copies
    left, right = (ends[of_vectors].astype(np.intp) for ends in (left, right))
    if len(left) != stored.record.n_distinct - 1:
        raise FitDamagedError(stored.id, reason="its neighbours are of other vectors than its spanning_tree")
    engine = engine_of(stored.record.engine)
    kept = Kept(core, stored.tree.weight[of_vectors]) if engine.exact else None
    return OldFit(stored.record.reachability, neighbors.lists, left, right, neighbors.exponent, kept, engine.name)
