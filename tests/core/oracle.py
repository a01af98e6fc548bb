"""HDBSCAN twice again, both slow: hdbscan itself, and the definition in float64 with every pair in memory."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import hdbscan
import numpy as np
from hdbscan._hdbscan_linkage import label
from hdbscan._hdbscan_tree import condense_tree, outlier_scores
from hdbscan.hdbscan_ import _tree_to_labels
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score

import sqlclust.core.pipeline as core
from sqlclust.core.geometry.duplicates import distinct
from sqlclust.core.geometry.metrics import Float32Array, Float64Array, IndexArray, squared_distances, unit
from sqlclust.core.runtime.control import Control
from sqlclust.options import HdbscanOptions, parse
from sqlclust.store.clustering import cluster

SELECTION = (
    "min_cluster_size",
    "cluster_selection_epsilon",
    "cluster_selection_method",
    "cluster_selection_persistence",
    "max_cluster_size",
    "allow_single_cluster",
)


class Outcome(NamedTuple):
    labels: NDArray[np.int64]
    probabilities: Float64Array
    outlier_scores: Float64Array
    persistence: Float64Array
    tree_weight: float


def resolved(vectors: Float32Array, **options: Any) -> HdbscanOptions:
    return parse(HdbscanOptions, options).resolved(len(vectors))


def ours(vectors: Float32Array, **options: Any) -> tuple[core.Fit, core.Clustering]:
    return cluster(np.ascontiguousarray(vectors, dtype=np.float32), resolved(vectors, **options), Control())


def as_compared(vectors: Float32Array, options: HdbscanOptions) -> Float32Array:
    """The float32 vectors whose distances count."""
    return unit(vectors) if options.needs_directions else vectors


def theirs(vectors: Float32Array, **options: Any) -> Outcome:
    """hdbscan's exact algorithms in float64, of the very vectors that sqlclust compares."""
    chosen = resolved(vectors, **options)
    model = hdbscan.HDBSCAN(
        **{name: getattr(chosen, name) for name in SELECTION},
        min_samples=chosen.min_samples,
        alpha=chosen.alpha,
        metric=chosen.metric,
        algorithm="prims_kdtree" if chosen.metric == "euclidean" else "generic",
        approx_min_span_tree=False,
        gen_min_span_tree=True,
    ).fit(as_compared(vectors, chosen).astype(np.float64))
    return _outcome(
        model.labels_,
        model.probabilities_,
        model.outlier_scores_,
        model.cluster_persistence_,
        float(model.minimum_spanning_tree_._mst[:, 2].sum()),
    )


def _outcome(labels: Any, probabilities: Any, scores: Any, persistence: Any, tree_weight: float) -> Outcome:
    """With what sqlclust does differently on purpose: a cluster that nobody is in is no cluster, and no persistence is above
    one (hdbscan divides by the members, which with allow_single_cluster are fewer than those that made the stability).
    """
    members = np.bincount(labels[labels >= 0], minlength=len(persistence))
    number = np.append(np.cumsum(members > 0) - 1, -1)
    return Outcome(
        number[labels], probabilities, scores, np.minimum(np.asarray(persistence)[members > 0], 1.0), tree_weight
    )


def same_labels(a: NDArray[np.int64], b: NDArray[np.int64]) -> bool:
    """Whether two labellings are the same but for the clusters' numbers, noise being noise in both."""
    return adjusted_rand_score(a, b) == 1.0 and bool(((a < 0) == (b < 0)).all())


def same(a: Outcome | core.Clustering, b: Outcome, *, tolerance: float = 1e-6) -> bool:
    """Whether two outcomes are the same but for the clusters' numbers; what hdbscan leaves NaN (infinite densities) passes."""
    if not same_labels(a.labels, b.labels) or len(a.persistence) != len(b.persistence):
        return False
    rows = [int(np.flatnonzero(a.labels == number)[0]) for number in range(len(a.persistence))]
    pairs = (
        (a.probabilities, b.probabilities),
        (a.outlier_scores, b.outlier_scores),
        (a.persistence, b.persistence[b.labels[rows]]),
    )
    return all(bool(np.isclose(mine, other, rtol=0, atol=tolerance)[~np.isnan(other)].all()) for mine, other in pairs)


class Facts(NamedTuple):
    """What does not depend on how ties are broken, in the metric.

    Attributes:
        core: float64 (n,), core distance of each row.
        weights: float64 (n - 1,), weights of the minimum spanning tree of mutual reachability, ascending.
    """

    core: Float64Array
    weights: Float64Array


def facts(vectors: Float32Array, **options: Any) -> Facts:
    """Core distances and tree weights, with nothing of the code under test: Python's numbers, `math.fsum`, and Prim 1957."""
    chosen = resolved(vectors, **options)
    n = len(vectors)
    squared = _all_squared(vectors.tobytes(), n, chosen.metric == "cosine" or chosen.normalize)
    core_squared = np.sort(squared, axis=1)[:, min(chosen.min_samples or 1, n - 1)]
    euclidean = {"euclidean": True, "cosine": False}[chosen.metric]
    distance = (np.sqrt(squared) if euclidean else squared / 2) / chosen.alpha
    core_distance = np.sqrt(core_squared) if euclidean else core_squared / 2
    reach = np.maximum(np.maximum(core_distance[:, None], core_distance), distance)
    away = reach[0].copy()
    outside = np.arange(n) > 0
    weights = []
    while outside.any():
        nearest = int(np.flatnonzero(outside)[np.argmin(away[outside])])
        weights.append(away[nearest])
        outside[nearest] = False
        away = np.minimum(away, reach[nearest])
    return Facts(core_distance, np.sort(weights))


@lru_cache(maxsize=4)
def _all_squared(content: bytes, n: int, unit_length: bool) -> Float64Array:
    rows: list[list[float]] = np.frombuffer(content, dtype=np.float32).reshape(n, -1).tolist()
    if unit_length:
        rows = [_of_length_one(row) for row in rows]
    squared = np.zeros((n, n))
    for a, first in enumerate(rows):
        for b, second in enumerate(rows[:a]):
            squared[a, b] = squared[b, a] = math.fsum((x - y) ** 2 for x, y in zip(first, second, strict=True))
    return squared


def _of_length_one(row: list[float]) -> list[float]:
    length = math.sqrt(math.fsum(number * number for number in row))
    return [float(np.float32(number / length)) for number in row]


class Tree(NamedTuple):
    left: IndexArray
    right: IndexArray
    weight: Float64Array


def definition_tree(vectors: Float32Array, **options: Any) -> Tree:
    """Kruskal on all pairs of rows, in the order (weight, distance, smaller place, larger place).

    With ties everywhere only the very same numbers break them alike, so distances, lengths and the canonical order of the
    vectors, by which places are numbered, are the code's own. What does not depend on ties is held against `facts`, which has
    nothing in common with it, and the code's own numbers against fractions in tests/core/test_metrics.py.
    """
    chosen = resolved(vectors, **options)
    order = distinct(vectors, normalize=chosen.needs_directions).order
    compared = as_compared(vectors, chosen)[order]
    n = len(compared)
    left, right = np.triu_indices(n, 1)
    squared = squared_distances(compared, left, right)
    matrix = np.zeros((n, n))
    matrix[left, right] = matrix[right, left] = squared
    core_distance = np.sort(matrix, axis=1)[:, min(chosen.min_samples or 1, n - 1)]  # place 0 is the point itself
    scale = chosen.alpha**-2 if chosen.metric == "euclidean" else 1 / chosen.alpha
    weight = np.maximum(np.maximum(core_distance[left], core_distance[right]), squared * scale)
    root = list(range(n))

    def find(place: int) -> int:
        while root[place] != place:
            root[place] = place = root[root[place]]
        return place

    edges = []
    for edge in np.lexsort((right, left, squared, weight)).tolist():
        a, b = find(int(left[edge])), find(int(right[edge]))
        if a != b:
            root[b] = a
            edges.append(edge)
    in_metric = np.sqrt(weight[edges]) if chosen.metric == "euclidean" else weight[edges] / 2
    return Tree(order[left[edges]], order[right[edges]], in_metric)


def definition(vectors: Float32Array, **options: Any) -> Outcome:
    """What hdbscan's own tree functions make of `definition_tree`."""
    tree = definition_tree(vectors, **options)
    chosen = resolved(vectors, **options)
    edges = np.column_stack([tree.left.astype(np.float64), tree.right.astype(np.float64), tree.weight])
    hierarchy = label(edges)
    selection = {name: getattr(chosen, name) for name in SELECTION}
    if condense_tree(hierarchy, selection["min_cluster_size"])["child"].max() < len(vectors):
        selection["cluster_selection_persistence"] = (
            0.0  # without a split hdbscan's simplify_hierarchy has an IndexError
        )
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        labels, probabilities, persistence, condensed, _ = _tree_to_labels(None, hierarchy, **selection)
        scores = outlier_scores(condensed)
    return _outcome(labels, probabilities, scores, persistence, float(tree.weight.sum()))
