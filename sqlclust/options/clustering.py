"""Options of clustering: what is cut from a fit, what a fit is made with, and their defaults."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

from sqlclust.core import engines as core
from sqlclust.core.clusters.cut_parameters import SelectionMethod
from sqlclust.core.geometry.metrics import METRICS, Metric, unit_length
from sqlclust.errors import OptionError
from sqlclust.options.record import Options, is_recorded, names, option
from sqlclust.vectors.formats import STORED_FORMAT

Engine = Literal["auto", core.Engine, "sharded"]
Update = Literal["auto", "never", "only"]
"""Whether a stored fit is used again, or brought up to date."""

_ABOUT_RESULTS = "It is about stored results, of clust_fit, clust_cut, clust_labels and sqlclust.fit"


def _like() -> Any:
    return option(
        None,
        "an earlier result of the model, by its id: clusters that match one of it, as in clust_lineage, keep that one's label; "
        "new ones get labels that neither it has nor any result that it was like, and so on. Nothing but labels changes",
        kind=int,
        at_least=1,
        auto="labels from 0",
        part="labels",
        recorded="if said",
        names_result=True,
    )


@dataclass(frozen=True, kw_only=True)
class CutOptions(Options):
    """Options that select clusters from a fit."""

    ELSEWHERE: ClassVar = {"like": _ABOUT_RESULTS}

    min_cluster_size: int | None = option(
        None, "smallest group that counts as a cluster", kind=int, at_least=2, auto="max(5, n/1000)", part="cut"
    )
    cluster_selection_epsilon: float = option(
        0.0, "clusters nearer to each other than this distance are not split", kind=float, at_least=0, part="cut"
    )
    cluster_selection_method: SelectionMethod = option(
        "eom",
        "eom: the most stable clusters; leaf: the finest",
        kind=str,
        choices=get_args(SelectionMethod),
        part="cut",
    )
    cluster_selection_persistence: float = option(
        0.0, "splits that last shorter than this (in 1/distance) are undone", kind=float, at_least=0, part="cut"
    )
    max_cluster_size: int = option(
        0,
        "of a larger cluster eom takes the parts it splits into, and what is in none of them is noise; epsilon may join them to "
        "larger ones again, and leaf takes no notice; 0: no limit",
        kind=int,
        at_least=0,
        part="cut",
    )
    allow_single_cluster: bool = option(
        False,
        "everything may be one cluster, even of fewer rows than min_cluster_size; without it the whole is never a cluster",
        kind=bool,
        part="cut",
    )

    def selecting(self, n: int) -> dict[str, Any]:
        """The arguments of `core.pipeline.CutParameters` for n rows, in the order in which results store them."""
        return {name: getattr(self, name) for name in names(CutOptions)} | {
            "min_cluster_size": default_min_cluster_size(n) if self.min_cluster_size is None else self.min_cluster_size
        }


@dataclass(frozen=True, kw_only=True)
class StoredFitOptions(CutOptions):
    """Options of what cuts a stored fit: of clust_sweep and `sqlclust sweep`, and with others of the rest."""

    min_samples: int | None = option(
        None,
        "neighbours that make a point dense, itself not counted; up to the fit's, where that is exact and has its neighbours",
        kind=int,
        at_least=1,
        auto="the fit's",
        part="fit",
    )


@dataclass(frozen=True, kw_only=True)
class LabelsOptions(StoredFitOptions):
    """Options of clust_cut, clust_labels, clust_condensed_tree and `sqlclust cut`."""

    like: int | None = _like()


@dataclass(frozen=True, kw_only=True)
class HdbscanOptions(CutOptions):
    """Options of clust_hdbscan and `sqlclust.hdbscan`, and of what fits stored embeddings; names are hdbscan's."""

    ELSEWHERE: ClassVar = {
        "format": "The format of points is said where they are made, to clust_points; an array has its own",
        "like": _ABOUT_RESULTS,
        "update": "It is about stored fits, of clust_fit and sqlclust.fit",
    }

    min_samples: int | None = option(
        None,
        "neighbours that make a point dense, itself not counted; larger calls more points noise",
        kind=int,
        at_least=1,
        auto="min(min_cluster_size, 15)",
        part="fit",
    )
    alpha: float = option(
        1.0, "distances are divided by it (robust single linkage)", kind=float, at_least=0.001, at_most=1000, part="fit"
    )
    metric: Metric = option("euclidean", "how distance is measured", kind=str, choices=METRICS, part="fit")
    normalize: bool = option(True, "scale vectors to length one first", kind=bool, part="fit")
    engine: Engine = option(
        "auto",
        "exact: what brute force gives; approximate: for millions, with its recall measured and stored; "
        "auto: exact up to n² · dimension = 5e13 (360,000 × 384), approximate beyond; sharded: by several workers, "
        "which `sqlclust fit --workers` and sqlclust.fit(executor=…) have",
        kind=str,
        choices=get_args(Engine),
        part="fit",
    )
    downsample: int = option(
        1,
        "keep every n-th embedding, by rank within each run (by rank of id where there are no runs)",
        kind=int,
        at_least=1,
        part="selection",
    )
    seed: int = option(
        0, "for what is random in the approximate engine; the exact one uses none", kind=int, at_least=0, part="fit"
    )

    def resolved(self, n: int, dimension: int = 1) -> HdbscanOptions:
        """These options with the defaults that depend on the n rows and their dimension filled in: what runs and is stored.

        Raises:
            OptionError: the engine is that of workers, which are not here.
        """
        if self.engine == "sharded":
            raise OptionError("engine", found="sharded", expected=_NEEDS_WORKERS)
        min_cluster_size, min_samples = self._resolved_min_cluster_size(n), self.resolved_min_samples(n)
        engine = default_engine(n, dimension) if self.engine == "auto" else self.engine
        return dataclasses.replace(self, min_cluster_size=min_cluster_size, min_samples=min_samples, engine=engine)

    def _resolved_min_cluster_size(self, n: int) -> int:
        return default_min_cluster_size(n) if self.min_cluster_size is None else self.min_cluster_size

    def resolved_min_samples(self, n: int) -> int:
        """What min_samples is for n rows."""
        min_samples = min(self._resolved_min_cluster_size(n), 15) if self.min_samples is None else self.min_samples
        return min(min_samples, max(n - 1, 1))  # as hdbscan: no more neighbours than there are other rows

    @property
    def needs_directions(self) -> bool:
        """Whether zero vectors cannot be clustered with these options."""
        return unit_length(self.metric, normalize=self.normalize)

    def as_dict(self) -> dict[str, Any]:
        """The options as plain values, in the order of the fields: the parameters that are stored with a result."""
        given = [(option, getattr(self, option.name)) for option in dataclasses.fields(self)]
        return {option.name: value for option, value in given if is_recorded(option, value)}


@dataclass(frozen=True, kw_only=True)
class FitOptions(HdbscanOptions):
    """Options of clust_fit, `sqlclust.fit` and `sqlclust fit`."""

    format: Literal["float32"] | None = option(
        None,
        "of our own stored vectors only, which are float32; say so where they are refused because they look like another format; "
        "a source has a format of its own",
        kind=str,
        choices=(STORED_FORMAT.name,),
        auto="float32, and an error if they look like another",
        part="selection",
        flag="vector-format",
        recorded="if said",
    )
    update: Update = option(
        "auto",
        "auto: use a stored fit of the same embeddings again, bring one of nearly the same up to date, or fit anew, whichever is "
        "quickest; never: fit anew; only: an error where it would have to fit anew. An exact fit is the same either way",
        kind=str,
        choices=get_args(Update),
        part="work",
        recorded="never",
    )
    like: int | None = _like()


_NEEDS_WORKERS = (
    "'auto', 'exact' or 'approximate' here: 'sharded' needs workers (sqlclust fit DB NAME --workers N --spool DIR; "
    "sqlclust.fit(…, executor=…, spool=…))"
)
AUTO_LIMIT = 5e13
"""n² · dimension up to which `auto` is exact: minutes on two cores. It looks at no clock, so that one choice holds anywhere."""


def default_engine(n: int, dimension: int) -> core.Engine:
    """What engine `auto` is for n rows."""
    return "exact" if float(n) * n * dimension <= AUTO_LIMIT else "approximate"


def default_min_cluster_size(n: int) -> int:
    """What min_cluster_size is for n rows where it is not given."""
    return max(5, n // 1000)
