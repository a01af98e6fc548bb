"""Options: one frozen dataclass per algorithm, the single source for SQL's JSON options, the command line's options, the
parameters stored with a result, and the reference in the README.

A field's metadata says what it means and what it allows; `parse` checks values against it, the others read it too.
"""

from __future__ import annotations

from sqlclust.options.clustering import (
    CutOptions,
    Engine,
    FitOptions,
    HdbscanOptions,
    LabelsOptions,
    StoredFitOptions,
    Update,
)
from sqlclust.options.functions import (
    DoctorOptions,
    DuplicatesOptions,
    LayersOptions,
    MapMethod,
    MapOptions,
    NearestOptions,
    NeighborsOptions,
    PointsOptions,
    SourceOptions,
    TermsOptions,
)
from sqlclust.options.parsing import parse, parse_json, parse_object
from sqlclust.options.record import MAX_INTEGER, Options, default_text, is_recorded, names, of_part, option

__all__ = [
    "MAX_INTEGER",
    "CutOptions",
    "DoctorOptions",
    "DuplicatesOptions",
    "Engine",
    "FitOptions",
    "HdbscanOptions",
    "LabelsOptions",
    "LayersOptions",
    "MapMethod",
    "MapOptions",
    "NearestOptions",
    "NeighborsOptions",
    "Options",
    "PointsOptions",
    "SourceOptions",
    "StoredFitOptions",
    "TermsOptions",
    "Update",
    "default_text",
    "is_recorded",
    "names",
    "of_part",
    "option",
    "parse",
    "parse_json",
    "parse_object",
]
