"""A file that somebody made to do harm, and the ways in which it is opened."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

import sqlclust


def by_us(path: Path) -> apsw.Connection:
    return sqlclust.connect(path)


def by_a_trusting_host(path: Path) -> apsw.Connection:
    """A host's own connection, on which the schema of the file is trusted: SQLite's default."""
    con = apsw.Connection(str(path))
    con.pragma("trusted_schema", True)
    con.pragma("foreign_keys", True)
    con.execute("SELECT count(*) FROM Embedding").fetchall()  # the schema is read before our functions are there
    sqlclust.register(con)
    return con


OPENED = {"sqlclust.connect": by_us, "a trusting host": by_a_trusting_host}
opened = pytest.mark.parametrize("open_database", OPENED.values(), ids=OPENED)
Open = Callable[[Path], apsw.Connection]


# --- triggers and constraints that change what is written ---------------------------------------------------------


def trigger(when: str, table: str, body: str, condition: str = "") -> str:
    return f"CREATE TRIGGER trap {when} ON {table} {f'WHEN {condition} ' if condition else ''}BEGIN {body}; END"
