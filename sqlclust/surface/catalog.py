"""Everything SQL sees, in one place: what registration, the reference in the README and the tests read."""

from __future__ import annotations

from typing import Any

from sqlclust.options import (
    CutOptions,
    DoctorOptions,
    DuplicatesOptions,
    FitOptions,
    HdbscanOptions,
    LayersOptions,
    NearestOptions,
    NeighborsOptions,
    PointsOptions,
)
from sqlclust.surface.aggregates import AGGREGATES
from sqlclust.surface.compare import RESULT_TABLES
from sqlclust.surface.doctor import DOCTOR_TABLES
from sqlclust.surface.fits import FIT_SCALARS, FIT_TABLES
from sqlclust.surface.prediction import PREDICTION_TABLES
from sqlclust.surface.records import AggregateFunction, ScalarFunction, TableFunction
from sqlclust.surface.scalars import SCALARS
from sqlclust.surface.tables import TABLES

CATALOG: tuple[ScalarFunction | AggregateFunction | TableFunction, ...] = (
    *SCALARS,
    *FIT_SCALARS,
    *AGGREGATES,
    *TABLES,
    *FIT_TABLES,
    *PREDICTION_TABLES,
    *RESULT_TABLES,
    *DOCTOR_TABLES,
)

OPTIONS: dict[str, Any] = {
    "clust_hdbscan": HdbscanOptions,
    "clust_fit": FitOptions,
    "clust_cut": CutOptions,
    "clust_labels": CutOptions,
    "clust_sweep": CutOptions,
    "clust_condensed_tree": CutOptions,
    "clust_points": PointsOptions,
    "clust_neighbors": NeighborsOptions,
    "clust_duplicates": DuplicatesOptions,
    "clust_layers": LayersOptions,
    "clust_nearest": NearestOptions,
    "clust_doctor": DoctorOptions,
}
"""The options dataclass of each function that has an options argument."""
