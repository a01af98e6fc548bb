"""How flat clusters are cut from a hierarchy."""

from __future__ import annotations

from typing import Literal, NamedTuple

SelectionMethod = Literal["eom", "leaf"]
"""eom: the clusters of the largest total excess of mass; leaf: those that nothing splits off."""


class CutParameters(NamedTuple):
    """hdbscan's parameters of the same names; what each does is told by the options of `clust_cut`.

    Attributes:
        min_cluster_size: >= 2.
        cluster_selection_epsilon: >= 0, a distance: clusters that split below it are one.
        cluster_selection_persistence: >= 0, a density: splits that last less are undone.
        max_cluster_size: 0 for no limit.
        allow_single_cluster: whether the root may be a cluster.
    """

    min_cluster_size: int
    cluster_selection_method: SelectionMethod = "eom"
    cluster_selection_epsilon: float = 0.0
    cluster_selection_persistence: float = 0.0
    max_cluster_size: int = 0
    allow_single_cluster: bool = False
