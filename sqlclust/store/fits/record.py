"""What a stored fit says of itself besides its arrays, and what makes two fits the same."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, replace
from typing import Any

from sqlclust.core.engines import ENGINES, engine_of
from sqlclust.core.geometry.metrics import Metric, unit_length
from sqlclust.core.geometry.mutual_reachability import ReachabilityParameters
from sqlclust.options import CutOptions, HdbscanOptions, names, of_part

MEASURED = "measured"
"""Key of an object in `timings` with what else a fit measured of itself: the tables have no column for it."""
_EXACT = ", ".join(f"'{name}'" for name in ENGINES if engine_of(name).exact)
TREE_CONFIRMED = f"""
iif(f.engine IN ({_EXACT}), 1.0, iif(json_valid(f.timings), f.timings ->> '$.{MEASURED}.tree_confirmed', NULL))
"""
"""SQL of the `tree_confirmed` of a ClusteringFit f; NULL where an earlier version made the fit."""


@dataclass(frozen=True)
class FitRecord:
    """What a fit says of itself besides its arrays: columns of ClusteringFit of the same names, written and read.

    Attributes:
        selection: the `where` condition and the options of part "selection"; JSON in the file.
        versions: of what computed it; JSON in the file.
        timings: seconds of each phase; JSON in the file.
        updated_from: id of the stored fit whose neighbours it was made from; None: it was made from vectors alone, or that fit is
            gone. A file of before version 3 of the schema has no place for it.
        tree_confirmed: of an approximate fit; goes with `timings` into the file (`MEASURED`). An exact one's is 1.0.
        products: what products ruled out pairs where they were not of float32: "int8"; goes with `timings`, too.
        changes: of a fit that was brought up to date, how many rows were new, gone and changed; goes with `timings`, too.
        shards, overlap: of a fit in shards, see `distributed`; go with `timings`, too.
        shards_asked: as many as memory asked for, before vectors were looked at; goes with `timings`, too.
    """

    embedding_model: str
    selection: dict[str, Any]
    metric: Metric
    normalize: bool
    min_samples: int
    alpha: float
    engine: str
    recall: float | None
    seed: int
    n: int
    n_distinct: int
    dimension: int
    corpus_hash: str
    versions: dict[str, str]
    timings: dict[str, float]
    updated_from: int | None = None
    tree_confirmed: float | None = None
    products: str | None = None
    changes: dict[str, int] | None = None
    shards: int | None = None
    overlap: int | None = None
    shards_asked: int | None = None

    @property
    def needs_unit_length(self) -> bool:
        """Whether vectors are scaled to length one before they are compared."""
        return unit_length(self.metric, normalize=self.normalize)

    @property
    def reachability(self) -> ReachabilityParameters:
        """How mutual reachability was measured."""
        return ReachabilityParameters(self.min_samples, self.metric, normalize=self.normalize, alpha=self.alpha)

    @property
    def settled(self) -> dict[str, Any]:
        """The options that cutting cannot change any more, with their values."""
        values = {**vars(self), **{name: self.selection[name] for name in SELECTION_OPTIONS}}
        settled = {*FIT_OPTIONS, *SELECTION_OPTIONS}
        return {name: values[name] for name in names(HdbscanOptions) if name in settled}

    def timings_as_json(self) -> str:
        """The column `timings`."""
        measured = {name: value for name in _MEASURED if (value := getattr(self, name)) is not None}
        return json.dumps({**self.timings, **({MEASURED: measured} if measured else {})})

    def with_stored_timings(self, stored: dict[str, Any]) -> FitRecord:
        """This record with what `timings_as_json` wrote."""
        measured = stored.get(MEASURED)
        found: dict[str, Any] = {name: measured.get(name) if isinstance(measured, dict) else None for name in _MEASURED}
        timings = {phase: seconds for phase, seconds in stored.items() if phase != MEASURED}
        return replace(self, timings=timings, **found)


_MEASURED = ("tree_confirmed", "products", "changes", "shards", "overlap", "shards_asked")
"""Fields that the tables have no column for."""
COLUMNS = tuple(field.name for field in fields(FitRecord) if field.name not in _MEASURED)
"""Columns of ClusteringFit that a record is stored in."""


def fit_options(options: type[CutOptions]) -> tuple[str, ...]:
    """The options that two fits of the same rows must agree in to be the same.

    Raises:
        TypeError: one of them has no column of ClusteringFit, so that a fit could not be told from another's.
    """
    found = of_part(options, "fit")
    for name in found:
        if name not in COLUMNS:
            raise TypeError(f"option {name!r} is part of a fit, and FitRecord and ClusteringFit have no column for it")
    return found


FIT_OPTIONS = fit_options(HdbscanOptions)
SELECTION_OPTIONS = of_part(HdbscanOptions, "selection")
"""Options that decide which rows a fit is of. They are always kept with its selection."""
IDENTITY = ("embedding_model", "corpus_hash", *FIT_OPTIONS)
"""Columns of ClusteringFit that are equal if and only if two fits are the same."""
