"""Vectors in our own table `Embedding`."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from typing import Any

from sqlclust.core.runtime.control import Control
from sqlclust.errors import Id
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database
from sqlclust.store.embeddings.origin import RowsNow, WriteRows
from sqlclust.store.embeddings.points import Points
from sqlclust.store.embeddings.selection import CheckRows, Selection, select, selected_ids, selected_rows

_VECTOR = "SELECT id, vector FROM main.Embedding WHERE id = ? AND embedding_model = ?"
_VECTORS = "SELECT id, vector FROM main.Embedding WHERE embedding_model = ?"
_COUNT = "SELECT count(*) FROM main.Embedding WHERE embedding_model = ?"
_SCAN_BELOW = 3
"""If more than one in so many of a model's vectors is wanted, reading all of them is quicker than looking those up."""
_EXISTS = "SELECT 1 FROM main.Embedding WHERE id = ?"
_MEMBERS = "SELECT embedding_id FROM main.EmbeddingCluster WHERE clustering_result_id = ?"

LABELLED = """
SELECT label, embedding_id FROM (
    SELECT label, embedding_id, row_number() OVER (PARTITION BY label ORDER BY probability DESC, embedding_id) AS place
    FROM main.EmbeddingCluster WHERE clustering_result_id = ?1)
WHERE place <= ?2
UNION ALL
SELECT label, embedding_id FROM main.EmbeddingCluster WHERE clustering_result_id = ?1 AND ?2 IS NULL
"""
"""A result's rows, of each label the most probable."""
# an item that a run made may have its text there
_TEXTS = f"""
SELECT e.id, labelled.label, coalesce(e.content, i.output_text)
FROM ({LABELLED}) labelled
CROSS JOIN main.Embedding e ON e.id = labelled.embedding_id
LEFT JOIN main.Invocation i ON i.id = e.invocation_id
"""
_OTHERS = """
SELECT {} FROM main.Embedding e
WHERE e.embedding_model = ?1
  AND NOT EXISTS (SELECT 1 FROM main.EmbeddingCluster ec WHERE ec.embedding_id = e.id AND ec.clustering_result_id = ?2)
"""

_COUNT_ALL = "SELECT count(*) FROM main.Embedding"
# which embeddings are the model's is known by their rowids: its index has those, and reading the rows would read vectors
_OF_MODEL = "+e.rowid IN (SELECT m.rowid FROM main.Embedding m WHERE m.embedding_model = ?1)"
_GONE = f"""
SELECT ec.clustering_result_id, count(*)
FROM (SELECT DISTINCT embedding_id AS id FROM main.EmbeddingCluster) member
CROSS JOIN main.EmbeddingCluster ec ON ec.embedding_id = member.id
WHERE NOT EXISTS (SELECT 1 FROM main.Embedding e WHERE e.id = member.id AND {_OF_MODEL})
  AND +ec.clustering_result_id IN (SELECT r.id FROM main.ClusteringResult r WHERE r.embedding_model = ?1)
GROUP BY 1
"""
_THERE = f"""
SELECT count(*) FROM main.EmbeddingCluster ec CROSS JOIN main.Embedding e ON e.id = ec.embedding_id
WHERE ec.clustering_result_id = ?2 AND {_OF_MODEL}
"""


def data_version(database: Database) -> int:
    """A number that changes with every commit to the main database, by anyone, this connection included.

    It means something in this process only.
    """
    # the statement looks at the file; the number alone would be that of the last look
    statements.run(database, "PRAGMA main.data_version")
    return database.data_version


class OwnVectors:
    """The embeddings of a model in `Embedding`; an `Origin`."""

    has_condition = False
    format = None

    def __init__(self, database: Database, embedding_model: str) -> None:
        self._database, self._model = database, embedding_model

    @property
    def embedding_model(self) -> str:
        """The name."""
        return self._model

    @property
    def recorded(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def data_version(self) -> int:
        """That of the database."""
        return data_version(self._database)

    def select(self, selection: Selection, control: Control, *, check: CheckRows | None = None) -> Points:
        """See `selection.select`."""
        return select(self._database, selection, control, check=check)

    def selected_rows(self, selection: Selection) -> AbstractContextManager[Iterator[tuple[Any, Any]]]:
        """See `selection.selected_rows`."""
        return selected_rows(self._database, selection)

    def selected_ids(self, selection: Selection) -> Sequence[Id]:
        """See `selection.selected_ids`."""
        return selected_ids(self._database, selection)

    def rows_now(self, n_rows: Mapping[int, int]) -> RowsNow | None:
        """How many embeddings the model has, and how many of each result's are not among them."""
        return RowsNow(
            statements.value(self._database, _COUNT, (self._model,)),
            without_embedding(self._database, self._model, n_rows),
        )

    def member_rows(self, ids: Sequence[Id]) -> AbstractContextManager[Iterator[tuple[Any, Any]]]:
        """Id and vector of those ids that are embeddings of the model."""
        if statements.value(self._database, _COUNT, (self._model,)) > _SCAN_BELOW * len(ids):
            return statements.each_row_of_many(self._database, _VECTOR, ((id, self._model) for id in ids))
        return statements.each_row(self._database, _VECTORS, (self._model,))

    def missing(self, ids: Sequence[Id]) -> list[Id]:
        """Those that no embedding has. Cost: a look-up for each."""
        return [id for id in ids if statements.first_row(self._database, _EXISTS, (id,)) is None]

    def embedding_ids(self, ids: Sequence[Id]) -> Sequence[Id]:
        """They are that themselves."""
        return ids

    def members(self, clustering_result_id: int) -> AbstractContextManager[Iterator[Id]]:
        """The ids of a result's rows."""
        return closing(first_values(self._database, _MEMBERS, (clustering_result_id,)))

    def labelled_texts(
        self, clustering_result_id: int, *, most: int | None = None
    ) -> AbstractContextManager[Iterator[tuple[Id, int, Any]]]:
        """The content of each of a result's rows; see `Origin`."""
        return statements.each_row(self._database, _TEXTS, (clustering_result_id, most))

    def other_rows(self, clustering_result_id: int) -> AbstractContextManager[Iterator[tuple[Any, Any]]]:
        """The embeddings of the model that a result does not have."""
        return statements.each_row(
            self._database, _OTHERS.format("e.id, e.vector"), (self._model, clustering_result_id)
        )

    def n_others(self, clustering_result_id: int) -> int:
        """How many those are."""
        sql = _OTHERS.format("count(*)")
        count: int = statements.value(self._database, sql, (self._model, clustering_result_id))
        return count

    def prepare(self, medoids: Sequence[Id]) -> WriteRows:
        """Nothing is to be written: the embeddings are there."""
        return lambda ids, embedding_ids: None


def first_values(database: Database, sql: str, bindings: tuple[object, ...]) -> Generator[Any, None, None]:
    """The first value of each row."""
    with statements.each_row(database, sql, bindings) as rows:
        for row in rows:
            yield row[0]


def without_embedding(database: Database, embedding_model: str, n_rows: Mapping[int, int]) -> dict[int, int]:
    """How many rows of each of some results have no row of Embedding of their model any more.

    Args:
        n_rows: by result, how many rows it has; all results of the model.

    Cost: by keys alone; a look-up for each different member of all results, however many have it, some 0.5 µs. In a file where
    those of other models are the most, one for each row of these results.
    """
    if sum(n_rows.values()) > statements.value(database, _COUNT_ALL):
        gone: dict[int, int] = dict(statements.all_rows(database, _GONE, (embedding_model,)))
        return {result_id: gone.get(result_id, 0) for result_id in n_rows}
    return {
        result_id: n - statements.value(database, _THERE, (embedding_model, result_id))
        for result_id, n in n_rows.items()
    }
