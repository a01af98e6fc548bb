"""For new vectors, the member that is nearest by mutual reachability, exactly.

The mutual reachability of a new vector x and a member y is max(core(x), core(y), |x − y| / alpha).

1. Each new vector gets a list of its nearest members. It gives core(x), the distance to its min_samples-th nearest member.
2. The best member on the list is nearly always the answer: a member that is not listed is at least as far as the last one listed.
3. Where it is not certain, all members are searched.

A float32 screen finds the candidates, among vectors scaled so that their squares fit (`into_float32_range`). They are measured in
float64, from the differences, and as they are.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sqlclust.core.geometry.float32_range import into_float32_range
from sqlclust.core.geometry.float32_screen import Float32Screen, float32_screen
from sqlclust.core.geometry.metrics import (
    Float32Array,
    Float64Array,
    IndexArray,
    from_squared,
    squared_distances,
    to_squared,
)
from sqlclust.core.geometry.mutual_reachability import ReachabilityParameters
from sqlclust.core.neighbors.k_nearest import KthLargest, group_maxima
from sqlclust.core.runtime.control import Control
from sqlclust.core.runtime.threads import for_each_block

_ROWS, _COLUMNS, _GROUP = 256, 8192, 32
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


class _Candidates(NamedTuple):
    """Pairs of a new vector and a member, by row: which new vector, which member, float64 squared distance."""

    row: IndexArray
    member: IndexArray
    distance: Float64Array


class _MemberSearch(NamedTuple):
    """What a search needs. In `vectors` and `screened` the new vectors come after the members; `screened` has them times
    2**exponent."""

    members: MemberVectors
    vectors: Float32Array
    screened: Float32Screen
    exponent: int
    parameters: ReachabilityParameters
    distance_factor: float
    control: Control

    def in_metric(self, squared: Float64Array) -> Float32Array:
        """Distances in the metric, as float32, which core distances are stored as."""
        with np.errstate(over="ignore"):
            return from_squared(squared, self.parameters.metric).astype(np.float32)

    def as_screened(self, squared: Float64Array) -> Float32Array:
        """Squared distances as those in `screened`."""
        with np.errstate(over="ignore"):
            return np.ldexp(squared, 2 * self.exponent).astype(np.float32)


def nearest_members(
    members: MemberVectors,
    vectors: Float32Array,
    parameters: ReachabilityParameters,
    control: Control,
) -> NearestMembers:
    """The member y with the smallest max(core(x), core(y), |x − y| / alpha) for each new vector x.

    core(x) is the distance to the min_samples-th nearest member of x, copies counted. A member that is the same vector as x comes
    first. Of members equally reachable in float32 the nearer one is taken, and of equally near ones the first by rank.

    Args:
        members: of length one where the parameters say so.
        vectors: float32 (q, d), new, of length one too; 0.0 and not -0.0.
        parameters: of the clustering; more min_samples than there are members means all of them.

    Raises:
        UnknownMetricError

    Cost: O(q·m·d) multiplications in float32; memory a copy of the vectors, two where their numbers are very large or small.

    Source: Campello, Moulavi, Sander 2013, definition 3, for mutual reachability.
    """
    m, q = len(members.vectors), len(vectors)
    both = _one_after_the_other(members.vectors, vectors, control)
    scaled, exponent = into_float32_range(both)
    screened = float32_screen(scaled, unit_length=parameters.unit_length, control=control)
    search = _MemberSearch(members, both, screened, exponent, parameters, parameters.distance_factor, control)
    result = NearestMembers(np.empty(q, dtype=np.intp), np.empty(q), np.empty(q, dtype=np.float32))

    def find(rows: IndexArray) -> None:
        found = _nearest_of_rows(search, rows)
        result.member[rows - m], result.distance[rows - m] = found.member, found.distance
        result.reachability[rows - m] = found.reachability

    for_each_block(find, [np.arange(s, min(s + _ROWS, m + q)) for s in range(m, m + q, _ROWS)], control)
    return result


def _one_after_the_other(first: Float32Array, second: Float32Array, control: Control) -> Float32Array:
    """All vectors of both."""
    both = np.empty((len(first) + len(second), second.shape[1]), dtype=np.float32)
    for block, start in ((first, 0), (second, len(first))):
        for low in range(0, len(block), _COLUMNS):
            control.check()
            both[start + low : start + min(low + _COLUMNS, len(block))] = block[low : low + _COLUMNS]
    return both


def _nearest_of_rows(search: _MemberSearch, rows: IndexArray) -> NearestMembers:
    """The nearest members of some new vectors."""
    m, count = len(search.members.vectors), len(rows)
    k = min(search.parameters.min_samples + _SPARE_NEIGHBORS, m)
    near = _candidates_nearby(search, rows, k)
    core = _core_distances(near, search.members.counts, count, search.parameters.min_samples)
    found = _nearest_of_candidates(search, near, search.in_metric(core))
    if k < m:
        last = near.distance[np.searchsorted(near.row, np.arange(1, count + 1)) - 1]
        unlisted = search.in_metric(np.maximum(core, search.distance_factor * last))
        certain = (found.reachability < unlisted) | ((found.reachability == unlisted) & (found.distance < last))
        doubtful = np.flatnonzero(~certain & (found.distance > 0.0))
        if len(doubtful):
            every = _candidates_among_all(search, rows[doubtful], core[doubtful])
            asked = _nearest_of_candidates(search, every, search.in_metric(core[doubtful]))
            found.member[doubtful], found.distance[doubtful] = asked.member, asked.distance
            found.reachability[doubtful] = asked.reachability
    return found


def _core_distances(near: _Candidates, counts: IndexArray, rows: int, min_samples: int) -> Float64Array:
    """Squared distance of each row to its min_samples-th nearest member, or the farthest if there are not so many."""
    starts = np.searchsorted(near.row, np.arange(rows + 1))
    reached = np.cumsum(counts[near.member])
    before = np.concatenate([[0], reached])[starts[:-1]]
    enough = np.searchsorted(reached, before + min_samples)
    return near.distance[np.minimum(enough, starts[1:] - 1)]


def _nearest_of_candidates(search: _MemberSearch, pairs: _Candidates, core: Float32Array) -> NearestMembers:
    """The first pair of each row by (reachability, distance, rank), or that of the same vector."""
    members = search.members
    away = search.in_metric(search.distance_factor * pairs.distance)
    reachability = np.maximum(np.maximum(core[pairs.row], members.core[pairs.member]), away)
    differs = pairs.distance > 0.0
    order = np.lexsort((members.rank[pairs.member], pairs.distance, reachability, differs, pairs.row))
    first = order[np.searchsorted(pairs.row[order], np.arange(len(core)))]
    return NearestMembers(pairs.member[first], pairs.distance[first], reachability[first])


def _candidates_nearby(search: _MemberSearch, rows: IndexArray, k: int) -> _Candidates:
    """At least the k nearest members of each row and all that are as near as the k-th, ascending by distance."""
    screened, m = search.screened, len(search.members.vectors)
    margin = 2 * screened.slack[rows]
    kth = KthLargest(len(rows), k)
    found = []
    for start in range(0, m, _COLUMNS):
        search.control.check()
        values = screened.values(rows, slice(start, min(start + _COLUMNS, m)))
        # maxima of groups of columns, where there are many: to partition all values would take longer than to multiply
        groups = values.shape[1] // _GROUP
        kth.add(group_maxima(values, groups) if groups >= 4 * k else values)
        at = np.flatnonzero(values >= (kth.least - margin)[:, None])
        row, column = np.divmod(at, values.shape[1])
        found.append((row, column + start, values.ravel()[at]))
    row, column, value = (np.concatenate(part) for part in zip(*found, strict=True))
    keep = value >= (kth.least - margin)[row]  # early panels let in too many
    return _measured_candidates(search, rows, row[keep], column[keep])


def _candidates_among_all(search: _MemberSearch, rows: IndexArray, core: Float64Array) -> _Candidates:
    """Every member that may be the nearest of a row by mutual reachability."""
    screened, factor, m = search.screened, search.distance_factor, len(search.members.vectors)
    margin = (4 * screened.slack[rows] * factor).astype(np.float32)[:, None]
    own = search.as_screened(core)
    others = search.as_screened(to_squared(search.members.core.astype(np.float64), search.parameters.metric))
    ceiling = np.full(len(rows), np.inf, dtype=np.float32)
    found = []
    for start in range(0, m, _COLUMNS):
        search.control.check()
        columns = slice(start, min(start + _COLUMNS, m))
        values = screened.values(rows, columns)
        values *= np.float32(-2.0 * factor)
        values += (screened.offset[rows] * np.float32(factor))[:, None]
        np.maximum(values, others[columns], out=values)
        ceiling = np.minimum(ceiling, values.min(axis=1))
        at = np.flatnonzero(values <= _up_to(ceiling, own, margin))
        row, column = np.divmod(at, values.shape[1])
        found.append((row, column + start, values.ravel()[at]))
    row, column, value = (np.concatenate(part) for part in zip(*found, strict=True))
    keep = value <= _up_to(ceiling, own, margin)[row, 0]
    return _measured_candidates(search, rows, row[keep], column[keep])


def _up_to(ceiling: Float32Array, own: Float32Array, margin: Float32Array) -> Float32Array:
    """The largest screened reachability that may be the smallest true one. All up to a row's own core distance ties."""
    limit: Float32Array = np.maximum(ceiling, own)[:, None] * np.float32(1.000001) + margin
    return limit


def _measured_candidates(search: _MemberSearch, rows: IndexArray, row: IndexArray, member: IndexArray) -> _Candidates:
    """Candidates with their distances, by (row, distance, member)."""
    distance = squared_distances(search.vectors, rows[row], member)
    order = np.lexsort((member, distance, row))
    return _Candidates(row[order], member[order], distance[order])
