"""TEXT that is not UTF-8 is found by its bytes in whichever table of the file has it."""

from __future__ import annotations

import apsw
import pytest

from sqlclust.bindings.apsw.database import database_of
from sqlclust.sqlite.undecodable import not_unicode

BYTES = b"id\xff"


def named(con: apsw.Connection) -> str:
    error = UnicodeDecodeError("utf-8", BYTES, 2, 3, "invalid start byte")
    return str(not_unicode(database_of(con), error)).partition(" x'6964ff' ")[0]


@pytest.mark.parametrize(
    ("table", "column"),
    [("Host", "id"), ('a "quoted" table', "a column"), ("sqlite1", 'so"called'), ("order", "select")],
)
def test_a_column_of_any_table(con: apsw.Connection, table: str, column: str) -> None:
    quoted, of = (name.replace('"', '""') for name in (table, column))
    con.execute(f'CREATE TABLE "{quoted}" (first, "{of}")')
    con.execute(f"INSERT INTO \"{quoted}\" VALUES (1, CAST(x'6964ff' AS TEXT))")
    assert named(con) == f"{table}.{column}"


def test_the_same_bytes_as_a_blob_are_not_it(con: apsw.Connection) -> None:
    con.execute("CREATE TABLE Host (id); INSERT INTO Host VALUES (x'6964ff')")
    assert named(con) == "a value"


def test_no_view_and_no_virtual_table_is_read(con: apsw.Connection) -> None:
    """Reading one would run what is in the file."""
    asked = []

    def ask(*_: object) -> str:
        asked.append(True)
        return "id"

    con.pragma("trusted_schema", True)
    con.create_scalar_function("ask", ask)
    con.execute("CREATE VIEW Seen AS SELECT CAST(ask() AS TEXT) AS id")
    con.execute("CREATE VIRTUAL TABLE Words USING fts5(word)")
    assert named(con) == "a value"
    assert asked == []


def test_a_table_that_cannot_be_read_is_passed_over(con: apsw.Connection) -> None:
    con.create_collation("gone", lambda a, b: (a > b) - (a < b))
    con.execute("CREATE TABLE First (id COLLATE gone, b CHECK (b <> 2)); CREATE TABLE Host (id)")
    con.execute("INSERT INTO Host VALUES (CAST(x'6964ff' AS TEXT))")
    con.create_collation("gone", None)
    assert named(con) == "Host.id"
