"""Runs: equal numbers that stand side by side in a sorted array, as the entries of one owner or one cluster do."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.metrics import IndexArray


def run_starts(numbers: NDArray[Any]) -> IndexArray:
    """Where each run begins, ascending: intp (runs,); none for no numbers.

    Args:
        numbers: (n,), equal ones side by side.
    """
    return np.flatnonzero(np.append(True, numbers[1:] != numbers[:-1])[: len(numbers)])


def places_in_runs(numbers: NDArray[Any]) -> IndexArray:
    """The place of each number within its run, from 0: intp (n,).

    Of entries sorted by (owner, distance), those whose place is below k are the k nearest of each owner.

    Args:
        numbers: (n,), equal ones side by side.
    """
    starts = run_starts(numbers)
    return np.arange(len(numbers)) - np.repeat(starts, np.diff(starts, append=len(numbers)))
