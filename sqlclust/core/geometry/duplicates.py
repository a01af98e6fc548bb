"""Identical vectors: collapsed to one, and the canonical order of the distinct ones.

Real corpora repeat (captions, boilerplate). The later stages see each distinct vector once, with the number of its copies. The
order of the distinct vectors depends on their contents alone. So every stage works on the same array, whatever order the rows
come in and whatever their ids are, and results are identical, ties included.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.groups import run_starts
from sqlclust.core.geometry.metrics import Float32Array, IndexArray, unit
from sqlclust.core.runtime.control import Control
from sqlclust.core.runtime.threads import for_each_block

_BLOCK, _IN_CACHE = 2048, 128


class Distinct(NamedTuple):
    """The distinct vectors of a set.

    Attributes:
        vectors: float32 (m, d), each distinct vector once, in canonical order.
        counts: intp (m,), rows that have it, >= 1.
        order: intp (n,), the rows grouped by distinct vector; within a group ascending.
        starts: intp (m,), where in `order` each group begins; `order[starts]` is each group's first row.
    """

    vectors: Float32Array
    counts: IndexArray
    order: IndexArray
    starts: IndexArray

    def group_of_row(self) -> IndexArray:
        """intp (n,), which distinct vector each row has."""
        groups = np.empty(len(self.order), dtype=np.intp)
        groups[self.order] = np.repeat(np.arange(len(self.counts)), self.counts)
        return groups

    def by_rank(self, rank: IndexArray) -> Distinct:
        """The same with the rows of each group in the order of `rank`, intp (n,), instead of their own. O(n log n)."""
        groups = np.repeat(np.arange(len(self.counts)), self.counts)
        return self._replace(order=self.order[np.lexsort((rank[self.order], groups))])


def distinct(
    vectors: Float32Array, *, normalize: bool, only: IndexArray | None = None, control: Control | None = None
) -> Distinct:
    """Collapse identical vectors; 0.0 and -0.0 are the same number.

    Args:
        vectors: float32 (n, d), n >= 1, finite; with `normalize` no zero vector.
        normalize: collapse and return the vectors scaled to length one, so that parallel vectors may become identical.
        only: intp (m,), rows: as if there were no others. What is returned has their places in `only` for rows.

    Cost: O(n·d + n log n) time; one more copy of the distinct vectors.
    """
    control = control or Control()
    hashes = content_hashes(vectors, normalize=normalize, only=only, control=control)
    order = np.argsort(hashes, kind="stable")
    hashes = hashes[order]
    same = np.zeros(len(order), dtype=bool)
    candidates = np.flatnonzero(hashes[1:] == hashes[:-1]) + 1
    for start in range(0, len(candidates), _BLOCK):
        control.check()
        part = candidates[start : start + _BLOCK]
        left, right = (_rows(vectors, _among(only, rows), normalize) for rows in (order[part - 1], order[part]))
        same[part] = (left == right).all(axis=1)
    if not same[candidates].all():  # different contents under one hash: order those few by content
        _resolve_collisions(vectors, hashes, order, same, normalize=normalize, only=only)
    starts = np.flatnonzero(~same)
    counts = np.diff(starts, append=len(order))
    firsts = _among(only, order[starts])
    return Distinct(_gather(vectors, firsts, normalize=normalize, control=control), counts, order, starts)


def _rows(vectors: Float32Array, rows: IndexArray | slice, normalize: bool) -> Float32Array:
    chosen = vectors[rows]
    # adding 0.0 turns -0.0 into 0.0
    return (unit(chosen) if normalize else chosen) + np.float32(0.0)


def _among(only: IndexArray | None, places: Any) -> Any:
    """Rows, by their places among some."""
    return places if only is None else only[places]


def _gather(vectors: Float32Array, rows: IndexArray, *, normalize: bool, control: Control) -> Float32Array:
    result = np.empty((len(rows), vectors.shape[1]), dtype=np.float32)

    def gather(start: int) -> None:
        result[start : start + _BLOCK] = _rows(vectors, rows[start : start + _BLOCK], normalize)

    for_each_block(gather, range(0, len(rows), _BLOCK), control.part(0.5, 1.0))
    return result


def content_hashes(
    vectors: Float32Array, *, normalize: bool, only: IndexArray | None, control: Control
) -> NDArray[np.uint64]:
    """uint64 (n,): a linear hash of each row's bits, the same on every machine."""
    n, dimension = len(vectors if only is None else only), vectors.shape[1]
    multipliers = np.random.Generator(np.random.PCG64(20130401)).integers(
        1, 2**64 - 1, size=dimension, dtype=np.uint64, endpoint=True
    ) | np.uint64(1)
    result = np.empty(n, dtype=np.uint64)

    def mix(block: int) -> None:
        for start in range(block, min(block + _BLOCK, n), _IN_CACHE):
            rows = _among(only, slice(start, start + _IN_CACHE))
            bits = _rows(vectors, rows, normalize).view(np.uint32).astype(np.uint64)
            mixed = np.einsum("ij,j->i", bits, multipliers)
            result[start : start + _IN_CACHE] = mixed ^ (mixed >> np.uint64(29))

    for_each_block(mix, range(0, n, _BLOCK), control.part(0.0, 0.5))
    return result


def _resolve_collisions(
    vectors: Float32Array,
    hashes: NDArray[np.uint64],
    order: IndexArray,
    same: NDArray[np.bool_],
    *,
    normalize: bool,
    only: IndexArray | None,
) -> None:
    """Order rows of equal hash by their contents, and mark anew which equal their predecessor (both in place)."""
    bounds = run_starts(hashes)
    for start, stop in zip(bounds, np.append(bounds[1:], len(hashes)), strict=True):
        if same[start + 1 : stop].all():
            continue
        rows = np.sort(order[start:stop])
        contents = _rows(vectors, _among(only, rows), normalize)
        by_content = np.lexsort(contents.T[::-1])  # stable: equal contents stay in ascending row order
        order[start:stop] = rows[by_content]
        contents = contents[by_content]
        same[start + 1 : stop] = (contents[1:] == contents[:-1]).all(axis=1)
