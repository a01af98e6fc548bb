"""Colours of clusters by their number in `SceneCluster.colour`, on a light and on a dark ground."""

from __future__ import annotations

LIGHT = (
    "#3b6fb6", "#d9602b", "#2a9d76", "#b8529a", "#d39a1a", "#4aa8d8", "#7a4f9a", "#8a6a3b", "#8f9e2e", "#c23b4e",
)  # fmt: skip
DARK = (
    "#6f9fe0", "#f0834f", "#45c196", "#dc82c0", "#efc04e", "#7fcbf2", "#ab85cf", "#bd9a66", "#bccb57", "#ee6d7f",
)  # fmt: skip
