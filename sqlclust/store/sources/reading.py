"""Reading a source for a fit: ids and vectors as they are in the host's table, some hundred rows at a time."""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping
from contextlib import closing
from typing import Any

from sqlclust.errors import HostTableError, Id, NullIdError, RepeatedIdError, RepeatedKeyError, shown
from sqlclust.sources import Source
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.layout import read_layout
from sqlclust.sqlite.transactions import translated_errors
from sqlclust.store.sources.by_number import ByNumber
from sqlclust.store.sources.file_rows import FileRows, condition_on_files
from sqlclust.store.sources.table_rows import MAX_BYTES, TableRows
from sqlclust.store.sources.vec0_rows import Vec0Rows, condition_on_vec0

_DOING = "reading the vectors"


class HostReader:
    """Reads the rows of a source that have a vector. A row whose vector is NULL or empty is as if it were not there.

    The id of a row is its key as it is; of a key of several columns, the JSON text that SQLite's json_array makes of it.

    Nothing of the file is run and nothing is written, but for a view, if the source's kind is 'view', and for the condition.
    While those are compiled, SQLite's `trusted_schema` is off.

    Args:
        source: its table and columns are looked up, so they may come from a person or from a file.
        condition: SQL on columns of the table; only rows for which it holds. It runs, so it never comes from a file.
        parameters: what its named placeholders stand for.

    Raises:
        HostTableError: no such table or column, or one that cannot be read without running what is in the file.
        FilterError: the condition is not one condition, or would write, or the table is of vec0, which has no columns here.
        SqliteError: the file cannot be read.
    """

    def __init__(
        self,
        database: Database,
        source: Source,
        *,
        condition: str | None = None,
        parameters: Mapping[str, object] | None = None,
    ) -> None:
        if not (source.table_name and source.vector_column and source.id_columns):
            what = "nothing names its rows" if source.vector_column else "it has no vectors that can be read"
            raise HostTableError(f"{shown(source.name)}: {source.remark or what}", table=source.table_name or "")
        self._database, self._source = database, source
        self._rows: TableRows | Vec0Rows | FileRows
        if source.stored == "files":
            if condition is not None:
                raise condition_on_files(condition, source.table_name)
            self._rows = FileRows(source)
            return
        with translated_errors(database, doing=_DOING):
            layout = read_layout(database)
            if source.stored != "vec0":
                self._rows = TableRows(database, layout, source, condition=condition, parameters=parameters)
            elif condition is None:
                self._rows = Vec0Rows(database, layout, source)
            else:
                raise condition_on_vec0(condition, source.table_name or "")

    def batches(self, *, only: Collection[Id] | None = None) -> Generator[tuple[list[Id], list[Any]]]:
        """Ids and vectors as they are, bytes or text, some hundred at a time in the order of the table, all of one moment.

        Args:
            only: those with these ids, a set. The vectors of others are not read, where the table has rowids.

        Raises:
            NullIdError: a row has no id; it says the how manieth row with a vector it is.
            HostTableError: a part of a key of several columns is a BLOB; or a vector has more than `MAX_BYTES`.
            FilterError: a placeholder of the condition has no value, or it fails at a row.
            SqliteError

        Cost: one pass. Close the iterator, or read it to its end: until then its statement keeps a read transaction open.
        """
        first = 1
        with (
            translated_errors(self._database, doing=_DOING),
            closing(self._rows.batches(only)) as batches,
        ):
            for ids, vectors in batches:
                self._check_ids(ids, first)
                if not all(vectors) and None in vectors:
                    raise self._too_long(ids[vectors.index(None)])
                yield ids, vectors
                first += len(ids)

    def ids(self) -> list[Id]:
        """The ids of all rows that `batches` gives, in its order. Vectors are not read, if they are longer than a page.

        Raises:
            as `batches`.
        """
        found: list[Id] = []
        with closing(self.batches_of_ids()) as batches:
            for ids in batches:
                found += ids
        return found

    def batches_of_ids(self) -> Generator[list[Id]]:
        """As `ids`, some at a time."""
        n = 0
        with translated_errors(self._database, doing=_DOING), closing(self._rows.ids()) as batches:
            for ids in batches:
                self._check_ids(ids, n + 1)
                yield ids
                n += len(ids)

    @property
    def by_number(self) -> ByNumber | None:
        """How others read a row's vector by a number; None where rows have none."""
        return self._rows.by_number

    def numbered(self) -> Generator[tuple[list[Any], list[Id]]]:
        """As `batches_of_ids`, with the rows' values of the key of `by_number` before them: not all may be integers."""
        n = 0
        with translated_errors(self._database, doing=_DOING), closing(self._rows.numbered()) as batches:
            for numbers, ids in batches:
                self._check_ids(ids, n + 1)
                yield numbers, ids
                n += len(ids)

    def count(self) -> int | None:
        """How many rows there are, with a vector or not; None if nothing says it without reading much."""
        with translated_errors(self._database, doing=_DOING):
            return self._rows.count()

    def texts(self, ids: Collection[Id]) -> dict[Id, str | None]:
        """The texts of some rows, None where there is none; of a key that is there twice, one of them.

        Cost: a look-up for each by the key, where it is the rowid or has an index in SQLite's order; else one pass over the keys.
        """
        texts: dict[Id, str | None] = dict.fromkeys(ids)
        with closing(self.each_text(texts.keys())) as found:
            for id, text in found:
                if id in texts:
                    texts[id] = text
        return texts

    def each_text(self, ids: Collection[Id]) -> Generator[tuple[Id, str]]:
        """As `texts`, one after the other, and only those that there are; with others among them. Close it, or read it all."""
        if self._source.content_column is None or not ids:
            return
        with (
            translated_errors(self._database, doing="reading the texts"),
            closing(self._rows.texts(ids)) as batches,
        ):
            for found, values in batches:
                for id, value in zip(found, values, strict=True):
                    if value is not None:
                        yield id, str(value)

    def _check_ids(self, ids: list[Any], first: int) -> None:
        if all(ids):  # the quickest look at most batches
            return
        if None in ids:
            raise NullIdError(row=first + ids.index(None))
        wrong = self._rows.wrong_id
        if wrong is not None and wrong in ids:
            keys = ", ".join(self._source.id_columns)
            reason = (
                f"row {first + ids.index(wrong)} of {shown(self._source.table_name)}: a part of its key ({keys}) is a BLOB; "
                "keys of several columns become JSON, which has no BLOBs"
            )
            raise HostTableError(reason, table=self._source.table_name or "")

    def repeated(self, error: RepeatedIdError) -> RepeatedKeyError:
        """What is said of rows of which two have the same id."""
        source = self._source
        table, ids = source.table_name or "", source.id_columns
        return RepeatedKeyError(source.name, table=table, id_columns=ids, repeated=error)

    def _too_long(self, id: Id) -> HostTableError:
        name, column = self._source.table_name or "", self._source.vector_column
        reason = f"row {shown(id)} of {shown(name)}: its vector has more than {MAX_BYTES:,} bytes, and is not read"
        return HostTableError(reason, table=name, column=column)
