"""Rows of a source that is an ordinary table or a view, read for a fit: many at a time, and only those with a vector.

Of a table nothing of the file is run: no generated columns, no triggers, and of its indexes only those of plain columns in an
order of SQLite's own. A view that a person named is run, without what may do harm.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, nullcontext
from itertools import islice
from typing import Any

from sqlclust.errors import FilterError, HostTableError, Id, StatementError, shown
from sqlclust.sources import Source
from sqlclust.sources.counting import Counter
from sqlclust.sources.indexes import index_beginning_with, plain_indexes
from sqlclust.sources.real_tables import column_sql, real_table
from sqlclust.sources.sampling import sample
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database, Row
from sqlclust.sqlite.layout import Layout, Table, quoted, read_view
from sqlclust.sqlite.values import octets
from sqlclust.store.embeddings.condition import check_condition, check_text, filter_errors
from sqlclust.store.sources.by_number import ByNumber

MAX_BYTES = 1 << 24
"""Of a vector: four million float32. A longer value is not read."""
BATCH = 128
"""Rows that are read at once."""

Batch = tuple[list[Any], list[Any]]

_BLOB_PART = b""
"""In place of an id of several columns of which one is a BLOB."""


class TableRows:
    """The rows of a table or a view that have a vector. A value that is NULL or empty is none.

    Args:
        layout: of the database.
        condition: on columns of the table; only rows for which it holds.
        parameters: what its named placeholders stand for.

    Attributes:
        wrong_id: stands in place of an id that cannot be made, or None.

    Raises:
        HostTableError: no such table or column, or one that cannot be read without running what is in the file.
        FilterError: the condition is not one, or SQLite does not accept it.
    """

    def __init__(
        self,
        database: Database,
        layout: Layout,
        source: Source,
        *,
        condition: str | None,
        parameters: Mapping[str, object] | None,
    ) -> None:
        self._database, self._source, self._condition = database, source, condition
        name = source.table_name or ""
        self._is_view = source.kind == "view" and layout.others.get(name.lower()) == "view"
        self._table = self._view(name) if self._is_view else real_table(layout, name)
        table = self._table
        self._keys = [column_sql(table, key) for key in source.id_columns]
        self._id = _id_of(self._keys)
        self.wrong_id = _BLOB_PART if len(self._keys) > 1 else None
        vector = column_sql(table, source.vector_column or "")
        self._length = octets(database, vector)
        # the length of a BLOB is known without reading it
        self._vector = f"CASE WHEN {self._length} > {MAX_BYTES} THEN NULL ELSE {vector} END"
        self._text = "NULL"
        if source.content_column is not None:
            text = column_sql(table, source.content_column)
            is_text = f"typeof({text}) <> 'blob' AND {octets(database, text)} <= {MAX_BYTES}"
            self._text = f"CASE WHEN {is_text} THEN {text} END"  # a BLOB is no text
        self._from = table.sql if self._is_view else f"{table.sql} NOT INDEXED"
        self._bindings: dict[str, object] = {}
        self._part = self._of_part()
        self._where = f"{self._length} > 0{self._part}"
        with self._compiling(), self._errors(None):
            database.described(f"SELECT {self._id}, {self._vector}, {self._text} FROM {self._from} WHERE {self._where}")
        if condition is not None:
            self._add(condition, parameters)

    def batches(self, only: Collection[Id] | None) -> Generator[Batch]:
        """Ids and vectors, in the order of the table; NULL in place of a vector that is too long to be read.

        Args:
            only: those with these ids.
        """
        if only is not None and self._table.rowid is not None:
            return self._chosen(self._vector, only)
        return self._scanned(self._vector, only)

    def ids(self) -> Generator[list[Any]]:
        """Ids alone. What does not fit into the page of its row is not read."""
        with closing(self._read(self._id)) as batches:
            for batch in batches:
                yield [row[0] for row in batch]

    @property
    def by_number(self) -> ByNumber | None:
        """How a vector is read by its row's number: the rowid, or the only key where that may be one; None if there is none."""
        source, table, rowid = self._source, self._table, self._table.rowid
        vector = source.vector_column or ""
        if rowid is not None:
            return ByNumber(table.name, rowid, vector, "rows")
        if self._is_view:
            return ByNumber(table.name, source.id_columns[0], vector, "view") if len(source.id_columns) == 1 else None
        keys = [column.name for column in table.columns.values() if column.pk]
        return ByNumber(table.name, keys[0], vector, "rows") if table.without_rowid and len(keys) == 1 else None

    def numbered(self) -> Generator[tuple[list[Any], list[Any]]]:
        """The values of the key of `by_number`, which has to be there, and ids."""
        assert self.by_number is not None
        with closing(self._read(f"{quoted(self.by_number.key)}, {self._id}")) as batches:
            for batch in batches:
                yield [row[0] for row in batch], [row[1] for row in batch]

    def count(self) -> int | None:
        """How many rows there are, with a vector or not; None if nothing says it without reading much."""
        if self._is_view or self._condition is not None:
            return None
        return Counter(self._database).count(sample(self._database, self._table), self._source.only)

    def texts(self, ids: Collection[Id]) -> Generator[Batch]:
        """Ids and texts, of some ids; by a key or an index that fits, else in one pass."""
        found = self._looked_up(ids) if len(self._keys) == 1 else None
        if found is None:
            found = self._chosen(self._text, ids) if self._table.rowid is not None else self._scanned(self._text, ids)
        return found

    # --- the statement ---

    def _view(self, name: str) -> Table:
        with self._compiling(), self._errors(None):
            return read_view(self._database, name)

    def _of_part(self) -> str:
        """That a row is of the source's part of the table."""
        if self._source.only is None:
            return ""
        name, value = self._source.only
        self._bindings["sqlclust_part"] = value
        is_of_it = f"{column_sql(self._table, name)} = :sqlclust_part COLLATE BINARY"
        rowid = self._table.rowid
        index = index_beginning_with(self._database, self._table, name) if rowid and not self._is_view else None
        if index is None:
            return f" AND {is_of_it}"
        # by the index, and yet in the order of the table
        rows = f"SELECT {rowid} FROM {self._table.sql} INDEXED BY {quoted(index.name)} WHERE {is_of_it}"
        return f" AND {rowid} IN ({rows})"

    def _add(self, condition: str, parameters: Mapping[str, object] | None) -> None:
        check_text(condition, table=self._table.name)
        if parameters is not None and not isinstance(parameters, Mapping):
            reason = f"its parameters are a {type(parameters).__name__}, expected a mapping of names to values"
            raise FilterError(condition, reason=reason, table=self._table.name)
        with self._compiling():
            check_condition(
                self._database,
                condition,
                parameters=parameters,
                bound=self._bindings,
                rows=self._from,
                table=self._table.name,
            )
        self._bindings = {**(parameters or {}), **self._bindings}
        self._where = f"{self._where} AND ({condition}\n)"

    def _compiling(self) -> Any:
        """Around what compiles text of a person's, which may name views, or a view."""
        is_trusted = not self._is_view and self._condition is None
        return nullcontext() if is_trusted else statements.distrusting_schema(self._database)

    @contextmanager
    def _errors(self, condition: str | None) -> Iterator[None]:
        if condition is not None:
            with filter_errors(condition, table=self._table.name):
                yield
            return
        try:
            yield
        except StatementError as error:
            name = self._source.table_name or ""
            what = "view" if self._is_view else "table"
            raise HostTableError(f"the {what} {shown(name)} cannot be read: {error}", table=name) from None

    # --- rows ---

    def _read(self, columns: str) -> Generator[list[Row]]:
        """The rows, some at a time, by one statement."""
        sql = f"SELECT {columns} FROM {self._from} WHERE {self._where}"
        with self._errors(self._condition), ExitStack() as running:
            with self._compiling():  # with the first step: before it, a change of settings would have it compiled again
                rows = running.enter_context(statements.each_row(self._database, sql, self._bindings or None))
                batch = list(islice(rows, BATCH))
            while batch:
                yield batch
                batch = list(islice(rows, BATCH))

    def _scanned(self, value: str, only: Collection[Id] | None) -> Generator[Batch]:
        with closing(self._read(f"{self._id}, {value}")) as batches:
            for batch in batches:
                if only is not None:
                    batch = [row for row in batch if row[0] in only]
                    if not batch:
                        continue
                ids, values = zip(*batch, strict=True)
                yield [*ids], [*values]

    def _chosen(self, value: str, only: Collection[Id]) -> Generator[Batch]:
        """In one pass over the ids; values are read of the rows that are wanted."""
        waiting: list[object] = []
        with statements.one_moment(self._database), closing(self._read(f"{self._id}, {self._table.rowid}")) as batches:
            for batch in batches:
                waiting += [rowid for id, rowid in batch if id in only]
                while len(waiting) >= BATCH:
                    yield self._at(value, waiting[:BATCH])
                    del waiting[:BATCH]
            if waiting:
                yield self._at(value, waiting)

    def _at(self, value: str, rowids: Sequence[object]) -> Batch:
        rowid = self._table.rowid
        places = ", ".join("?" * len(rowids))
        sql = f"SELECT {self._id}, {value} FROM {self._from} WHERE {rowid} IN ({places}) ORDER BY {rowid}"
        rows = statements.all_rows(self._database, sql, tuple(rowids))
        return [row[0] for row in rows], [row[1] for row in rows]

    def _looked_up(self, ids: Iterable[Id]) -> Generator[Batch] | None:
        """By the rowid, or by an index that begins with the key, beside the column of the part; None if there is none."""
        [key], table, part = self._keys, self._table, self._source.only
        column = table.columns.get(self._source.id_columns[0].lower())
        given: tuple[object, ...] = () if part is None else (part[1],)
        of_part = "" if part is None else f"{column_sql(table, part[0])} = ? COLLATE BINARY AND "
        where = f"WHERE {of_part}{key} = ? COLLATE BINARY"
        if column is None or table.is_rowid(column):
            sql = f"SELECT {key}, {self._text} FROM {table.sql} NOT INDEXED {where}"
        else:
            leading = {column.name.lower()} if part is None else {column.name.lower(), part[0].lower()}
            fitting = (
                index
                for index in plain_indexes(self._database, table)
                if index.n_searchable >= len(leading) and {*index.columns[: len(leading)]} == leading
            )
            index = next(fitting, None)
            if index is None:
                return None
            sql = f"SELECT {key}, {self._text} FROM {table.sql} INDEXED BY {quoted(index.name)} {where}"
        return self._each(sql, ((*given, id) for id in ids))

    def _each(self, sql: str, bindings: Iterable[tuple[object, ...]]) -> Generator[Batch]:
        with self._errors(None), statements.each_row_of_many(self._database, sql, bindings) as rows:
            while batch := list(islice(rows, BATCH)):
                yield [row[0] for row in batch], [row[1] for row in batch]


def _id_of(keys: Sequence[str]) -> str:
    """A row's id as SQL: its key, or JSON text of one of several columns, as SQLite itself writes it."""
    if len(keys) == 1:
        return keys[0]
    of_blobs = " OR ".join(f"typeof({key}) = 'blob'" for key in keys)
    of_nulls = " OR ".join(f"{key} IS NULL" for key in keys)
    return f"CASE WHEN {of_blobs} THEN x'' WHEN {of_nulls} THEN NULL ELSE json_array({', '.join(keys)}) END"
