"""All that a picture of a result may show, as arrays: no SQL, no files, no library that draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqlclust.errors import Id

Int32Array = NDArray[np.int32]
Float32Array = NDArray[np.float32]
Float64Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ScenePoints:
    """The rows of a result, in the order of ids.

    Attributes:
        ids: (n,) of embeddings; of a source's result the keys of its items, as text.
        labels: int32 (n,); −1 is noise.
        probabilities: float64 (n,), 0 to 1.
        outlier_scores: float64 (n,), 0 to 1.
        xy: float32 (n, 2), where each row is on the map; identical vectors are in one place. None without a map.
        map_method: what made the map: "t-SNE" or "PCA"; "" without one.
        no_map: why there is no map; "" where there is one.
        texts: (n,) each row's text, None where it has none; None if there are no texts at all or they are not wanted.
        cut_to: of a longer text only so many characters are there; None if all texts are whole.
    """

    ids: Sequence[Id]
    labels: Int32Array
    probabilities: Float64Array
    outlier_scores: Float64Array
    xy: Float32Array | None
    map_method: str
    no_map: str
    texts: Sequence[str | None] | None
    cut_to: int | None = None


@dataclass(frozen=True)
class NearCluster:
    """Another cluster, and how far it is.

    Attributes:
        label: the other cluster's.
        distance: of the two medoids, in the fit's metric.
    """

    label: int
    distance: float


@dataclass(frozen=True)
class SceneCluster:
    """A cluster of a result. Rows are numbers into `ScenePoints`.

    Attributes:
        label: its number in the result.
        size: its rows.
        share: of all rows, 0 to 1.
        persistence: 0 to 1, or None.
        medoid: row of the medoid.
        terms: its first terms, the best first; empty without texts.
        exemplars: rows that are most typical: those that lie deepest in each innermost part of it; at least one, at most 8.
        near: the nearest other clusters, the nearest first; at most 8. Empty where vectors cannot be read.
        colour: a number into the palette (`pictures.colours`): clusters that lie beside each other have different ones.
    """

    label: int
    size: int
    share: float
    persistence: float | None
    medoid: int
    terms: Sequence[str]
    exemplars: Sequence[int]
    near: Sequence[NearCluster]
    colour: int


@dataclass(frozen=True, eq=False)
class SceneTree:
    """The condensed tree laid out as an icicle: m nodes, the root first, parents before children.

    Across, a node takes the part [left, right] of its parent's, by size: right − left is its share of all rows. Rows leave it on
    both sides alike, so what is left of it at some λ is in the middle of [left, right], and there its children begin, side by
    side. Down, it lasts from λ = birth to λ = death; children begin at their parent's death.

    Attributes:
        parent: int32 (m,), −1 of the root.
        birth, death: float64 (m,), λ in 1/distance; finite: an infinite one, of identical vectors, is a tenth above all others.
        size: int32 (m,), rows at its birth.
        label: int32 (m,), of the cluster that the node is in the result; −1 of those that are none.
        left, right: float64 (m,), 0 to 1.
        step_starts: int64 (m + 1,), where each node's steps begin.
        step_lambda: float64 (s,): λ of the steps, rising within each node, the first of them its birth, all below its death.
        step_size: int32 (s,): rows that are left from that λ on, >= 1.
        n_hidden: nodes that were too small to be kept.
    """

    parent: Int32Array
    birth: Float64Array
    death: Float64Array
    size: Int32Array
    label: Int32Array
    left: Float64Array
    right: Float64Array
    step_starts: NDArray[np.int64]
    step_lambda: Float64Array
    step_size: Int32Array
    n_hidden: int


@dataclass(frozen=True)
class SweptCut:
    """What another min_cluster_size would give, everything else as in the result."""

    min_cluster_size: int
    n_clusters: int
    noise_share: float
    largest_share: float


@dataclass(frozen=True)
class SceneSweep:
    """Cuts over min_cluster_size, rising; `stored` is the result's own, which is among them."""

    cuts: Sequence[SweptCut]
    stored: int


@dataclass(frozen=True, eq=False)
class SceneRuns:
    """Runs as sequences of labels, and how often one cluster follows another.

    Attributes:
        run_ids: (r,) those shown.
        starts: int64 (r + 1,), where the steps of each begin.
        sequence_numbers: int64 (t,) of each step.
        rows: int32 (t,) of each step, into `ScenePoints`.
        n_hidden: runs that are left out since there are too many.
        transitions: (from, to, count), the most frequent first: the last cluster visited, and another next; of all runs.
    """

    run_ids: Sequence[Id]
    starts: NDArray[np.int64]
    sequence_numbers: NDArray[np.int64]
    rows: Int32Array
    n_hidden: int
    transitions: Sequence[tuple[int, int, int]]


@dataclass(frozen=True, eq=False)
class Scene:
    """A result to be looked at.

    Attributes:
        result: as `store.results.listing.show_result` has it, `clusters` left out.
        title: the model and the result in a few words.
        clusters: the largest first.
        points: all rows.
        tree, sweep, runs: None where there is none, or it was not asked for.
        missing: a sentence for each part that is not there and could have been, for example why there is no tree; of the map
            it is in `ScenePoints.no_map` alone.
    """

    result: Mapping[str, Any]
    title: str
    clusters: Sequence[SceneCluster]
    points: ScenePoints
    tree: SceneTree | None
    sweep: SceneSweep | None
    runs: SceneRuns | None
    missing: Sequence[str]
