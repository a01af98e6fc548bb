"""Runs of equal numbers in a sorted array: how things that are sorted by their group are taken group by group."""

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
