"""Where labels go so that they do not overlap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sqlclust.pictures.scene import Float64Array

_ACROSS, _UP = (0.0, 0.25, -0.25, 0.5, -0.5, 0.62, -0.62), (0.0, 0.8, -0.8, 1.3, -1.3, 2.0, -2.0)
_AROUND = np.array([(across, up) for up in _UP for across in _ACROSS])
"""Where a label may be, of its own width and height away from its place."""
_PER_DISTANCE = 2.0
"""Points that a label may cover rather than be one unit farther away."""
_MOST_OF_OTHERS = 0.15
"""The share of a label that may lie on what belongs to others: on more than that it would seem to be theirs."""


class Placed(NamedTuple):
    """A label that has a place.

    Attributes:
        which: of its texts.
        x, y: its middle.
    """

    which: int
    x: float
    y: float


class Crowd:
    """How many points there are in any rectangle."""

    def __init__(self, xy: Float64Array, bounds: tuple[float, float]) -> None:
        """Points (n, 2) within the bounds, in cells of one unit."""
        edges = [np.arange(np.ceil(bound) + 1) for bound in bounds]
        counts, _, _ = np.histogram2d(xy[:, 0], xy[:, 1], bins=edges)
        self._sums = np.zeros((len(edges[0]), len(edges[1])))
        self._sums[1:, 1:] = np.minimum(counts, 1).cumsum(axis=0).cumsum(axis=1)

    def within(self, low: Float64Array, high: Float64Array) -> Float64Array:
        """Cells that have points, in rectangles with these corners, each (m, 2)."""
        most = np.array(self._sums.shape) - 1
        (left, bottom), (right, top) = (np.clip(np.rint(at), 0, most).astype(np.intp).T for at in (low, high))
        sums = self._sums
        return np.asarray(sums[right, top] - sums[left, top] - sums[right, bottom] + sums[left, bottom])


def placed(
    places: Float64Array,
    sizes: Sequence[Sequence[tuple[float, float]]],
    bounds: tuple[float, float],
    *,
    apart: float,
    crowd: Crowd,
    own: Sequence[Float64Array] = (),
) -> list[Placed | None]:
    """A place for each label in which it overlaps none before it; None where there is none.

    Each label is tried with its first text, at its place and close to it, where it covers few points; then with the next.

    Args:
        places: float64 (n, 2), where each label belongs; labels that matter most first.
        sizes: of each label the width and height of each of its texts.
        bounds: width and height of all; labels stay within.
        apart: what is left between two labels.
        crowd: of what should not be covered.
        own: of each label the points (m, 2) that it is of, which are in the crowd; without them it is not asked whose the points
            are that a label covers.
    """
    taken = np.empty((len(places), 4))
    n_taken = 0
    found: list[Placed | None] = []
    for number, (place, texts) in enumerate(zip(places, sizes, strict=True)):
        label = None
        for which, size in enumerate(texts):
            middle = _best(place, np.array(size), np.array(bounds), taken[:n_taken], crowd)
            if middle is not None and not (own and _seems_to_be_of_others(middle, np.array(size), own[number], crowd)):
                x, y = middle.tolist()
                label = Placed(which, x, y)
                half = np.array(size) / 2 + apart
                taken[n_taken] = *(middle - half), *(middle + half)
                n_taken += 1
                break
        found.append(label)
    return found


def _best(
    place: Float64Array, size: Float64Array, bounds: Float64Array, taken: Float64Array, crowd: Crowd
) -> Float64Array | None:
    if (size > bounds).any():
        return None
    middles = np.clip(place + _AROUND * size, size / 2, bounds - size / 2)
    low, high = middles - size / 2, middles + size / 2
    overlaps = (taken[:, None, :2] < high).all(axis=2) & (taken[:, None, 2:] > low).all(axis=2)
    free = ~overlaps.any(axis=0)
    if not free.any():
        return None
    away = np.maximum(np.abs(middles - place) - (size / 2) * (1.0, 0.0), 0).sum(axis=1)  # from the text, not its middle
    away += 0.25 * np.abs(middles - place)[:, 0]
    cost = np.where(free, crowd.within(low, high) + _PER_DISTANCE * away, np.inf)
    return np.asarray(middles[cost.argmin()])


def _seems_to_be_of_others(middle: Float64Array, size: Float64Array, own: Float64Array, crowd: Crowd) -> bool:
    low, high = np.rint(middle - size / 2), np.rint(middle + size / 2)
    [covered] = crowd.within(low[None], high[None])
    if covered <= _MOST_OF_OTHERS * size.prod():
        return False
    within = np.floor(own[((own >= low) & (own < high)).all(axis=1)])
    return bool(covered - len(np.unique(within, axis=0)) > _MOST_OF_OTHERS * size.prod())


def spread(wanted: Float64Array, apart: float, bound: float) -> Float64Array:
    """Places on a line, as near to those wanted as can be, each at least `apart` from the one before.

    Args:
        wanted: float64 (n,), rising.
        bound: all places are between 0 and it; (n − 1) · apart fits into it.

    Source: isotonic regression by pooling adjacent violators (Ayer and others 1955), of the places without their distances.
    """
    means: list[float] = []
    weights: list[int] = []
    steps = apart * np.arange(len(wanted))
    for value in (wanted - steps).tolist():
        means.append(value)
        weights.append(1)
        while len(means) > 1 and means[-2] >= means[-1]:
            weight = weights[-2] + weights[-1]
            means[-2:] = [(means[-2] * weights[-2] + means[-1] * weights[-1]) / weight]
            weights[-2:] = [weight]
    level = np.repeat(means, weights) if means else np.empty(0)
    return np.asarray(np.clip(level, 0, bound - apart * max(0, len(wanted) - 1)) + steps)
