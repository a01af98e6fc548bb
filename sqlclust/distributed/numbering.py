"""The client's first work: identical vectors are collapsed and numbered by their hashes, without a vector; cells are learnt.

The numbers are the canonical order of `core.geometry.duplicates`: by hash. Two vectors of one hash and different contents, which
chance gives once in some thousand corpora of 100 million, are ordered by their second hash here, and by contents there.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.duplicates import Distinct
from sqlclust.core.geometry.float32_range import into_float32_range
from sqlclust.core.geometry.metrics import Float32Array, IndexArray
from sqlclust.core.geometry.principal_axes import principal_axes, projections
from sqlclust.core.neighbors.approximate import LIST_AXES
from sqlclust.core.neighbors.inverted_lists import centres_of_sample
from sqlclust.core.runtime.control import Control
from sqlclust.distributed.plan import Plan, read_plan
from sqlclust.distributed.scanning import CELLS, sampled_below, scan_path
from sqlclust.distributed.spool import SpoolFile, write_spool

CORPUS = "corpus"
"""The distinct vectors: which rows have each, by number."""


class Corpus(NamedTuple):
    """What is known of the distinct vectors without them.

    Attributes:
        order, starts: as `Distinct` has them.
        exponent: vectors are compared times 2**exponent.
    """

    order: IndexArray
    starts: IndexArray
    exponent: int

    @property
    def counts(self) -> IndexArray:
        """intp (m,), rows that have each."""
        return np.diff(self.starts, append=len(self.order))

    @property
    def points(self) -> Distinct:
        """The distinct vectors without their numbers: float32 (m, 0)."""
        return Distinct(np.empty((len(self.starts), 0), dtype=np.float32), self.counts, self.order, self.starts)


def number(spool: str) -> None:
    """Number the distinct vectors, and learn the cells from the sample.

    Cost: some 50 bytes a row of memory, O(n log n); the sample.
    """
    plan = read_plan(spool)
    hashes, checks, largest = np.empty(plan.n, dtype=np.uint64), np.empty(plan.n, dtype=np.uint64), 0.0
    for at, (start, stop) in enumerate(plan.ranges):
        with SpoolFile(scan_path(spool, at)) as file:
            hashes[start:stop], checks[start:stop] = file.array("hashes"), file.array("checks")
            largest = max(largest, file.facts["largest"])
    order = np.lexsort((checks, hashes))
    hashes, checks = hashes[order], checks[order]
    starts = np.flatnonzero(np.append(True, (hashes[1:] != hashes[:-1]) | (checks[1:] != checks[:-1])))
    del hashes, checks
    exponent = into_float32_range(np.array([[largest]], dtype=np.float32))[1]
    counts = np.diff(starts, append=plan.n)
    repeated = np.flatnonzero(counts > 1)
    if plan.shards > 1:
        _learn_cells(spool, plan, exponent)
    arrays = {"order": order, "starts": starts, "repeated": repeated, "copies": counts[repeated]}
    write_spool(os.path.join(spool, CORPUS), arrays, facts={"exponent": exponent, "distinct": len(starts)})


def read_corpus(spool: str) -> Corpus:
    """What `number` wrote."""
    with SpoolFile(os.path.join(spool, CORPUS)) as file:
        return Corpus(file.array("order"), file.array("starts"), file.facts["exponent"])


class Copies(NamedTuple):
    """How often vectors occur: those that do more than once.

    Attributes:
        repeated: int64 (r,), ascending, their numbers.
        copies: int64 (r,), rows of each.
        distinct: how many distinct vectors there are.
    """

    repeated: NDArray[np.int64]
    copies: NDArray[np.int64]
    distinct: int

    def of(self, numbers: NDArray[Any]) -> IndexArray:
        """intp, rows that have each of some vectors."""
        result = np.ones(len(numbers), dtype=np.intp)
        if len(self.repeated):
            place = np.minimum(np.searchsorted(self.repeated, numbers), len(self.repeated) - 1)
            found = self.repeated[place] == numbers
            result[found] = self.copies[place[found]]
        return result


def read_copies(spool: str) -> Copies:
    """What of the corpus a worker needs."""
    with SpoolFile(os.path.join(spool, CORPUS)) as file:
        return Copies(file.array("repeated"), file.array("copies"), file.facts["distinct"])


def exponent_of(spool: str) -> int:
    """The power of two by which vectors are compared."""
    with SpoolFile(os.path.join(spool, CORPUS)) as file:
        return int(file.facts["exponent"])


def _learn_cells(spool: str, plan: Plan, exponent: int) -> None:
    sample = _sample(spool, plan)
    if exponent:
        sample = np.ldexp(sample, exponent)
    control = Control()
    axes = principal_axes(sample, min(LIST_AXES, plan.dimension), control)
    along, _ = projections(sample, axes, control)
    count = max(1, min(plan.cells, len(sample) // 2))
    centres = centres_of_sample(along, count, plan.seed, control)
    assert axes.basis is not None
    arrays: dict[str, NDArray[Any]] = {"centre": axes.centre, "basis": axes.basis, "centres": centres}
    write_spool(os.path.join(spool, CELLS), arrays, facts={"power_of_two": axes.power_of_two, "exponent": exponent})


def _sample(spool: str, plan: Plan) -> Float32Array:
    """The sampled vectors, each once, in canonical order; at least one, that of the smallest second hash."""
    found, hashes, checks = [], [], []
    for at in range(len(plan.ranges)):
        with SpoolFile(scan_path(spool, at)) as file:
            rows = file.array("sampled")
            found.append(file.array("sample"))
            hashes.append(file.array("hashes")[rows])
            checks.append(file.array("checks")[rows])
    first, second = np.concatenate(hashes), np.concatenate(checks)
    order = np.lexsort((second, first))
    first, second = first[order], second[order]
    once = np.append(True, (first[1:] != first[:-1]) | (second[1:] != second[:-1]))
    kept = order[once & (second <= max(sampled_below(plan), second.min()))]
    sample: Float32Array = np.concatenate(found)[kept]
    return sample
