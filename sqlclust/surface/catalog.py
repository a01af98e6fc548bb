"""Everything SQL sees, in one place: what registration, the reference in the README and the tests read."""

from __future__ import annotations

from typing import Any

from sqlclust.options import DuplicatesOptions, HdbscanOptions, NeighborsOptions, PointsOptions
from sqlclust.surface.aggregates import AGGREGATES
from sqlclust.surface.records import AggregateFunction, ScalarFunction, TableFunction
from sqlclust.surface.scalars import SCALARS
from sqlclust.surface.tables import TABLES

CATALOG: tuple[ScalarFunction | AggregateFunction | TableFunction, ...] = (*SCALARS, *AGGREGATES, *TABLES)

OPTIONS: dict[str, Any] = {
    "clust_hdbscan": HdbscanOptions,
    "clust_fit": HdbscanOptions,
    "clust_points": PointsOptions,
    "clust_neighbors": NeighborsOptions,
    "clust_duplicates": DuplicatesOptions,
}
"""The options dataclass of each function that has an options argument."""
