"""Where the vectors of a fit in shards are: every worker reads its ranges of rows itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.metrics import Float32Array
from sqlclust.vectors.blobs import STORED


class VectorSource(Protocol):
    """Vectors in an order of their own, read by ranges of rows.

    Attributes:
        n: rows.
        dimension: of each.
        libraries: bytes of address space that reading it needs for libraries of its own.
    """

    n: int
    dimension: int
    libraries: int

    @property
    def name(self) -> str:
        """For messages."""

    def ranges(self, rows: int) -> list[tuple[int, int]]:
        """Ranges (start, stop) of at most so many rows, one after the other, in which it can be read."""

    def read(self, start: int, stop: int) -> Float32Array:
        """float32 (stop - start, dimension), the rows of one of the ranges.

        Raises:
            NotFiniteError, VectorTypeError, …: a row is no vector; it names the row.
            VectorsChangedError: there are other rows than there were.
        """

    def fingerprint(self) -> list[Any]:
        """Changes whenever the files do; equal ones mean that nothing was written."""

    def described(self) -> dict[str, Any]:
        """JSON that `opening.source_of` makes it again of."""

    def files(self, spool: str) -> list[str]:
        """The files in the folder of a fit that workers need to read it; none where its description says all."""

    def write_files(self, spool: str) -> None:
        """Write those. Raises SpoolFileError, SpoolFullError."""

    def one_by_one(self, order: NDArray[np.intp]) -> Iterator[bytes]:
        """The vectors of all rows as they are stored (float32), in some order of the rows, intp (n,)."""


_IN_ORDER = 1 << 27
"""Bytes of vectors that are held at a time to give them in another order than they are read in."""


def in_order(
    read: Callable[[NDArray[np.intp]], Float32Array], order: NDArray[np.intp], dimension: int
) -> Iterator[bytes]:
    """Vectors as they are stored, float32, in some order of the rows.

    Args:
        read: gives those of some rows, ascending.
        order: intp (n,), the rows.

    Cost: 128 MiB of memory. All is read once where the order is nearly that of the rows; at the worst once for each 128 MiB.
    """
    step = max(1, _IN_ORDER // (4 * dimension))
    for start in range(0, len(order), step):
        rows = order[start : start + step]
        ascending = np.argsort(rows, kind="stable")
        vectors = read(rows[ascending])
        place = np.empty(len(rows), dtype=np.intp)
        place[ascending] = np.arange(len(rows))
        for at in place.tolist():
            yield vectors[at].astype(STORED, copy=False).tobytes()
