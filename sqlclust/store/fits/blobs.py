"""The arrays of a fit as BLOBs of ClusteringFit, and back.

What comes back from a file is not trusted: lengths and ranges are checked before anything is computed with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.metrics import IndexArray
from sqlclust.core.pipeline import Fit
from sqlclust.core.runtime.control import Control
from sqlclust.core.tree.boruvka import SpanningTree
from sqlclust.store.embeddings.points import Fingerprint, Points
from sqlclust.store.fits.row_ids import encode_ids

_MAX_FLOAT32 = float(np.finfo(np.float32).max)


@dataclass(frozen=True, eq=False)
class FitBlobs:
    """A fit as it is stored; columns of ClusteringFit of the same names."""

    row_ids: bytes
    row_checks: bytes
    core_distances: bytes
    spanning_tree: bytes


def to_blobs(points: Points, fingerprint: Fingerprint, fitted: Fit, control: Control | None = None) -> FitBlobs:
    """The stored form of a fit: 24 bytes a row, and 8 for an INTEGER id or its length + 5 for another."""
    control = control or Control()
    rank = points.rank()
    tree = fitted.tree
    row_ids = encode_ids([points.ids[row] for row in points.order.tolist()], control)
    control.check()
    return FitBlobs(
        row_ids=row_ids,
        row_checks=fingerprint.row_checks.astype("<u4").tobytes(),
        core_distances=np.minimum(fitted.core[points.order], _MAX_FLOAT32).astype("<f4").tobytes(),
        spanning_tree=b"".join(
            (rank[tree.left].astype("<i4").tobytes(), rank[tree.right].astype("<i4").tobytes(), tree.weight.tobytes())
        ),
    )


def of_length(blob: object, expected: int) -> bytes:
    """A BLOB, if it has that many bytes. Raises ValueError."""
    if not isinstance(blob, bytes) or len(blob) != expected:
        raise ValueError("a BLOB has another length")
    return blob


def checked_core(core: NDArray[np.float32]) -> NDArray[np.float32]:
    """Core distances, if they can be such. Raises ValueError."""
    if not (core >= 0).all() or not np.isfinite(core).all():
        raise ValueError("core_distances are not distances")
    return core


def decode_tree(blob: bytes, n: int) -> SpanningTree:
    """A spanning tree, if it is one: ends in range, ascending finite weights, and connecting every row. Raises ValueError."""
    ends = np.frombuffer(blob, dtype="<i4", count=2 * (n - 1)).astype(np.intp)
    weight = np.frombuffer(blob, dtype="<f8", offset=8 * (n - 1)).astype(np.float64)
    left, right = ends[: n - 1], ends[n - 1 :]
    if len(ends) and (ends.min() < 0 or ends.max() >= n):
        raise ValueError("spanning_tree leads to rows that are not there")
    if not np.isfinite(weight).all() or (weight < 0).any() or (np.diff(weight) < 0).any():
        raise ValueError("spanning_tree has weights that are no ascending distances")
    if not _connects(left, right, n):
        raise ValueError("spanning_tree is no tree")
    return SpanningTree(left, right, weight)


def _connects(left: IndexArray, right: IndexArray, n: int) -> bool:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(left), dtype=np.int32), (left, right)), shape=(n, n))
    parts: int = connected_components(graph, directed=False, return_labels=False)
    return parts == 1
