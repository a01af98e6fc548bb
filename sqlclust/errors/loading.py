"""Embeddings that come in: the files they are read from, and the rows that are there already."""

from __future__ import annotations

from collections.abc import Sequence

from sqlclust.errors.base import Id, SqlclustError
from sqlclust.errors.wording import shown


class InputFileError(SqlclustError):
    """A file of vectors, ids or texts that cannot be read."""

    def __init__(self, path: str, *, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path, self.reason = path, reason


class LoadError(SqlclustError):
    """New embeddings that do not fit those there are, or cannot be had; nothing of their load was written."""


class HostTableError(LoadError):
    """A table of another program that cannot be read: it, or a column, is not there, is damaged, or would have to be run."""

    def __init__(self, reason: str, *, table: str, column: str | None = None) -> None:
        super().__init__(reason)
        self.table, self.column = table, column


class UnknownTableError(HostTableError):
    """A name that no table, view or source of a file has."""

    def __init__(self, reason: str, *, table: str, known: Sequence[str]) -> None:
        """Known: the sources that can be clustered."""
        super().__init__(reason, table=table)
        self.known = tuple(known)


class ExistingEmbeddingError(LoadError):
    """A new embedding whose id, or whose step of a run, is taken."""

    def __init__(self, *, embedding_id: Id, taken: str) -> None:
        super().__init__(f"embedding {shown(embedding_id)} {taken}")
        self.embedding_id, self.taken = embedding_id, taken


class ForeignModelError(LoadError):
    """A new embedding whose id belongs to an embedding of another model."""

    def __init__(self, *, embedding_id: Id, found: str, expected: str) -> None:
        super().__init__(
            f"embedding {shown(embedding_id)} belongs to model {shown(found)}, expected {shown(expected)}: an id is used once "
            f"over all models, so give these ids a prefix, such as '{expected}:'"
        )
        self.embedding_id, self.found, self.expected = embedding_id, found, expected


class SourceModelError(LoadError):
    """New embeddings of a model that has the name of a source, whose vectors are in a table of their own."""

    def __init__(self, embedding_model: str) -> None:
        super().__init__(
            f"{shown(embedding_model)} is a source of this file: its vectors stay in the table that they are in, and none are "
            "loaded; give these another model name"
        )
        self.embedding_model = embedding_model


class ClusteredEmbeddingError(LoadError):
    """A vector that would be replaced although a result is made of it."""

    def __init__(self, *, embedding_id: Id, clustering_result_ids: Sequence[int]) -> None:
        results = ", ".join(map(str, clustering_result_ids))
        super().__init__(
            f"the vector of embedding {shown(embedding_id)} cannot be replaced, clustering result {results} is made of it; "
            "delete the result first, or load the vector under a new id"
        )
        self.embedding_id, self.clustering_result_ids = embedding_id, tuple(clustering_result_ids)
