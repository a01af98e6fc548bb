"""The numbers of the rows that a fit is of, where those are not all there are: a file of the spool folder, by the client."""

from __future__ import annotations

import hashlib
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqlclust.distributed.spool import SpoolFile, write_spool
from sqlclust.errors import SpoolDamagedError

_NAME = "numbers"
BLOCK = 4096
"""Rows of a part of the file; who reads some reads whole parts."""


class ListedNumbers:
    """The numbers, int64 (n,), ascending; the client has them, and workers read them.

    Attributes:
        digest: SHA-256 of them all, hexadecimal.
        values: None where they are in the file alone.
    """

    def __init__(self, digest: str, *, spool: str = "", values: NDArray[np.int64] | None = None) -> None:
        self.digest, self._spool, self.values = digest, spool, values

    @classmethod
    def of(cls, values: NDArray[np.int64]) -> ListedNumbers:
        """Those of a client."""
        return cls(hashlib.sha256(np.ascontiguousarray(values, dtype="<i8").data).hexdigest(), values=values)

    def files(self, spool: str) -> list[str]:
        """As `VectorSource` has it."""
        return [os.path.join(spool, _NAME)]

    def write(self, spool: str) -> None:
        """Write the file. Raises SpoolFileError, SpoolFullError. Cost: 8 bytes a row."""
        assert self.values is not None
        [path] = self.files(spool)
        bounds = np.append(np.arange(0, len(self.values), BLOCK), len(self.values))
        write_spool(path, {_NAME: self.values}, facts={"digest": self.digest}, parts={_NAME: bounds})

    def between(self, start: int, stop: int) -> NDArray[Any]:
        """The numbers of a range of rows that begins and ends with a part, or with the last row.

        Raises:
            SpoolMissingError, SpoolDamagedError
        """
        if self.values is not None:
            return self.values[start:stop]
        [path] = self.files(self._spool)
        with SpoolFile(path) as file:
            if file.facts.get("digest") != self.digest:
                raise SpoolDamagedError(path, reason="has the numbers of other rows")
            return np.concatenate([file.part(_NAME, at) for at in range(start // BLOCK, -(-stop // BLOCK))])

    def number_of(self, row: int) -> int:
        """The number of a row. Raises as `between`."""
        start = row - row % BLOCK
        return int(self.between(start, start + BLOCK)[row - start])


def ranges_of(starts: list[int], rows: int) -> list[tuple[int, int]]:
    """Ranges of about so many rows, put together of blocks that begin with these rows; the last is the end."""
    step = max(1, rows // max(1, starts[1] - starts[0]))
    return [(starts[at], starts[min(at + step, len(starts) - 1)]) for at in range(0, len(starts) - 1, step)]
