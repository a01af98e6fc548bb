"""The members of a stored fit: the embeddings it is of, if they still are what they were."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any
from zlib import crc32

import numpy as np

from sqlclust.core.runtime.control import Control
from sqlclust.errors import FitDamagedError, Id, MembersChangedError
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.transactions import translated_errors
from sqlclust.store.embeddings.buffer import GrowingBytes
from sqlclust.store.embeddings.ids import sort_key
from sqlclust.store.embeddings.origin import Origin
from sqlclust.store.embeddings.points import Points, points_of
from sqlclust.store.fits.stored_fit import StoredFit
from sqlclust.store.memory import check_cutting
from sqlclust.vectors.blobs import ITEM_BYTES, STORED

_REPORT = 1024
"""Rows between two looks at progress and interrupts."""


class _Found:
    """What of a fit's embeddings is there: of each that is as it was, id and vector; of each other, its id."""

    def __init__(self, stored: StoredFit) -> None:
        self._checksums = dict(zip(stored.ids, stored.row_checks.tolist(), strict=True))
        self.ids: list[Id] = []
        self.vectors = GrowingBytes()
        self.changed: list[Id] = []

    def take(self, batch: Iterable[tuple[Any, ...]]) -> None:
        """Take ids with their vectors; those that are none of the fit's are passed over."""
        for embedding_id, vector in batch:
            if (checksum := self._checksums.get(embedding_id)) is None:
                continue
            if isinstance(vector, bytes) and crc32(vector) == checksum:
                self.ids.append(embedding_id)
                self.vectors.append(vector)
            else:
                self.changed.append(embedding_id)


def member_points(database: Database, stored: StoredFit, origin: Origin, control: Control) -> Points:
    """The embeddings a fit is of, as they are now, if they still are as they were.

    Raises:
        MembersChangedError: some are gone or have another vector; names the first.
        OutOfMemoryError: there is no room for them, and for what cutting takes; none was read.

    Cost: O(n·dimension), one read of the vectors.
    """
    n, dimension = len(stored.ids), stored.record.dimension
    check_cutting(n, dimension)
    found = _Found(stored)
    with (
        translated_errors(database, doing="reading the embeddings"),
        control.phase("load"),
        origin.member_rows(stored.ids) as rows,
    ):
        while batch := list(islice(rows, _REPORT)):
            found.take(batch)
            control.at(len(found.ids) / n)
            database.check_interrupt()
    _check_all_there(stored, found)
    vectors = found.vectors.take()
    if len(vectors) != n * dimension * ITEM_BYTES:
        raise FitDamagedError(stored.id, reason="its vectors have another dimension")
    return points_of(found.ids, vectors.view(STORED).reshape(n, dimension).astype(np.float32, copy=False))


def _check_all_there(stored: StoredFit, found: _Found) -> None:
    there = {*found.ids, *found.changed}
    gone = [embedding_id for embedding_id in stored.ids if embedding_id not in there]
    for ids, change in ((gone, "is gone"), (found.changed, "has another vector")):
        if ids:
            raise MembersChangedError(
                embedding_id=min(ids, key=sort_key), change=change, changed=len(ids), clustering_fit_id=stored.id
            )
