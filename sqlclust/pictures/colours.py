"""Colours of clusters: a palette, and which cluster has which of it, so that those beside each other differ."""

from __future__ import annotations

import heapq
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.metrics import Float64Array, IndexArray


class Theme(NamedTuple):
    """Colours on one background, as #rrggbb.

    Attributes:
        background: what is behind all.
        noise: pale, so that clusters stand out.
        clusters: the palette; `SceneCluster.colour` is a number into it.
    """

    background: str
    noise: str
    clusters: tuple[str, ...]


LIGHT = Theme(
    "#ffffff",
    "#c8c8c8",
    ("#005d8b", "#e85d00", "#2e8b74", "#e8005d", "#a274a2", "#745d2e", "#5d8bff", "#741700", "#7400ff", "#740046"),
)
DARK = Theme(
    "#14171c",
    "#4a4e55",
    ("#4674ff", "#ffb9a2", "#468b5d", "#d1468b", "#e8b9ff", "#b9a22e", "#00a2b9", "#b94600", "#74ffe8", "#8bff00"),
)
"""Found by search: contrast with the background at least 3, and any two at least 11 apart (CIEDE2000), also for eyes without the
red or the green cones, and from the noise; `tests/pictures/test_colours.py` measures it."""
N_COLOURS = len(LIGHT.clusters)

_SIDE = 512
"""Cells of the raster along the longer side of a map: about its pixels."""


class Contacts(NamedTuple):
    """Pairs of clusters that lie beside each other.

    Attributes:
        pairs: intp (p, 2), each once, the smaller number first.
        weight: float64 (p,), > 0: how much they do.
    """

    pairs: IndexArray
    weight: Float64Array


def contacts(pairs: IndexArray, weight: Float64Array) -> Contacts:
    """Contacts of pairs (p, 2) in any order and more than once: their weights are added up."""
    ordered = np.sort(pairs.reshape(-1, 2), axis=1)
    unique, place = np.unique(ordered, axis=0, return_inverse=True)
    added = np.zeros(len(unique))
    np.add.at(added, place.ravel(), weight)
    return Contacts(unique, added)


def contacts_on_map(xy: NDArray[np.float32], cluster: IndexArray) -> Contacts:
    """Which clusters touch on a map, if all of it belongs to the cluster that is nearest.

    Args:
        xy: float32 (n, 2), finite.
        cluster: intp (n,), numbers from 0; noise −1.

    Returns:
        The weight is the length of their border, in cells.

    Cost: O(n log n), and a raster of 512 × 512.
    """
    from scipy.ndimage import distance_transform_edt

    inside = cluster >= 0
    if not inside.any():
        return contacts(np.empty((0, 2), dtype=np.intp), np.empty(0))
    places, cluster = xy[inside].astype(np.float64), cluster[inside]
    low = places.min(axis=0)
    span = float((places.max(axis=0) - low).max())
    cells = np.floor((places - low) * ((_SIDE - 1) / span if span else 0.0)).astype(np.intp)
    code = cells[:, 1] * _SIDE + cells[:, 0]
    most = int(cluster.max()) + 1
    each, count = np.unique(code * most + cluster, return_counts=True)
    order = np.lexsort((each % most, -count, each // most))
    code, cluster = each[order] // most, each[order] % most
    first = np.flatnonzero(np.diff(code, prepend=-1))  # of each cell the cluster that has most of it
    owner = np.repeat(cluster[first], np.diff(first, append=len(code)))
    raster = np.full((_SIDE, _SIDE), -1, dtype=np.intp)
    raster.flat[code[first]] = cluster[first]
    nearest = distance_transform_edt(raster < 0, return_distances=False, return_indices=True)
    raster = raster[tuple(nearest)]
    borders = [np.stack([owner, cluster], axis=1)]
    borders += [np.stack([raster[:-1].ravel(), raster[1:].ravel()], axis=1)]
    borders += [np.stack([raster[:, :-1].ravel(), raster[:, 1:].ravel()], axis=1)]
    pairs = np.concatenate(borders)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    return contacts(pairs, np.ones(len(pairs)))


def coloured(sizes: IndexArray, touching: Contacts, n_colours: int = N_COLOURS) -> list[int]:
    """A colour for each cluster, so that those that touch have different ones.

    Greedy, in the order that leaves each cluster as few neighbours before it as can be (smallest last, Matula and Beck 1983). A
    colour that touches is taken only in a part of the graph where all touch `n_colours` others: that with the shortest border. Of
    several colours it is the one that fewest have.

    Args:
        sizes: intp (c,).

    Returns:
        c numbers below `n_colours`; the same for the same input.

    Cost: O((c + p) log c).
    """
    near: list[dict[int, float]] = [{} for _ in range(len(sizes))]
    for (a, b), weight in zip(touching.pairs.tolist(), touching.weight.tolist(), strict=True):
        near[a][b] = near[b][a] = weight
    found = [-1] * len(sizes)
    used = [0] * n_colours
    for cluster in reversed(_taken_away(sizes.tolist(), near)):
        border = [0.0] * n_colours
        for other, weight in near[cluster].items():
            if found[other] >= 0:
                border[found[other]] += weight
        colour = min(range(n_colours), key=lambda number: (border[number], used[number], number))
        found[cluster] = colour
        used[colour] += 1
    return found


def _taken_away(sizes: list[int], near: list[dict[int, float]]) -> list[int]:
    """The clusters as they are taken away, each time one with the fewest neighbours left, of those the smallest."""
    left = [len(others) for others in near]
    heap = [(left[cluster], sizes[cluster], -cluster) for cluster in range(len(sizes))]
    heapq.heapify(heap)
    order, gone = [], [False] * len(sizes)
    while heap:
        degree, _, negative = heapq.heappop(heap)
        cluster = -negative
        if gone[cluster] or degree != left[cluster]:
            continue
        gone[cluster] = True
        order.append(cluster)
        for other in near[cluster]:
            if not gone[other]:
                left[other] -= 1
                heapq.heappush(heap, (left[other], sizes[other], -other))
    return order
