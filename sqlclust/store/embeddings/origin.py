"""Where the vectors of a name are: what a fit, a cut, a prediction need to know of it, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

from sqlclust.core.runtime.control import Control
from sqlclust.errors import Id
from sqlclust.store.embeddings.points import Points
from sqlclust.store.embeddings.selection import CheckRows, Selection
from sqlclust.vectors.formats import FormatName

Rows = AbstractContextManager[Iterator[tuple[Any, Any]]]
"""Ids, each with its vector as little-endian float32; None for what is no such vector any more."""


OF_ORIGIN = ("source_where", "source_parameters")
"""What an origin may have `recorded`."""
WriteRows = Callable[[Sequence[Id], Sequence[Id]], None]
"""Called with ids and their `embedding_ids`, best in the order of the latter."""


class RowsNow(NamedTuple):
    """What is there now, told by ids.

    Attributes:
        n: rows that can be selected: all of an embedding model, or those of a source's table that have a vector.
        n_missing: by result, how many of its rows are not among them.
    """

    n: int
    n_missing: Mapping[int, int]


class Origin(Protocol):
    """The vectors of an embedding model, wherever they are.

    An id is what users see: that of an Embedding, or the key of a row of a source's table.
    """

    @property
    def embedding_model(self) -> str:
        """The name."""

    @property
    def has_condition(self) -> bool:
        """Whether a condition that is kept in the file, and that is run only on request, decides which vectors belong to it."""

    @property
    def recorded(self) -> dict[str, Any]:
        """What is kept of it with the parameters of a result."""

    @property
    def format(self) -> FormatName | None:
        """Of the rows' vectors, if that is known; None: float32, unless they look like another."""

    def data_version(self) -> int:
        """A number that changes with every commit to the file of the vectors. It means something in this process only."""

    def select(self, selection: Selection, control: Control, *, check: CheckRows | None = None) -> Points:
        """Read the selected rows; see `selection.select`."""

    def selected_rows(self, selection: Selection) -> Rows:
        """The selected rows as they are; none if there are none."""

    def selected_ids(self, selection: Selection) -> Sequence[Id]:
        """The ids of the selected rows. No vector is read that is longer than a page."""

    def rows_now(self, n_rows: Mapping[int, int]) -> RowsNow | None:
        """What is there now of the rows of some results, whatever those selected. No vector is read that is longer than a page,
        and no condition and no view is run.

        Args:
            n_rows: by result, how many rows it has.

        Returns:
            None where that would read too much, or run a view.
        """

    def member_rows(self, ids: Sequence[Id]) -> Rows:
        """Those of some ids that are there. There may be others among the rows."""

    def missing(self, ids: Sequence[Id]) -> list[Id]:
        """Those of some ids of which there is no row at all, not even of another model."""

    def embedding_ids(self, ids: Sequence[Id]) -> Sequence[Id]:
        """The ids of their rows of Embedding."""

    def members(self, clustering_result_id: int) -> AbstractContextManager[Iterator[Id]]:
        """The ids of a result's rows."""

    def labelled_texts(
        self, clustering_result_id: int, *, most: int | None = None
    ) -> AbstractContextManager[Iterator[tuple[Id, int, Any]]]:
        """Each of a result's rows with its label and its text; None, or anything else, where it has none.

        Args:
            most: rows of each label, the most probable; None: all.
        """

    def other_rows(self, clustering_result_id: int) -> Rows:
        """The rows that a result does not have."""

    def n_others(self, clustering_result_id: int) -> int:
        """How many those are at the most."""

    def prepare(self, medoids: Sequence[Id]) -> WriteRows:
        """Get ready to publish a result with these medoids; no lock is held yet.

        Returns:
            What writes the rows of Embedding that a result needs, inside the transaction that publishes it.
        """
