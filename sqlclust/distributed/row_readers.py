"""Vectors of an SQLite file by the numbers of their rows: of a range of a table's key, or of some rows only.

Numbers are the values of an integer key; of vec0, a chunk and a place in it. Who reads here runs no condition: which rows are
meant was found by the client. But a view is SQL of the file; it is run as the client runs it, without what may do harm.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.layout import quoted
from sqlclust.store.sources.by_number import PLACES

Numbered = Generator[tuple[int, Any]]
"""Numbers, each with its vector as it is stored."""

_AT_A_TIME = 512
"""Rows that are looked up before the first of them is given."""


def condition_of(said: dict[str, Any]) -> tuple[str, list[Any]]:
    """That a row is meant, as SQL, and the values of its placeholders; `said` as `DatabaseRows` has it."""
    some = f"length({quoted(said['vector'])}) > 0" if said.get("some") else "1"
    if said["part"] is None:
        return some, []
    return f"{some} AND {quoted(said['part'][0])} = ? COLLATE BINARY", [said["part"][1]]


def row_named(said: dict[str, Any], number: int) -> str:
    """A row for messages."""
    if said["stored"] == "vec0":
        return f"place {number % PLACES} of chunk {number // PLACES} of {said['table']}"
    return f"{said['key']} {number}"


def select(said: dict[str, Any], columns: str) -> str:
    """The statement up to its condition. Without an index, or SQLite may look through all rows of a model for each range."""
    table = f"main.{quoted(said['table'])}"
    return f"SELECT {columns} FROM {table if said['stored'] == 'view' else f'{table} NOT INDEXED'}"


def between(database: Database, said: dict[str, Any], first: int, last: int) -> Numbered:
    """All rows that are meant from one number to another, ascending."""
    meant, bindings = condition_of(said)
    key, vector = quoted(said["key"]), quoted(said["vector"])
    sql = f"{select(said, f'{key}, {vector}')} WHERE {meant} AND {key} BETWEEN ? AND ? ORDER BY 1"
    with statements.each_row(database, sql, [*bindings, first, last]) as rows:
        yield from rows


def of_numbers(database: Database, said: dict[str, Any], numbers: NDArray[np.int64]) -> Numbered:
    """Those of some numbers that are there, in the order that the numbers have; that is ascending but of a table."""
    return _READERS[said["stored"]](database, said, numbers)


def _looked_up(database: Database, said: dict[str, Any], numbers: NDArray[np.int64]) -> Numbered:
    meant, bindings = condition_of(said)
    key, vector = quoted(said["key"]), quoted(said["vector"])
    sql = f"{select(said, f'{key}, {vector}')} WHERE {meant} AND {key} = ?"
    with statements.one_moment(database):  # a read transaction for each row takes longer than reading it
        for start in range(0, len(numbers), _AT_A_TIME):
            chosen = [(*bindings, number) for number in numbers[start : start + _AT_A_TIME].tolist()]
            with statements.each_row_of_many(database, sql, chosen) as rows:
                found = [*rows]
            yield from found


def _of_view(database: Database, said: dict[str, Any], numbers: NDArray[np.int64]) -> Numbered:
    """In one pass: a view may look through all of its tables for each row."""
    wanted = {*numbers.tolist()}
    for number, vector in between(database, said, int(numbers[0]), int(numbers[-1])):
        if number in wanted:
            yield number, vector


def _of_chunks(database: Database, said: dict[str, Any], numbers: NDArray[np.int64]) -> Numbered:
    """Each chunk once."""
    width = said["width"]
    sql = f"{select(said, quoted(said['vector']))} WHERE {quoted(said['key'])} = ?"
    chunks, starts = np.unique(numbers // PLACES, return_index=True)
    for chunk, rows in zip(chunks.tolist(), np.split(numbers, starts[1:]), strict=True):
        blob = statements.value(database, sql, (chunk,))
        for number in rows.tolist() if isinstance(blob, bytes) else ():
            place = number % PLACES
            if len(blob) >= (place + 1) * width:
                yield number, blob[place * width : (place + 1) * width]


_READERS: dict[str, Callable[[Database, dict[str, Any], NDArray[np.int64]], Numbered]] = {
    "rows": _looked_up,
    "view": _of_view,
    "vec0": _of_chunks,
}
