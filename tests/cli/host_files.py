"""Databases of other programs, of which a table is copied."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apsw

from tests.cli.terminal import rows
from tests.small import blob
from tests.sources.looking import host


def host_file(path: Path, *statements: str, rows: Sequence[tuple[Any, ...]] = ()) -> Path:
    """A database of another program; the last statement is run for each of `rows`."""
    connection = apsw.Connection(str(path))
    for statement in statements[:-1] if rows else statements:
        connection.execute(statement)
    if rows:
        with connection:
            connection.executemany(statements[-1], rows)
    connection.close()
    return path


def made_by(program: str, path: Path) -> Path:
    """A database as that program makes it; see tests/sources/hosts."""
    host(program, path).close()
    return path


def notes(path: Path, *, values: Sequence[tuple[Any, ...]] = ()) -> Path:
    values = values or [("a", blob(1, 2), "one"), ("b", blob(3, 4), None)]
    table = "CREATE TABLE notes (id PRIMARY KEY, embedding BLOB, body TEXT)"
    return host_file(path, table, "INSERT INTO notes VALUES (?, ?, ?)", rows=values)


def change(path: Path, *statements: str) -> None:
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA foreign_keys = ON")
    for statement in statements:
        connection.execute(statement)
    connection.close()


def ids_in(path: Path) -> list[Any]:
    return [id for (id,) in rows(path, "SELECT id FROM Embedding ORDER BY id")]
