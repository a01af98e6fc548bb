"""The two implementations of the port, each on a database of its own of the same SQLite, and what each of them does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from unittest.mock import patch

import apsw

from sqlclust.bindings.apsw.database import ApswDatabase
from sqlclust.bindings.loadable import attach
from sqlclust.bindings.loadable.database import HostDatabase
from sqlclust.sqlite.database import Bindings, Database
from tests.extension import load_extension

Act = Callable[[Database], object]


class Both(NamedTuple):
    """The same database twice."""

    first: ApswDatabase
    host: HostDatabase
    connections: tuple[apsw.Connection, apsw.Connection]

    def each(self) -> list[tuple[Database, apsw.Connection]]:
        """With its connection."""
        return [(self.first, self.connections[0]), (self.host, self.connections[1])]

    def do(self, act: Act) -> list[object]:
        """What both do, which is the same: values, and the error at the end if there is one."""
        by_apsw, by_host = done(self.first, act), done(self.host, act)
        assert by_host == by_apsw
        return by_host

    def rows(self, sql: str, bindings: Bindings = None) -> list[object]:
        """All that `Database.rows` gives."""
        return self.do(lambda database: rows(database, sql, bindings))

    def many(self, sql: str, many: Iterable[Bindings]) -> list[object]:
        """All that `Database.rows_of_many` gives."""
        return self.do(lambda database: rows_of_many(database, sql, many))


@contextmanager
def host_databases() -> Iterator[list[HostDatabase]]:
    """What the extension has of each connection that loads it meanwhile."""
    made: list[HostDatabase] = []

    class Seen(HostDatabase):
        def __init__(self, routines: Any) -> None:
            super().__init__(routines)
            made.append(self)

    with patch.object(attach, "HostDatabase", Seen):
        yield made


def host_database(connection: apsw.Connection) -> HostDatabase:
    """What the extension has of a connection, which loads it now."""
    with host_databases() as made:
        load_extension(ApswDatabase(connection))
    return made[0]


def both(name: str = ":memory:") -> Both:
    """Of databases in memory; or of two files."""
    one, two = (apsw.Connection(name.format(number)) for number in (1, 2))
    return Both(ApswDatabase(one), host_database(two), (one, two))


def done(database: Database, act: Act) -> list[object]:
    """What an act gives, one after the other, and the error that ends it; then nothing is open."""
    found: list[object] = []
    try:
        result = act(database)
        if hasattr(result, "__next__"):
            for value in result:  # type: ignore[attr-defined]  # an iterator
                found.append(value)
        else:
            found.append(result)
    except Exception as error:
        found.append(told(error))
    assert not database.is_reading or database.in_transaction
    return [*found, database.in_transaction, database.total_changes]


def told(error: Exception) -> tuple[str, int | None, str]:
    """An error: our class, or Python's; SQLite's code; the text."""
    ours = next((kind for kind in type(error).__mro__ if kind.__module__.startswith("sqlclust.errors")), type(error))
    text = re.sub(r"only \d+ left", "too few left", str(error))  # APSW counts those that were taken, too
    return ours.__name__, getattr(error, "code", None), text


def rows(database: Database, sql: str, bindings: Bindings = None) -> Any:
    with database.rows(sql, bindings) as found:
        for row in found:
            yield row, found.columns, found.is_readonly


def rows_of_many(database: Database, sql: str, many: Iterable[Bindings]) -> Any:
    with database.rows_of_many(sql, many) as found:
        yield from found
