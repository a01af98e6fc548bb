"""Where the vectors of a fit in shards are: every worker reads its ranges of rows itself."""

from __future__ import annotations

from typing import Any, Protocol

from sqlclust.core.geometry.metrics import Float32Array


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

    def row_name(self, row: int) -> str:
        """A row, 0 to n - 1, for messages: as whoever has the vectors can find it. Cost: a look at the rows around it."""

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
