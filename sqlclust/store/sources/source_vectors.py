"""Vectors of a source, read where they are."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from functools import partial
from shlex import quote
from typing import Any

import numpy as np

from sqlclust.core.runtime.control import Control
from sqlclust.errors import (
    FilterError,
    HostTableError,
    Id,
    RepeatedIdError,
    SourceConditionError,
    SqlclustError,
)
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.transactions import schema_was_changed
from sqlclust.store.embeddings.collecting import PointsBuilder
from sqlclust.store.embeddings.ids import sorted_order
from sqlclust.store.embeddings.origin import RowsNow, WriteRows
from sqlclust.store.embeddings.own_vectors import LABELLED, data_version, first_values, without_embedding
from sqlclust.store.embeddings.points import Points
from sqlclust.store.embeddings.selection import CheckRows, Selection
from sqlclust.store.memory import check_room_for_more
from sqlclust.store.sources import clusters_view
from sqlclust.store.sources.file_rows import states_of
from sqlclust.store.sources.items import embedding_ids
from sqlclust.store.sources.reading import HostReader
from sqlclust.store.sources.registered import Registered, check_same, make_tables, register
from sqlclust.store.sources.thin_rows import write_rows
from sqlclust.vectors.blobs import STORED
from sqlclust.vectors.formats import FORMATS, STORED_FORMAT, FormatName, narrowed, to_stored

logger = logging.getLogger("sqlclust")

_REPORT = 4
"""Batches of rows between two looks at progress and interrupts."""
_MEMBERS = """
SELECT e.item_id FROM main.EmbeddingCluster ec JOIN main.Embedding e ON e.id = ec.embedding_id
WHERE ec.clustering_result_id = ?
"""
_LABELLED = f"""
SELECT e.item_id, labelled.label FROM ({LABELLED}) labelled CROSS JOIN main.Embedding e ON e.id = labelled.embedding_id
"""
_ITEMS = "SELECT item_id FROM main.Embedding WHERE embedding_source = ?"
_RESULTS = """
SELECT ec.clustering_result_id FROM main.Embedding e JOIN main.EmbeddingCluster ec ON ec.embedding_id = e.id
WHERE e.embedding_source = ? AND e.item_id = ?
"""
_MOST_KEYS = 1_000_000
"""Of a table of which more is not read to tell what is new: with vectors shorter than a page that is a second."""


class SourceVectors:
    """The rows of a source; an `Origin`. Their ids are the keys that they have in their table.

    Args:
        database: where results are published.
        host: where the table is: the same, or another file that is only read.
        source: what is read; need not be registered yet.
        runs_condition: whether the condition that is kept with the source may be run. It is SQL in the file.
        is_new: whether it is to be registered with what is published; else it has to be as it is then.
    """

    def __init__(
        self, database: Database, host: Database, source: Registered, *, runs_condition: bool, is_new: bool = False
    ) -> None:
        self._database, self.host, self.registered = database, host, source
        self._runs_condition, self._is_new = runs_condition, is_new
        self._vectors = replace(source.source, content_column=None)  # fits go on where only the texts are gone

    @property
    def embedding_model(self) -> str:
        """The source's name."""
        return self.registered.source.name

    @property
    def has_condition(self) -> bool:
        """Whether the source has a condition of its own."""
        return self.registered.condition is not None

    @property
    def recorded(self) -> dict[str, Any]:
        """The source's own condition, with the values of its placeholders."""
        condition, parameters = self.registered.condition, self.registered.parameters
        if condition is None:
            return {}
        return {"source_where": condition, **({"source_parameters": dict(parameters)} if parameters else {})}

    @property
    def format(self) -> FormatName | None:
        """Of the rows: they were made to be that."""
        return STORED_FORMAT.name

    def data_version(self) -> int:
        """That of the host's file; of files of a folder, another one whenever one of them changes, too."""
        version = data_version(self.host)
        return version if self._vectors.stored != "files" else hash((version, *states_of(self._vectors)))

    # --- reading ---

    def select(self, selection: Selection, control: Control, *, check: CheckRows | None = None) -> Points:
        """Read the selected rows that have a vector; with `downsample` every n-th by rank of the key.

        Args, Raises:
            as `selection.select`; and
            HostTableError: the table is not there any more, or not as it was.
            SourceConditionError: the source has a condition, and nobody allowed to run it.

        Cost: O(rows of the table), one read of their vectors; with downsampling one of the keys besides.
        """
        reader = self.reader(selection)
        with statements.one_moment(self.host):  # both reads are of one moment
            kept = self.every(reader, selection.downsample)
            total = len(kept) if kept is not None else reader.count()
            expected = 0 if selection.where is not None or self.has_condition else total or 0
            dimension = self.registered.source.dimension
            if check is not None and expected and dimension:
                check(expected, 0, dimension)
            builder = PointsBuilder(
                expected=expected,
                check_room=check_room_for_more if check is None else partial(_check_read, check),
                format=self._format_said or selection.format,
                advice=_advice(self.embedding_model),
            )
            for number, (ids, vectors) in enumerate(reader.batches(only=kept), start=1):
                builder.add_many(ids, vectors)
                if number % _REPORT == 0:
                    control.at(min(1.0, len(builder) / total) if total else 0.0)
                    self._database.check_interrupt()
        try:
            points = builder.finish()
        except RepeatedIdError as error:
            raise reader.repeated(error) from None
        if kept is None and expected and len(points) < expected:
            logger.log(
                logging.WARNING if self._is_new else logging.INFO,
                "%s: %d of %d rows have no vector and are left out", self.embedding_model, expected - len(points), expected,
            )  # fmt: skip
        return points

    def selected_rows(self, selection: Selection) -> AbstractContextManager[Iterator[tuple[Any, Any]]]:
        """The selected rows that have a vector; see `Origin`."""
        reader = self.reader(selection)
        return closing(self._rows(reader, self.every(reader, selection.downsample)))

    def selected_ids(self, selection: Selection) -> Sequence[Id]:
        """The keys of the selected rows that have a vector; see `Origin`."""
        reader = self.reader(selection)
        if selection.downsample == 1:
            return reader.ids()
        return [*(self.every(reader, selection.downsample) or ())]

    def rows_now(self, n_rows: Mapping[int, int]) -> RowsNow | None:
        """How many rows the table has, and how many of each result's are not among them; see `Origin`.

        None of a view, which is the file's own SQL, and of a table with more than a million rows.

        Cost: one pass over the table's rows; and a look-up for each that is gone.
        """
        keys = None if self._vectors.kind == "view" else self._keys()
        if keys is None:
            return None
        missing = Counter(without_embedding(self._database, self.embedding_model, n_rows))
        with closing(first_values(self._database, _ITEMS, (self.embedding_model,))) as items:
            gone = [(self.embedding_model, item) for item in items if item not in keys]
        with statements.each_row_of_many(self._database, _RESULTS, gone) as rows:
            missing.update(result_id for (result_id,) in rows)
        return RowsNow(len(keys), {result_id: missing[result_id] for result_id in n_rows})

    def _keys(self) -> set[Id] | None:
        """Of all rows that have a vector, whatever conditions there are; None if they are too many."""
        keys: set[Id] = set()
        with closing(HostReader(self.host, self._vectors).batches_of_ids()) as batches:
            for ids in batches:
                keys.update(ids)
                if len(keys) > _MOST_KEYS:
                    return None
                self._database.check_interrupt()
        return keys

    def member_rows(self, ids: Sequence[Id]) -> AbstractContextManager[Iterator[tuple[Any, Any]]]:
        """Rows of these keys that have a vector. No condition is run. Cost: one read of the table."""
        return closing(self._rows(HostReader(self.host, self._vectors), {*ids}))

    def missing(self, ids: Sequence[Id]) -> list[Id]:
        """Those of which there is no row that has a vector. Cost: one pass over the table's keys."""
        there = {*HostReader(self.host, self._vectors).ids()}
        return [id for id in ids if id not in there]

    def members(self, clustering_result_id: int) -> AbstractContextManager[Iterator[Id]]:
        """The keys of a result's rows."""
        return closing(first_values(self._database, _MEMBERS, (clustering_result_id,)))

    def labelled_texts(
        self, clustering_result_id: int, *, most: int | None = None
    ) -> AbstractContextManager[Iterator[tuple[Id, int, Any]]]:
        """The texts that are in the table now; see `Origin`. Cost: see `HostReader.each_text`; and the keys are held."""
        labels: dict[Id, int] = dict(statements.all_rows(self._database, _LABELLED, (clustering_result_id, most)))
        texts = HostReader(self.host, self.registered.source).each_text(
            {**labels}
        )  # a copy: below it loses what is found
        return closing(((id, labels.pop(id), text) for id, text in texts if id in labels))

    def other_rows(self, clustering_result_id: int) -> AbstractContextManager[Iterator[tuple[Any, Any]]]:
        """The source's rows that a result does not have. Its own condition holds for them, if it has one."""
        with self.members(clustering_result_id) as ids:
            members = {*ids}
        rows = self._rows(self.reader(Selection(self.embedding_model)), None)
        return closing(row for row in rows if row[0] not in members)

    def n_others(self, clustering_result_id: int) -> int:
        """At the most all of its rows."""
        return HostReader(self.host, self._vectors).count() or 0

    def reader(self, selection: Selection) -> HostReader:
        """What reads the rows for which the source's own condition and the selection's hold."""
        own, source = self.registered.condition, self._vectors
        if own is None:
            return HostReader(self.host, source, condition=selection.where, parameters=selection.parameters)
        if not self._runs_condition:
            raise SourceConditionError(self.embedding_model, condition=own)
        own_parameters = self.registered.parameters or {}
        if selection.where is None:
            return HostReader(self.host, source, condition=own, parameters=own_parameters)
        # each is one of its own: `1) OR (1` is not
        for condition, values in ((own, own_parameters), (selection.where, selection.parameters)):
            HostReader(self.host, source, condition=condition, parameters=values)
        both = own_parameters.keys() & (selection.parameters or {}).keys()
        if both:
            reason = f"the source's own condition has a placeholder :{min(both)} too; give this one another name"
            raise FilterError(selection.where, reason=reason, table=source.table_name or "")
        return HostReader(
            self.host, source,
            condition=f"({own}\n) AND ({selection.where}\n)",
            parameters={**own_parameters, **(selection.parameters or {})},
        )  # fmt: skip

    @staticmethod
    def every(reader: HostReader, step: int) -> set[Id] | None:
        """Every n-th of the keys, by rank; None: all."""
        if step == 1:
            return None
        ids = reader.ids()
        return {ids[row] for row in sorted_order(ids)[::step].tolist()}

    @property
    def _format_said(self) -> FormatName | None:
        """What the vectors are read as; None: float32, unless they look like another."""
        format = self.registered.source.format
        is_taken_as_it_is = format == STORED_FORMAT.name and not self.registered.format_is_said
        return None if is_taken_as_it_is else format

    def _rows(self, reader: HostReader, only: set[Id] | None) -> Generator[tuple[Any, Any], None, None]:
        format = self._format_said or STORED_FORMAT.name
        for ids, vectors in reader.batches(only=only):
            yield from zip(ids, _as_stored(vectors, format), strict=True)
            self._database.check_interrupt()

    # --- publishing ---

    def embedding_ids(self, ids: Sequence[Id]) -> Sequence[Id]:
        """The ids of rows of Embedding that stand for these keys."""
        return embedding_ids(self.embedding_model, ids, n_columns=len(self.registered.source.id_columns))

    def _texts(self, ids: Sequence[Id]) -> dict[Id, str | None]:
        """Those of medoids; none where the column is gone."""
        source = self.registered.source
        if source.content_column is None:
            return dict.fromkeys(ids)
        try:
            return HostReader(self.host, source).texts(ids)
        except HostTableError as error:
            if error.column is None or error.column.lower() != source.content_column.lower():
                raise
            logger.warning(
                "%s; medoids have no texts. sqlclust source DB %s --content COLUMN names another column, --content '' none",
                error, quote(source.name),
            )  # fmt: skip
            return {}

    def prepare(self, medoids: Sequence[Id]) -> WriteRows:
        """Read the medoids' texts. What is returned makes our tables, if they are not there, and writes the source, the rows of
        Embedding, and the view.
        """
        texts = self._texts(medoids)

        def write(ids: Sequence[Id], embedding_ids: Sequence[Id]) -> None:
            database, source = self._database, self.registered
            if make_tables(database, self.embedding_model):
                schema_was_changed(database)
            if self._is_new:
                register(database, source)
            else:
                check_same(database, source)
            write_rows(database, self.embedding_model, ids, embedding_ids, texts)
            renamed = clusters_view.create(database, source.source, elsewhere=source.database is not None)
            schema_was_changed(database)
            if renamed and self._is_new:
                view = clusters_view.view_name(self.embedding_model)
                ours, theirs = (
                    ", ".join(renamed),
                    ", ".join(f'{column} is "{name}"' for column, name in renamed.items()),
                )
                logger.warning("in the view %s, %s says the cluster; of the table's own, %s there", view, ours, theirs)

        return write


def _advice(source: str) -> str:
    """How another format is said, with {} for its name."""
    name = quote(source).replace("{", "{{").replace("}", "}}")
    return f"Say so of the source: sqlclust source DB {name} --format {{}}, or clust_source; float32 if they are that anyway"


def _check_read(check: CheckRows, rows: int, dimension: int) -> None:
    """Ask whether there is memory for rows, all of which are read."""
    check(rows, rows, dimension)


def _as_stored(vectors: Sequence[Any], format: FormatName) -> list[bytes | None]:
    """Vectors as Embedding would have them; None for what is none of this format."""
    if format == STORED_FORMAT.name:
        return [vector if isinstance(vector, bytes) else None for vector in vectors]
    record = FORMATS[format]
    if not record.is_text and {*map(type, vectors)} == {bytes} and len({*map(len, vectors)}) == 1:
        raw = np.frombuffer(b"".join(vectors), dtype=np.uint8).reshape(len(vectors), -1)
        if raw.shape[1] and raw.shape[1] % record.unit == 0:
            numbers = narrowed(record.numbers(raw)).astype(STORED, copy=False)
            return [row.tobytes() for row in numbers]
    return [_one_as_stored(vector, format) for vector in vectors]


def _one_as_stored(vector: Any, format: FormatName) -> bytes | None:
    try:
        return to_stored(vector, format, "the vector")
    except SqlclustError:
        return None
