"""Arrays only: which cluster a new vector falls into, without changing the clusters. No SQL.

The new point is joined to the hierarchy where single linkage would join it, at its mutual reachability to the nearest
member, and nothing else changes. hdbscan's `approximate_predict` has the same idea; it leaves out epsilon, and counts the
point itself among its neighbours, which a new point is not.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.clusters.selection import Selected, members, strengths
from sqlclust.core.geometry.duplicates import Distinct
from sqlclust.core.geometry.metrics import (
    Float32Array,
    Float64Array,
    IndexArray,
    Metric,
    from_squared,
    unit,
    unit_length,
)
from sqlclust.core.neighbors.nearest_member import MemberVectors, nearest_members
from sqlclust.core.runtime.control import Control
from sqlclust.core.tree.condensed_tree import densities

_BLOCK = 4096


class Fitted(NamedTuple):
    """A clustering of n rows that new vectors are held against.

    Attributes:
        points: the distinct vectors and their rows.
        core: float64 (n,), core distance of each row, in the metric.
        rank: intp (n,), the rows' order by id.
        selected: the clusters; None where there is no hierarchy.
    """

    points: Distinct
    core: Float64Array
    rank: IndexArray
    selected: Selected | None


class Prediction(NamedTuple):
    """What is predicted for q new vectors.

    Attributes:
        labels: int64 (q,), noise -1.
        probabilities: float64 (q,), membership strength 0..1; noise 0.
        neighbors: intp (q,), the row that is nearest by mutual reachability.
        distances: float64 (q,), the distance to it, in the metric.
    """

    labels: NDArray[np.int64]
    probabilities: Float64Array
    neighbors: IndexArray
    distances: Float64Array


def predict(
    vectors: Float32Array,
    fitted: Fitted,
    *,
    min_samples: int,
    metric: Metric,
    normalize: bool,
    alpha: float,
    control: Control,
) -> Prediction:
    """Labels of new vectors.

    A new point gets the label of its nearest member by mutual reachability, if it joins it at no less density than that at
    which the member's cluster splits off, and is noise otherwise, or if the member is noise. Its membership strength is its
    own density over the cluster's largest. A vector identical to a member's gets that member's label and strength.
    Reachability is compared as float32, which core distances are stored as, so that what ties still ties.

    Args:
        vectors: float32 (q, d), finite; no zero vector where `normalize` or the metric is cosine.
        min_samples, metric, normalize, alpha: of the fit.

    Raises:
        UnknownMetricError

    Cost: O(q·m·d) multiplications in float32 for m distinct members; memory a copy of the vectors.

    Source: McInnes, Healy, Astels 2017, hdbscan's `approximate_predict`; the clusters are those selected with every
    parameter, epsilon and max_cluster_size included.
    """
    directions = unit_length(metric, normalize=normalize)
    if len(vectors) == 0:
        none = np.empty(0, dtype=np.intp)
        return Prediction(none.astype(np.int64), np.empty(0), none, np.empty(0))
    points = fitted.points
    first = _first_rows(points, fitted.rank)
    core = fitted.core[first].astype(np.float32)
    known = MemberVectors(points.vectors, points.counts, core, fitted.rank[first], directions)
    with control.phase("predict"):
        compared = np.empty_like(vectors, order="C")
        for start in range(0, len(vectors), _BLOCK):
            control.check()
            block = vectors[start : start + _BLOCK]
            compared[start : start + _BLOCK] = (unit(block) if directions else block) + np.float32(0.0)
        found = nearest_members(
            known,
            compared,
            min_samples=min_samples,
            metric=metric,
            alpha=alpha,
            control=control,
        )
    control.check()
    neighbors = first[found.member]
    labels, probabilities = _placed(fitted.selected, neighbors, found.reachability, found.distance == 0.0)
    return Prediction(labels, probabilities, neighbors, from_squared(found.distance, metric))


def _first_rows(points: Distinct, rank: IndexArray) -> IndexArray:
    """intp (m,), of each distinct vector the row of lowest rank."""
    by_rank = np.argsort(rank)[::-1]
    first = np.empty(len(points.counts), dtype=np.intp)
    first[points.group_of_row()[by_rank]] = by_rank  # the last assignment, of the lowest rank, stays
    return first


def _placed(
    selected: Selected | None, neighbors: IndexArray, reachability: Float32Array, is_copy: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], Float64Array]:
    if selected is None:
        return np.full(len(neighbors), -1, dtype=np.int64), np.zeros(len(neighbors))
    clusters = selected.clusters
    member_of, strength = members(selected, clusters.point_cluster[neighbors], clusters.point_density[neighbors])
    least = np.maximum(clusters.birth[selected.cluster], selected.least_density)
    with np.errstate(over="ignore"):
        widest = np.append(densities(least), 0.0).astype(np.float32)  # distances; the last is for noise, label -1
    labels = np.where(is_copy | (reachability <= widest[member_of]), member_of, -1)
    own = strengths(selected, labels, densities(reachability.astype(np.float64)))
    return labels, np.where(is_copy, strength, own)
