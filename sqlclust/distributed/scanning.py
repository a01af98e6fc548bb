"""First looks at the vectors, a task for each range of rows: what tells identical ones, and which cells each goes to."""

from __future__ import annotations

import hashlib
import os
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.duplicates import content_hashes
from sqlclust.core.geometry.metrics import Float32Array
from sqlclust.core.geometry.principal_axes import PrincipalAxes, projections
from sqlclust.core.neighbors.inverted_lists import nearest_centres
from sqlclust.core.runtime.control import Control
from sqlclust.distributed.plan import Plan, read_plan
from sqlclust.distributed.spool import SpoolFile, write_spool
from sqlclust.errors import VectorsChangedError

CELLS = "cells"
"""The centres of cells, and the axes that vectors are compared with them along."""


def scan_path(spool: str, number: int) -> str:
    """What `scan` writes."""
    return os.path.join(spool, f"scan-{number:06d}")


def nearest_path(spool: str, number: int) -> str:
    """What `assign` writes."""
    return os.path.join(spool, f"nearest-{number:06d}")


def scan(spool: str, number: int) -> None:
    """Hashes of the rows of a range, and those of its vectors that belong to the sample.

    A vector is in the sample by its own contents. So which are does not depend on the order of rows.

    Raises:
        as `VectorSource.read`; ZeroVectorError; SpoolFileError, SpoolFullError
    """
    plan = read_plan(spool)
    start, stop = plan.ranges[number]
    source = plan.opened(spool)
    given = source.read(start, stop)
    row_checks, row_hashes = stored_hashes(given)
    vectors = plan.compared(given, start, source)
    hashes = content_hashes(vectors, normalize=False, only=None, control=Control())
    checks = _second_hashes(vectors)
    sampled = np.flatnonzero(checks < sampled_below(plan))
    if len(sampled) == 0 and plan.shards > 1:
        sampled = np.array([checks.argmin()])  # for a corpus of a few vectors that occur often
    arrays = {
        "hashes": hashes,
        "checks": checks,
        "row_checks": row_checks,
        "row_hashes": row_hashes,
        "sampled": sampled,
        "sample": vectors[sampled],
    }
    facts = {"content": zlib.crc32(given.data), "largest": float(max(vectors.max(), -vectors.min()))}
    write_spool(scan_path(spool, number), arrays, facts=facts)


def sampled_below(plan: Plan) -> np.uint64:
    """Vectors whose second hash is less than this are in the sample."""
    share = min(1.0, plan.sample / plan.n)
    return np.uint64(min(int(share * 2.0**64), 2**64 - 1) if plan.shards > 1 else 0)


def assign(spool: str, number: int) -> None:
    """The nearest few cells of each row of a range, int32 (rows, overlap), the nearest first.

    Raises:
        as `read_again`; SpoolFileError, SpoolFullError
    """
    plan = read_plan(spool)
    with SpoolFile(os.path.join(spool, CELLS)) as file:
        axes = PrincipalAxes(file.array("centre"), file.array("basis"), file.facts["power_of_two"])
        centres, exponent = file.array("centres"), file.facts["exponent"]
    vectors = read_again(spool, plan, number, exponent)
    along, _ = projections(vectors, axes, Control())
    nearest = nearest_centres(along, centres, min(plan.overlap, len(centres)), Control())
    write_spool(nearest_path(spool, number), {"nearest": nearest.astype(np.int32)})


def read_again(spool: str, plan: Plan, number: int, exponent: int) -> Float32Array:
    """The vectors of a range as they are compared, if they are what they were when they were scanned.

    Raises:
        VectorsChangedError; as `VectorSource.read`
    """
    vectors = plan.compared(read_as_scanned(spool, plan, number), plan.ranges[number][0], plan.opened(spool))
    return vectors if exponent == 0 else np.ldexp(vectors, exponent)


def read_as_scanned(spool: str, plan: Plan, number: int) -> Float32Array:
    """The vectors of a range as they are stored. Raises as `read_again`."""
    start, stop = plan.ranges[number]
    source = plan.opened(spool)
    given = source.read(start, stop)
    with SpoolFile(scan_path(spool, number)) as file:
        if zlib.crc32(given.data) != file.facts["content"]:
            raise VectorsChangedError(source.name, change=f"there are other vectors in rows {start:,} to {stop - 1:,}")
    return given


def verify(spool: str, number: int) -> None:
    """See that the rows of a range are what they were; writes an empty file that says so. Raises VectorsChangedError."""
    read_again(spool, read_plan(spool), number, 0)
    write_spool(verified_path(spool, number), {})


def verified_path(spool: str, number: int) -> str:
    """What `verify` writes."""
    return os.path.join(spool, f"verified-{number:06d}")


def stored_hashes(given: Float32Array) -> tuple[NDArray[np.uint32], NDArray[np.uint64]]:
    """Of each row as it is stored: its CRC-32, and the first 8 bytes of its SHA-256 (`Points`)."""
    stored = np.ascontiguousarray(given, dtype="<f4")
    checks = np.fromiter((zlib.crc32(row) for row in stored), dtype=np.uint32, count=len(stored))
    digests = b"".join([hashlib.sha256(row).digest()[:8] for row in stored])
    return checks, np.frombuffer(digests, dtype="<u8")


def _second_hashes(vectors: Float32Array) -> NDArray[Any]:
    """uint64 (n,), a second hash of each row's contents. Two rows are taken for identical where both hashes are."""
    stored = np.ascontiguousarray(vectors, dtype="<f4")
    return np.frombuffer(b"".join([hashlib.blake2b(row, digest_size=8).digest() for row in stored]), dtype="<u8")
