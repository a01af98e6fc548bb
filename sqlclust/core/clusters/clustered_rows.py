"""The rows of a clustering, as new vectors and noise are held against them."""

from __future__ import annotations

from typing import NamedTuple

from sqlclust.core.clusters.selection import FlatClusters
from sqlclust.core.geometry.duplicates import Distinct
from sqlclust.core.geometry.metrics import Float64Array, IndexArray


class ClusteredRows(NamedTuple):
    """The n rows of a clustering.

    Attributes:
        points: the distinct vectors and their rows.
        core: float64 (n,), core distance of each row, in the metric.
        rank: intp (n,), the rows' order by id.
        flat: the clusters; None where there is no hierarchy.
    """

    points: Distinct
    core: Float64Array
    rank: IndexArray
    flat: FlatClusters | None
