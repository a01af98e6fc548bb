"""Options: one frozen dataclass per algorithm, the single source for SQL's JSON options, the command line's options, the
parameters stored with a result, and the reference in the README.

A field's metadata says what it means and what it allows; `parse` checks values against it, the others read it too.
"""

from __future__ import annotations

from sqlclust.options.clustering import (
    AUTO_LIMIT,
    CutOptions,
    Engine,
    FitOptions,
    HdbscanOptions,
    default_engine,
    default_min_cluster_size,
)
from sqlclust.options.functions import (
    DoctorOptions,
    Duplicates,
    DuplicatesOptions,
    LayersOptions,
    NearestOptions,
    NearestRows,
    NeighborsOptions,
    PointsOptions,
)
from sqlclust.options.parsing import OptionsT, parse, parse_json, parse_object
from sqlclust.options.record import MAX_INTEGER, Options, Part, Recorded, default_text, names, of_part, option

__all__ = [
    "AUTO_LIMIT",
    "MAX_INTEGER",
    "CutOptions",
    "DoctorOptions",
    "Duplicates",
    "DuplicatesOptions",
    "Engine",
    "FitOptions",
    "HdbscanOptions",
    "LayersOptions",
    "NearestOptions",
    "NearestRows",
    "NeighborsOptions",
    "Options",
    "OptionsT",
    "Part",
    "PointsOptions",
    "Recorded",
    "default_engine",
    "default_min_cluster_size",
    "default_text",
    "names",
    "of_part",
    "option",
    "parse",
    "parse_json",
    "parse_object",
]
