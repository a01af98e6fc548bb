"""Which cluster a new vector falls into, without changing the clusters.

The new vector x is joined to the hierarchy where single linkage would join it: to the member y with the smallest mutual
reachability

    reach(x, y) = max(core(x), core(y), distance(x, y) / alpha)

Its density is 1 / reach(x, y). It gets y's label where that is at least the density at which y's cluster splits off;
otherwise it is noise. Nothing else changes.

Source: hdbscan's `approximate_predict` (McInnes, Healy, Astels 2017), with two differences: clusters are those selected with
every parameter, epsilon and max_cluster_size included; and a new vector does not count itself among its neighbours.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.clusters.clustered_rows import ClusteredRows
from sqlclust.core.clusters.labels import NOISE
from sqlclust.core.clusters.selection import FlatClusters
from sqlclust.core.geometry.groups import first_of_groups
from sqlclust.core.geometry.metrics import Float32Array, Float64Array, IndexArray, from_squared, unit
from sqlclust.core.geometry.mutual_reachability import ReachabilityParameters
from sqlclust.core.neighbors.nearest_member import MemberVectors, nearest_members
from sqlclust.core.runtime.control import Control
from sqlclust.core.tree.condensed_tree import densities

_BLOCK = 4096


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
    vectors: Float32Array, clustered: ClusteredRows, parameters: ReachabilityParameters, control: Control
) -> Prediction:
    """Labels of new vectors.

    A vector gets the label of its nearest member by mutual reachability, if it is as dense there as that member's cluster is
    where it splits off; else, or where the member is noise, it is noise. Its membership strength is its own density over the
    cluster's largest. A vector identical to a member's gets that member's label and strength. Reachability is compared as
    float32, in which core distances are stored, so that what ties still ties.

    Args:
        vectors: float32 (q, d), finite; no zero vector where the parameters ask for unit length.
        clustered: the rows of the clustering, with core distances.
        parameters: of the fit.

    Raises:
        UnknownMetricError

    Cost: O(q·m·d) multiplications in float32 for m distinct members; memory a copy of the vectors.
    """
    unit_length = parameters.unit_length
    if len(vectors) == 0:
        none = np.empty(0, dtype=np.intp)
        return Prediction(none.astype(np.int64), np.empty(0), none, np.empty(0))
    points, rank = clustered.points, clustered.rank
    first = first_of_groups(points.group_of_row(), len(points.counts), rank)
    members = MemberVectors(points.vectors, points.counts, clustered.core[first].astype(np.float32), rank[first])
    with control.phase("predict"):
        found = nearest_members(members, _as_compared(vectors, unit_length, control), parameters, control)
    control.check()
    neighbors = first[found.member]
    labels, probabilities = _placed(clustered.flat, neighbors, found.reachability, found.distance == 0.0)
    return Prediction(labels, probabilities, neighbors, from_squared(found.distance, parameters.metric))


def _as_compared(vectors: Float32Array, unit_length: bool, control: Control) -> Float32Array:
    """The vectors as members have them: of length one where they have it, and 0.0 in place of -0.0."""
    compared = np.empty_like(vectors, order="C")
    for start in range(0, len(vectors), _BLOCK):
        control.check()
        block = vectors[start : start + _BLOCK]
        compared[start : start + _BLOCK] = (unit(block) if unit_length else block) + np.float32(0.0)
    return compared


def _placed(
    flat: FlatClusters | None, neighbors: IndexArray, reachability: Float32Array, is_copy: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], Float64Array]:
    """Labels and strengths of new vectors that join these members at these distances."""
    if flat is None:
        return np.full(len(neighbors), NOISE, dtype=np.int64), np.zeros(len(neighbors))
    clusters = flat.clusters
    label_of_member, strength = flat.labels_and_strengths(
        clusters.point_cluster[neighbors], clusters.point_density[neighbors]
    )
    least = np.maximum(flat.split_density, flat.least_density)
    with np.errstate(over="ignore"):
        farthest = np.append(densities(least), 0.0).astype(np.float32)  # distances; the last is that of noise, label −1
    labels = np.where(is_copy | (reachability <= farthest[label_of_member]), label_of_member, NOISE)
    own = flat.strengths(labels, densities(reachability.astype(np.float64)))
    return labels, np.where(is_copy, strength, own)
