"""One look at a database: what all kinds share."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from sqlclust.errors import counted_rows
from sqlclust.schema import object_names, version
from sqlclust.sources import sampling
from sqlclust.sources.columns import content_column, declared_dimension, is_called_a_vector, key_columns, model_column
from sqlclust.sources.counting import Counter
from sqlclust.sources.found import Source, remarks
from sqlclust.sources.indexes import index_beginning_with
from sqlclust.sources.judging import Verdict, judged
from sqlclust.sources.real_tables import key_remark
from sqlclust.sources.registered_rows import Damaged, Registered, registered_or_damaged
from sqlclust.sources.sampling import Sample
from sqlclust.sources.virtual_tables import shadow_tables, virtual_tables
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.layout import Column, Table, read_layout
from sqlclust.vectors.formats import FormatName


class Look:
    """What is in a database: its tables, and samples of them. Nothing of the file is run.

    Attributes:
        layout: its tables.
        virtual: its virtual tables.
        is_ours: whether it has our tables.
        files: names of files beside it that a source speaks of already.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.layout = read_layout(database)
        self.virtual = virtual_tables(self.layout)
        self.is_ours = version(database) is not None
        self._taken = set(shadow_tables(self.layout, self.virtual))
        if self.is_ours:
            self._taken |= object_names(database)
        self.files: set[str] = set()
        self._counter = Counter(database)
        self._samples: dict[str, Sample] = {}

    # --- what is kept ---

    @cached_property
    def registered(self) -> list[Registered | Damaged]:
        """The sources that are registered, by name; of a row that cannot be read back, why."""
        return registered_or_damaged(self.database)

    # --- tables ---

    def free_tables(self, *columns: str) -> Iterator[Table]:
        """The tables that no kind has taken yet and that have these columns, none generated. One may be taken meanwhile."""
        for name, table in self.layout.tables.items():
            if name not in self._taken and table.stores(*columns):
                yield table

    def having(self, name: str, *columns: str) -> Table | None:
        """The table of a name, if it is one of `free_tables`."""
        table = self.layout.named(name)
        return table if table is not None and name.lower() not in self._taken and table.stores(*columns) else None

    def take(self, *tables: Table | None) -> None:
        """They are of a kind; no other one looks at them. None: one that is not there."""
        self._taken |= {table.name.lower() for table in tables if table is not None}

    # --- files ---

    @property
    def file(self) -> str:
        """The name of the file, without its folder; '' if there is none."""
        return os.path.basename(self.database.filename)

    @property
    def folder(self) -> str:
        """The folder of the file; '' if there is none."""
        return os.path.dirname(os.path.abspath(self.database.filename)) if self.database.filename else ""

    # --- rows ---

    def sample(self, table: Table) -> Sample:
        """Some rows of a table."""
        if table.name not in self._samples:
            self._samples[table.name] = sampling.sample(self.database, table)
        return self._samples[table.name]

    def part(self, table: Table, column: str, value: object) -> Sample:
        """Some rows of those where a column has a value: the first in the index that begins with it."""
        index = index_beginning_with(self.database, table, column)
        if table.rowid is None or index is None:
            return sampling.sample(self.database, table)
        return sampling.sample(self.database, table, sampling.rowids_of_part(self.database, table, index, value))

    def judged(
        self,
        sampled: Sample,
        column: Column,
        *,
        named: bool | None = None,
        dimension: int | None = None,
        usual: FormatName | None = None,
    ) -> Verdict | None:
        """What a column holds; see `judging.judged`. `named` and `dimension` are the column's own if they are not given."""
        cells = sampled.columns[column.name.lower()]
        if not {"text", "blob"} & {*cells.types}:
            return None
        named = is_called_a_vector(column) if named is None else named
        if not named and "blob" not in cells.types:  # most texts are no JSON, and one of them says it
            first = sampling.values(self.database, sampled, column, 1)
            if first and not first[0][1].decode(self.layout.codec, errors="replace").lstrip().startswith("["):
                return None
        return judged(
            cells,
            sampling.values(self.database, sampled, column),
            named=named,
            dimension=dimension or declared_dimension(column),
            codec=self.layout.codec,
            usual=usual,
        )

    def count(self, sampled: Sample, only: tuple[str, Any] | None = None) -> int | None:
        """The rows of a table; see `counting.Counter.count`."""
        return self._counter.count(sampled, only)

    def text(self, stored: object) -> str:
        """TEXT that was read as a BLOB, since it may be damaged; what cannot be decoded is replaced."""
        return bytes(stored).decode(self.layout.codec, errors="replace") if isinstance(stored, bytes) else str(stored)

    # --- sources ---

    def in_rows(
        self,
        kind: str,
        sampled: Sample,
        column: str,
        *,
        name: str = "",
        content: str | None = "",
        dimension: int | None = None,
        usual: FormatName | None = "float32",
        remark: str = "",
        only: tuple[str, Any] | None = None,
        n_rows: int | None = None,
    ) -> Source:
        """A column of vectors of a known kind of table, whatever its values look like.

        Args:
            sampled: rows of the table, or of its part `only`.
            name: of the source; the table's by default.
            content: the column of the texts; None: there is none; '': what looks like it.
            dimension: if something says it.
            usual: the format that this kind writes, if it is always the same one.
            only, n_rows: see `source`.
        """
        table = sampled.table
        vector = table.columns[column.lower()]
        verdict = self.judged(sampled, vector, named=True, dimension=dimension, usual=usual)
        if content == "":
            content = self.content(sampled, [column])
        elif content is not None:
            content = table.columns[content.lower()].name
        return self.source(
            kind, sampled, vector, verdict, name=name or table.name, content=content, remark=remark, only=only, n_rows=n_rows
        )  # fmt: skip

    def source(
        self,
        kind: str,
        sampled: Sample,
        vector: Column,
        verdict: Verdict | None,
        *,
        name: str,
        content: str | None,
        remark: str = "",
        only: tuple[str, Any] | None = None,
        n_rows: int | None = None,
        keys: tuple[str, ...] = (),
    ) -> Source:
        """A source of what a column was found to hold.

        Args:
            keys: what names a row; () as it is found.
            verdict: None: no vectors are in the sample.
            only: the part of the table that it is, (column, value): the key is then what is left of the table's.
            n_rows: None: they are counted, if that takes little.
        """
        table = sampled.table
        said, keys = keys, keys or key_columns(table)
        if not said and only is not None and len(keys) > 1:
            keys = tuple(key for key in keys if key.lower() != only[0].lower())
        n_rows = self.count(sampled, only) if n_rows is None else n_rows
        readable = verdict is None or verdict.readable
        model = model_column(table) if only is None else None
        seen = (
            verdict.remark if verdict else "no rows" if not sampled.n else f"from {counted_rows(sampled.n)}: no vectors"
        )
        return Source(
            name=name,
            kind=kind,
            table_name=table.name,
            id_columns=keys,
            vector_column=vector.name if readable and keys else None,
            content_column=content,
            format=verdict.format if verdict else None,
            dimension=verdict.dimension if verdict else None,
            n_rows=n_rows,
            only=only,
            remark=remarks(
                seen,
                remark,
                f"{model.name} may say which belong together" if model and verdict and not verdict.dimension else None,
                "nothing names its rows: no key, and no rowid that can be read" if not keys else None,
                key_remark(table, keys, only) if said or keys == (table.rowid,) else None,
                "rows not counted: it would take long" if n_rows is None else None,
            ),
        )

    def content(self, sampled: Sample, not_these: Sequence[str]) -> str | None:
        """The column of the texts of a table."""
        table = sampled.table
        left_out = {name.lower() for name in (*not_these, *key_columns(table))}
        columns = [column for name, column in table.columns.items() if name not in left_out]
        return content_column(columns, sampled.mean_text)
