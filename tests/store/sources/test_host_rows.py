"""Rows of a table that another program keeps: what cannot be read, as a program is told it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sqlclust.bindings.apsw.database import database_of
from sqlclust.errors import HostTableError
from sqlclust.sources import Source
from sqlclust.store.sources.host_rows import host_rows
from tests.sources.looking import host, made

PLAIN = Source(name="t", kind="table", table_name="t", id_columns=("id",), vector_column="v")
VEC0 = Source(
    name="plain", kind="vec0", table_name="plain", id_columns=("id",), vector_column="embedding", stored="vec0"
)


@pytest.mark.parametrize(
    ("source", "changed", "table", "column"),
    [
        (PLAIN, {"table_name": "none"}, "none", None),
        (PLAIN, {"table_name": "seen"}, "seen", None),
        (PLAIN, {"id_columns": ("id", "more")}, "t", "more"),
        (PLAIN, {"vector_column": "G"}, "t", "g"),
        (PLAIN, {"content_column": "text"}, "t", "text"),
        (VEC0, {"table_name": "plain_rowids"}, "plain_rowids", None),
        (VEC0, {"vector_column": "other"}, "plain", "other"),
    ],
)
def test_what_cannot_be_read_is_named(source: Source, changed: dict[str, Any], table: str, column: str | None) -> None:
    statements = ("CREATE TABLE t (id, v, g AS (v))", "CREATE VIEW seen AS SELECT id, v FROM t")
    connection = host("vec0") if source is VEC0 else made(*statements)
    with pytest.raises(HostTableError) as caught:
        list(host_rows(database_of(connection), replace(source, **changed)))
    assert (caught.value.table, caught.value.column) == (table, column)


def test_a_damaged_chunk_of_vec0_is_an_error_as_it_is_for_a_fit() -> None:
    connection = host("vec0")
    connection.execute("DELETE FROM plain_vector_chunks00 WHERE rowid = 2")
    with pytest.raises(HostTableError, match="chunk 2 of the vec0 table 'plain' is damaged: its vectors are not there"):
        list(host_rows(database_of(connection), VEC0))
