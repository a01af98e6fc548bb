"""Things that are in groups: where each group begins, the place in it, and who comes first.

A run is a group in a sorted array: equal numbers, one after the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.metrics import IndexArray


def run_starts(numbers: NDArray[Any]) -> IndexArray:
    """Where each run of equal numbers begins: intp (runs,). `[4, 4, 7]` gives `[0, 2]`."""
    if len(numbers) == 0:
        return np.empty(0, dtype=np.intp)
    return np.flatnonzero(np.append(True, numbers[1:] != numbers[:-1]))


def places_in_runs(numbers: NDArray[Any]) -> IndexArray:
    """The place of each number in its run, from 0: intp (n,). `[4, 4, 7]` gives `[0, 1, 0]`."""
    starts = run_starts(numbers)
    return np.arange(len(numbers)) - np.repeat(starts, np.diff(starts, append=len(numbers)))


def first_of_groups(groups: IndexArray, total: int, rank: IndexArray) -> IndexArray:
    """The row of lowest rank in each group: intp (total,).

    Args:
        groups: intp (n,), the group each row is in, from 0; none is empty.
        rank: intp (n,), the rows' order.
    """
    last_first = np.argsort(rank)[::-1]
    first = np.empty(total, dtype=np.intp)
    first[groups[last_first]] = last_first  # of assignments to one place the last one stays, that of the lowest rank
    return first
