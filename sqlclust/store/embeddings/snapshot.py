"""Whether embeddings are still what they were when they were read. That is looked at when a result of them is published."""

from __future__ import annotations

import time
from itertools import islice

import numpy as np

from sqlclust.core.runtime.control import Control
from sqlclust.errors import Id, MembersGoneError, MembersReplacedError
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.transactions import translated_errors
from sqlclust.store.embeddings.ids import sort_key
from sqlclust.store.embeddings.origin import Origin
from sqlclust.store.embeddings.points import Points
from sqlclust.vectors.blobs import STORED

_BATCH = 1024
_BRIEF = 0.25
"""Seconds. A comparison that takes no longer may be made with the write lock held, while other writers wait."""

_TRIES = 3
"""A longer one is made so often without the lock, in the hope that nobody commits meanwhile."""


class Snapshot:
    """Embeddings as they were read, to compare with what is there when their result is published.

    SQLite can say at once whether anyone has committed anything since (`data_version`). If nobody has, nothing is read. Else
    the embeddings are read again and compared, byte for byte, before the write lock is taken (`check`).

    Somebody may commit between the comparison and the lock (`holds`). Then it is compared once more. If that is quick, it is
    done with the lock held. If it takes longer than a quarter of a second, the lock is given back first, so that nobody
    waits; after three comparisons without a quiet moment the next one is made with the lock held all the same.

    Args:
        database: where their result is published.
        points: as they were read.
        origin: where they were read.
        version: `data_version` before they were read.

    Cost: nothing if nobody commits. Comparing 1.4 million vectors of 768 dimensions takes five to ten seconds, if the system
    has them in memory.
    """

    def __init__(self, database: Database, points: Points, origin: Origin, *, version: int) -> None:
        self._database, self._points, self._origin = database, points, origin
        self._version = version
        self._tries = 0
        self._seconds = 0.0

    def check(self, control: Control) -> None:
        """Compare, if anything was committed since the last time. To be called outside of a transaction.

        Raises:
            MembersGoneError: some are deleted.
            MembersReplacedError: some have another vector, or belong to another model.
            StatementInterrupted
        """
        with translated_errors(self._database, doing="reading the embeddings again"):
            version = self._origin.data_version()
            if version == self._version:
                return
            with control.phase("check"):
                self._compare(control)
        self._version = version  # as it was before comparing: a commit meanwhile is noticed next time
        self._tries += 1

    def holds(self) -> bool:
        """Whether they are still the same; False if `check` is to be called first, without the lock.

        To be called inside the write transaction.

        Raises:
            as `check`.
        """
        if self._origin.data_version() == self._version:
            return True
        if self._tries == 0 or (self._tries < _TRIES and self._seconds > _BRIEF):
            return False
        self._compare()
        return True

    def _compare(self, control: Control | None = None) -> None:
        started = time.perf_counter()
        points, database = self._points, self._database
        row_of = {embedding_id: row for row, embedding_id in enumerate(points.ids)}
        seen = np.zeros(len(points), dtype=np.bool_)
        replaced: list[Id] = []
        done = 0
        with self._origin.member_rows(points.ids) as rows:
            while batch := list(islice(rows, _BATCH)):
                for embedding_id, vector in batch:
                    row = row_of.get(embedding_id)
                    if row is None:
                        continue
                    seen[row] = True
                    if not self._is_same(row, vector):
                        replaced.append(embedding_id)
                done += len(batch)
                if control is not None:
                    control.at(done / len(points))
                database.check_interrupt()
        missing = [points.ids[row] for row in np.flatnonzero(~seen).tolist()]
        if missing or replaced:
            self._explain(missing, replaced)
        self._seconds = time.perf_counter() - started

    def _is_same(self, row: int, vector: bytes | None) -> bool:
        """Whether a row's vector is what was read."""
        return bool(self._points.vectors[row].astype(STORED, copy=False).tobytes() == vector)

    def _explain(self, missing: list[Id], replaced: list[Id]) -> None:
        gone = self._origin.missing(missing)
        if gone:
            raise MembersGoneError(embedding_id=min(gone, key=sort_key), missing=len(gone))
        example = min([*missing, *replaced], key=sort_key)
        change = "was given another vector" if example in replaced else "was given to another model"
        raise MembersReplacedError(embedding_id=example, change=change, changed=len(missing) + len(replaced))
