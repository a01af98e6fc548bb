"""The k-nearest lists of a fit as rows of ClusteringFitNeighbors, and back.

They come in parts: SQLite's BLOBs have at most a billion bytes, and only one part at a time is held as bytes while they are
written. What comes back from a file is not trusted: numbers, lengths, ranges and order are checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.metrics import Float64Array, IndexArray
from sqlclust.core.neighbors.k_nearest import Int32Array
from sqlclust.core.neighbors.k_nearest_lists import KNearestLists
from sqlclust.core.pipeline import Fit
from sqlclust.core.runtime.control import Control
from sqlclust.errors import FitDamagedError, Interrupted
from sqlclust.store.embeddings.points import Points
from sqlclust.store.fits.blobs import of_length

TABLE = "ClusteringFitNeighbors"
_ROWS, _NEIGHBORS = 1 << 18, 1 << 20
"""Rows and neighbours of a part: of the latter more only where one list alone has more."""
_EXPONENTS = range(-200, 201)
"""More than any float32 can ask for."""


class Lists(Protocol):
    """As `KNearestLists`, wherever its entries are."""

    @property
    def counts(self) -> NDArray[np.int64]:
        """As `KNearestLists.counts`."""

    @property
    def starts(self) -> NDArray[np.int64]:
        """As `KNearestLists.starts`."""

    def lengths(self) -> NDArray[np.int64]:
        """As `KNearestLists.lengths`."""

    def between(self, first: int, last: int) -> tuple[Int32Array, Float64Array]:
        """As `KNearestLists.between`."""


@dataclass(frozen=True, eq=False)
class NewNeighbors:
    """Who is near whom in a fit that is to be stored, rows in the order of ids.

    Attributes:
        row_vectors: int32 (n,), which distinct vector each row has: a number of `lists`.
        row_hashes: uint64 (n,), of each row's stored vector: `Points.row_hashes`.
        lists: of the m distinct vectors.
        exponent: the vectors were compared times 2**exponent; a distance in `lists` × 2**−exponent is the true one.
    """

    row_vectors: Int32Array
    row_hashes: NDArray[np.uint64]
    lists: Lists
    exponent: int


@dataclass(frozen=True, eq=False)
class FitNeighbors(NewNeighbors):
    """Who is near whom in a fit, all in memory."""

    lists: KNearestLists


@dataclass(frozen=True, eq=False)
class NeighborsPart:
    """A part as it is stored; columns of ClusteringFitNeighbors of the same names."""

    part: int
    exponent: int
    n: int
    n_distinct: int
    n_neighbors: int
    row_vectors: bytes
    row_hashes: bytes
    counts: bytes
    list_lengths: bytes
    neighbors: bytes
    squared_distances: bytes


class FitRows(NamedTuple):
    """A fit by its id, with its rows and its distinct vectors counted."""

    id: int
    n: int
    n_distinct: int


COLUMNS = tuple(field.name for field in fields(NeighborsPart))


def neighbors_of(
    points: Points, fitted: Fit, control: Control | None = None, *, row_hashes: NDArray[np.uint64] | None = None
) -> NewNeighbors | None:
    """What is kept of a new fit; None if it was made without keeping its lists. `row_hashes` of the points, if they are known."""
    if fitted.lists is None:
        return None
    hashes = points.row_hashes(control) if row_hashes is None else row_hashes
    return NewNeighbors(row_vectors(points, fitted), hashes, fitted.lists, fitted.exponent)


def row_vectors(points: Points, fitted: Fit) -> Int32Array:
    """int32 (n,), which distinct vector each row has, rows in the order of ids."""
    return fitted.points.group_of_row()[points.order].astype(np.int32)


def to_parts(found: NewNeighbors) -> Iterator[NeighborsPart]:
    """The stored form: 12 bytes a row, 8 a distinct vector and 12 a neighbour."""
    n, lists, lengths = len(found.row_vectors), found.lists, found.lists.lengths()
    vectors = _parts_of_vectors(lists.starts)
    for part in range(max(-(-n // _ROWS), len(vectors) - 1)):
        rows = slice(part * _ROWS, min((part + 1) * _ROWS, n))
        first, last = vectors[min(part, len(vectors) - 1)], vectors[min(part + 1, len(vectors) - 1)]
        indices, squared = lists.between(first, last)
        yield NeighborsPart(
            part=part,
            exponent=found.exponent,
            n=len(found.row_vectors[rows]),
            n_distinct=last - first,
            n_neighbors=len(indices),
            row_vectors=found.row_vectors[rows].astype("<i4").tobytes(),
            row_hashes=found.row_hashes[rows].astype("<u8").tobytes(),
            counts=lists.counts[first:last].astype("<i4").tobytes(),
            list_lengths=lengths[first:last].astype("<i4").tobytes(),
            neighbors=indices.astype("<i4").tobytes(),
            squared_distances=squared.astype("<f8").tobytes(),
        )


def _parts_of_vectors(starts: NDArray[np.int64]) -> list[int]:
    """Where the distinct vectors of each part begin, and where the last one ends."""
    m, bounds = len(starts) - 1, [0]
    while bounds[-1] < m:
        first = bounds[-1]
        fitting = int(np.searchsorted(starts, starts[first] + _NEIGHBORS, side="right")) - 1
        bounds.append(min(max(fitting, first + 1), first + _ROWS))
    return bounds


def decode(parts: Iterable[Mapping[str, Any]], fit: FitRows, control: Control | None = None) -> FitNeighbors:
    """The neighbours of a fit, of rows with the columns of ClusteringFitNeighbors, checked.

    Args:
        parts: at least one, in order.
        fit: whose they are.

    Raises:
        FitDamagedError: they are not what a fit writes.

    Cost: O(n + t log t) for t neighbours.
    """
    try:
        return _decoded(parts, fit.n, fit.n_distinct, control or Control())
    except Interrupted:
        raise
    except (ValueError, TypeError, OverflowError) as error:
        raise FitDamagedError(fit.id, reason=str(error)) from None


def _decoded(parts: Iterable[Mapping[str, Any]], n: int, n_distinct: int, control: Control) -> FitNeighbors:
    rows: list[tuple[NDArray[Any], ...]] = []
    exponents = set()
    for number, row in enumerate(parts):
        if row["part"] != number:
            raise ValueError(f"part {number} of its neighbours is missing")
        control.check()
        exponents.add(row["exponent"])
        rows.append(_arrays_of_part(row))
    row_vectors, row_hashes, counts, lengths, indices, squared = map(np.concatenate, zip(*rows, strict=True))
    exponent = exponents.pop()
    if exponents or type(exponent) is not int or exponent not in _EXPONENTS:
        raise ValueError("the exponent of its neighbours is none")
    control.check()
    _check_rows(row_vectors, counts, n, n_distinct)
    control.check()
    _check_lists(lengths, indices, squared)
    starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    return FitNeighbors(row_vectors, row_hashes, KNearestLists(counts, starts, indices, squared), exponent)


def _arrays_of_part(row: Mapping[str, Any]) -> tuple[NDArray[Any], ...]:
    n, n_distinct, n_neighbors = (row[name] for name in ("n", "n_distinct", "n_neighbors"))
    if not all(type(number) is int and number >= 0 for number in (n, n_distinct, n_neighbors)):
        raise ValueError("a part of its neighbours has no counts")
    lengths = np.frombuffer(of_length(row["list_lengths"], 4 * n_distinct), dtype="<i4").astype(np.int64)
    if (lengths < 0).any() or lengths.sum() != n_neighbors:
        raise ValueError("a part of its neighbours has another length than its lists")
    return (
        np.frombuffer(of_length(row["row_vectors"], 4 * n), dtype="<i4").astype(np.int32, copy=False),
        np.frombuffer(of_length(row["row_hashes"], 8 * n), dtype="<u8").astype(np.uint64, copy=False),
        np.frombuffer(of_length(row["counts"], 4 * n_distinct), dtype="<i4").astype(np.int64),
        lengths,
        np.frombuffer(of_length(row["neighbors"], 4 * n_neighbors), dtype="<i4").astype(np.int32, copy=False),
        np.frombuffer(of_length(row["squared_distances"], 8 * n_neighbors), dtype="<f8").astype(np.float64, copy=False),
    )


def _check_rows(row_vectors: Int32Array, counts: NDArray[np.int64], n: int, n_distinct: int) -> None:
    if len(row_vectors) != n or len(counts) != n_distinct:
        raise ValueError("its neighbours are of other rows")
    if row_vectors.min() < 0 or row_vectors.max() >= n_distinct:
        raise ValueError("its rows have vectors that are not there")
    copies = np.bincount(row_vectors, minlength=n_distinct)
    if (copies == 0).any() or (copies != counts).any():
        raise ValueError("its vectors have other counts than rows")


def _check_lists(lengths: IndexArray, indices: Int32Array, squared: Float64Array) -> None:
    m = len(lengths)
    if len(indices) and (indices.min() < 0 or indices.max() >= m):
        raise ValueError("its neighbours are vectors that are not there")
    if not np.isfinite(squared).all() or (squared < 0).any():
        raise ValueError("its squared distances are none")
    owner = np.repeat(np.arange(m, dtype=np.int64), lengths)
    if (owner == indices).any():
        raise ValueError("a vector is its own neighbour")
    ascending = (squared[:-1] < squared[1:]) | ((squared[:-1] == squared[1:]) & (indices[:-1] < indices[1:]))
    if not (ascending | (owner[:-1] != owner[1:])).all():
        raise ValueError("its neighbours are not in order")
    pairs = owner * m + indices
    pairs.sort()
    if (pairs[1:] == pairs[:-1]).any():
        raise ValueError("a vector has a neighbour twice")
