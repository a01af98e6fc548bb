"""Mutual reachability: the distance by which HDBSCAN joins vectors.

    mutual reachability(x, y) = max(core(x), core(y), |x − y| / alpha)

core(x) is the distance from x to its min_samples-th nearest neighbour: it is small where vectors are dense. Two vectors of a
dense place are as far from each other as they are; a vector of a thin place is far from every other one.

The engines compute with squares: the largest of three distances is the one with the largest square.

Source: Campello, Moulavi, Sander 2013, definitions 1 and 3; alpha is that of hdbscan.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sqlclust.core.geometry.metrics import (
    Float32Array,
    Float64Array,
    IndexArray,
    Metric,
    metric_of,
    squared_distances,
    unit_length,
)
from sqlclust.core.runtime.control import Control
from sqlclust.core.runtime.threads import for_each_block

_PAIRS_AT_A_TIME = 4096


class ReachabilityParameters(NamedTuple):
    """What mutual reachability is made of; the names are hdbscan's, but for `normalize`.

    Attributes:
        min_samples: >= 1, which neighbour core distances are the distance to, the vector itself not counted; more than there
            are others means all of them.
        metric: how distance is measured.
        normalize: scale vectors to length one first. The cosine metric always does.
        alpha: > 0; distances are divided by it, core distances are not.
    """

    min_samples: int
    metric: Metric = "euclidean"
    normalize: bool = False
    alpha: float = 1.0

    @property
    def unit_length(self) -> bool:
        """Whether vectors are scaled to length one before they are compared. Raises UnknownMetricError."""
        return unit_length(self.metric, normalize=self.normalize)

    @property
    def distance_factor(self) -> float:
        """What squared distances are multiplied by, see `MutualReachability`. Raises UnknownMetricError."""
        return metric_of(self.metric).distance_factor(self.alpha)


class MutualReachability(NamedTuple):
    """The distinct vectors of a fit, and what says how far apart two of them are.

    Attributes:
        vectors: float32 (m, d), distinct.
        squared_core: float64 (m,), squared core distances.
        distance_factor: > 0, what squared distances are multiplied by. It is hdbscan's alpha: alpha⁻² for euclidean distances,
            1/alpha for cosine ones, 1.0 for plain HDBSCAN.
        control: of the fit; whatever takes long looks at it.
    """

    vectors: Float32Array
    squared_core: Float64Array
    distance_factor: float
    control: Control

    def weights(self, squared: Float64Array, here: IndexArray, there: IndexArray) -> Float64Array:
        """Squared mutual reachability of pairs whose squared distances are known: float64, of their shape."""
        core = np.maximum(self.squared_core[here], self.squared_core[there])
        return np.asarray(np.maximum(core, squared * self.distance_factor))

    def squared_distances(self, here: IndexArray, there: IndexArray) -> Float64Array:
        """Squared distances of pairs of vectors, from their differences in float64: float64 (p,)."""
        return squared_distances(self.vectors, here, there)

    def squared_distances_by_all_cores(self, here: IndexArray, there: IndexArray, control: Control) -> Float64Array:
        """As `squared_distances`, for many pairs; not for a thread that is one of many already."""
        distance = np.empty(len(here))

        def measure(start: int) -> None:
            part = slice(start, start + _PAIRS_AT_A_TIME)
            distance[part] = self.squared_distances(here[part], there[part])

        for_each_block(measure, range(0, len(here), _PAIRS_AT_A_TIME), control)
        return distance

    def half_core(self) -> Float32Array:
        """float32 (m,): half the squared distance at which a core distance begins to count.

        A float32 product gives |x|²/2 + |y|²/2 − x·y, half the squared distance. The larger of it and of both `half_core` is
        the squared mutual reachability, divided by two and by `distance_factor`.
        """
        return (self.squared_core / (2 * self.distance_factor)).astype(np.float32)
