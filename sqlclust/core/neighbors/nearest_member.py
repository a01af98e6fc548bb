"""Arrays only: for new vectors, the member that is nearest by mutual reachability, exactly. No SQL.

As everywhere, float32 matrix products screen and float64 settles. A list of the nearest members gives each new vector its
core distance, and nearly always the answer: what the list leaves out is at least as far as its last entry. The others are
looked for among all members.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.float32_screen import Float32Screen, float32_screen
from sqlclust.core.geometry.metrics import (
    Float32Array,
    Float64Array,
    IndexArray,
    Metric,
    from_squared,
    metric_of,
    squared_distances,
    to_squared,
)
from sqlclust.core.runtime.control import Control
from sqlclust.core.runtime.threads import for_each_block

_ROWS, _COLUMNS, _GROUPS = 256, 8192, 32
_SPARE_NEIGHBORS = 5


class MemberVectors(NamedTuple):
    """The m distinct vectors that new ones are compared with.

    Attributes:
        vectors: float32 (m, d).
        counts: intp (m,), how often each occurs.
        core: float32 (m,), core distances, in the metric.
        rank: intp (m,), the order that decides between equally good ones.
    """

    vectors: Float32Array
    counts: IndexArray
    core: Float32Array
    rank: IndexArray


class NearestMembers(NamedTuple):
    """For each of q new vectors the member that is nearest by mutual reachability.

    Attributes:
        member: intp (q,).
        distance: float64 (q,), squared distance to it; 0 if and only if it is the same vector.
        reachability: float32 (q,), mutual reachability, in the metric.
    """

    member: IndexArray
    distance: Float64Array
    reachability: Float32Array


class _Pairs(NamedTuple):
    """Candidate pairs, by row: which new vector, which member, float64 squared distance."""

    row: IndexArray
    member: IndexArray
    distance: Float64Array


class _Search(NamedTuple):
    """Everything a block needs; the new vectors come after the members in `vectors` and `screened`."""

    members: MemberVectors
    vectors: Float32Array
    screened: Float32Screen
    min_samples: int
    metric: Metric
    scale: float
    control: Control

    def in_metric(self, squared: Float64Array) -> Float32Array:
        with np.errstate(over="ignore"):
            return from_squared(squared, self.metric).astype(np.float32)


def nearest_members(
    members: MemberVectors,
    vectors: Float32Array,
    *,
    unit_length: bool,
    min_samples: int,
    metric: Metric,
    alpha: float,
    control: Control,
) -> NearestMembers:
    """The member y with the smallest max(core(x), core(y), distance(x, y) / alpha) for each new vector x.

    core(x) is the distance to its min_samples-th nearest member, copies counted. Of members equally reachable in float32
    the nearer one is taken, and of those the first by rank; and before all a member that is the same vector.

    Args:
        vectors: float32 (q, d), new; 0.0 and not -0.0.
        unit_length: all vectors have length one.
        min_samples: >= 1; more than there are members means all of them.
        alpha: > 0.

    Raises:
        UnknownMetricError

    Cost: O(q·m·d) multiplications in float32; memory a copy of the vectors.
    """
    m, q = len(members.vectors), len(vectors)
    both = np.empty((m + q, vectors.shape[1]), dtype=np.float32)
    for block, start in ((members.vectors, 0), (vectors, m)):
        for low in range(0, len(block), _COLUMNS):
            control.check()
            both[start + low : start + min(low + _COLUMNS, len(block))] = block[low : low + _COLUMNS]
    scale = metric_of(metric).alpha_scale(alpha)  # of squared distances
    search = _Search(
        members,
        both,
        float32_screen(both, unit_length=unit_length, control=control),
        min_samples,
        metric,
        scale,
        control,
    )
    result = NearestMembers(np.empty(q, dtype=np.intp), np.empty(q), np.empty(q, dtype=np.float32))

    def find(rows: IndexArray) -> None:
        found = _reachable(search, rows)
        result.member[rows - m], result.distance[rows - m] = found.member, found.distance
        result.reachability[rows - m] = found.reachability

    for_each_block(find, [np.arange(s, min(s + _ROWS, m + q)) for s in range(m, m + q, _ROWS)], control)
    return result


def _reachable(search: _Search, rows: IndexArray) -> NearestMembers:
    m, count = len(search.members.vectors), len(rows)
    k = min(search.min_samples + _SPARE_NEIGHBORS, m)
    near = _nearest(search, rows, k)
    core = _core(near, search.members.counts, count, search.min_samples)
    found = _best(search, near, search.in_metric(core))
    if k < m:
        last = near.distance[np.searchsorted(near.row, np.arange(1, count + 1)) - 1]
        unlisted = search.in_metric(np.maximum(core, search.scale * last))
        certain = (found.reachability < unlisted) | ((found.reachability == unlisted) & (found.distance < last))
        doubtful = np.flatnonzero(~certain & (found.distance > 0.0))
        if len(doubtful):
            every = _reachable_of_all(search, rows[doubtful], core[doubtful])
            asked = _best(search, every, search.in_metric(core[doubtful]))
            found.member[doubtful], found.distance[doubtful] = asked.member, asked.distance
            found.reachability[doubtful] = asked.reachability
    return found


def _core(near: _Pairs, counts: IndexArray, rows: int, min_samples: int) -> Float64Array:
    """Squared distance of each row to its min_samples-th nearest member, or the farthest if there are not so many."""
    starts = np.searchsorted(near.row, np.arange(rows + 1))
    reached = np.cumsum(counts[near.member])
    before = np.concatenate([[0], reached])[starts[:-1]]
    enough = np.searchsorted(reached, before + min_samples)
    return near.distance[np.minimum(enough, starts[1:] - 1)]


def _best(search: _Search, pairs: _Pairs, core: Float32Array) -> NearestMembers:
    """The first pair of each row by (reachability, distance, rank), or that of the same vector."""
    members = search.members
    away = search.in_metric(search.scale * pairs.distance)
    reachability = np.maximum(np.maximum(core[pairs.row], members.core[pairs.member]), away)
    differs = pairs.distance > 0.0
    order = np.lexsort((members.rank[pairs.member], pairs.distance, reachability, differs, pairs.row))
    first = order[np.searchsorted(pairs.row[order], np.arange(len(core)))]
    return NearestMembers(pairs.member[first], pairs.distance[first], reachability[first])


def _nearest(search: _Search, rows: IndexArray, k: int) -> _Pairs:
    """At least the k nearest members of each row and all that are as near as the k-th, ascending by distance."""
    screened, m = search.screened, len(search.members.vectors)
    margin = 2 * screened.slack[rows]
    best = np.full((len(rows), k), -np.inf, dtype=np.float32)
    found = []
    for start in range(0, m, _COLUMNS):
        search.control.check()
        values = screened.values(rows, slice(start, min(start + _COLUMNS, m)))
        best = _largest(np.concatenate([best, _group_maxima(values, k)], axis=1), k)
        at = np.flatnonzero(values >= (best.min(axis=1) - margin)[:, None])
        row, column = np.divmod(at, values.shape[1])
        found.append((row, column + start, values.ravel()[at]))
    row, column, value = (np.concatenate(part) for part in zip(*found, strict=True))
    keep = value >= (best.min(axis=1) - margin)[row]  # early panels let in too many
    return _measured(search, rows, row[keep], column[keep])


def _reachable_of_all(search: _Search, rows: IndexArray, core: Float64Array) -> _Pairs:
    """Every member that may be the most reachable of a row."""
    screened, scale, m = search.screened, search.scale, len(search.members.vectors)
    margin = (4 * screened.slack[rows] * scale).astype(np.float32)[:, None]
    own = core.astype(np.float32)
    others = to_squared(search.members.core.astype(np.float64), search.metric).astype(np.float32)
    ceiling = np.full(len(rows), np.inf, dtype=np.float32)
    found = []
    for start in range(0, m, _COLUMNS):
        search.control.check()
        columns = slice(start, min(start + _COLUMNS, m))
        values = screened.values(rows, columns)
        values *= np.float32(-2.0 * scale)
        values += (screened.offset[rows] * np.float32(scale))[:, None]
        np.maximum(values, others[columns], out=values)
        ceiling = np.minimum(ceiling, values.min(axis=1))
        at = np.flatnonzero(values <= _up_to(ceiling, own, margin))
        row, column = np.divmod(at, values.shape[1])
        found.append((row, column + start, values.ravel()[at]))
    row, column, value = (np.concatenate(part) for part in zip(*found, strict=True))
    keep = value <= _up_to(ceiling, own, margin)[row, 0]
    return _measured(search, rows, row[keep], column[keep])


def _up_to(ceiling: Float32Array, own: Float32Array, margin: Float32Array) -> Float32Array:
    """The largest screened reachability that may be the smallest one; everything up to a row's own core distance ties."""
    limit: Float32Array = np.maximum(ceiling, own)[:, None] * np.float32(1.000001) + margin
    return limit


def _measured(search: _Search, rows: IndexArray, row: IndexArray, member: IndexArray) -> _Pairs:
    distance = squared_distances(search.vectors, rows[row], member)
    order = np.lexsort((member, distance, row))
    return _Pairs(row[order], member[order], distance[order])


def _group_maxima(values: Float32Array, k: int) -> Float32Array:
    """Maxima of disjoint groups of columns that together are all columns, at least min(k, columns) of them."""
    rows, columns = values.shape
    width = columns // _GROUPS
    if width < 4 * k:
        return values
    body: Float32Array = values[:, : width * _GROUPS].reshape(rows, _GROUPS, width).max(axis=1)
    return np.concatenate([body, values[:, width * _GROUPS :]], axis=1)


def _largest(values: Float32Array, k: int) -> Float32Array:
    """The k largest of each row, in no order."""
    if values.shape[1] <= k:
        return values
    largest: NDArray[np.float32] = np.partition(values, values.shape[1] - k, axis=1)[:, -k:]
    return largest
