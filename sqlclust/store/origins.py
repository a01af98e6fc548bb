"""Which origin a name has: vectors of our own, or a source."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlclust.sqlite.database import Database
from sqlclust.store.embeddings.origin import Origin
from sqlclust.store.embeddings.own_vectors import OwnVectors


@contextmanager
def origin_of(database: Database, embedding_model: str) -> Iterator[Origin]:
    """Where the vectors of a name are."""
    yield OwnVectors(database, embedding_model)
