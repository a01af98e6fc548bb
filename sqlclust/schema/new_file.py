"""What schema.sql makes, seen in a database in memory: nobody has to parse its text."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from functools import wraps
from typing import NamedTuple, TypeVar

from sqlclust.schema import versions
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database

T = TypeVar("T")

OBJECTS = "SELECT type, name FROM main.sqlite_schema WHERE name NOT LIKE 'sqlite_%'"


class Made(NamedTuple):
    """A table, index, view or trigger: its kind, its name and the text that makes it."""

    kind: str
    name: str
    sql: str


def of_a_new_file(look: Callable[[Database], T]) -> Callable[[Database], T]:
    """Look at what schema.sql makes: in memory, by the library of the database given, once for each SQLite there is."""
    seen: dict[tuple[str, str], T] = {}

    @wraps(look)
    def seen_once(database: Database) -> T:
        key = database.versions["sqlite"], versions.schema_sql()
        if key not in seen:
            with closing(database.opened(":memory:")) as new:
                statements.run(new, versions.schema_sql())
                seen[key] = look(new)
        return seen[key]

    return seen_once


@of_a_new_file
def objects(new: Database) -> dict[str, Made]:
    """The tables, views, indexes and triggers of schema.sql, by their names in lower case."""
    sql = "SELECT type, name, sql FROM main.sqlite_schema WHERE name NOT LIKE 'sqlite_%'"
    return {
        str(name).lower(): Made(str(kind), str(name), str(text)) for kind, name, text in statements.all_rows(new, sql)
    }


def object_names(database: Database) -> frozenset[str]:
    """Names of the tables, views, indexes and triggers of schema.sql, in lower case: SQLite compares them without case."""
    return frozenset(objects(database))
