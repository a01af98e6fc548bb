"""Everything SQL sees, in one place: what registration, the reference in the README and the tests read."""

from __future__ import annotations

from typing import Any

from sqlclust.options import (
    DoctorOptions,
    DuplicatesOptions,
    FitOptions,
    HdbscanOptions,
    LabelsOptions,
    LayersOptions,
    MapOptions,
    NearestOptions,
    NeighborsOptions,
    PointsOptions,
    SourceOptions,
    StoredFitOptions,
    TermsOptions,
)
from sqlclust.surface.clustering import CLUSTERING
from sqlclust.surface.diagnosis import DIAGNOSIS
from sqlclust.surface.fits import FITS
from sqlclust.surface.labellings import LABELLINGS
from sqlclust.surface.maps import MAPS
from sqlclust.surface.points import POINTS
from sqlclust.surface.records import AggregateFunction, ScalarFunction, TableFunction
from sqlclust.surface.results import RESULTS
from sqlclust.surface.sources import SOURCES
from sqlclust.surface.terms import TERMS
from sqlclust.surface.vectors import VECTORS
from sqlclust.surface.version import VERSION

CATALOG: tuple[ScalarFunction | AggregateFunction | TableFunction, ...] = (
    *VERSION,
    *VECTORS,
    *POINTS,
    *CLUSTERING,
    *LABELLINGS,
    *FITS,
    *MAPS,
    *RESULTS,
    *TERMS,
    *SOURCES,
    *DIAGNOSIS,
)

OPTIONS: dict[str, Any] = {
    "clust_hdbscan": HdbscanOptions,
    "clust_fit": FitOptions,
    "clust_sweep": StoredFitOptions,
    "clust_cut": LabelsOptions,
    "clust_labels": LabelsOptions,
    "clust_condensed_tree": LabelsOptions,
    "clust_points": PointsOptions,
    "clust_neighbors": NeighborsOptions,
    "clust_duplicates": DuplicatesOptions,
    "clust_layers": LayersOptions,
    "clust_map": MapOptions,
    "clust_nearest": NearestOptions,
    "clust_terms": TermsOptions,
    "clust_source": SourceOptions,
    "clust_doctor": DoctorOptions,
}
"""The options dataclass of each function that has an options argument."""
