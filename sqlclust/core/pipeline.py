"""The pipeline, from vectors to clusters.

    identical vectors collapsed → nearest neighbours → core distances → spanning tree of mutual reachability   `fit`
    → single linkage → condensed tree → flat clusters → medoids                                                `cut`

`fit` is the expensive half, which no option of `cut` changes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sqlclust.core.clusters.clustering import Clustering as Clustering
from sqlclust.core.clusters.clustering import clustering_of as clustering_of
from sqlclust.core.clusters.clustering import clustering_of_nothing as clustering_of_nothing
from sqlclust.core.clusters.clustering import with_medoids as with_medoids
from sqlclust.core.clusters.clustering import with_medoids_of_rows as with_medoids_of_rows
from sqlclust.core.clusters.cut_parameters import CutParameters as CutParameters
from sqlclust.core.clusters.selection import ClusterLabels, all_noise, cluster_labels
from sqlclust.core.engine_stages import STAGES
from sqlclust.core.engines import ENGINES as ENGINES
from sqlclust.core.engines import Engine as Engine
from sqlclust.core.engines import engine_of
from sqlclust.core.geometry.duplicates import Distinct, distinct
from sqlclust.core.geometry.float32_range import into_float32_range
from sqlclust.core.geometry.integer_products import Products
from sqlclust.core.geometry.metrics import Float32Array, Float64Array, IndexArray, metric_of
from sqlclust.core.geometry.mutual_reachability import MutualReachability
from sqlclust.core.geometry.mutual_reachability import ReachabilityParameters as ReachabilityParameters
from sqlclust.core.neighbors.k_nearest_lists import KNearestLists, equal_lists
from sqlclust.core.runtime.control import Control
from sqlclust.core.tree.boruvka import SpanningTree
from sqlclust.core.tree.condensed_tree import condense
from sqlclust.core.tree.single_linkage import single_linkage, with_copies


class Fit(NamedTuple):
    """The expensive half of a clustering: neighbours and spanning tree.

    Attributes:
        points: the distinct vectors and their rows.
        core: float64 (n,), core distance of each row, in the metric.
        tree: the spanning tree of the n rows, weights in the metric.
        engine: which engine ran.
        recall: share of the min_samples nearest neighbours found, measured on a sample; 1.0 for the exact engine.
        tree_confirmed: share of a sample of vectors that see no lighter edge than the tree has, see `confirmation`; 1.0 for the
            exact engine.
        lists: the k nearest of each distinct vector, min_samples + 5 or all others, if they were to be kept.
        exponent: the vectors were compared times 2**exponent (`into_float32_range`), and so are the distances of `lists`.
        products: what products ruled out pairs, or found them. With int8 the exact engine gives the same, the approximate one
            another approximation; both take less time.
    """

    points: Distinct
    core: Float64Array
    tree: SpanningTree
    engine: Engine = "exact"
    recall: float = 1.0
    tree_confirmed: float = 1.0
    lists: KNearestLists | None = None
    exponent: int = 0
    products: Products = "float32"


def fit(
    vectors: Float32Array,
    parameters: ReachabilityParameters,
    *,
    engine: Engine = "exact",
    seed: int = 0,
    rank: IndexArray | None = None,
    keep_lists: bool = False,
    control: Control,
) -> Fit:
    """Neighbours and spanning tree.

    Args:
        vectors: float32 (n, d), n >= 1, finite; no zero vector where the parameters ask for unit length.
        engine: how neighbours are found. Approximate ones are the same for the same seed, whatever the order of rows and
            the number of cores.
        seed: of the approximate engine.
        rank: intp (n,), the rows' order by id: of identical vectors the first is the one that the others hang on. The rows' own
            order by default.
        keep_lists: whether the neighbours found are wanted too: 12 bytes for each.

    Raises:
        UnknownMetricError, UnknownEngineError

    Cost: for m distinct vectors exactly at most O(m²·d) multiplications in float32, for embeddings about a third of them, and
    memory two copies of the vectors; approximately O(m·6,000·d) and one copy; and O(m·min_samples) memory. See `cost`.
    """
    metric_of(parameters.metric)
    name, min_samples = engine_of(engine).name, parameters.min_samples
    with control.phase("duplicates"):
        points = collapsed(vectors, parameters, rank, control)
        scaled, exponent = into_float32_range(points.vectors)
    if len(points.counts) == 1:
        alone = _of_one_vector(points, name)
        none = np.empty((1, 0))
        lists = equal_lists(points.counts, none, none) if keep_lists else None
        return alone._replace(lists=lists, exponent=exponent)
    min_samples = min(min_samples, len(vectors) - 1)
    with control.phase("neighbors"):
        stages = STAGES[name](scaled, min_samples, seed, control)
    with control.phase("spanning tree"):
        squared_core = stages.squared_core_distances(points.counts, min_samples)
        lists = stages.lists(points.counts) if keep_lists else None
        tree = stages.spanning_tree(MutualReachability(scaled, squared_core, parameters.distance_factor, control))
    fitted = in_metric(points, squared_core, tree, parameters, exponent)
    return fitted._replace(
        engine=name, recall=stages.recall, tree_confirmed=stages.tree_confirmed, lists=lists, products=stages.products
    )


def in_metric(
    points: Distinct, squared_core: Float64Array, tree: SpanningTree, parameters: ReachabilityParameters, exponent: int
) -> Fit:
    """The fit of all rows, from squared distances of the distinct vectors times 2**exponent. Raises UnknownMetricError."""
    measure = metric_of(parameters.metric)
    core = np.ldexp(measure.from_squared(squared_core), -exponent)
    tree = tree._replace(weight=np.ldexp(measure.from_squared(tree.weight), -exponent))
    return Fit(points, core[points.group_of_row()], with_copies(tree, points, core), exponent=exponent)


def collapsed(
    vectors: Float32Array, parameters: ReachabilityParameters, rank: IndexArray | None, control: Control
) -> Distinct:
    """The distinct vectors as they are compared, and their rows; `rank` as `fit` has it. Raises UnknownMetricError."""
    points = distinct(vectors, normalize=parameters.unit_length, control=control)
    return points if rank is None else points.by_rank(rank)


def _of_one_vector(points: Distinct, engine: Engine) -> Fit:
    none = np.empty(0, dtype=np.intp)
    core = np.zeros(1)
    tree = with_copies(SpanningTree(none, none, np.empty(0)), points, core)
    return Fit(points, core[points.group_of_row()], tree, engine)


def select_clusters(tree: SpanningTree, parameters: CutParameters, control: Control | None = None) -> ClusterLabels:
    """Clusters from a spanning tree of n rows: the cheap half, without medoids. O(n log n)."""
    if len(tree.weight) == 0:
        return all_noise(1)
    hierarchy = single_linkage(tree, control)
    condensed = condense(hierarchy, min_cluster_size=parameters.min_cluster_size, control=control)
    return cluster_labels(condensed, parameters, control)


def cut(fitted: Fit, parameters: CutParameters, *, rank: IndexArray | None = None, control: Control) -> Clustering:
    """Clusters from a fit, with medoids; `rank` as `with_medoids` has it."""
    with control.phase("clusters"):
        labelled = select_clusters(fitted.tree, parameters, control)
    return with_medoids(labelled, fitted.points, rank=rank, control=control)
