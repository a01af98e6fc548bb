"""Which of the new distinct vectors each old one is, by content: for tests, which have both. A stored fit has hashes."""

from __future__ import annotations

import numpy as np

from sqlclust.core.geometry.duplicates import distinct
from sqlclust.core.geometry.metrics import Float32Array, IndexArray
from sqlclust.core.runtime.control import Control


def places(old: Float32Array, new: Float32Array, control: Control | None = None) -> IndexArray:
    """The place of each old vector among the new ones: intp (r,), ascending, −1 for those that are gone.

    Args:
        old, new: float32 (r, d) and (m, d), distinct each, in canonical order.

    Cost: O((r + m)·d), and a copy of both.
    """
    group = distinct(np.concatenate([new, old]), normalize=False, control=control).group_of_row()
    place = np.full(int(group.max()) + 1, -1, dtype=np.intp)
    place[group[: len(new)]] = np.arange(len(new))
    return place[group[len(new) :]]
