"""What goes over and what does not: counted, named, with an example and a remedy."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlclust.adoption.source import OldTables
from sqlclust.core.runtime.control import Control
from sqlclust.diagnosis.families import Role
from sqlclust.errors import ConstraintError, Id
from sqlclust.sqlite.database import Database

REPORT_ROWS = 1_000
"""Rows between two reports of progress."""

AGAIN = "cluster again with sqlclust fit"
CORRECT = "correct the row in a copy of the old file, and adopt that"


class AdoptedResult(NamedTuple):
    """A result that went over.

    Attributes:
        old_id: its id in the old tables.
        id: its ClusteringResult id, None in a dry run.
        n_rows, n_clusters: its members, noise included, and its clusters.
    """

    old_id: Id
    id: int | None
    embedding_model: str
    n_rows: int
    n_clusters: int


class LeftOut(NamedTuple):
    """Rows that did not go over, or a result, or a link between rows.

    Attributes:
        table: where they are, under its old name.
        n: how many rows; 1 for a result.
        reason: why.
        example: one of them: its id, or its rowid and what its id is now.
        remedy: what to do.
    """

    table: str
    n: int
    reason: str
    example: Id | None
    remedy: str


class Copy:
    """One copy from the old tables into ours, inside a write transaction of the database that gets ours.

    Args:
        old: the database with the old tables; it may be `new`.
        new: the database with our tables, which are empty.
        stub: whether to write four bytes in place of every vector, for a dry run.
    """

    def __init__(
        self, old: Database, tables: OldTables, new: Database, control: Control, *, stub: bool = False
    ) -> None:
        self.old, self.tables, self.new, self.control, self.stub = old, tables, new, control, stub
        self._left: dict[tuple[str, str], LeftOut] = {}
        self.copied = {"run": 0, "invocation": 0, "embedding": 0}
        self.results: list[AdoptedResult] = []
        self.reading = ""
        """The table that is being read, for messages."""

    @property
    def left(self) -> list[LeftOut]:
        """What did not go over."""
        return [*self._left.values()]

    def leave(self, role: Role, reason: str, example: Any, remedy: str) -> None:
        """Leave a row out."""
        self.leave_out(self.tables.names[role], reason, example, remedy)

    def leave_out(self, table: str, reason: str, example: Any, remedy: str, *, n: int = 1, apart: str = "") -> None:
        """Leave rows out. Those of one table and reason are counted together, unless `apart` tells them apart."""
        key = (table, reason + apart)
        before = self._left.get(key)
        if before is None:
            self._left[key] = LeftOut(table, n, reason, example, remedy)
        else:
            self._left[key] = before._replace(n=before.n + n)

    def at(self, fraction: float) -> None:
        """How far the phase is. Raises StatementInterrupted."""
        self.new.check_interrupt()
        self.old.check_interrupt()
        self.control.at(fraction)


def refusal(error: ConstraintError) -> str:
    """Why our schema did not take a row."""
    return f"our schema refuses it: {error}"


def shown_id(place: object, identifier: Any) -> Any:
    """An id, or where the row is if the id tells nothing."""
    if isinstance(identifier, str | bytes):
        return identifier
    return f"rowid {place}, where the id is {identifier!r} now"
