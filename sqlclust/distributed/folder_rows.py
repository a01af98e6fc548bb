"""Vectors in the files of a folder, read by their places among all rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.metrics import Float32Array
from sqlclust.distributed.listed_numbers import BLOCK, ListedNumbers, ranges_of
from sqlclust.vectors.folders import NpyFolder, VectorFolder
from sqlclust.vectors.parquet import ParquetFolder


class FolderRows:
    """The vectors of a folder, or those of some places in it.

    Args:
        folder: all of them.
        numbers: the places that are meant, ascending; None: all.
        n: how many those are.
        selection: how they were chosen; None: all.
    """

    def __init__(
        self,
        folder: VectorFolder,
        numbers: ListedNumbers | None = None,
        *,
        n: int | None = None,
        selection: dict[str, Any] | None = None,
    ) -> None:
        self._folder, self._numbers, self._selection = folder, numbers, selection
        self.dimension, self.n = folder.dimension, folder.n if n is None else n
        self.libraries = folder.libraries

    @classmethod
    def of_numbers(cls, folder: VectorFolder, numbers: NDArray[np.int64], selection: dict[str, Any]) -> FolderRows:
        """The rows in some places, ascending."""
        return cls(folder, ListedNumbers.of(numbers), n=len(numbers), selection=selection)

    @classmethod
    def from_description(cls, said: dict[str, Any], spool: str) -> FolderRows:
        """The same again."""
        kinds: dict[str, type[NpyFolder] | type[ParquetFolder]] = {".npy": NpyFolder, ".parquet": ParquetFolder}
        folder = kinds[said["ending"]].from_description(said)
        if "digest" not in said:
            return cls(folder)
        return cls(folder, ListedNumbers(said["digest"], spool=spool), n=said["n"], selection=said["selection"])

    def described(self) -> dict[str, Any]:
        """As `VectorSource` has it."""
        said = {"kind": "folder", **self._folder.described()}
        if self._numbers is None:
            return said
        return {"selection": self._selection, **said, "n": self.n, "digest": self._numbers.digest}

    @property
    def name(self) -> str:
        """The folder."""
        return self._folder.name

    def row_name(self, row: int) -> str:
        """As `VectorSource` has it."""
        return self._folder.row_name(row if self._numbers is None else self._numbers.number_of(row))

    def ranges(self, rows: int) -> list[tuple[int, int]]:
        """As `VectorSource` has it."""
        if self._numbers is not None:
            return ranges_of([*range(0, self.n, BLOCK), self.n], rows)
        return [(start, min(start + rows, self.n)) for start in range(0, self.n, rows)]

    def files(self, spool: str) -> list[str]:
        """As `VectorSource` has it."""
        return [] if self._numbers is None else self._numbers.files(spool)

    def write_files(self, spool: str) -> None:
        """As `VectorSource` has it."""
        assert self._numbers is not None
        self._numbers.write(spool)

    def read(self, start: int, stop: int) -> Float32Array:
        """As `VectorSource` has it."""
        if self._numbers is not None:
            return self._folder.some(self._numbers.between(start, stop))
        return self._folder.read(start, stop)

    def fingerprint(self) -> list[Any]:
        """Size and time of every file."""
        return list(self._folder.states())
