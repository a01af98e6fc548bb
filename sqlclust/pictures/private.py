"""A scene without what people wrote."""

from __future__ import annotations

from dataclasses import replace

from sqlclust.pictures.scene import Scene


def without_texts(scene: Scene) -> Scene:
    """Without texts and without terms, which are words of the texts. Ids stay: without them no row could be found again."""
    return replace(
        scene,
        points=replace(scene.points, texts=None),
        clusters=[replace(cluster, terms=()) for cluster in scene.clusters],
    )
