"""The records that describe functions to whoever binds, documents or tests them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, TypeVar

from sqlclust.core.runtime.control import Control
from sqlclust.sqlite.database import Database, Row
from sqlclust.store.embeddings.points import Points

T = TypeVar("T")


class Context(Protocol):
    """What a binding lends a function that computes for long or uses the database."""

    @property
    def database(self) -> Database:
        """The database whose statement calls the function."""

    def run(self, work: Callable[[Control], T]) -> T:
        """Run `work` so that interrupts of the database stop it."""


class PointsHandle:
    """What clust_points gives: SQL carries it as a pointer, table functions receive it as it is.

    Attributes:
        points: the ids and vectors.
        memo: results of table functions, by function and options: SQLite asks a table function again for every row of an
            outer table.
    """

    def __init__(self, points: Points) -> None:
        self.points = points
        self.memo: dict[object, Any] = {}

    @cached_property
    def contents(self) -> str:
        """A hash that is the same for handles on the same points: a statement may collect them twice. O(n·dimension)."""
        return self.points.fingerprint().corpus_hash


class Aggregate(Protocol):
    """One group of an aggregate function.

    It may have `step_many`, too: a binding that has many rows at hand then gives it those, a sequence for each argument. What
    is wrong with a row may be said some rows later.
    """

    def step(self, *args: Any) -> None:
        """Take a row's arguments."""

    def final(self) -> Any:
        """The group's value; an Exception, a None, a plain SQLite value or a PointsHandle."""


@dataclass(frozen=True, kw_only=True)
class Function:
    """What all records have.

    Attributes:
        name: in SQL.
        args: names of the arguments.
        optional: how many of the last arguments may be left out.
        summary: one sentence for the reference.
        example: a statement, ` -- ` and what it gives; executed by the tests.
        innocuous: a small pure helper that even a schema may use; anything else runs from top-level SQL only.
    """

    name: str
    args: tuple[str, ...] = ()
    optional: int = 0
    summary: str
    example: str
    innocuous: bool = False

    @property
    def argument_counts(self) -> range:
        """The numbers of arguments the function may be called with."""
        return range(len(self.args) - self.optional, len(self.args) + 1)

    @property
    def signature(self) -> str:
        """As in the reference: `clust_distance(a, b [, metric])`."""
        first = len(self.args) - self.optional
        optional = "".join(f" [, {name}]" for name in self.args[first:])
        return f"{self.name}({', '.join(self.args[:first])}{optional})".replace("( [, ", "([")


@dataclass(frozen=True, kw_only=True)
class ScalarFunction(Function):
    """A scalar function; `function(*args)`, with `context=` first if `uses_context`."""

    function: Callable[..., Any]
    uses_context: bool = False
    returns: str = ""


@dataclass(frozen=True, kw_only=True)
class AggregateFunction(Function):
    """An aggregate function; `factory()` makes one group."""

    factory: Callable[[], Aggregate]
    returns: str = ""


@dataclass(frozen=True, kw_only=True)
class TableFunction(Function):
    """A table function; `function(context, **args)` gives rows with a value for every column, hidden ones last.

    Attributes:
        columns: name → declared type ('' for any).
        hidden_columns: as columns; not part of SELECT *.
    """

    function: Callable[..., Iterable[Row]]
    columns: Mapping[str, str] = field(default_factory=dict)
    hidden_columns: Mapping[str, str] = field(default_factory=dict)
