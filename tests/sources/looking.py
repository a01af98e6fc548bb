"""Databases of the tests here, and what is found in them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from struct import pack

import apsw

from sqlclust.bindings.apsw.database import database_of
from sqlclust.sources import Source, find_sources
from sqlclust.sqlite.layout import quoted

HOSTS = Path(__file__).with_name("hosts")


def vectors(n: int, dimension: int = 4) -> list[bytes]:
    """Float32 vectors of usual sizes."""
    return [pack(f"<{dimension}f", *((i * 7 + j * 3) % 11 / 8 - 0.5 for j in range(dimension))) for i in range(n)]


def unsynced(path: Path | str) -> apsw.Connection:
    """A file whose making need not survive a power cut."""
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA synchronous = OFF")
    return connection


def host(name: str, path: Path | str = ":memory:") -> apsw.Connection:
    """A database that another program made; see hosts/make.py."""
    connection = unsynced(path)
    connection.execute((HOSTS / f"{name}.sql").read_text(encoding="utf-8"))
    return connection


def made(*statements: str, rows: tuple[str, list[tuple[object, ...]]] | None = None) -> apsw.Connection:
    """A database of these statements."""
    connection = apsw.Connection(":memory:")
    for statement in statements:
        connection.execute(statement)
    if rows is not None:
        connection.executemany(*rows)
    return connection


def with_vectors(connection: apsw.Connection, name: str, rows: Sequence[bytes]) -> apsw.Connection:
    """One more table, of an INTEGER key and a column `v`."""
    connection.execute(f"CREATE TABLE {quoted(name)} (id INTEGER PRIMARY KEY, v BLOB)")
    connection.executemany(f"INSERT INTO {quoted(name)} VALUES (?, ?)", enumerate(rows))
    return connection


def found(connection: apsw.Connection) -> list[Source]:
    """All sources."""
    return find_sources(database_of(connection))


def brief(connection: apsw.Connection) -> list[tuple[object, ...]]:
    """Of each source: name, kind, vector column, format, dimension, rows."""
    return [
        (source.name, source.kind, source.vector_column, source.format, source.dimension, source.n_rows)
        for source in found(connection)
    ]
