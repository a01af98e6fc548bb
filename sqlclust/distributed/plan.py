"""The plan of a fit in shards: everything that the tasks need to know and that is known before the first of them.

It is a file `plan.json` in the spool folder. A task gets the folder and a number, reads the plan, and does the same whoever runs
it. What is learnt on the way (the distinct vectors, the shards) is in spool files.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np

from sqlclust.core.geometry.metrics import Float32Array, metric_of, unit
from sqlclust.core.geometry.mutual_reachability import ReachabilityParameters
from sqlclust.core.neighbors.k_nearest_lists import SPARE_NEIGHBORS
from sqlclust.distributed.cost import RESERVED, most_members, shards_for
from sqlclust.distributed.opening import source_of
from sqlclust.distributed.spool import write_whole
from sqlclust.distributed.vectors import VectorSource
from sqlclust.errors import (
    SpoolDamagedError,
    SpoolFileError,
    SpoolMissingError,
    SpoolOfAnotherFitError,
    ZeroVectorError,
)
from sqlclust.vectors.blobs import first_zero

ShardEngine = Literal["approximate", "exact"]
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
    """

    shards: int | None = None
    memory: int | None = None
    overlap: int = 3
    engine: ShardEngine = "approximate"
    threads: int | None = None
    range_rows: int | None = None


@dataclass(frozen=True)
class Plan:
    """See above.

    Attributes:
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
    engine: ShardEngine
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

    def opened(self) -> VectorSource:
        """The vectors."""
        return source_of(self.source)

    def compared(self, vectors: Float32Array, start: int) -> Float32Array:
        """Vectors as they are compared, but for a power of two: of length one where the fit asks for it, no −0.0.

        Raises:
            ZeroVectorError: one has no direction; it names the row, counted from `start`.
        """
        if self.parameters.unit_length:
            row = first_zero(vectors)
            if row is not None:
                raise ZeroVectorError(f"row {start + row} of {self.opened().name}")
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
    most = None if sharding.memory is None else most_members(sharding.memory, dimension, min_samples, sharding.engine)
    shards = sharding.shards
    if shards is None:
        shards = 1 if most is None else shards_for(n, most, sharding.overlap)
    shards = max(1, min(shards, n // (8 * (k + 1))))
    cells = 1 if shards == 1 else min(max(_CELLS_PER_SHARD * shards, 2 * sharding.overlap), n // 8)
    at_a_time = _RANGE_BYTES
    if sharding.memory is not None:
        at_a_time = min(at_a_time, max(1 << 22, (sharding.memory - RESERVED) // _RANGE_SHARE))
    rows = sharding.range_rows or max(256, at_a_time // (4 * dimension))
    return Plan(
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
_FILE = "plan.json"


def keep_plan(spool: str, plan: Plan) -> Plan:
    """Write the plan, or see that the spool folder has the same one already: that is returned then, as of the files' first state.

    Raises:
        SpoolOfAnotherFitError
        SpoolFileError, SpoolFullError: the folder cannot be made or written.
    """
    try:
        os.makedirs(spool, exist_ok=True)
    except OSError as error:
        raise SpoolFileError(spool, reason=f"cannot be made ({error.strerror})") from None
    with suppress(SpoolMissingError):
        kept = read_plan(spool)
        earlier, asked = asdict(kept), json.loads(json.dumps(asdict(plan)))
        for name, value in asked.items():
            if name not in _MAY_DIFFER and json.loads(json.dumps(earlier[name])) != value:
                found, expected = (_short(of[name]) for of in (earlier, asked))
                raise SpoolOfAnotherFitError(spool, differs=name, found=found, expected=expected)
        return replace(kept, threads=plan.threads)
    write_whole(os.path.join(spool, _FILE), json.dumps({"version": _VERSION, **asdict(plan)}).encode())
    return plan


def _short(value: object) -> object:
    return value if len(repr(value)) < 100 else f"{repr(value)[:80]}…"


def read_plan(spool: str) -> Plan:
    """The plan of a spool folder.

    Raises:
        SpoolMissingError, SpoolDamagedError
    """
    path = os.path.join(spool, _FILE)
    try:
        with open(path, encoding="utf-8") as file:
            said = json.load(file)
    except FileNotFoundError:
        raise SpoolMissingError(path, reason="is not there") from None
    except ValueError as error:
        raise SpoolDamagedError(path, reason=f"is no plan ({error})") from None
    if said.pop("version", None) != _VERSION:
        raise SpoolDamagedError(path, reason=f"is not of version {_VERSION}")
    said["ranges"] = [(start, stop) for start, stop in said["ranges"]]
    return Plan(**said)
