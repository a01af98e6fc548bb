"""The records that describe functions to whoever binds, documents or tests them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, TypeVar

from sqlclust.core.runtime.control import Control
from sqlclust.errors import Id
from sqlclust.sqlite.database import Database, Row
from sqlclust.store.embeddings.points import Points
from sqlclust.terms.texts import Texts

T = TypeVar("T")


class Context(Protocol):
    """What a binding lends a function that computes for long or uses the database."""

    @property
    def database(self) -> Database:
        """The database whose statement calls the function."""

    def run(self, work: Callable[[Control], T], *, imports: bool = True) -> T:
        """Run `work` so that interrupts of the database stop it; `imports`: see `sqlite.interrupt.run`."""


class Handle(ABC):
    """What an aggregate collected: SQL carries it as a pointer, table functions receive it as it is.

    Attributes:
        memo: results of table functions, by function and options: SQLite asks a table function again for every row of an
            outer table.
    """

    def __init__(self) -> None:
        self.memo: dict[object, Any] = {}

    @property
    @abstractmethod
    def contents(self) -> str:
        """A hash that is the same for handles on the same contents: a statement may collect them twice."""


class PointsHandle(Handle):
    """What clust_points gives.

    Attributes:
        points: the ids and vectors.
    """

    def __init__(self, points: Points) -> None:
        super().__init__()
        self.points = points

    @cached_property
    def contents(self) -> str:
        """A hash that is the same for handles on the same points: a statement may collect them twice. O(n·dimension)."""
        return self.points.fingerprint().corpus_hash


class TextsHandle(Handle):
    """What clust_texts gives.

    Attributes:
        texts: with numbers for labels; noise is -1.
        labels: what each number from 0 stands for.
    """

    def __init__(self, texts: Texts, labels: Sequence[Id]) -> None:
        super().__init__()
        self.texts, self.labels = texts, labels

    @property
    def contents(self) -> str:
        """See `Handle`. O(words), once."""
        return f"{self.texts.fingerprint} {self.labels!r}"


class Aggregate(Protocol):
    """One group of an aggregate function.

    It may have `step_many`, too: a binding that has many rows at hand then gives it those, a sequence for each argument. What
    is wrong with a row may be said some rows later.
    """

    def step(self, *args: Any) -> None:
        """Take a row's arguments."""

    def final(self) -> Any:
        """The group's value; an Exception, a None, a plain SQLite value or a Handle."""


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


HANDLES = ("points", "result_or_texts")
"""Arguments that may be handles."""


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

    @property
    def handle_argument(self) -> str | None:
        """The argument that may be a handle, if there is one."""
        return next((name for name in self.args if name in HANDLES), None)
