"""Arrays only: the pipeline, from vectors to clusters. No SQL.

collapse identical vectors → nearest neighbours → core distances → spanning tree of mutual reachability → single linkage →
condensed tree → selection → medoids
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.clusters.medoids import medoids
from sqlclust.core.clusters.selection import Selection, SelectionMethod, nothing_selected, select
from sqlclust.core.engines import ENGINES as ENGINES
from sqlclust.core.engines import Engine as Engine
from sqlclust.core.engines import engine_of
from sqlclust.core.geometry.duplicates import Distinct, distinct
from sqlclust.core.geometry.float32_range import into_float32_range
from sqlclust.core.geometry.metrics import Float32Array, Float64Array, IndexArray, Metric, metric_of
from sqlclust.core.geometry.mutual_reachability import MutualReachability
from sqlclust.core.neighbors.approximate import FULL, neighbors_and_lists
from sqlclust.core.neighbors.brute_force import recall
from sqlclust.core.neighbors.core_distances import core_distances
from sqlclust.core.neighbors.exact import neighbors_and_pruning
from sqlclust.core.runtime.control import Control
from sqlclust.core.tree.approximate_tree import approximate_tree
from sqlclust.core.tree.boruvka import SpanningTree
from sqlclust.core.tree.component_search import exact_tree
from sqlclust.core.tree.condensed_tree import condense
from sqlclust.core.tree.confirmation import confirmed
from sqlclust.core.tree.listed_edges import ListedEdges
from sqlclust.core.tree.single_linkage import single_linkage, with_copies

_SPARE_NEIGHBORS = 5
"""Neighbours beyond min_samples: they raise the bound up to which the spanning tree needs no second look."""


class Clustering(NamedTuple):
    """A clustering of n rows.

    Attributes:
        labels: int64 (n,), clusters from 0, the same for any order of rows; noise -1.
        probabilities: float64 (n,), membership strength 0..1; noise 0.
        outlier_scores: float64 (n,), GLOSH, 0..1: larger is more outlying.
        medoids: intp (n_clusters,), the row of each cluster's medoid.
        sizes: intp (n_clusters,), rows of each cluster.
        persistence: float64 (n_clusters,), 0..1.
    """

    labels: NDArray[np.int64]
    probabilities: Float64Array
    outlier_scores: Float64Array
    medoids: IndexArray
    sizes: IndexArray
    persistence: Float64Array


class Fit(NamedTuple):
    """The expensive half: neighbours and spanning tree, which no option of selecting changes.

    Attributes:
        points: the distinct vectors and their rows.
        core: float64 (n,), core distance of each row, in the metric.
        tree: the spanning tree of the n rows, weights in the metric.
        engine: which engine ran.
        recall: share of the min_samples nearest neighbours found, measured on a sample; 1.0 for the exact engine.
        tree_confirmed: share of a sample of vectors that see no lighter edge than the tree has, see `confirming`; 1.0 for the
            exact engine.
    """

    points: Distinct
    core: Float64Array
    tree: SpanningTree
    engine: Engine = "exact"
    recall: float = 1.0
    tree_confirmed: float = 1.0


def fit(
    vectors: Float32Array,
    *,
    min_samples: int,
    metric: Metric,
    normalize: bool,
    alpha: float,
    control: Control,
    engine: Engine = "exact",
    seed: int = 0,
    rank: IndexArray | None = None,
) -> Fit:
    """Neighbours and spanning tree.

    Args:
        vectors: float32 (n, d), n >= 1, finite; no zero vector where `normalize` or the metric is cosine.
        min_samples: >= 1; more than the other rows there are means all of them.
        normalize: scale the vectors to length one. The cosine metric always does.
        alpha: > 0; distances are divided by it, core distances are not.
        engine: how neighbours are found. Approximate ones are the same for the same seed, whatever the order of rows and
            the number of cores.
        seed: of the approximate engine.
        rank: intp (n,), the rows' order by id: of identical vectors the first is the one that the others hang on. The rows' own
            order by default.

    Raises:
        UnknownMetricError, UnknownEngineError

    Cost: for m distinct vectors exactly at most O(m²·d) multiplications in float32, for embeddings about a third of them, and
    memory two copies of the vectors; approximately O(m·6,000·d) and one copy; and O(m·min_samples) memory. See `cost`.
    """
    measure, finder = metric_of(metric), engine_of(engine)
    with control.phase("duplicates"):
        points = distinct(vectors, normalize=normalize or measure.unit_length, control=control)
        if rank is not None:
            points = points.by_rank(rank)
    n, m = len(vectors), len(points.counts)
    if m == 1:
        return _of_all_rows(points, np.zeros(1), _no_edges())._replace(engine=finder.name)
    min_samples = min(min_samples, n - 1)
    k = min(min_samples + _SPARE_NEIGHBORS, m - 1)
    # hdbscan divides distances by alpha, but not core distances; for cosine a distance is half a squared one
    scale = measure.distance_factor(alpha)
    found = sure = 1.0
    if finder.exact:
        with control.phase("neighbors"):
            scaled, exponent = into_float32_range(points.vectors)
            near, prepared = neighbors_and_pruning(scaled, k, control)
        with control.phase("spanning tree"):
            squared = core_distances(near.squared, near.indices, points.counts, min_samples=min_samples)
            tree = exact_tree(MutualReachability(scaled, squared, scale, control), prepared, near)
    else:
        with control.phase("neighbors"):
            scaled, exponent = into_float32_range(points.vectors)
            about = neighbors_and_lists(scaled, k, FULL, seed, control.part(0.0, 0.9))
            found = recall(scaled, about.squared, min(min_samples, k), seed, control)
        with control.phase("spanning tree"):
            squared = core_distances(
                about.squared.astype(np.float64), about.indices, points.counts, min_samples=min_samples
            )
            reach = MutualReachability(scaled, squared, scale, control)
            listed, lists = ListedEdges(reach, about.indices, about.squared), about.lists
            del about  # up to a third of the vectors
            tree = approximate_tree(reach, listed, lists)
            del listed, lists
            sure = confirmed(reach, tree, seed)
    core = np.ldexp(measure.from_squared(squared), -exponent)
    tree = tree._replace(weight=np.ldexp(measure.from_squared(tree.weight), -exponent))
    return _of_all_rows(points, core, tree)._replace(engine=finder.name, recall=found, tree_confirmed=sure)


def _of_all_rows(points: Distinct, core: Float64Array, tree: SpanningTree) -> Fit:
    return Fit(points, core[points.group_of_row()], with_copies(tree, points, core))


def select_clusters(
    tree: SpanningTree,
    *,
    min_cluster_size: int,
    cluster_selection_method: SelectionMethod = "eom",
    cluster_selection_epsilon: float = 0.0,
    cluster_selection_persistence: float = 0.0,
    max_cluster_size: int = 0,
    allow_single_cluster: bool = False,
    control: Control | None = None,
) -> Selection:
    """Clusters from a spanning tree of n rows: the cheap half, without medoids.

    Args:
        min_cluster_size: >= 2.
        max_cluster_size: 0 for no limit.
        (the others: hdbscan's parameters of the same names)

    Cost: O(n log n).
    """
    if len(tree.weight) == 0:
        return nothing_selected(1)
    return select(
        condense(single_linkage(tree, control), min_cluster_size=min_cluster_size, control=control),
        cluster_selection_method=cluster_selection_method,
        cluster_selection_epsilon=cluster_selection_epsilon,
        cluster_selection_persistence=cluster_selection_persistence,
        max_cluster_size=max_cluster_size,
        allow_single_cluster=allow_single_cluster,
        control=control,
    )


def with_medoids(
    selection: Selection, points: Distinct, *, rank: IndexArray | None = None, control: Control
) -> Clustering:
    """A selection with the medoid and size of each cluster.

    Args:
        points: the vectors of the selection's n rows.
        rank: intp (n,), the rows' order by id, which decides between equally good medoids; the rows' own order by
            default.

    Cost: O(n·d).
    """
    labels = selection.labels
    with control.phase("medoids"):
        middle = medoids(
            points.vectors,
            labels,
            groups=points.group_of_row(),
            counts=points.counts,
            rank=np.arange(len(labels)) if rank is None else rank,
            control=control,
        )
    sizes = np.bincount(labels[labels >= 0], minlength=len(middle)).astype(np.intp)
    return Clustering(labels, selection.probabilities, selection.outlier_scores, middle, sizes, selection.persistence)


def cut(fitted: Fit, *, rank: IndexArray | None = None, control: Control, **selecting: Any) -> Clustering:
    """Clusters from a fit: `select_clusters`, whose arguments `selecting` are, and `with_medoids`."""
    with control.phase("clusters"):
        selection = select_clusters(fitted.tree, control=control, **selecting)
    return with_medoids(selection, fitted.points, rank=rank, control=control)


def clustering_of_nothing() -> Clustering:
    """The clustering of no rows."""
    none = np.empty(0, dtype=np.intp)
    return Clustering(np.empty(0, dtype=np.int64), np.empty(0), np.empty(0), none, none, np.empty(0))


def _no_edges() -> SpanningTree:
    none = np.empty(0, dtype=np.intp)
    return SpanningTree(none, none, np.empty(0))
