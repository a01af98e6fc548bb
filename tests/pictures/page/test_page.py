"""The page as a file: without a browser."""

from __future__ import annotations

from sqlclust.pictures.page.html import page
from tests.pictures.scenes import scene


def test_the_same_scene_gives_the_same_bytes() -> None:
    assert page(scene(300, 4, n_runs=3)) == page(scene(300, 4, n_runs=3))
