"""The map: every row a point, coloured by its cluster; names of clusters where there is room."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import Stroke
from numpy.typing import NDArray

from sqlclust.errors import NothingToDrawError
from sqlclust.pictures.plots.canvas import Canvas
from sqlclust.pictures.plots.letters import Letters
from sqlclust.pictures.plots.placing import Crowd, placed
from sqlclust.pictures.plots.style import TINY, Theme, as_rgb, mixed
from sqlclust.pictures.scene import Scene, SceneCluster

_SHARE = 0.55
_LEAST, _MOST = 0.7, 6.0
"""A point's diameter: of the side of the square that each point would have; and its limits in points."""
_HALO = 2.6
_APART = 1.0
"""Points: around names, and between them."""
_MOST_NAMES = 500
"""Of the largest clusters; more never have room."""


def size(scene: Scene) -> tuple[float, float]:
    """Width and height in inches."""
    return 8.0, 6.4


def draw(scene: Scene, canvas: Canvas, letters: Letters, colours: Sequence[str]) -> str:
    """Draw it; returns what is to be said below the title.

    Args:
        colours: of each cluster of the scene.

    Raises:
        NothingToDrawError: there is no map.
    """
    points = scene.points
    if points.xy is None:
        raise NothingToDrawError("map", reason=points.no_map)
    left, bottom, width, height = canvas.body
    xy = _fitted(np.asarray(points.xy, dtype=np.float64), width, height)
    pixels, above = canvas.pixels(left, bottom, width, height), canvas.axes(left, bottom, width, height)
    above.set_axis_off()
    above.set_xlim(0, width)
    above.set_ylim(0, height)
    _points(pixels, scene, xy, colours, diameter=_diameter(len(xy), width * height), noise=canvas.theme.noise)
    n_named = 0
    for name in _names(scene, canvas, letters, xy, colours):
        name.write(pixels, above, canvas.theme)
        n_named += 1
    some = f"{n_named:,} of {len(scene.clusters):,} named" if n_named < len(scene.clusters) else ""
    grey = "grey: noise" if scene.clusters and (points.labels < 0).any() else ""
    return " · ".join(filter(None, (grey, points.map_method, some)))


def _fitted(xy: NDArray[np.float64], width: float, height: float) -> NDArray[np.float64]:
    """Places so that all are within, and as far from each other across as up; float64 (n, 2)."""
    if not len(xy):
        return xy
    low, high = xy.min(axis=0), xy.max(axis=0)
    room, extent = np.array([width, height]) - 2 * _MOST, high - low
    scale = min((there / needed for there, needed in zip(room, extent, strict=True) if needed > 0), default=1.0)
    return np.asarray((xy - (low + high) / 2) * scale + np.array([width, height]) / 2)


def _diameter(n: int, area: float) -> float:
    return float(np.clip(_SHARE * np.sqrt(area / max(1, n)), _LEAST, _MOST))


def _points(
    axes: Axes, scene: Scene, xy: NDArray[np.float64], colours: Sequence[str], *, diameter: float, noise: str
) -> None:
    """Noise first; then members, the least probable first, so that the middle of a cluster is not below its border."""
    labels = scene.points.labels
    rgb = as_rgb([*colours, noise])
    at = _cluster_of(labels, scene.clusters)
    order = np.lexsort((scene.points.probabilities, at >= 0))
    rgba = np.column_stack([rgb[at[order]], np.where(at[order] >= 0, 0.85, 0.7)])
    area = np.where(at[order] >= 0, 1.0, 0.6) * diameter**2
    axes.scatter(xy[order, 0], xy[order, 1], s=area, c=rgba, linewidths=0, marker="o", zorder=1)


def _cluster_of(labels: NDArray[np.int32], clusters: Sequence[SceneCluster]) -> NDArray[np.int64]:
    """Each row's cluster, as its number in the scene; −1 is noise. Labels may have gaps as large as labels can be."""
    known = np.array([-1, *(cluster.label for cluster in clusters)], dtype=np.int64)
    order = np.argsort(known)
    return np.asarray(order[np.searchsorted(known[order], labels)] - 1, dtype=np.int64)


def _members(scene: Scene, xy: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """The places (m, 2) of each cluster's members."""
    at = _cluster_of(scene.points.labels, scene.clusters)
    order = np.argsort(at, kind="stable")
    starts = np.searchsorted(at[order], np.arange(len(scene.clusters) + 1)).tolist()
    return [xy[order[start:end]] for start, end in pairwise(starts)]


def _place(members: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where a cluster's name belongs: at the member that is nearest to the median of its members."""
    from_median = ((members - np.median(members, axis=0)) ** 2).sum(axis=1)
    return np.asarray(members[from_median.argmin()])


class _Name(NamedTuple):
    text: str
    x: float
    y: float
    colour: str

    def write(self, pixels: Axes, above: Axes, theme: Theme) -> None:
        """Write it with a halo, which is of pixels, since letters with one would be outlines in an SVG."""
        given: dict[str, Any] = {"fontsize": TINY, "ha": "center", "va": "center", "parse_math": False}
        halo = [Stroke(linewidth=_HALO, foreground=theme.paper, alpha=0.85)]
        pixels.text(self.x, self.y, self.text, path_effects=halo, zorder=2, **given)
        above.text(self.x, self.y, self.text, color=mixed(self.colour, theme.ink, 0.55), **given)


def _names(
    scene: Scene, canvas: Canvas, letters: Letters, xy: NDArray[np.float64], colours: Sequence[str]
) -> Iterator[_Name]:
    """The names that have room."""
    bounds = canvas.body[2:]
    texts = [letters.names_of(cluster) for cluster in scene.clusters[:_MOST_NAMES]]
    sizes = [[canvas.measure(text, TINY) for text in names] for names in texts]
    crowd = Crowd(xy[scene.points.labels >= 0], bounds)
    members = _members(scene, xy)[:_MOST_NAMES]
    places = np.array([_place(own) for own in members]).reshape(-1, 2)
    found = placed(places, sizes, bounds, apart=_APART, crowd=crowd, own=members)
    for names, label, colour in zip(texts, found, colours, strict=False):
        if label is not None:
            yield _Name(names[label.which], label.x, label.y, colour)
