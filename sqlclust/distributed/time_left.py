"""How long the rest of a fit in shards takes: what the cost model expects, as much longer as it took until now."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

_TOLD_AT_ONCE = 0.3
"""Seconds within which a phase says how much of it was there from an earlier run."""
_ENOUGH = 0.02
"""Share of all that has to be done before its time says how quick the machine is; until then the model's own seconds count."""


_SHARES = {
    "scan": 0.019, "assign": 0.018, "route": 0.042, "search": 0.703, "merge": 0.037, "forest": 0.150, "recall": 0.024,
    "confirm": 0.007,
}  # fmt: skip
"""Of the workers' core-seconds, by `tests/benchmarks/distributed.py` at 708,000 × 768."""
_CLIENT = {
    "number": (1.3e-6, 0.0), "divide": (1.7e-6, 0.0), "hash": (4e-6, 0.026e-6), "clusters": (0.7e-6, 0.0),
    "medoids": (2e-6, 0.021e-6),
}  # fmt: skip
"""Seconds of the client for each row, and for each number of it: what `timings` of a stored fit of 50,000 × 384 said, divided by
as much longer as the workers' phases took than the model expects."""
_PHASES = (
    "scan", "number", "assign", "divide", "route", "search", "merge", "forest", "recall", "confirm", "hash", "clusters",
    "medoids",
)  # fmt: skip


def expected_seconds(n: int, dimension: int, worker_seconds: float) -> dict[str, float]:
    """Seconds of each phase, in their order.

    Args:
        n, dimension: of the vectors.
        worker_seconds: that the workers' phases take together.
    """
    by_workers = {name: share * worker_seconds for name, share in _SHARES.items()}
    by_client = {name: n * (each + number * dimension) for name, (each, number) in _CLIENT.items()}
    seconds = {**by_workers, **by_client}
    return {name: seconds[name] for name in _PHASES}


class TimeLeft:
    """Seconds that are left of all phases, told by their progress.

    Args:
        expected: seconds of each phase, in their order. Phases that are not among them count for nothing.
        clock: seconds from anywhere.
    """

    def __init__(self, expected: Mapping[str, float], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._expected, self._clock = expected, clock
        self._order = [*expected]
        self._all = sum(expected.values())
        self._phase, self._begun, self._there, self._fraction, self._now = "", 0.0, 0.0, 0.0, 0.0
        self._done = self._took = 0.0  # expected seconds of what was done in this run, and those that it took

    def __call__(self, phase: str, fraction: float) -> float | None:
        """Seconds left when a phase is so far, 0.0 to 1.0; None where the model has no such phase."""
        self._now = self._clock()
        if phase != self._phase:
            self._finish()
            self._phase, self._begun, self._there, self._fraction = phase, self._now, 0.0, 0.0
        if self._now - self._begun < _TOLD_AT_ONCE:
            self._there = fraction
        self._fraction = fraction
        if phase not in self._expected:
            return None
        place = self._order.index(phase)
        left = sum(self._expected[name] for name in self._order[place + 1 :]) + self._expected[phase] * (1.0 - fraction)
        done, took = self._done + self._done_here(), self._took + self._now - self._begun
        return left * (took / done if done > _ENOUGH * self._all else 1.0)

    def _finish(self) -> None:
        """The phase before has ended; one that was there takes no time, and tells nothing of the others."""
        if self._phase in self._expected and self._now - self._begun >= _TOLD_AT_ONCE:
            self._fraction = 1.0
            self._done += self._done_here()
            self._took += self._now - self._begun

    def _done_here(self) -> float:
        return self._expected.get(self._phase, 0.0) * max(0.0, self._fraction - self._there)
