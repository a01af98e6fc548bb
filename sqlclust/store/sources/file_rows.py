"""Rows of a source whose vectors are in the files of a folder beside the database, read for a fit; see `TableRows`."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator
from contextlib import closing, contextmanager
from math import isnan
from typing import Any

import numpy as np

from sqlclust.errors import DistributedError, FilterError, HostTableError, Id, VectorsChangedError, shown
from sqlclust.sources import Source
from sqlclust.store.sources.by_number import ByNumber
from sqlclust.store.sources.table_rows import BATCH, Batch
from sqlclust.vectors.folders import NpyFolder, VectorFolder, states_in
from sqlclust.vectors.parquet import ENDINGS, ParquetFolder

ROW = "row"
"""What names a row where no column does: its place among all rows."""
_ID_TYPES = {int, float, str, bytes}
_IDS = "numbers or texts, as SQLite has them"
_READ_BYTES = 1 << 24


def _is_id(value: Any) -> bool:
    """Whether SQLite can keep a value as an id: it has integers of 64 bits, and makes NULL of NaN."""
    if type(value) is int:
        return -(2**63) <= value < 2**63
    return type(value) in _ID_TYPES and not (type(value) is float and isnan(value))


def opened_folder(source: Source) -> VectorFolder:
    """The folder of a source. Raises HostTableError: it is not there, or it has no such vectors."""
    with _errors(source):
        if source.kind == "parquet":
            return ParquetFolder.found(source.folder or "", vector=source.vector_column)
        return NpyFolder.found(source.folder or "")


def states_of(source: Source) -> list[tuple[Any, ...]]:
    """What changes whenever one of the files does; none is opened."""
    return states_in(source.folder or "", *(ENDINGS if source.kind == "parquet" else (NpyFolder.ending,)))


@contextmanager
def _errors(source: Source) -> Iterator[None]:
    """What is wrong with files, as of any source."""
    try:
        yield
    except VectorsChangedError as error:  # whose advice is about spool folders
        reason = f"{error.source} was changed while it was read: {error.change}. Do it again"
        raise HostTableError(reason, table=source.table_name or "") from None
    except DistributedError as error:
        raise HostTableError(str(error), table=source.table_name or "") from None


def condition_on_files(condition: object, table: str) -> FilterError:
    """What is said of a condition on files, which SQL does not read."""
    advice = "Load them into a model (sqlclust load), and fit that with a condition"
    return FilterError(condition, reason="files of a folder cannot be filtered", table=table, advice=advice)


class FileRows:
    """The rows of the files. Each has a vector.

    Raises:
        HostTableError: no such folder, or files without such vectors; further on: what is wrong with one of them.
    """

    wrong_id = None

    def __init__(self, source: Source) -> None:
        if len(source.id_columns) != 1:
            reason = f"rows of files have one id each, not {', '.join(source.id_columns)}"
            raise HostTableError(reason, table=source.table_name or "")
        self._source, self.folder = source, opened_folder(source)
        self.by_number: ByNumber | None = ByNumber(self.folder.folder, ROW, source.vector_column or "", "files")

    def batches(self, only: Collection[Id] | None) -> Generator[Batch]:
        """Ids and vectors. Of files of which nothing is wanted nothing is read."""
        step = max(1, _READ_BYTES // (4 * self.folder.dimension))
        ids, n = self._all_ids(), self.folder.n
        with _errors(self._source):
            for start in range(0, n, step):
                of_rows = ids[start : min(start + step, n)]
                places = [*range(len(of_rows))] if only is None else [at for at, id in enumerate(of_rows) if id in only]
                if not places:
                    continue
                vectors = self.folder.some(np.array(places) + start)
                for first in range(0, len(places), BATCH):
                    some = range(first, min(first + BATCH, len(places)))
                    yield [of_rows[places[at]] for at in some], [vectors[at].tobytes() for at in some]

    def ids(self) -> Generator[list[Any]]:
        """Ids alone."""
        yield [*self._all_ids()]

    def numbered(self) -> Generator[tuple[list[Any], list[Any]]]:
        """Places of rows, and ids."""
        yield [*range(self.folder.n)], [*self._all_ids()]

    def count(self) -> int | None:
        """How many rows there are."""
        return self.folder.n

    def texts(self, ids: Collection[Id]) -> Generator[Batch]:
        """Ids and texts of some ids."""
        names, at = self._all_ids(), 0
        for values in self._values(self._source.content_column or ""):
            of_rows = names[at : at + len(values)]
            found = [(id, value) for id, value in zip(of_rows, values, strict=True) if id in ids]
            if found:
                yield [id for id, _ in found], [value if isinstance(value, str) else None for _, value in found]
            at += len(values)

    def _all_ids(self) -> Any:
        """A sequence."""
        [column] = self._source.id_columns
        if not isinstance(self.folder, ParquetFolder) or column == ROW:
            return range(self.folder.n)
        found: list[Any] = []
        for values in self._values(column):
            for value in values:
                if value is not None and not _is_id(value):
                    reason = f"{column} is {shown(value)} in row {len(found)}, expected {_IDS}"
                    raise HostTableError(reason, table=self._source.table_name or "", column=column)
                found.append(value)
        return found

    def _values(self, column: str) -> Generator[list[Any]]:
        with _errors(self._source):
            if not isinstance(self.folder, ParquetFolder):
                reason = f"{self.folder.folder} has arrays, which have no column {shown(column)}"
                raise HostTableError(reason, table=self._source.table_name or "", column=column)
            values = self.folder.values(column)
            with closing(values):  # type: ignore[type-var]
                yield from values
