"""Loading embeddings, with the runs and invocations they name: all rows of one source in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, Protocol

from sqlclust import schema
from sqlclust.errors import (
    ClusteredEmbeddingError,
    ExistingEmbeddingError,
    ForeignModelError,
    Id,
    LoadError,
    SchemaMissingError,
    SourceModelError,
    shown,
)
from sqlclust.sources.registered_rows import is_registered
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.transactions import PATIENCE, write_transaction
from sqlclust.store.read_back import refuse_vanished
from sqlclust.vectors.blobs import ITEM_BYTES, check_blob, check_dimension

Existing = Literal["error", "ignore", "replace"]

_MAX_ID = 2**63 - 1


class NewEmbedding(Protocol):
    """A row to load. `run_id` and `sequence_number` are given both or neither; an id of None gets the next number."""

    @property
    def id(self) -> Id | None:
        """Of any type SQLite has."""

    @property
    def vector(self) -> bytes:
        """In stored form, finite."""

    @property
    def content(self) -> str | None:
        """What was embedded, if it is text."""

    @property
    def run_id(self) -> Id | None:
        """The run it belongs to."""

    @property
    def sequence_number(self) -> int | None:
        """Its place in the run, 0 or more."""


@dataclass
class Loaded:
    """How many rows a load wrote, and left as they were because they were there.

    Attributes:
        added: new embeddings.
        replaced: embeddings that got the new vector, content or step.
        ignored: embeddings left as they were.
        runs: new runs.
        invocations: new steps of runs.
        predictions: stored predictions deleted, because they were made of a vector that was replaced.
    """

    added: int = 0
    replaced: int = 0
    ignored: int = 0
    runs: int = 0
    invocations: int = 0
    predictions: int = 0


def load_embeddings(
    database: Database,
    embedding_model: str,
    rows: Iterable[NewEmbedding],
    *,
    existing: Existing = "error",
    create_tables: bool = False,
    patience: float = PATIENCE,
) -> Loaded:
    """Write embeddings of a model in one transaction; the write lock is held while `rows` is iterated.

    Args:
        database: in no transaction.
        existing: what to do with a row whose embedding is there, of an earlier load or an earlier row: refuse everything,
            leave it as it is, or put the new vector, content and step of a run in its place.
        create_tables: apply schema.sql in the same transaction if our tables are not there.

    Raises:
        LoadError: ids or vectors that do not fit those that are there.
        DimensionMismatchError: a vector of another dimension than the model's.
        SchemaMissingError, LockedError, DatabaseFileError, and whatever `rows` raises; nothing was written.

    Cost: O(log n) per row.
    """
    with loading(database, create_tables=create_tables, patience=patience):
        loader = Loader(database, embedding_model, existing)
        for row in rows:
            loader.add(row)
    return loader.loaded


@contextmanager
def loading(database: Database, *, create_tables: bool, patience: float) -> Iterator[None]:
    """The transaction of a load, which has our tables.

    Raises:
        SchemaMissingError: they are not there, and are not to be made.
        LockedError, DatabaseFileError: as of `write_transaction`.
    """
    with write_transaction(database, doing="loading", patience=patience):
        if create_tables:
            schema.initialize(database)
        elif schema.version(database) is None:
            raise SchemaMissingError(database.filename)
        yield


_FIRST = "SELECT typeof(id) FROM main.Embedding WHERE embedding_model = ? ORDER BY created_at {way} LIMIT 1"
_SMALLEST = "SELECT typeof(id) FROM main.Run ORDER BY id {way} LIMIT 1"


def id_types(database: Database, embedding_model: str) -> tuple[str | None, str | None]:
    """The type of a model's ids, and that of all runs' ids: 'text', 'integer', …; None if there are none, or of several types.

    Two ids are looked at of each. Of a model they are the first and the last that came. Of the runs they are the smallest and
    the largest: SQLite sorts by type, so all between them are of that type too.

    Cost: O(log n).
    """
    ends = [
        {statements.value(database, sql.format(way=way), bindings) for way in ("ASC", "DESC")}
        for sql, bindings in ((_FIRST, (embedding_model,)), (_SMALLEST, ()))
    ]
    of_ids, of_runs = (next(iter(types)) if len(types) == 1 else None for types in ends)
    return of_ids, of_runs


_INSERT = """
INSERT INTO main.Embedding (id, invocation_id, embedding_model, vector, content) VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING
"""
_DIMENSION = "SELECT length(vector) FROM main.Embedding WHERE embedding_model = ? LIMIT 1"
_BY_ID = "SELECT id, embedding_model, vector, rowid FROM main.Embedding WHERE id = ?"
_BY_STEP = """
SELECT id, embedding_model, vector, rowid FROM main.Embedding WHERE invocation_id = ? AND embedding_model = ?
"""
# what is not given stays: a file without texts does not take those there away
_UPDATE = """
UPDATE OR IGNORE main.Embedding
SET vector = :vector, content = coalesce(:content, content), invocation_id = coalesce(:invocation_id, invocation_id)
WHERE id = :id
"""
_USED_BY = "SELECT clustering_result_id FROM main.EmbeddingCluster WHERE embedding_id = ? ORDER BY 1"
_FORGET_PREDICTIONS = "DELETE FROM main.EmbeddingPrediction WHERE embedding_id = ?"
_INSERT_RUN = "INSERT INTO main.Run (id) VALUES (?) ON CONFLICT DO NOTHING"
_FIND_STEP = "SELECT id FROM main.Invocation WHERE run_id = ? AND sequence_number = ?"
_INSERT_STEP = "INSERT INTO main.Invocation (id, run_id, sequence_number) VALUES (?, ?, ?)"
# numbers sort before TEXT, so this reads one entry of the index
_LARGEST_INTEGER = "SELECT id FROM main.{table} WHERE id < '' AND typeof(id) = 'integer' ORDER BY id DESC LIMIT 1"


class Loader:
    """Adds rows one after the other, inside a transaction."""

    def __init__(self, database: Database, embedding_model: str, existing: Existing) -> None:
        if is_registered(database, embedding_model):
            raise SourceModelError(embedding_model)
        self.loaded = Loaded()
        self._database, self._model, self._existing = database, embedding_model, existing
        self._width: int | None = statements.value(database, _DIMENSION, (embedding_model,))
        self._numbers = _Numbers(database, "Embedding")
        self._step_numbers = _Numbers(database, "Invocation")
        # later rowids are of this load
        self._last_rowid: int = statements.value(database, "SELECT coalesce(max(rowid), 0) FROM main.Embedding")

    def add(self, row: NewEmbedding) -> None:
        """Write one, or find what is there in its place."""
        self._check_vector(row.vector)
        step = self._step(row.run_id, row.sequence_number)
        embedding_id = row.id
        if embedding_id is None:
            embedding_id = self._numbers.next()
        else:
            self._numbers.seen(embedding_id)
        statements.run(self._database, _INSERT, (embedding_id, step, self._model, row.vector, row.content))
        if self._database.changes:
            self.loaded.added += 1
        else:
            self._add_existing(row, embedding_id, step)

    def _check_vector(self, vector: bytes) -> None:
        subject = f"a new vector of model {shown(self._model)}"
        check_blob(vector, subject)
        if self._width is not None:
            check_dimension(len(vector) // ITEM_BYTES, self._width // ITEM_BYTES, subject)
        self._width = len(vector)

    def _add_existing(self, row: NewEmbedding, embedding_id: Id, step: Id | None) -> None:
        """The insert met an embedding of this id, or of this step of a run."""
        there = None if row.id is None else statements.first_row(self._database, _BY_ID, (row.id,))
        if there is None:
            there = statements.first_row(self._database, _BY_STEP, (step, self._model))
            if there is None:
                refuse_vanished(self._database, "Embedding")
            if row.id is not None:
                raise ExistingEmbeddingError(embedding_id=row.id, taken=self._step_taken(row, there[0]))
        there_id, model, vector, rowid = there
        if model != self._model:
            raise ForeignModelError(embedding_id=there_id, found=model, expected=self._model)
        if self._existing == "ignore":
            self.loaded.ignored += 1
        elif self._existing == "replace":
            self._replace(row, there_id, vector, step)
        elif row.id is None:
            raise ExistingEmbeddingError(embedding_id=embedding_id, taken=self._step_taken(row, there_id))
        else:
            again = "came twice" if rowid > self._last_rowid else "is already in the database"
            raise ExistingEmbeddingError(embedding_id=row.id, taken=again)

    def _replace(self, row: NewEmbedding, embedding_id: Id, vector: bytes, step: Id | None) -> None:
        if row.vector != vector:
            results = [int(found[0]) for found in statements.all_rows(self._database, _USED_BY, (embedding_id,))]
            if results:
                raise ClusteredEmbeddingError(embedding_id=embedding_id, clustering_result_ids=results)
            self._forget_predictions(embedding_id)
        values = {"vector": row.vector, "content": row.content, "invocation_id": step, "id": embedding_id}
        statements.run(self._database, _UPDATE, values)
        if not self._database.changes:
            taken_by = statements.first_row(self._database, _BY_STEP, (step, self._model))
            if taken_by is None:
                refuse_vanished(self._database, "Embedding")
            raise ExistingEmbeddingError(embedding_id=embedding_id, taken=self._step_taken(row, taken_by[0]))
        self.loaded.replaced += 1

    def _forget_predictions(self, embedding_id: Id) -> None:
        """They were made of a vector that is replaced or goes."""
        statements.run(self._database, _FORGET_PREDICTIONS, (embedding_id,))
        self.loaded.predictions += self._database.changes

    def _step_taken(self, row: NewEmbedding, taken_by: Id) -> str:
        return (
            f"is of step {row.sequence_number} of run {shown(row.run_id)}, which has embedding {shown(taken_by)} "
            f"of model {shown(self._model)} already"
        )

    def _step(self, run_id: Id | None, sequence_number: int | None) -> Id | None:
        """The Invocation of that place in a run, made if it is not there."""
        if run_id is None or sequence_number is None:
            if run_id is not None or sequence_number is not None:
                given = f"run_id {shown(run_id)} and sequence_number {shown(sequence_number)}"
                raise LoadError(f"found {given}, expected both or neither")
            return None
        found = statements.first_row(self._database, _FIND_STEP, (run_id, sequence_number))
        if found is not None:
            step: Id = found[0]
            return step
        statements.run(self._database, _INSERT_RUN, (run_id,))
        self.loaded.runs += self._database.changes
        number = self._step_numbers.next()
        statements.run(self._database, _INSERT_STEP, (number, run_id, sequence_number))
        self.loaded.invocations += 1
        return number


class _Numbers:
    """Ids for rows without one: each larger than every integer id so far."""

    def __init__(self, database: Database, table: str) -> None:
        found = statements.first_row(database, _LARGEST_INTEGER.format(table=table))
        self._largest: int = max(0, found[0]) if found else 0

    def next(self) -> int:
        if self._largest == _MAX_ID:
            raise LoadError(f"a row without an id cannot be numbered: {_MAX_ID} is taken")
        self._largest += 1
        return self._largest

    def seen(self, embedding_id: Id) -> None:
        """Take note of an id that is given."""
        if isinstance(embedding_id, float) and embedding_id.is_integer():  # 5.0 and 5 are one id to SQLite
            embedding_id = int(embedding_id)
        if isinstance(embedding_id, int) and embedding_id > self._largest:
            self._largest = min(embedding_id, _MAX_ID)
