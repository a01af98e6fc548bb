"""Keeping a copy up to date: embeddings of a model become what the rows of a table are now.

A result is made of vectors, and the schema keeps the embeddings that one uses. So a vector that a result uses stays as it was,
and is counted; it is replaced by the next copy after the result was deleted.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sqlclust.errors import AlteredError, ExistingEmbeddingError, ForeignModelError, Id
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.transactions import PATIENCE
from sqlclust.store.embeddings.loading import Loaded, Loader, NewEmbedding, loading
from sqlclust.store.read_back import foreign_triggers, refuse_vanished


@dataclass
class Synced(Loaded):
    """What a copy changed, and what it left as it was.

    Attributes:
        replaced: embeddings that got the new vector or content.
        unchanged: embeddings that were the same already.
        kept_changed: embeddings whose vector is another one now, and that stay as they were since a result uses them.
        deleted: embeddings deleted, because their row is gone.
        kept_gone: embeddings whose row is gone, and that stay since a result uses them.
        gone: embeddings whose row is gone, and that stay since deleting was not asked for.
    """

    unchanged: int = 0
    kept_changed: int = 0
    deleted: int = 0
    kept_gone: int = 0
    gone: int = 0


def sync_embeddings(
    database: Database,
    embedding_model: str,
    rows: Iterable[NewEmbedding],
    *,
    has_content: bool,
    delete_gone: Callable[[], bool],
    create_tables: bool = False,
    patience: float = PATIENCE,
) -> Synced:
    """Make a model's embeddings what `rows` are, in one transaction; the write lock is held while they are iterated.

    Args:
        database: in no transaction.
        rows: all of them, each with an id, none with a run.
        has_content: whether rows have contents; otherwise those there stay.
        delete_gone: asked when all rows are iterated: whether embeddings of the model that are not among them are to be deleted,
            unless a result uses them.
        create_tables: apply schema.sql in the same transaction if our tables are not there.

    Raises:
        LoadError: ids or vectors that do not fit those that are there; an id that comes twice.
        DimensionMismatchError: a vector of another dimension than the model's.
        SchemaMissingError, LockedError, DatabaseFileError, and whatever `rows` raises; nothing was written.

    Cost: O(log n) per row; a bit of memory for each embedding there, and eight bytes for each that is gone.
    """
    with loading(database, create_tables=create_tables, patience=patience):
        syncer = _Syncer(database, embedding_model, has_content=has_content)
        for row in rows:
            syncer.add(row)
        syncer.end(delete_gone=delete_gone())
    return syncer.synced


_THERE = "SELECT embedding_model, vector, content, rowid FROM main.Embedding WHERE id = ?"
_USED = "SELECT 1 FROM main.EmbeddingCluster WHERE embedding_id = ? LIMIT 1"
_SET = "UPDATE main.Embedding SET vector = ?, content = ? WHERE id = ?"
_ROWIDS = "SELECT rowid FROM main.Embedding WHERE embedding_model = ?"
_ROWID = "SELECT rowid FROM main.Embedding WHERE id = ?"
_LARGEST_ROWID = (1 << 63) - 1
_ID = "SELECT id FROM main.Embedding WHERE rowid = ?"
_DELETE = "DELETE FROM main.Embedding WHERE id = ?"


class _Syncer(Loader):
    def __init__(self, database: Database, embedding_model: str, *, has_content: bool) -> None:
        super().__init__(database, embedding_model, "error")
        self.loaded = self.synced = Synced()
        self._has_content = has_content
        self._seen = _Seen(self._last_rowid)

    def add(self, row: NewEmbedding) -> None:
        """As of a loader; what is new is no row that is gone."""
        added = self.synced.added
        super().add(row)
        if self._last_rowid == _LARGEST_ROWID and self.synced.added > added:
            # SQLite takes free ones at random then, which are not later ones
            self._seen.add(statements.value(self._database, _ROWID, (row.id,)))

    def _add_existing(self, row: NewEmbedding, embedding_id: Id, step: Id | None) -> None:
        there = statements.first_row(self._database, _THERE, (embedding_id,))
        if there is None:
            refuse_vanished(self._database, "Embedding")
        model, vector, content, rowid = there
        if model != self._model:
            raise ForeignModelError(embedding_id=embedding_id, found=model, expected=self._model)
        if rowid > self._last_rowid or not self._seen.add(rowid):
            raise ExistingEmbeddingError(embedding_id=embedding_id, taken="came twice")
        new_content = row.content if self._has_content else content
        if row.vector == vector and new_content == content:
            self.synced.unchanged += 1
            return
        if row.vector != vector:
            if statements.first_row(self._database, _USED, (embedding_id,)) is not None:
                self.synced.kept_changed += 1
                return
            self._forget_predictions(embedding_id)
        statements.run(self._database, _SET, (row.vector, new_content, embedding_id))
        self._check_changed("not the new row")
        self.synced.replaced += 1

    def _check_changed(self, found: str) -> None:
        """Raise AlteredError if a trigger of the file kept the last statement from its row."""
        if not self._database.changes:
            triggers = foreign_triggers(self._database, ("Embedding",))
            raise AlteredError("Embedding", found=found, expected="another", triggers=triggers)

    def end(self, *, delete_gone: bool) -> None:
        """After the last row: what is gone is counted, and deleted."""
        with statements.each_row(self._database, _ROWIDS, (self._model,)) as rowids:
            gone = array("q", (rowid for (rowid,) in rowids if rowid <= self._last_rowid and rowid not in self._seen))
        if not delete_gone:
            self.synced.gone = len(gone)
            return
        for rowid in gone:
            embedding_id: Id = statements.value(self._database, _ID, (rowid,))
            if statements.first_row(self._database, _USED, (embedding_id,)) is not None:
                self.synced.kept_gone += 1
                continue
            self._forget_predictions(embedding_id)
            statements.run(self._database, _DELETE, (embedding_id,))
            self._check_changed("the row that was deleted")
            self.synced.deleted += 1


class _Seen:
    """A set of rowids from 1 to a largest one: a bit for each, unless they are far apart."""

    def __init__(self, largest: int) -> None:
        self._bits = bytearray(largest // 8 + 1) if largest < 1 << 33 else None
        self._others: set[int] = set()

    def __contains__(self, rowid: int) -> bool:
        if self._bits is None or rowid < 0:
            return rowid in self._others
        return bool(self._bits[rowid >> 3] & 1 << (rowid & 7))

    def add(self, rowid: int) -> bool:
        """Whether it was not there yet."""
        if rowid in self:
            return False
        if self._bits is None or rowid < 0:
            self._others.add(rowid)
        else:
            self._bits[rowid >> 3] |= 1 << (rowid & 7)
        return True
