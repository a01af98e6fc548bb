"""Sources that are kept, read back: listed with what a look says of them; a row edited by hand is an error that says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.errors import (
    SourceDamagedError,
    SqlclustError,
    UnknownSourceError,
)
from sqlclust.schema import VERSION
from sqlclust.sources import Source, find_sources
from sqlclust.sources.registered_rows import Registered, registered, registered_names, registered_or_damaged
from sqlclust.store.sources.registered import register
from sqlclust.vectors.formats import FORMAT_NAMES
from tests.sources.looking import found
from tests.store.sources.noting import a_result, of

# --- looking ---


def test_a_table_that_is_gone_or_altered_is_said(note: apsw.Connection) -> None:
    sqlclust.source(note, "docs", table="note")
    note.execute("ALTER TABLE note RENAME COLUMN slug TO key")
    [listed] = [source for source in found(note) if source.registered]
    assert (listed.vector_column, listed.remark[:60]) == (
        None,
        "its table is altered: table 'note' has no column 'slug'; its"[:60],
    )
    note.execute("ALTER TABLE note RENAME TO elsewhere")
    names = {source.name: source for source in found(note)}
    assert names["docs"].remark == "its table is gone: there is no table 'note'"
    assert names["docs"].vector_column is None
    assert names["elsewhere"].registered is False


def test_rows_that_results_have_are_no_model(note: apsw.Connection) -> None:
    sqlclust.source(note, "docs", table="note")
    a_result(note, "docs")
    assert [(source.name, source.kind) for source in found(note)] == [("docs", "table")]


def test_a_format_that_changed_is_said(note: apsw.Connection) -> None:
    sqlclust.source(note, "note")
    note.execute("UPDATE note SET embedding = '[0.5, 1, 2]'")
    [listed] = found(note)
    assert "registered as float32, and looks like json now" in listed.remark


# --- read back ---

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12)
values = (
    st.none()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.binary(max_size=5)
)
parameter = st.none() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | text
names = st.lists(text, min_size=1, max_size=3, unique_by=str.lower).map(tuple)
sources = st.builds(
    Source,
    name=text, kind=text, table_name=text, id_columns=names, vector_column=text, content_column=st.none() | text,
    format=st.sampled_from(FORMAT_NAMES), dimension=st.none() | st.integers(1, 2**63 - 1), registered=st.just(True),
    stored=st.sampled_from(["rows", "vec0"]), only=st.none() | st.tuples(text, values),
)  # fmt: skip


@st.composite
def kept_sources(draw: st.DrawFn) -> Registered:
    condition = draw(st.none() | text)
    parameters = (
        None if condition is None else draw(st.none() | st.dictionaries(text, parameter, min_size=1, max_size=3))
    )
    return Registered(
        source=draw(sources), database=draw(st.none() | text), format_is_said=draw(st.booleans()), condition=condition,
        parameters=parameters,
    )  # fmt: skip


@pytest.mark.parametrize(
    "encoding", ["UTF-8", *(pytest.param(each, marks=pytest.mark.slow) for each in ("UTF-16le", "UTF-16be"))]
)
@settings(max_examples=60)
@given(several=st.lists(kept_sources(), min_size=1, max_size=3, unique_by=lambda kept: kept.name.encode().lower()))
def test_what_is_kept_comes_back(encoding: str, several: list[Registered]) -> None:
    con = apsw.Connection(":memory:")
    con.pragma("encoding", encoding)
    sqlclust.register(con)
    sqlclust.initialize(con)
    database = database_of(con)
    for kept in several:
        register(database, kept)
    assert {kept.name: kept for kept in registered_or_damaged(database)} == {kept.name: kept for kept in several}
    for kept in several:
        assert registered(database, kept.name) == kept
    assert len([source for source in find_sources(database) if source.registered]) == len(several)
    con.close()


DAMAGE: list[tuple[str, object, str]] = [
    ("id_columns", "[1]", "a JSON array of the names of different columns"),
    ("id_columns", '["a", "A"]', "a JSON array of the names of different columns"),
    ("id_columns", '["a", ""]', "a JSON array of the names of different columns"),
    ("id_columns", '["\\ud800"]', "a JSON array of the names of different columns"),
    ("format", "float31", "'float32' or 'float64'"),
    ("storage", "chunks", "'rows' or 'vec0'"),
    ("table_name", "", "EmbeddingSource.table_name is empty, expected TEXT"),
    ("vector_column", "a\0b", "TEXT with a NUL character"),
    ("kind", "", "is empty"),
    ("content_column", "x" * (1 << 20) + "x", "TEXT of 1,048,577 bytes, expected at most 1,048,576"),
    ("parameters", '{"a": [1]}', "a JSON object of texts, numbers and nulls"),
    ("parameters", '{"a": true}', "a JSON object of texts, numbers and nulls"),
    ("parameters", '{"a": 1e999}', "a JSON object of texts, numbers and nulls"),
    ("condition", None, "EmbeddingSource.parameters is there without a condition, expected NULL"),
]


@pytest.mark.parametrize(("column", "value", "message"), DAMAGE)
def test_a_row_edited_by_hand(note: apsw.Connection, column: str, value: object, message: str) -> None:
    sqlclust.source(note, "docs", table="note", where="lang = :l", parameters={"l": "en"})
    note.execute(f"UPDATE EmbeddingSource SET {column} = ?", (value,))
    reads: list[Callable[[], object]] = [
        lambda: of(note, "docs"),
        lambda: sqlclust.source(note, "docs", content="body"),
    ]
    for read in reads:
        with pytest.raises(SourceDamagedError) as caught:
            read()
        assert message in str(caught.value)
        assert caught.value.name == "docs"
    listed = {source.name: source for source in found(note)}
    assert (listed["docs"].vector_column, listed["docs"].registered) == (None, True)
    assert message in listed["docs"].remark
    assert listed["note"].vector_column == "embedding"
    assert sqlclust.delete_source(note, "docs") == 0


def test_text_that_is_no_unicode(note: apsw.Connection) -> None:
    sqlclust.source(note, "docs", table="note")
    for column in ("table_name", "kind", "content_column", "part_column"):
        note.execute("SAVEPOINT s")
        note.execute(f"UPDATE EmbeddingSource SET {column} = CAST(x'ff' AS TEXT)")
        with pytest.raises(SourceDamagedError, match=f"{column} is no Unicode text"):
            of(note, "docs")
        note.execute("ROLLBACK TO s; RELEASE s")
    note.execute("UPDATE EmbeddingSource SET name = CAST(x'ff' AS TEXT)")
    assert [source.registered for source in found(note)] == [True, False]


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE VIEW EmbeddingSource AS SELECT trap() AS name",
        "CREATE TABLE EmbeddingSource (name TEXT, kind AS (trap()))",
        "CREATE TABLE EmbeddingSource (name TEXT)",
        "CREATE VIRTUAL TABLE EmbeddingSource USING fts5 (name, kind, database, table_name, storage, id_columns, vector_column, "
        "content_column, format, format_is_said, dimension, part_column, part_value, condition, parameters); "
        "INSERT INTO EmbeddingSource (name) VALUES ('docs')",
    ],
)
def test_a_table_of_that_name_that_is_not_ours_is_not_read(note: apsw.Connection, sql: str) -> None:
    called: list[object] = []

    def trap(*values: object) -> int:
        called.append(values)
        return 1

    note.create_scalar_function("trap", trap, deterministic=True)
    note.pragma("trusted_schema", True)
    note.execute(
        f"CREATE TABLE SqlclustMigration (version INTEGER); INSERT INTO SqlclustMigration VALUES ({VERSION}); {sql}"
    )
    assert of(note, "docs") is None
    assert [source.registered for source in found(note) if source.kind == "table"] == [False]
    assert called == []


def test_files_without_sources(tmp_path: Path) -> None:
    con = apsw.Connection(":memory:")
    assert (registered_names(database_of(con)), registered(database_of(con), "x")) == ([], None)
    sqlclust.register(con)
    sqlclust.initialize(con)
    assert (registered_names(database_of(con)), registered(database_of(con), "x")) == ([], None)
    assert issubclass(UnknownSourceError, SqlclustError)
