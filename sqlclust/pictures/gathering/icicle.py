"""The condensed tree laid out as an icicle: as wide as there are rows, as deep as they last."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.clusters.labels import NOISE
from sqlclust.core.clusters.selection import FlatClusters
from sqlclust.core.geometry.metrics import Float64Array, IndexArray
from sqlclust.core.runtime.control import Control
from sqlclust.pictures.scene import SceneTree

MOST_NODES = 4_000
"""Nodes that are kept: the largest, and those that are clusters, with all above them."""
LEAST_SHARE = 1 / 4_000
"""Of all rows: a smaller node is narrower than a quarter of a pixel."""
MOST_STEPS = 32
"""Steps of a node. A narrow one has fewer: no more than there are sixteen-hundredths of all rows in it, about pixels."""
_LEAST_STEP, _FEWEST_STEPS = 1 / 1_600, 4
_BEYOND = 1.1
"""What stands for an infinite density: so many times the largest finite one."""


def icicle(flat: FlatClusters, labels: NDArray[np.int64], control: Control) -> SceneTree:
    """The condensed tree of some clusters.

    Rows that leave a node do so on both sides alike: what is left of it is in the middle, and there its children begin, side by
    side, the larger first. Each is as wide as its share of all rows.

    Args:
        labels: int64 (n_clusters,), the stored label of each flat cluster.

    Returns:
        Infinite densities, which identical vectors have, are a tenth above the largest finite one. Nodes that begin there are
        left out, and so are small ones, but for those that are clusters.

    Cost: O(n log n).
    """
    clusters, tree = flat.clusters, flat.tree
    n, count = len(clusters.point_cluster), len(clusters.parent)
    child = tree["child"] - n
    is_node = child >= 0
    is_there = np.zeros(count, dtype=bool)
    is_there[0] = is_there[child[is_node]] = True  # numbers of splits that were undone are nobody's
    size = np.zeros(count, dtype=np.int64)
    size[0], size[child[is_node]] = n, tree["child_size"][is_node]
    top = _top(tree["lambda_val"])
    birth = np.minimum(clusters.birth, top)
    label = np.full(count, NOISE, dtype=np.int32)
    label[flat.cluster_of_label] = labels
    control.check()
    kept = _kept(clusters.parent, size, is_there & np.isfinite(clusters.birth), label != NOISE)
    rows = _rows(flat, top)
    death = birth.copy()
    np.maximum.at(death, rows.node, rows.density)
    control.check()
    starts, step_lambda, step_size = _steps(rows, birth, death, size, kept)
    number = np.cumsum(kept) - 1
    left = _left(clusters.parent, size, is_there)
    parent = number[clusters.parent]
    parent[0] = -1
    return SceneTree(
        parent=parent[kept].astype(np.int32),
        birth=birth[kept],
        death=death[kept],
        size=size[kept].astype(np.int32),
        label=label[kept],
        left=left[kept],
        right=left[kept] + size[kept] / n,
        step_starts=starts,
        step_lambda=step_lambda,
        step_size=step_size,
        n_hidden=int(is_there.sum() - kept.sum()),
    )


class _Rows(NamedTuple):
    """What leaves which node of a tree, and when.

    Attributes:
        node: intp (r,).
        density: float64 (r,), finite.
        size: int64 (r,), how many rows.
    """

    node: IndexArray
    density: Float64Array
    size: NDArray[np.int64]


def _rows(flat: FlatClusters, top: float) -> _Rows:
    """All of them. A node ends where its children begin: where a split was undone some rows are said to leave it later."""
    tree, n = flat.tree, len(flat.clusters.point_cluster)
    node, is_node = tree["parent"] - n, tree["child"] >= n
    split = np.full(len(flat.clusters.parent), np.inf)
    np.minimum.at(split, node[is_node], tree["lambda_val"][is_node])
    density = np.minimum(np.minimum(tree["lambda_val"], split[node]), top)
    return _Rows(node, density, tree["child_size"].astype(np.int64))


def _top(density: Float64Array) -> float:
    """What stands for an infinite density."""
    finite = density[np.isfinite(density)]
    largest = float(finite.max(initial=0.0)) or 1.0
    return min(largest * _BEYOND, float(np.finfo(np.float64).max))


def _kept(
    parent: IndexArray, size: NDArray[np.int64], is_finite: NDArray[np.bool_], is_cluster: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Which nodes are shown: with each all above it, which are at least as large."""
    n = int(size[0])
    wanted = is_finite & (size >= n * LEAST_SHARE)
    if wanted.sum() > MOST_NODES:
        order = np.argsort(-np.where(wanted, size, 0), kind="stable")
        wanted[order[MOST_NODES:]] = False
    wanted |= is_cluster
    wanted[0] = True
    for node in range(len(parent) - 1, 0, -1):  # children come after their parents
        if wanted[node]:
            wanted[parent[node]] = True
    return wanted


def _left(parent: IndexArray, size: NDArray[np.int64], is_there: NDArray[np.bool_]) -> Float64Array:
    """Where each node begins across, 0 to 1."""
    parents, sizes = parent.tolist(), size.tolist()
    below = np.bincount(parent[1:], weights=size[1:], minlength=len(size)).tolist()
    start = [0.0] * len(sizes)
    free = [(sizes[0] - below[0]) / 2] * len(sizes)  # where the next child of each begins
    for node in np.lexsort((-size[1:], parent[1:])).tolist():  # a node comes before those below it
        node += 1
        start[node] = free[parents[node]]
        free[parents[node]] += sizes[node]
        free[node] = start[node] + (sizes[node] - below[node]) / 2
    return np.asarray(np.array(start) / sizes[0])


def _steps(
    rows: _Rows, birth: Float64Array, death: Float64Array, size: NDArray[np.int64], kept: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], Float64Array, NDArray[np.int32]]:
    """Where each kept node's steps start, and densities and sizes of the steps. See `SceneTree`.

    Of a node that loses d rows before it ends, those steps are left by which another d/k rows are gone: so its outline is nowhere
    off by more than that, and is never narrower than it should be.
    """
    nodes = np.flatnonzero(kept)
    counted = kept[rows.node] & (rows.density < death[rows.node])
    node = np.concatenate([nodes, rows.node[counted]])
    density = np.concatenate([birth[nodes], rows.density[counted]])
    lost = np.concatenate([np.zeros(len(nodes), dtype=np.int64), rows.size[counted]])
    order = np.lexsort((density, node))
    node, density, lost = node[order], density[order], lost[order]
    total = np.cumsum(lost)
    is_first = np.diff(node, prepend=-1) != 0
    gone = total - np.repeat((total - lost)[is_first], np.diff(np.flatnonzero(is_first), append=len(node)))
    is_last = (np.diff(node, append=-1) != 0) | (np.diff(density, append=np.inf) != 0)  # of the same density
    node, density, gone = node[is_last], density[is_last], gone[is_last]
    is_first = np.diff(node, prepend=-1) != 0
    all_gone = gone[np.append(np.flatnonzero(is_first)[1:] - 1, len(node) - 1)]
    parts = np.clip(np.ceil(size[nodes] / (size[0] * _LEAST_STEP)), _FEWEST_STEPS, MOST_STEPS).astype(np.int64) - 1
    number = np.cumsum(is_first) - 1
    part = gone * parts[number] // np.maximum(all_gone, 1)[number]
    is_step = is_first | (np.diff(part, prepend=0) != 0)
    starts = np.searchsorted(number[is_step], np.arange(len(nodes) + 1)).astype(np.int64)
    return starts, density[is_step], (size[node] - gone)[is_step].astype(np.int32)
