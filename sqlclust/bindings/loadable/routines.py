"""What sqlclust.c lets Python do with a connection."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, Protocol, overload

Number = Literal["changes", "total_changes", "autocommit", "readonly", "txn_state", "is_interrupted", "data_version"]


class Statement(Protocol):
    """A prepared statement: a capsule, which finalizes it when it goes."""


class Routines(Protocol):
    """One function for each method, bound to the connection. Errors of SQLite are raised as ours.

    Of a connection that is closed, and of a statement that is finalized, all raise RuntimeError.
    """

    def prepare(self, sql: bytes, offset: int, /) -> tuple[Statement | None, int]:
        """The statement that begins there, None if there is none; and where the text goes on."""

    def finalize(self, statement: Statement, /) -> None:
        """End a statement now."""

    def describe(self, statement: Statement, /) -> tuple[tuple[str, ...], tuple[str | None, ...], int, int]:
        """Names of its columns, names of its placeholders, whether it writes nothing, whether it is an EXPLAIN."""

    def bind(self, statement: Statement, values: tuple[Any, ...], /) -> None:
        """Begin again, with as many values as it has placeholders."""

    def fetch(self, statement: Statement, limit: int, /) -> tuple[list[tuple[Any, ...]], int]:
        """The next rows; and whether those were the last. An error after the first of them is raised by the next call."""

    def run_many(self, statement: Statement, many: Iterable[Any], convert: Callable[[Any], tuple[Any, ...]], /) -> None:
        """Run it for each item; rows are passed over. What is no tuple of as many values as it has placeholders is converted."""

    @overload
    def get(self, what: Number, /) -> int: ...
    @overload
    def get(self, what: Literal["version"], /) -> str: ...
    @overload
    def get(self, what: Literal["filename"], /) -> str | None: ...

    def config(self, operation: int, value: int, /) -> int:
        """sqlite3_db_config(): set what has that number, or not where `value` is -1; what it then is."""

    def busy_timeout(self, milliseconds: int, /) -> None:
        """sqlite3_busy_timeout()."""

    def busy_handler(self, handler: Callable[[int], bool], /) -> None:
        """sqlite3_busy_handler()."""

    def create_collation(self, name: str, compare: Callable[[str, str], int], /) -> None:
        """sqlite3_create_collation_v2()."""

    def create_function(self, name: str, count: int, flags: int, function: Callable[..., Any], kind: int, /) -> None:
        """sqlite3_create_function_v2(): `kind` 0 is a scalar function, 1 an aggregate, whose function makes a group with
        `step` and `final`, 2 one whose groups have `step_many`, too.
        """

    def create_module(self, name: str, connect: Callable[[], tuple[str, Any, int, int]], /) -> None:
        """sqlite3_create_module_v2(): `connect` gives a declaration, a `HostTable`, and how many columns are visible and are
        arguments.
        """

    def open(self, name: str, flags: int, /) -> Mapping[str, Any]:
        """Another connection of the same SQLite: the functions of a `Routines`, by name."""

    def close(self) -> None:
        """Close a connection that `open` made, and the statements that it still has."""
