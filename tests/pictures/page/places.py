"""Where things are on a page's map, and what is drawn there."""

from __future__ import annotations

import numpy as np

from sqlclust.pictures.scene import Scene
from tests.pictures.page.conftest import Opened
from tests.pictures.scenes import scene

LISTED = "#clusters button.cluster"
"""The clusters of the list."""


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour.removeprefix("#")))


def text_of(made: Scene, row: int) -> str:
    assert made.points.texts is not None
    return made.points.texts[row] or ""


def alone(n_clusters: int = 3) -> Scene:
    """A scene whose map is known: each cluster's rows, and noise, all in one place each, far from one another."""
    made = scene(60, n_clusters)
    corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], np.float32)  # noise is the last
    made.points.xy[:] = corners[made.points.labels]  # type: ignore[index]
    return made


def corner(page: Opened, across: float, up: float) -> tuple[float, float]:
    """Where the place (across, up) of `alone` is on the map, in pixels of CSS."""
    box = page.page.locator("#over").bounding_box()
    assert box is not None
    side = 0.92 * min(box["width"], box["height"])
    return box["width"] / 2 + side * (across - 0.5), box["height"] / 2 - side * (up - 0.5)


def point_at(page: Opened, across: float, up: float) -> tuple[float, float]:
    box = page.page.locator("#over").bounding_box()
    assert box is not None
    x, y = corner(page, across, up)
    return box["x"] + x, box["y"] + y


def image(page: Opened) -> str:
    """All the dots."""
    page.rest()
    return str(page.value("document.getElementById('dots').toDataURL()"))


def labels(page: Opened) -> set[int]:
    """The clusters whose names are on the map."""
    page.rest()
    return {int(label) for label in page.value("document.getElementById('map').dataset.labels").split()}


def middle_of(page: Opened, made: Scene, label: int) -> tuple[float, float]:
    """Where a cluster is, in pixels of CSS, while all of the map is seen."""
    box, xy = page.page.locator("#over").bounding_box(), made.points.xy
    assert box is not None
    assert xy is not None
    low, high = xy.min(axis=0), xy.max(axis=0)
    scale = 0.92 * min(box["width"] / (high - low)[0], box["height"] / (high - low)[1])
    x, y = (np.median(xy[made.points.labels == label], axis=0) - (low + high) / 2) * scale
    return box["x"] + box["width"] / 2 + float(x), box["y"] + box["height"] / 2 - float(y)
