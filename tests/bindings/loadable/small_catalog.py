"""A catalogue of functions that need nothing of NumPy, on an APSW connection that has loaded the extension."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any
from unittest.mock import patch

import apsw

from sqlclust.bindings import registration
from sqlclust.surface.records import AggregateFunction, ScalarFunction, TableFunction
from sqlclust.surface.version import VERSION

raised: list[Callable[[], BaseException]] = []
"""What the functions raise: the last; nothing if it is empty."""


def _raise(where: str, asked: object) -> None:
    if where == asked and raised:
        raise raised[-1]()


class Collected:
    def __init__(self) -> None:
        self.items: list[object] = []

    def step(self, item: object, where: object) -> None:
        _raise("step", where)
        self.items.append(item)

    def final(self) -> object:
        _raise("final", self.items[-1] if self.items else None)
        return len(self.items)


class CollectedMany(Collected):
    def step_many(self, items: Sequence[object], where: Sequence[object]) -> None:
        _raise("step_many", where[0])
        self.items.extend(items)


def rows(context: Any, n: Any, where: Any = None) -> Iterator[tuple[int, str]]:
    _raise("filter", where)
    if where == "lost":
        raise raised[-1]()
    return _rows(n, where)


def _rows(n: Any, where: Any) -> Iterator[tuple[int, Any]]:
    for row in range(n):
        if row == 2:
            _raise("next", where)
        yield row, object() if where == "column" and raised else f"row {row}"


def echo(value: Any, where: Any = None) -> Any:
    _raise("scalar", where)
    return 2**63 if where == "huge" else value


COMMON: dict[str, Any] = {"summary": "", "example": " -- "}
CATALOG = (
    *VERSION,
    ScalarFunction(name="t_echo", args=("value", "where"), optional=1, function=echo, **COMMON),
    AggregateFunction(name="t_count", args=("item", "where"), factory=Collected, **COMMON),
    AggregateFunction(name="t_count_many", args=("item", "where"), factory=CollectedMany, **COMMON),
    TableFunction(
        name="t_rows",
        args=("n", "where"),
        optional=1,
        function=rows,
        columns={"id": "INTEGER", "text": "TEXT"},
        **COMMON,
    ),
)
CALLS = {
    "scalar": "SELECT t_echo(1, 'scalar')",
    "step": "SELECT t_count(value, 'step') FROM json_each('[1, 2, 3]')",
    "step_many": "SELECT t_count_many(value, 'step_many') FROM json_each('[1, 2, 3]')",
    "final": "SELECT t_count(value, '') FROM json_each('[1, \"final\"]')",
    "filter": "SELECT * FROM t_rows(3, 'filter')",
    "next": "SELECT * FROM t_rows(9, 'next')",
    "column": "SELECT text FROM t_rows(3, 'column')",
}
"""A statement for each place where Python is called."""


def connection(path: str) -> apsw.Connection:
    """A database in memory with these functions."""
    made = apsw.Connection(":memory:")
    made.enable_load_extension(True)
    with patch.object(registration, "CATALOG", CATALOG):
        made.load_extension(path)
    return made
