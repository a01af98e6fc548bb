"""Metrics: the distances between vectors, and how each metric follows from squared euclidean distances.

Squared distances here are float64 and come from the differences: |x − y|² = Σ (xᵢ − yᵢ)². The other formula, |x|² + |y|² − 2·x·y,
is faster for many pairs, but in float32 it loses vectors that are nearly equal. So other files use it only to say which pairs may
be close, and measure those here. Two things are less exact: the approximate engine measures its neighbours' distances from
differences in float32, and stored core distances are float32.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.errors import UnknownMetricError

Float32Array = NDArray[np.float32]
Float64Array = NDArray[np.float64]
IndexArray = NDArray[np.intp]

Metric = Literal["euclidean", "cosine"]


class MetricRecord(NamedTuple):
    """How distances in a metric follow from squared euclidean ones. Everything computes with those.

    Attributes:
        name: as options and stored fits have it.
        unit_length: whether vectors are scaled to length one whatever `normalize` says.
        from_squared: distances from squared ones, in float64.
        to_squared: the inverse, up to rounding.
        distance_factor: given alpha, what squared distances are multiplied by so that distances are divided by alpha.
    """

    name: Metric
    unit_length: bool
    from_squared: Callable[[Float64Array], Float64Array]
    to_squared: Callable[[Float64Array], Float64Array]
    distance_factor: Callable[[float], float]


_RECORDS: dict[str, MetricRecord] = {
    record.name: record
    for record in (
        MetricRecord(
            "euclidean",
            unit_length=False,
            from_squared=lambda squared: np.sqrt(squared),
            to_squared=lambda distance: distance * distance,
            distance_factor=lambda alpha: alpha**-2,
        ),
        MetricRecord(  # between unit vectors 1 − cos = d²/2
            "cosine",
            unit_length=True,
            from_squared=lambda squared: squared / 2.0,
            to_squared=lambda distance: distance * 2.0,
            distance_factor=lambda alpha: 1.0 / alpha,
        ),
    )
}
"""All metrics. To add one, add its record here and its name to `Metric`; options, messages and checks read them."""
METRICS: tuple[Metric, ...] = tuple(record.name for record in _RECORDS.values())


def metric_of(name: str) -> MetricRecord:
    """The metric of a name.

    Raises:
        UnknownMetricError: there is none.
    """
    record = _RECORDS.get(name) if isinstance(name, str) else None
    if record is None:
        raise UnknownMetricError(name, known=METRICS)
    return record


def unit_length(metric: str, *, normalize: bool) -> bool:
    """Whether vectors are scaled to length one before they are compared. Raises UnknownMetricError."""
    return metric_of(metric).unit_length or normalize


_PAIR_BYTES = 1 << 19
"""Differences held at a time: about what a core's cache holds."""
_PORTION = 4096


def unit(vectors: Float32Array) -> Float32Array:
    """Vectors scaled to length one.

    Args:
        vectors: float32 (n, d), finite, no zero vector.

    Returns:
        float32 (n, d). Lengths are taken in float64, which holds the square of every float32, from 1e-45 to 1e38. Each row's
        result depends on that row alone.
    """
    result = np.empty(vectors.shape, dtype=np.float32)
    step = max(1, _PAIR_BYTES // (8 * vectors.shape[1]))
    for start in range(0, len(vectors), step):
        wide = vectors[start : start + step].astype(np.float64)
        wide *= (1.0 / np.sqrt(squared_lengths(wide)))[:, None]
        result[start : start + step] = wide
    return result


def squared_distances(vectors: Float32Array, left: IndexArray, right: IndexArray) -> Float64Array:
    """Squared euclidean distances of pairs of rows, from their differences in float64.

    Args:
        vectors: float32 (n, d).
        left, right: intp (p,), rows of `vectors`.

    Returns:
        float64 (p,). The value of a pair depends on its two vectors alone, not on their order and not on the other pairs.
    """
    result = np.empty(len(left), dtype=np.float64)
    step = max(1, _PAIR_BYTES // (8 * vectors.shape[1]))
    for start in range(0, len(left), step):
        part = slice(start, start + step)
        difference = vectors[left[part]].astype(np.float64)
        difference -= vectors[right[part]]
        result[part] = squared_lengths(difference)
    return result


def nearly_squared_distances(
    vectors: Float32Array, left: IndexArray, right: IndexArray
) -> tuple[Float64Array, float, float]:
    """As `squared_distances`, from differences in float32, in half the time.

    Returns:
        near: float64 (p,); inf where float32 overflows.
        share, least: near · (1 − share) − least is not above the squared distance, and near · (1 + share) + least not below it.
            Each of d differences, squares and sums is rounded once, and squares may underflow.
    """
    dimension = vectors.shape[1]
    result = np.empty(len(left))
    step = max(1, _PAIR_BYTES // (8 * dimension))
    one, other = np.empty((2, min(step, len(left)), dimension), dtype=np.float32)
    with np.errstate(over="ignore", under="ignore"):
        for start in range(0, len(left), step):
            some = left[start : start + step]
            here, there = one[: len(some)], other[: len(some)]
            np.take(vectors, some, axis=0, out=here, mode="clip")
            np.take(vectors, right[start : start + step], axis=0, out=there, mode="clip")
            here -= there
            result[start : start + step] = np.einsum("ij,ij->i", here, here)
    return result, *rounding_of_differences(dimension)


def rounding_of_differences(dimension: int) -> tuple[float, float]:
    """`share` and `least` of `nearly_squared_distances`."""
    return (dimension + 16) * 2.0**-23, dimension * 2.0**-125


def squared_lengths(vectors: Float64Array) -> Float64Array:
    """Squared length of each row, float64 (n,); a row's depends on that row alone."""
    # einsum sums longer rows in portions that depend on how many rows there are
    portions = range(0, vectors.shape[1], _PORTION)
    if len(portions) == 1:
        return np.asarray(np.einsum("ij,ij->i", vectors, vectors))
    total = np.zeros(len(vectors))
    for start in portions:
        portion = np.ascontiguousarray(vectors[:, start : start + _PORTION])
        total += np.einsum("ij,ij->i", portion, portion)
    return total


def from_squared(squared: Float64Array, metric: Metric) -> Float64Array:
    """Distances in the metric from squared euclidean ones; for cosine these are between unit vectors: 1 − cos = d²/2.

    Raises:
        UnknownMetricError
    """
    return metric_of(metric).from_squared(squared)


def to_squared(distance: Float64Array, metric: Metric) -> Float64Array:
    """The inverse of `from_squared`, up to rounding."""
    return metric_of(metric).to_squared(distance)


def distance(a: Float32Array, b: Float32Array, metric: Metric) -> float:
    """Distance of two vectors.

    Args:
        a, b: float32 (d,); for cosine neither is a zero vector.

    Returns:
        euclidean: the length of a − b. cosine: 1 − cos of their angle, in 0..2.

    Raises:
        UnknownMetricError
    """
    pair = np.stack([a, b])
    if metric_of(metric).unit_length:
        wide = pair.astype(np.float64)
        wide /= np.abs(wide).max(axis=1, keepdims=True)
        wide /= np.sqrt(squared_lengths(wide))[:, None]
        difference = wide[0] - wide[1]
    else:
        difference = pair[0].astype(np.float64) - pair[1]
    squared = squared_lengths(difference[None])
    return float(from_squared(squared, metric)[0])
