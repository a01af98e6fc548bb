"""A control that notes when it is looked at, and stops at a given look."""

from __future__ import annotations

import threading
import time

import numpy as np

from sqlclust.core.runtime.control import Control
from sqlclust.core.tree.boruvka import SpanningTree


class Watched(Control):
    """Looks, and the longest processor time of one thread between two of them.

    Args:
        stop_at: the look that is told to stop, from 1; 0 for none.
    """

    def __init__(self, stop_at: int = 0) -> None:
        super().__init__()
        self._lock, self._stop_at = threading.Lock(), stop_at
        self._last: dict[int, float] = {threading.get_ident(): time.thread_time()}
        self.looks, self.gap = 0, 0.0

    def check(self) -> None:
        with self._lock:
            now, thread = time.thread_time(), threading.get_ident()
            self.gap = max(self.gap, now - self._last.get(thread, now))
            self._last[thread] = now
            self.looks += 1
            if self.looks == self._stop_at:
                self.stop()
        super().check()


def random_tree(n: int) -> SpanningTree:
    """Groups of some fifty rows in a random tree."""
    random = np.random.default_rng(0)
    left = np.arange(1, n)
    right = np.maximum(left - 1 - random.integers(0, 50, n - 1), 0)
    order = random.permutation(n - 1)
    return SpanningTree(right[order], left[order], np.sort(random.random(n - 1)))
