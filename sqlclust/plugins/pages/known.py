"""What is known of Datasette's databases: which have our tables, and which tables of theirs are sources.

It is looked up again before a page if a database's schema has changed since: a fit in another program may have made our tables.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from sqlclust.plugins.harmless import harmless
from sqlclust.plugins.pages.descriptions import CLUSTER_COLUMNS, Description, descriptions, of_source_view

if TYPE_CHECKING:
    import sqlite3


@dataclass(frozen=True)
class SourceTable:
    """A host's table, or a part of it, that is a source.

    Attributes:
        table: None: it is in another file.
        part: (column, value) of its rows; None: it is the whole table.
        view: the rows with their clusters.
        view_key: the key's columns there. A view over rows of another file has `id`; none: their names are others there.
    """

    name: str
    table: str | None
    id_columns: tuple[str, ...]
    part: tuple[str, Any] | None
    view: str
    view_key: tuple[str, ...]


@dataclass(frozen=True)
class Known:
    """Of one database.

    Attributes:
        schema_version: SQLite's, which another schema has another of.
        described: our tables and views that are there, with what is said of them. Empty: it has none.
        sources: those that have a view; where the host's table is in another file, without a table.
    """

    schema_version: int
    described: dict[str, Description]
    sources: tuple[SourceTable, ...] = ()


_known: WeakKeyDictionary[Any, dict[str, Known]] = WeakKeyDictionary()
"""Of each Datasette, by the name of the database."""


def known_of(datasette: Any, database: str | None) -> Known | None:
    """What is known of a database that has our tables; None of another one."""
    known = _known.get(datasette, {}).get(database or "")
    return known if known and known.described else None


async def look_again(datasette: Any) -> list[str]:
    """Look at all databases; the names of those that have our tables and of which something new is known."""
    before, now = _known.get(datasette, {}), {}
    for name, database in [*datasette.databases.items()]:
        with harmless(
            "a database cannot be read"
        ):  # which Datasette says where it is asked for; others are known all the same
            now[name] = await database.execute_fn(_looking(before.get(name)))
    _known[datasette] = now
    return [name for name, known in now.items() if known.described and known is not before.get(name)]


def _looking(before: Known | None) -> Any:
    """What is run on a connection of Datasette's, in a thread of its own."""

    def look(connection: sqlite3.Connection) -> Known:
        [[version]] = connection.execute("PRAGMA schema_version")
        if before is not None and before.schema_version == version:
            return before
        with harmless("a database's tables are not known"):  # it may be anybody's; the others are known all the same
            return _look(connection, version)
        return Known(version, {})

    return look


_IS_OURS = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'SqlclustMigration'"
_COLUMNS = "SELECT name FROM pragma_table_xinfo(?)"
_SOURCES = """
SELECT s.name, iif(s.database IS NULL, s.table_name, NULL), s.id_columns, s.part_column, s.part_value, v.name
FROM EmbeddingSource s
JOIN sqlite_master v ON v.type = 'view' AND v.name = s.name || '_clusters'
"""


def _look(connection: sqlite3.Connection, version: int) -> Known:
    [[is_ours]] = connection.execute(_IS_OURS)
    if not is_ours:
        return Known(version, {})
    there = {name: _columns(connection, name) for name in descriptions()}
    sources = [*_sources(connection)] if there["EmbeddingSource"] else []
    described = {
        name: _of_columns(description, there[name]) for name, description in descriptions().items() if there[name]
    }
    for source in sources:
        described[source.view] = _of_columns(of_source_view(source.name), _columns(connection, source.view))
    return Known(version, described, tuple(sources))


def _columns(connection: sqlite3.Connection, name: str) -> set[str]:
    """Empty where there is no such thing, or a view whose table is gone."""
    try:
        return {row[0] for row in connection.execute(_COLUMNS, (name,))}
    except Exception:  # of whichever SQLite library Datasette has
        return set()


def _sources(connection: sqlite3.Connection) -> Iterable[SourceTable]:
    for name, table, id_columns, part_column, part_value, view in connection.execute(_SOURCES):
        key = tuple(json.loads(id_columns))
        part = None if part_column is None else (part_column, part_value)
        yield SourceTable(name, table, key, part, view, _view_key(key, _columns(connection, view)))


def _view_key(key: tuple[str, ...], columns: set[str]) -> tuple[str, ...]:
    """The columns of a source's view that have the key; none where a column of it has another name there."""
    if columns == {"id", *CLUSTER_COLUMNS}:
        return ("id",)
    return key if columns - {*CLUSTER_COLUMNS} >= {*key} else ()


def _of_columns(description: Description, there: set[str]) -> Description:
    """Without columns that are not there: those of a later version of ours."""
    columns = {name: text for name, text in description.columns.items() if name in there}
    label_column = description.label_column if description.label_column in there else None
    return Description(description.text, columns, label_column)
