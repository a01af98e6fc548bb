"""The members of a stored fit: the embeddings it is of, if they still are what they were."""

from __future__ import annotations

from itertools import islice
from zlib import crc32

import numpy as np

from sqlclust.core.runtime.control import Control
from sqlclust.errors import FitDamagedError, Id, MembersChangedError
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.transactions import translated_errors
from sqlclust.store.embeddings.buffer import GrowingBytes
from sqlclust.store.embeddings.ids import sort_key
from sqlclust.store.embeddings.points import Points, points_of
from sqlclust.store.embeddings.snapshot import member_rows
from sqlclust.store.fits.stored_fit import StoredFit
from sqlclust.store.memory import check_cutting
from sqlclust.vectors.blobs import ITEM_BYTES, STORED

_REPORT = 1024


def member_points(database: Database, stored: StoredFit, control: Control) -> Points:
    """The embeddings a fit is of, as they are now, if they still are as they were.

    Raises:
        MembersChangedError: some are gone or have another vector; names the first.
        OutOfMemoryError: there is no room for them, and for what cutting takes; none was read.

    Cost: O(n·dimension), one read of the vectors.
    """
    check_cutting(len(stored.ids), stored.record.dimension)
    expected = dict(zip(stored.ids, stored.row_checks.tolist(), strict=True))
    ids: list[Id] = []
    changed: list[Id] = []
    buffer = GrowingBytes()
    with (
        translated_errors(database, doing="reading the embeddings"),
        control.phase("load"),
        member_rows(database, stored.ids, stored.record.embedding_model) as rows,
    ):
        while batch := list(islice(rows, _REPORT)):
            for embedding_id, vector in batch:
                if (check := expected.get(embedding_id)) is None:
                    continue
                if isinstance(vector, bytes) and crc32(vector) == check:
                    ids.append(embedding_id)
                    buffer.append(vector)
                else:
                    changed.append(embedding_id)
            control.at(len(ids) / len(stored.ids))
            database.check_interrupt()
    there = {*ids, *changed}
    gone = [embedding_id for embedding_id in stored.ids if embedding_id not in there]
    for which, change in ((gone, "is gone"), (changed, "has another vector")):
        if which:
            raise MembersChangedError(
                embedding_id=min(which, key=sort_key), change=change, changed=len(which), clustering_fit_id=stored.id
            )
    dimension = stored.record.dimension
    vectors = buffer.take()
    if len(vectors) != len(ids) * dimension * ITEM_BYTES:
        raise FitDamagedError(stored.id, reason="its vectors have another dimension")
    return points_of(ids, vectors.view(STORED).reshape(len(ids), dimension).astype(np.float32, copy=False))
