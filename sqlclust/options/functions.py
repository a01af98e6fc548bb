"""Options of the other functions, a dataclass each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from sqlclust.core.geometry.metrics import METRICS, Metric
from sqlclust.core.layout.methods import METHODS as METHOD_NAMES
from sqlclust.core.layout.methods import MethodName
from sqlclust.options.record import Options, option
from sqlclust.vectors.formats import FORMAT_NAMES, FormatName

Duplicates = Literal["error", "first"]
NearestRows = Literal["noise", "all"]


@dataclass(frozen=True, kw_only=True)
class PointsOptions(Options):
    """Options of clust_points."""

    duplicates: Duplicates = option(
        "error",
        "a repeated id is an error, or (first) keeps its first row and is logged",
        kind=str,
        choices=get_args(Duplicates),
    )
    format: FormatName | None = option(
        None,
        "of the vectors: BLOBs of little-endian numbers (bit: the lowest of each byte first, 0 and 1) or JSON arrays",
        kind=str,
        choices=FORMAT_NAMES,
        auto="float32, and an error if they look like another",
    )


@dataclass(frozen=True, kw_only=True)
class NeighborsOptions(Options):
    """Options of clust_neighbors."""

    k: int = option(10, "neighbours of each point", kind=int, at_least=1)
    metric: Metric = option("euclidean", "how distance is measured", kind=str, choices=METRICS)
    normalize: bool = option(True, "scale vectors to length one first", kind=bool)


@dataclass(frozen=True, kw_only=True)
class DuplicatesOptions(Options):
    """Options of clust_duplicates."""

    normalize: bool = option(False, "call vectors of the same direction identical", kind=bool)


@dataclass(frozen=True, kw_only=True)
class LayersOptions(Options):
    """Options of clust_layers."""

    min_cluster_size: int | None = option(
        None, "smallest group that counts as a cluster in any layer", kind=int, at_least=2, auto="max(5, min_samples)"
    )
    max_layers: int = option(
        6, "layers at the most; of more, those whose clusters last longest", kind=int, at_least=1, at_most=100
    )


@dataclass(frozen=True, kw_only=True)
class NearestOptions(Options):
    """Options of clust_nearest."""

    rows: NearestRows = option(
        "noise", "noise: the rows that are in no cluster; all: every row", kind=str, choices=get_args(NearestRows)
    )


MapMethod = Literal["auto", MethodName]


@dataclass(frozen=True, kw_only=True)
class MapOptions(Options):
    """Options of clust_map and `sqlclust map`."""

    method: MapMethod = option(
        "auto",
        "of the map: t-sne: near rows are near each other; pca: the two axes of largest variance; auto: whichever there is, and "
        "t-sne if it can be had where one is made",
        kind=str,
        choices=("auto", *METHOD_NAMES),
    )


AUTO_STOP_WORDS = "auto"


@dataclass(frozen=True, kw_only=True)
class TermsOptions(Options):
    """Options of clust_terms."""

    count: int = option(10, "terms of each cluster, at the most", kind=int, at_least=1, at_most=100)
    ngrams: int = option(
        2,
        "words of a term at the most; 1: no phrases. Of Chinese and Japanese two characters count as a word, of Thai, Lao, Khmer "
        "and Burmese three",
        kind=int,
        at_least=1,
        at_most=5,
    )
    stop_words: tuple[str, ...] = option(
        (AUTO_STOP_WORDS,),
        "words that are no terms and at neither end of one, in any case; auto among them: those that are spread evenly over the "
        "clusters, noise counted as one, whatever the language. []: none",
        kind=tuple,
        or_none=True,
    )
    max_characters: int = option(40, "of a term; longer ones are left out", kind=int, at_least=2, at_most=400)
    noise: bool = option(False, "terms of noise, too, as of a cluster with the label -1", kind=bool)

    @property
    def evenly_spread(self) -> bool:
        """Whether words that are spread evenly are stop words."""
        return AUTO_STOP_WORDS in self.stop_words

    @property
    def listed(self) -> tuple[str, ...]:
        """The stop words that are said."""
        return tuple(word for word in self.stop_words if word != AUTO_STOP_WORDS)


@dataclass(frozen=True, kw_only=True)
class DoctorOptions(Options):
    """Options of clust_doctor, `sqlclust.doctor` and `sqlclust doctor`."""

    format: FormatName | None = option(
        None,
        "of the vectors in other programs' tables",
        kind=str,
        choices=FORMAT_NAMES,
        auto="float32, and a finding if they look like another",
    )


@dataclass(frozen=True, kw_only=True)
class SourceOptions(Options):
    """Options of clust_source, `sqlclust.source` and `sqlclust source`. What is not said stays, or is as it is found."""

    ELSEWHERE: ClassVar = dict.fromkeys(
        ("where", "parameters"),
        "SQL text is taken from Python and the command line only: sqlclust.source(con, name, where=…), "
        "sqlclust source DB NAME --where …",
    )

    table: str | None = option(
        None, "the table, or a view, or a source as clust_sources() lists it", kind=str, auto="the one of that name"
    )
    id: tuple[str, ...] | None = option(
        None, "the column that names a row, or a list of several", kind=tuple, auto="the key of the table"
    )
    vector: str | None = option(None, "the column of the vectors", kind=str, auto="as found")
    content: str | None = option(
        None, "the column of the texts that were embedded; '': none", kind=str, auto="as found", or_none=True
    )
    format: FormatName | None = option(
        None, "of the vectors, whatever they look like", kind=str, choices=FORMAT_NAMES, auto="as found"
    )
