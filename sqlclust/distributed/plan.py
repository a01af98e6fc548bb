"""The plan of a fit in shards: everything that the tasks need to know and that is known before the first of them.

It is a file `plan.json` in the fit's folder. A task gets that folder and a number, reads the plan, and does the same whoever
runs it. What is learnt on the way (the distinct vectors, the shards) is in spool files.
"""

from __future__ import annotations

import json
import os
import zlib
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from sqlclust import __version__
from sqlclust.core.engines import Engine
from sqlclust.core.geometry.metrics import Float32Array, metric_of, unit
from sqlclust.core.geometry.mutual_reachability import ReachabilityParameters
from sqlclust.core.neighbors.k_nearest_lists import SPARE_NEIGHBORS
from sqlclust.distributed.cost import RESERVED, most_members, shards_for
from sqlclust.distributed.folder import PLAN, files_of_fit, fits, make_folder, new_fit
from sqlclust.distributed.opening import source_of
from sqlclust.distributed.spool import write_whole
from sqlclust.distributed.vectors import VectorSource
from sqlclust.errors import (
    SpoolFileError,
    SpoolMissingError,
    SpoolOfAnotherFitError,
    SpoolPlanError,
    ZeroVectorError,
)
from sqlclust.vectors.blobs import first_zero

_VERSION = 1
_RANGE_BYTES, _RANGE_SHARE = 1 << 26, 12
"""Vectors that a task reads at a time, and the share of a worker's memory that they are at most."""
_OWNERS, _OWNER_PARTS = 1 << 15, 512
_CELLS_PER_SHARD = 8
_SAMPLED_PER_CELL = 16
_LEAST_SAMPLED = 4096


@dataclass(frozen=True)
class Sharding:
    """How a fit is divided.

    Attributes:
        shards: how many; None: as many as the memory of a worker asks for, one if that holds all.
        memory: bytes that each worker may take; None: as much as it likes.
        overlap: cells that every vector goes to. More find more neighbours, and take more of everything.
        engine: inside a shard.
        threads: cores that a task uses; None: all of its machine.
        range_rows: rows that a task reads at a time; None: 64 MiB of vectors.
        memory_is_said: whether somebody asked for that much memory. If not, it is what was free, which is something else the
            next time: a fit that goes on is divided as it was.
    """

    shards: int | None = None
    memory: int | None = None
    overlap: int = 3
    engine: Engine = "approximate"
    threads: int | None = None
    range_rows: int | None = None
    memory_is_said: bool = True


@dataclass(frozen=True)
class Plan:
    """See above.

    Attributes:
        program: version of sqlclust that made it, which every worker has to have.
        source: as `VectorSource.described` gives it.
        fingerprint: of the source when the plan was made.
        n, dimension: of the vectors.
        ranges: (start, stop) of the rows that one task reads.
        min_samples, metric, normalize, alpha: as `ReachabilityParameters` has them.
        seed: of whatever is random.
        engine, threads, overlap: as `Sharding` has them.
        shards: how many at least, before vectors are known; 1: all in one.
        most: vectors that a shard may have; None: any number.
        cells: centres that vectors are given to, before these are put together to shards.
        sample: vectors that the centres are learnt from, about.
        owner_rows: vectors whose neighbours are merged at a time.
    """

    program: str
    source: dict[str, Any]
    fingerprint: list[Any]
    n: int
    dimension: int
    ranges: list[tuple[int, int]]
    min_samples: int
    metric: str
    normalize: bool
    alpha: float
    seed: int
    engine: Engine
    threads: int | None
    overlap: int
    shards: int
    most: int | None
    cells: int
    sample: int
    owner_rows: int

    @property
    def parameters(self) -> ReachabilityParameters:
        """How mutual reachability is measured."""
        metric = metric_of(self.metric).name
        return ReachabilityParameters(self.min_samples, metric, normalize=self.normalize, alpha=self.alpha)

    @property
    def k(self) -> int:
        """Neighbours that are looked for, where there are so many."""
        return self.min_samples + SPARE_NEIGHBORS

    def opened(self, spool: str) -> VectorSource:
        """The vectors, of the fit whose files are in this folder."""
        return source_of(self.source, spool)

    def compared(self, vectors: Float32Array, start: int, source: VectorSource) -> Float32Array:
        """Vectors as they are compared, but for a power of two: of length one where the fit asks for it, no −0.0.

        Args:
            vectors: rows of `source` from `start` on.

        Raises:
            ZeroVectorError: one has no direction; it names the row.
        """
        if self.parameters.unit_length:
            row = first_zero(vectors)
            if row is not None:
                raise ZeroVectorError(source.row_name(start + row))
            vectors = unit(vectors)
            vectors += np.float32(0.0)
            return vectors
        return vectors + np.float32(0.0)

    def owner_bounds(self, distinct: int) -> list[int]:
        """Where the ranges of owners begin, and the end."""
        return [*range(0, distinct, self.owner_rows), distinct]


def plan_of(source: VectorSource, parameters: ReachabilityParameters, seed: int, sharding: Sharding) -> Plan:
    """The plan for a source.

    Raises:
        MemoryPerWorkerError: the memory of a worker holds no shard.
        UnknownMetricError
    """
    n, dimension = source.n, source.dimension
    min_samples = max(1, min(parameters.min_samples, n - 1))
    k = min_samples + SPARE_NEIGHBORS
    memory = None if sharding.memory is None else sharding.memory - source.libraries
    most = None if memory is None else most_members(memory, dimension, min_samples, sharding.engine)
    shards = sharding.shards
    if shards is None:
        shards = 1 if most is None else shards_for(n, most, sharding.overlap)
    shards = max(1, min(shards, n // (8 * (k + 1))))
    cells = 1 if shards == 1 else min(max(_CELLS_PER_SHARD * shards, 2 * sharding.overlap), n // 8)
    at_a_time = _RANGE_BYTES
    if memory is not None:
        at_a_time = min(at_a_time, max(1 << 22, (memory - RESERVED) // _RANGE_SHARE))
    rows = sharding.range_rows or max(256, at_a_time // (4 * dimension))
    return Plan(
        program=__version__,
        source=source.described(),
        fingerprint=source.fingerprint(),
        n=n,
        dimension=dimension,
        ranges=source.ranges(rows),
        min_samples=min_samples,
        metric=parameters.metric,
        normalize=parameters.normalize,
        alpha=parameters.alpha,
        seed=seed,
        engine=sharding.engine,
        threads=sharding.threads,
        overlap=sharding.overlap,
        shards=shards,
        most=most,
        cells=cells,
        sample=max(_LEAST_SAMPLED, _SAMPLED_PER_CELL * cells),
        owner_rows=max(_OWNERS, -(-n // _OWNER_PARTS)),
    )


_MAY_DIFFER = ("threads", "fingerprint")
"""What another run of the same fit may have otherwise: vectors are compared one by one where files were written to."""
_OF_MEMORY = ("shards", "most", "ranges", "cells", "sample")
"""What depends on the memory of a worker; what says most to people first."""


class Kept(NamedTuple):
    """A plan, and the folder that it is kept in, where the fit's files are."""

    plan: Plan
    folder: str


def keep_plan(spool: str, plan: Plan, *, adopt: bool = False) -> Kept:
    """Write the plan into a folder of its own in the spool folder, or find the same one there already.

    That is returned then, as of the vectors' first state.

    Args:
        adopt: whether one that is there may be divided for another memory.

    Raises:
        SpoolOfAnotherFitError: another fit was begun there and is not done.
        SpoolPlanError: files are there, and no plan, or one that is damaged.
        SpoolFileError, SpoolFullError: the folder cannot be made or written.
    """
    make_folder(spool)
    other: SpoolOfAnotherFitError | None = None
    for folder in fits(spool):
        kept = _plan_of_files(folder)
        difference = _difference(kept, plan, adopt=adopt)
        if difference is None:
            return Kept(replace(kept, threads=plan.threads), folder)
        differs, *values = difference
        found, expected = map(_short, values)
        other = SpoolOfAnotherFitError(spool, differs=differs, found=found, expected=expected)
    if other is not None:
        raise other
    folder = new_fit(spool)
    said = json.dumps(asdict(plan))
    whole = {"version": _VERSION, "checksum": zlib.crc32(said.encode()), **asdict(plan)}
    write_whole(os.path.join(folder, PLAN), json.dumps(whole).encode())
    return Kept(plan, folder)


def _plan_of_files(folder: str) -> Plan:
    """The plan of a fit's folder that has files. Raises SpoolPlanError."""
    try:
        return read_plan(folder)
    except SpoolMissingError:
        file = files_of_fit(folder)[0]
        reason = f"has files of a fit, such as {file}, and no {PLAN}, which says of which"
        raise SpoolPlanError(folder, reason=reason) from None


def _difference(kept: Plan, plan: Plan, *, adopt: bool) -> tuple[str, Any, Any] | None:
    """The first field in which two plans are of different fits, and what both have; None: they are of the same."""
    earlier, asked = _values(kept), _values(plan)
    names = [name for name in {**asked, **earlier} if name not in (*_MAY_DIFFER, *_OF_MEMORY)]
    names += () if adopt else _OF_MEMORY
    differs = next((name for name in names if earlier.get(name) != asked.get(name)), None)
    return None if differs is None else _innermost(differs, earlier.get(differs), asked.get(differs))


def _innermost(name: str, earlier: Any, asked: Any) -> tuple[str, Any, Any]:
    """Where two values differ: a file and its number of rows is said, not all files."""
    if isinstance(earlier, dict) and isinstance(asked, dict):
        for key in {**asked, **earlier}:
            if earlier.get(key) != asked.get(key):
                return _innermost(f"{name}.{key}", earlier.get(key), asked.get(key))
    if isinstance(earlier, list) and isinstance(asked, list) and len(earlier) == len(asked):
        for at, (before, now) in enumerate(zip(earlier, asked, strict=True)):
            if before != now:
                return _innermost(f"{name}[{at}]", before, now)
    return name, earlier, asked


def _values(plan: Plan) -> dict[str, Any]:
    """As they come back from the file, each part of the source and of its selection by itself."""
    values: dict[str, Any] = json.loads(json.dumps(asdict(plan)))
    source = values.pop("source")
    everything: dict[str, Any] = {"where": None, "parameters": {}, "downsample": 1}
    return {
        **everything,
        **source.pop("selection", {}),
        **{f"source's {name}": value for name, value in source.items()},
        **values,
    }


def _short(value: object) -> object:
    return value if len(repr(value)) < 100 else f"{repr(value)[:80]}…"


def read_plan(spool: str) -> Plan:
    """The plan of a fit's folder.

    Raises:
        SpoolMissingError; SpoolFileError: it cannot be read.
        SpoolPlanError: it is damaged, or of another version.
    """
    path = os.path.join(spool, PLAN)
    try:
        with open(path, encoding="utf-8") as file:
            said = json.load(file)
    except FileNotFoundError:
        raise SpoolMissingError(path) from None
    except OSError as error:
        raise SpoolFileError(path, reason=f"cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise SpoolPlanError(spool, reason=f"has a {PLAN} that is none ({error})") from None
    if not isinstance(said, dict) or said.pop("version", None) != _VERSION:
        raise SpoolPlanError(spool, reason=f"has a {PLAN} that is not of version {_VERSION}")
    if said.pop("checksum", None) != zlib.crc32(json.dumps(said).encode()):
        raise SpoolPlanError(spool, reason=f"has a {PLAN} that is not as it was written")
    try:
        return Plan(**{**said, "ranges": [(start, stop) for start, stop in said["ranges"]]})
    except (KeyError, TypeError, ValueError) as error:
        raise SpoolPlanError(spool, reason=f"has a {PLAN} that is of another program ({error})") from None
