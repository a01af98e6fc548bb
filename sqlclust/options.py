"""Options: one frozen dataclass per algorithm, the single source for SQL's JSON options, the command line's options, the
parameters stored with a result, and the reference in the README.

A field's metadata says what it means and what it allows; `parse` checks values against it, the others read it too.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, get_args

from sqlclust.core import engines as core
from sqlclust.core.engines import ENGINES
from sqlclust.core.geometry.metrics import METRICS, Metric, unit_length
from sqlclust.errors import OptionError, OptionsJSONError, UnknownOptionError, shown
from sqlclust.vectors.formats import FORMAT_NAMES, FormatName

Engine = Literal["auto", "exact", "approximate"]  # and so the choices below: a test compares the two
SelectionMethod = Literal["eom", "leaf"]
Duplicates = Literal["error", "first"]
NearestRows = Literal["noise", "all"]
Part = Literal["selection", "fit", "cut"]
"""What an option of clustering decides: which rows are taken; the neighbours and the spanning tree, so that two fits of the same
rows with another value are different fits; or which clusters are cut from the tree.
"""

MAX_INTEGER = 2**31 - 1
_MAX_JSON = 100_000


def _option(
    default: Any,
    help: str,
    *,
    kind: type,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
    choices: tuple[str, ...] = (),
    auto: str = "",
    part: Part | None = None,
    flag: str = "",
) -> Any:
    """A field. `auto` says what None, the default, becomes; `part` is for options of clustering, see Part; `flag` is the command
    line's name where it is another.
    """
    if kind is int and at_most is None:
        at_most = MAX_INTEGER
    allowed = {"at_least": at_least, "above": above, "at_most": at_most, "choices": choices}
    return field(
        default=default, metadata={"help": help, "kind": kind, "auto": auto, "part": part, "flag": flag, **allowed}
    )


@dataclass(frozen=True, kw_only=True)
class CutOptions:
    """Options that select clusters from a fit: of clust_cut, clust_labels, clust_condensed_tree, `sqlclust cut`."""

    min_cluster_size: int | None = _option(
        None, "smallest group that counts as a cluster", kind=int, at_least=2, auto="max(5, n/1000)", part="cut"
    )
    cluster_selection_epsilon: float = _option(
        0.0, "clusters nearer to each other than this distance are not split", kind=float, at_least=0, part="cut"
    )
    cluster_selection_method: SelectionMethod = _option(
        "eom",
        "eom: the most stable clusters; leaf: the finest",
        kind=str,
        choices=get_args(SelectionMethod),
        part="cut",
    )
    cluster_selection_persistence: float = _option(
        0.0, "splits that last shorter than this (in 1/distance) are undone", kind=float, at_least=0, part="cut"
    )
    max_cluster_size: int = _option(
        0,
        "of a larger cluster eom takes the parts it splits into, and what is in none of them is noise; epsilon may join them to "
        "larger ones again, and leaf takes no notice; 0: no limit",
        kind=int,
        at_least=0,
        part="cut",
    )
    allow_single_cluster: bool = _option(
        False,
        "everything may be one cluster, even of fewer rows than min_cluster_size; without it the whole is never a cluster",
        kind=bool,
        part="cut",
    )

    def selecting(self, n: int) -> dict[str, Any]:
        """The fields of `core.clusters.CutParameters` for n rows."""
        return {name: getattr(self, name) for name in names(CutOptions)} | {
            "min_cluster_size": default_min_cluster_size(n) if self.min_cluster_size is None else self.min_cluster_size
        }


@dataclass(frozen=True, kw_only=True)
class HdbscanOptions(CutOptions):
    """Options of clust_hdbscan and `sqlclust.hdbscan`, and of what fits stored embeddings; names are hdbscan's."""

    min_samples: int | None = _option(
        None,
        "neighbours that make a point dense, itself not counted; larger calls more points noise",
        kind=int,
        at_least=1,
        auto="min(min_cluster_size, 15)",
        part="fit",
    )
    alpha: float = _option(
        1.0, "distances are divided by it (robust single linkage)", kind=float, at_least=0.001, at_most=1000, part="fit"
    )
    metric: Metric = _option("euclidean", "how distance is measured", kind=str, choices=METRICS, part="fit")
    normalize: bool = _option(True, "scale vectors to length one first", kind=bool, part="fit")
    engine: Engine = _option(
        "auto",
        "exact: what brute force gives; approximate: for millions, with its recall measured and stored; "
        "auto: exact up to n² · dimension = 5e13 (360,000 × 384), approximate beyond",
        kind=str,
        choices=("auto", *ENGINES),
        part="fit",
    )
    downsample: int = _option(
        1,
        "keep every n-th embedding, by rank within each run (by rank of id where there are no runs)",
        kind=int,
        at_least=1,
        part="selection",
    )
    seed: int = _option(
        0, "for what is random in the approximate engine; the exact one uses none", kind=int, at_least=0, part="fit"
    )

    def resolved(self, n: int, dimension: int = 1) -> HdbscanOptions:
        """These options with the defaults that depend on the n rows and their dimension filled in: what runs and is stored."""
        min_cluster_size = default_min_cluster_size(n) if self.min_cluster_size is None else self.min_cluster_size
        min_samples = min(min_cluster_size, 15) if self.min_samples is None else self.min_samples
        min_samples = min(min_samples, max(n - 1, 1))  # as hdbscan: no more neighbours than there are other rows
        engine = default_engine(n, dimension) if self.engine == "auto" else self.engine
        return dataclasses.replace(self, min_cluster_size=min_cluster_size, min_samples=min_samples, engine=engine)

    @property
    def needs_directions(self) -> bool:
        """Whether zero vectors cannot be clustered with these options."""
        return unit_length(self.metric, normalize=self.normalize)

    def as_dict(self) -> dict[str, Any]:
        """All options as plain values, in the order of the fields."""
        return dataclasses.asdict(self)


@dataclass(frozen=True, kw_only=True)
class FitOptions(HdbscanOptions):
    """Options of clust_fit, `sqlclust.fit` and `sqlclust fit`."""

    format: Literal["float32"] | None = _option(
        None,
        "of the stored vectors, which are float32; say so where they are refused because they look like another format",
        kind=str,
        choices=("float32",),
        auto="float32, and an error if they look like another",
        part="selection",
        flag="vector-format",
    )

    def as_dict(self) -> dict[str, Any]:
        """As of HdbscanOptions; `format` only if it was said."""
        return {name: value for name, value in super().as_dict().items() if (name, value) != ("format", None)}


AUTO_LIMIT = 5e13
"""n² · dimension up to which `auto` is exact: minutes on two cores. It looks at no clock, so that one choice holds anywhere."""


def default_engine(n: int, dimension: int) -> core.Engine:
    """What engine `auto` is for n rows."""
    return "exact" if float(n) * n * dimension <= AUTO_LIMIT else "approximate"


def default_min_cluster_size(n: int) -> int:
    """What min_cluster_size is for n rows where it is not given."""
    return max(5, n // 1000)


@dataclass(frozen=True, kw_only=True)
class PointsOptions:
    """Options of clust_points."""

    duplicates: Duplicates = _option(
        "error",
        "a repeated id is an error, or (first) keeps its first row and is logged",
        kind=str,
        choices=get_args(Duplicates),
    )
    format: FormatName | None = _option(
        None,
        "of the vectors: BLOBs of little-endian numbers (bit: the lowest of each byte first, 0 and 1) or JSON arrays",
        kind=str,
        choices=FORMAT_NAMES,
        auto="float32, and an error if they look like another",
    )


@dataclass(frozen=True, kw_only=True)
class NeighborsOptions:
    """Options of clust_neighbors."""

    k: int = _option(10, "neighbours of each point", kind=int, at_least=1)
    metric: Metric = _option("euclidean", "how distance is measured", kind=str, choices=METRICS)
    normalize: bool = _option(True, "scale vectors to length one first", kind=bool)


@dataclass(frozen=True, kw_only=True)
class DuplicatesOptions:
    """Options of clust_duplicates."""

    normalize: bool = _option(False, "call vectors of the same direction identical", kind=bool)


@dataclass(frozen=True, kw_only=True)
class LayersOptions:
    """Options of clust_layers."""

    min_cluster_size: int | None = _option(
        None, "smallest group that counts as a cluster in any layer", kind=int, at_least=2, auto="max(5, min_samples)"
    )
    max_layers: int = _option(
        6, "layers at the most; of more, those whose clusters last longest", kind=int, at_least=1, at_most=100
    )


@dataclass(frozen=True, kw_only=True)
class NearestOptions:
    """Options of clust_nearest."""

    rows: NearestRows = _option(
        "noise", "noise: the rows that are in no cluster; all: every row", kind=str, choices=get_args(NearestRows)
    )


@dataclass(frozen=True, kw_only=True)
class DoctorOptions:
    """Options of clust_doctor, `sqlclust.doctor` and `sqlclust doctor`."""

    format: FormatName | None = _option(
        None,
        "of the vectors in other programs' tables",
        kind=str,
        choices=FORMAT_NAMES,
        auto="float32, and a finding if they look like another",
    )


OptionsT = TypeVar(
    "OptionsT",
    CutOptions,
    HdbscanOptions,
    FitOptions,
    PointsOptions,
    NeighborsOptions,
    DuplicatesOptions,
    LayersOptions,
    NearestOptions,
    DoctorOptions,
)


def names(options: type[OptionsT]) -> tuple[str, ...]:
    """The option names of a dataclass."""
    return tuple(f.name for f in dataclasses.fields(options))


def of_part(options: type[CutOptions], part: Part) -> tuple[str, ...]:
    """The names of those options of clustering that decide about a part of it, in the order of the fields.

    Raises:
        TypeError: an option does not say what it decides. Nothing can be derived then: a stored fit might be taken for
            another's.
    """
    found = []
    for option in dataclasses.fields(options):
        if option.metadata.get("part") not in get_args(Part):
            raise TypeError(
                f"option {option.name!r} does not say which part of a clustering it decides: {get_args(Part)}"
            )
        if option.metadata["part"] == part:
            found.append(option.name)
    return tuple(found)


def default_text(option: dataclasses.Field[Any]) -> str:
    """An option's default as people read it."""
    return str(option.metadata["auto"] or json.dumps(option.default))


def parse_json(options: type[OptionsT], text: object) -> OptionsT:
    """Options from the JSON object that SQL passes.

    Raises:
        OptionsJSONError: see `parse_object`.
        OptionError: see `parse`.
    """
    return parse(options, parse_object(text))


def parse_object(text: object) -> dict[str, Any]:
    """The JSON object that SQL passes.

    Raises:
        OptionsJSONError: not TEXT, not JSON, not an object, or a key twice.
    """
    if not isinstance(text, str):
        found = "NULL" if text is None else shown(text)
        raise OptionsJSONError(found=found)
    if len(text) > _MAX_JSON:
        raise OptionsJSONError(found=f"{len(text):,} characters")
    try:
        values = json.loads(text, object_pairs_hook=_once)
    except RecursionError:
        raise OptionsJSONError(found=f"{text[:60]!r}, nested too deeply") from None
    except ValueError as error:
        if isinstance(error, OptionsJSONError):
            raise
        raise OptionsJSONError(found=f"{text[:60]!r}, which is not JSON ({error})") from None
    if not isinstance(values, dict):
        raise OptionsJSONError(found=f"{text[:60]!r}")
    return values


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise OptionsJSONError(found="a key that occurs twice")
    return values


_FORMAT_OF_POINTS = "The format of points is said where they are made, to clust_points; an array has its own"


def parse(options: type[OptionsT], values: Mapping[str, Any]) -> OptionsT:
    """Options from plain values, each checked.

    Raises:
        UnknownOptionError: a key that these options do not have; lists those they have.
        OptionError: a value of the wrong type or outside what is allowed.
    """
    fields = {f.name: f for f in dataclasses.fields(options)}
    checked = {}
    for name, value in values.items():
        if name not in fields:
            of_points = name in {f.name for f in dataclasses.fields(PointsOptions)}
            advice = f"{name} is an option of clust_points, which collects the vectors" if of_points else ""
            if (options, name) == (HdbscanOptions, "format"):
                advice = _FORMAT_OF_POINTS
            raise UnknownOptionError(name, allowed=tuple(fields), advice=advice)
        checked[name] = _checked(fields[name], value)
    return options(**checked)


def _checked(option: dataclasses.Field[Any], value: Any) -> Any:
    meta = option.metadata
    kind, choices = meta["kind"], meta["choices"]
    at_least, above, at_most = meta["at_least"], meta["above"], meta["at_most"]
    if value is None and option.default is None:
        return None
    if kind is bool:
        plain = _plain(value)
        if plain is True or plain is False:
            return plain
        expected = "true or false"
    elif kind is str:
        if isinstance(value, str) and value in choices:
            return value
        expected = " or ".join(repr(choice) for choice in choices)
    else:
        limits = [
            f"{words} {limit}"
            for words, limit in (("of at least", at_least), ("above", above), ("at most", at_most))
            if limit is not None
        ]
        expected = " ".join(["a whole number" if kind is int else "a number", " and ".join(limits)]).strip()
        number = _number(value, kind)
        if (
            number is not None
            and (at_least is None or number >= at_least)
            and (above is None or number > above)
            and (at_most is None or number <= at_most)
        ):
            return number
    raise OptionError(option.name, found=value, expected=expected)


def _plain(value: Any) -> Any:
    """What a scalar of numpy holds; anything else as it is."""
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        return value.item()
    return value


def _number(value: Any, kind: type) -> int | float | None:
    """The value as a finite int or float, or None if it is none."""
    value = _plain(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if kind is int:
        return value if isinstance(value, int) else None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
