"""A file of another program with a table of vectors, for tests of what is done to it and of what is never done to it."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import apsw

from sqlclust.sqlite.layout import quoted
from tests.small import clustered

N = 40
_SCHEMA = Path(__file__).resolve().parents[2] / "schema.sql"
_OBJECTS = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name"
_VIEW_OF_OURS = "-- sqlclust: the clusters of source "


def make(path: Path, *, journal: str = "delete", n: int = N, table: str = "note") -> Path:
    """A file with a table of n notes: slug, body, embedding. Three clusters and four of noise."""
    con = apsw.Connection(str(path))
    con.pragma("synchronous", "OFF")
    assert con.pragma("journal_mode", journal) == journal
    con.execute(f"CREATE TABLE {quoted(table)} (slug TEXT PRIMARY KEY, body TEXT, embedding BLOB)")
    rows = [(f"note {i}", f"text {i}", vector.tobytes()) for i, vector in enumerate(clustered(n))]
    con.executemany(f"INSERT INTO {quoted(table)} VALUES (?, ?, ?)", rows)
    con.close()
    return path


@cache
def _ours() -> frozenset[object]:
    """What schema.sql makes, with its text."""
    con = apsw.Connection(":memory:")
    con.execute(_SCHEMA.read_text(encoding="utf-8"))
    found = frozenset(con.execute(_OBJECTS).fetchall())
    con.close()
    return found


def foreign_rows(path: Path | str) -> str:
    """A hash of all that is not ours in a file: the schema's text, and every row, types and all."""
    con = apsw.Connection(str(path))
    try:
        return foreign_rows_of(con)
    finally:
        con.close()


def foreign_rows_of(con: apsw.Connection, *, but: str = "") -> str:
    """As `foreign_rows`, by a connection that is there; but for one table, which looks like none of ours."""
    found = hashlib.sha256()
    for entry in con.execute(_OBJECTS).fetchall():
        kind, name, _, sql = entry
        if entry in _ours() or entry[2] == but or (kind == "view" and _VIEW_OF_OURS in str(sql)):
            continue
        found.update(repr(entry).encode())
        if kind == "table" and not str(sql).upper().startswith("CREATE VIRTUAL"):
            # generated columns would be computed; TEXT may be no Unicode
            columns = [quoted(str(row[1])) for row in con.execute(f"PRAGMA table_info({quoted(str(name))})")]
            values = [f"typeof({c}), CASE typeof({c}) WHEN 'text' THEN CAST({c} AS BLOB) ELSE {c} END" for c in columns]
            for row in con.execute(f"SELECT {', '.join(values)} FROM {quoted(str(name))} NOT INDEXED"):
                found.update(repr(row).encode())
    return found.hexdigest()


def has_nothing_of_ours(con: apsw.Connection) -> bool:
    """Whether no table, view, index or trigger of ours is in a file."""
    there = con.execute(_OBJECTS).fetchall()
    return not any(entry in _ours() or _VIEW_OF_OURS in str(entry[3]) for entry in there)
