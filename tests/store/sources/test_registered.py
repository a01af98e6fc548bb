"""Keeping sources: what comes back is what was kept; what is no source is refused; a row edited by hand is an error."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import apsw
import pytest

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.errors import (
    ArgumentError,
    DatabaseFileError,
    FilterError,
    HostTableError,
    OptionError,
    SchemaConflictError,
    SchemaDamagedError,
    SourceInUseError,
    SourceNameError,
    TopLevelOnlyError,
    UnknownSourceError,
)
from sqlclust.sources.registered_rows import Registered, registered_names
from sqlclust.sqlite.layout import quoted
from tests.sources.looking import found, host
from tests.store.sources.noting import ROWS, a_result, noted, of
from tests.trust.foreign_host import foreign_rows_of

# --- keeping ---


def test_a_table_is_kept_as_it_is_found(note: apsw.Connection, caplog: pytest.LogCaptureFixture) -> None:
    before = foreign_rows_of(note)
    with caplog.at_level(logging.INFO, logger="sqlclust"):
        kept = sqlclust.source(note, "note")
    assert "our tables were added, to keep source 'note'" in caplog.text
    assert kept == Registered(source=kept.source)
    source = kept.source
    assert (source.table_name, source.id_columns, source.vector_column) == ("note", ("slug",), "embedding")
    assert (source.content_column, source.format, source.dimension) == ("body", "float32", 4)
    assert of(note, "note") is not None
    assert foreign_rows_of(note) == before
    assert note.execute("SELECT count(*) FROM Embedding").get == 0


def test_what_is_said_again_changes_and_the_rest_stays(note: apsw.Connection) -> None:
    sqlclust.source(note, "docs", table="note", id=["slug", "lang"], where="lang = :lang", parameters={"lang": "en"})
    steps: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"content": "LANG"}, {"content_column": "lang", "id_columns": ("slug", "lang")}),
        ({"format": "float64"}, {"format": "float64", "dimension": 2, "content_column": "lang"}),
        ({"table": "note"}, {"format": "float64", "content_column": "lang"}),
        ({"id": "slug"}, {"id_columns": ("slug",), "format": "float64"}),
    ]
    for said, expected in steps:
        sqlclust.source(note, "docs", **said)
        kept = of(note, "docs")
        assert kept is not None
        assert {name: getattr(kept.source, name) for name in expected} == expected
        assert (kept.condition, kept.parameters) == ("lang = :lang", {"lang": "en"})
        assert kept.format_is_said is (kept.source.format == "float64")
    sqlclust.source(note, "docs", parameters={"lang": "de"})
    assert (kept := of(note, "docs"))
    assert kept.parameters == {"lang": "de"}
    sqlclust.source(note, "docs", where="")
    assert (kept := of(note, "docs"))
    assert (kept.condition, kept.parameters) == (None, None)
    assert note.execute("SELECT count(*) FROM EmbeddingSource").get == 1


@pytest.mark.parametrize("program", ["llm", "langchain", "vec0", "datasette_embeddings", "sqlite_vector", "langgraph"])
def test_whatever_is_found_in_a_program_s_file_can_be_kept(program: str) -> None:
    con = host(program)
    there = [source for source in found(con) if source.vector_column is not None and source.format is not None]
    tables = [name for (name,) in con.execute("SELECT name FROM sqlite_schema WHERE rootpage > 0 AND type = 'table'")]
    tables = [
        name for name in tables if con.execute("SELECT count(*) FROM pragma_index_list(?)", (name,)).get is not None
    ]
    rows = {
        name: con.execute(f"SELECT * FROM {quoted(name)}").fetchall() for name in tables if name != "sqlite_sequence"
    }
    assert there
    for source in there:
        kept = sqlclust.source(con, source.name)
        assert (kept.source.table_name, kept.source.id_columns) == (source.table_name, source.id_columns)
        back = of(con, source.name)
        assert back is not None
        for name in ("kind", "table_name", "id_columns", "vector_column", "content_column", "format", "stored", "only"):
            assert getattr(back.source, name) == getattr(source, name), name
    listed = {source.name: source for source in found(con)}
    assert {source.name for source in there} <= {name for name, source in listed.items() if source.registered}
    for source in there:  # and each once, as it was found
        assert (listed[source.name].n_rows, listed[source.name].dimension) == (source.n_rows, source.dimension)
    assert len([one for one in listed.values() if one.vector_column is not None and one.format is not None]) == len(
        there
    )
    for name, before in rows.items():
        assert con.execute(f"SELECT * FROM {quoted(name)}").fetchall() == before


@pytest.mark.parametrize(
    "name",
    [
        "it's",
        'a "quoted" one',
        "two\nlines",
        "😀",
        "Embedding",
        "sqlite_x",
        "a" * 5000,
        "docs.embedding",
        "'); DROP TABLE note; --",
    ],
)
def test_any_name(note: apsw.Connection, name: str) -> None:
    note.execute(f"CREATE TABLE {quoted('t' + name)} (id INTEGER PRIMARY KEY, {quoted(name)} BLOB)")
    note.executemany(f"INSERT INTO {quoted('t' + name)} VALUES (?, ?)", [(i, row[2]) for i, row in enumerate(ROWS)])
    sqlclust.source(note, name, table="t" + name, vector=name)
    kept = of(note, name)
    assert kept is not None
    assert (kept.name, kept.source.table_name, kept.source.vector_column) == (name, "t" + name, name)
    assert [source.name for source in found(note) if source.registered] == [name]
    assert sqlclust.delete_source(note, name) == 0
    assert registered_names(database_of(note)) == []


def test_a_view(note: apsw.Connection) -> None:
    note.execute("CREATE VIEW english AS SELECT slug, body, embedding FROM note WHERE lang = 'en'")
    with pytest.raises(
        HostTableError, match="'english' is a view, which has no key: id says which columns name its rows"
    ):
        sqlclust.source(note, "english")
    kept = sqlclust.source(note, "english", id="SLUG", content="body")
    assert (kept.source.kind, kept.source.id_columns, kept.source.content_column) == ("view", ("slug",), "body")
    assert (kept.source.vector_column, kept.source.format, kept.source.dimension) == ("embedding", "float32", 4)
    [listed] = [source for source in found(note) if source.registered]
    assert (listed.name, listed.vector_column, listed.remark) == (
        "english",
        "embedding",
        "a view: not looked at, since that runs it",
    )
    with pytest.raises(
        HostTableError, match=r"view 'english' has no column 'lang'; its columns: 'slug', 'body', 'embedding'"
    ):
        sqlclust.source(note, "english", id="lang")


def test_a_view_runs_only_when_it_is_named_and_nothing_unsafe_then(note: apsw.Connection) -> None:
    called: list[object] = []

    def spy(*values: Any) -> Any:
        called.append(values)
        return values[0]

    note.create_scalar_function("spy", spy)
    note.pragma("trusted_schema", True)
    note.execute("CREATE VIEW spied AS SELECT slug, spy(embedding) AS embedding FROM note")
    assert [source.name for source in found(note)] == ["note"]
    with pytest.raises(HostTableError, match=r"the view 'spied' cannot be read: .*unsafe use of spy"):
        sqlclust.source(note, "spied", id="slug")
    assert called == []
    assert note.pragma("trusted_schema") == 1  # as it was
    assert note.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'EmbeddingSource'").get == 0


# --- refused ---

REFUSED: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"name": ""}, SourceNameError, "no source can be called '': it is empty"),
    ({"name": "a\0b"}, SourceNameError, "it has a NUL character"),
    ({"name": "\ud800"}, SourceNameError, "is not valid Unicode"),
    ({"name": 3}, SourceNameError, "it is a int, expected text"),
    ({"name": "n" * (1 << 20) + "n"}, SourceNameError, "it has more than 1,048,576 bytes"),
    ({"table": "nope"}, HostTableError, r"there is no table 'nope'; the file has 'note'\. Did you mean 'note'\?"),
    ({"id": "nope"}, HostTableError, "table 'note' has no column 'nope'"),
    ({"id": ["slug", "SLUG"]}, HostTableError, "id names a column twice: slug, slug"),
    ({"id": "embedding"}, HostTableError, "column 'embedding' holds the vectors, and id names it too"),
    ({"id": []}, OptionError, "a name or a list of names"),
    ({"vector": "rowid"}, HostTableError, "'rowid' is the rowid, and no vectors"),
    ({"vector": "body"}, HostTableError, r"'body' of 'note' holds texts that are no JSON arrays, not vectors; .*: 'embedding'$"),
    ({"vector": "lang", "format": "float32"}, HostTableError, "format is 'float32', expected what column 'lang' of 'note' holds"),
    ({"format": "float"}, OptionError, "'float32' or 'float64'"),
    ({"content": "nope"}, HostTableError, "no column 'nope'"),
    ({"where": "nope = 1"}, FilterError, "no such column: nope"),
    ({"where": "1) OR (1"}, FilterError, "syntax error"),
    ({"where": "1; DELETE FROM note"}, FilterError, "syntax error"),
    ({"where": "1) ; DELETE FROM note; SELECT (1"}, FilterError, "more than a condition"),
    ({"where": "lang = :lang"}, FilterError, "no value for :lang"),
    ({"where": "lang = ?", "parameters": {}}, FilterError, "a placeholder has no name"),
    ({"where": "lang = :lang", "parameters": {"lang": b"x"}}, ArgumentError, "b'x' for 'lang', expected text, a number or None"),
    ({"where": "lang = :lang", "parameters": {"lang": float("nan")}}, ArgumentError, "nan for 'lang'"),
    ({"where": "lang = :lang", "parameters": {"lang": 2**63}}, ArgumentError, "9223372036854775808 for 'lang'"),
    ({"where": "lang = :lang", "parameters": ["x"]}, ArgumentError, "a list, expected a mapping"),
    ({"parameters": {"lang": 1}}, ArgumentError, "without a condition"),
    ({"where": 3}, FilterError, "it is a int"),
    ({"where": "1\0"}, FilterError, "NUL character"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "error", "message"), REFUSED)
def test_refused_and_nothing_is_written(
    note: apsw.Connection, said: dict[str, Any], error: type[Exception], message: str
) -> None:
    before = Path(note.filename).read_bytes()
    with pytest.raises(error, match=message):
        sqlclust.source(note, **{"name": "docs", "table": "note", **said})
    assert Path(note.filename).read_bytes() == before
    assert not note.in_transaction


def test_a_name_that_our_own_vectors_have(demo: apsw.Connection) -> None:
    noted(demo)
    with pytest.raises(
        SourceNameError, match="'demo': an embedding model of this file has that name, with vectors of its own"
    ):
        sqlclust.source(demo, "demo", table="note")
    assert registered_names(database_of(demo)) == []


def test_tables_that_are_not_to_be_read(note: apsw.Connection) -> None:
    sqlclust.source(note, "note")
    note.execute("CREATE VIRTUAL TABLE words USING fts5 (body)")
    note.execute("CREATE TABLE computed (id INTEGER PRIMARY KEY, v BLOB, w BLOB AS (v))")
    with pytest.raises(HostTableError, match="'words' is a virtual table, and of those only vec0 can be read"):
        sqlclust.source(note, "words")
    with pytest.raises(HostTableError, match="'Embedding' is a table of sqlclust"):
        sqlclust.source(note, "e", table="Embedding")
    with pytest.raises(HostTableError, match="column 'w' is generated: reading it would run what is in the file"):
        sqlclust.source(note, "c", table="computed", vector="w", format="float32")


@pytest.mark.parametrize("program", ["qdrant", "simplevecdb"])
def test_what_cannot_be_clustered_says_why(program: str) -> None:
    con = host(program)
    [refused] = [source for source in found(con) if source.vector_column is None][:1]
    with pytest.raises(HostTableError, match="not in this file"):
        sqlclust.source(con, refused.name)


def test_several_that_may_be_meant() -> None:
    con = host("llm")
    with pytest.raises(
        HostTableError, match="table 'embeddings' has several sources; table takes one of 'llm:docs', 'llm:notes'"
    ):
        sqlclust.source(con, "all", table="embeddings")
    kept = sqlclust.source(con, "all", table="embeddings", id=["collection_id", "id"], vector="embedding")
    assert (kept.source.only, kept.source.id_columns) == (None, ("collection_id", "id"))


def test_where_names_clash_another_file_is_advised(note: apsw.Connection) -> None:
    note.execute("CREATE TABLE Run (x)")
    with pytest.raises(
        SchemaConflictError, match=r"already has table Run .*: sqlclust fit .*note\.db note --into RESULTS\.db"
    ) as caught:
        sqlclust.source(note, "note")
    assert caught.value.names == ("table Run",)
    assert note.execute("SELECT count(*) FROM sqlite_schema WHERE name LIKE 'Embedding%'").get == 0


def test_in_a_transaction_and_read_only(note: apsw.Connection) -> None:
    with note, pytest.raises(TopLevelOnlyError):
        sqlclust.source(note, "note")
    sqlclust.source(note, "note")
    with note, pytest.raises(TopLevelOnlyError):
        sqlclust.delete_source(note, "note")
    reading = sqlclust.connect(note.filename, readonly=True)
    for write in (
        lambda: sqlclust.source(reading, "note", content="lang"),
        lambda: sqlclust.delete_source(reading, "note"),
    ):
        with pytest.raises(DatabaseFileError, match=r"cannot write to it: .* this one is for reading only"):
            write()
    assert [source.registered for source in found(reading)] == [True]
    reading.close()


# --- results ---


def test_what_results_are_made_of_stays(note: apsw.Connection) -> None:
    note.execute("CREATE TABLE other AS SELECT * FROM note")
    sqlclust.source(note, "docs", table="note")
    results = [a_result(note, "docs"), a_result(note, "docs")]
    for said in ({"table": "other"}, {"id": ["slug", "lang"]}, {"vector": "body", "format": "json"}):
        with pytest.raises(
            SourceInUseError, match=r"2 clustering results \(1, 2\) are made of it; register that under another name"
        ) as caught:
            sqlclust.source(note, "docs", **said)
        assert caught.value.clustering_result_ids == tuple(results)
    sqlclust.source(note, "docs", content="lang", format="float64", where="lang = 'en'")
    kept = of(note, "docs")
    assert kept is not None
    assert (kept.source.content_column, kept.source.format, kept.condition) == ("lang", "float64", "lang = 'en'")


def test_deleting(note: apsw.Connection) -> None:
    with pytest.raises(UnknownSourceError, match="no source 'docs'; none is registered"):
        sqlclust.delete_source(note, "docs")
    for name in ("docs", "other"):
        sqlclust.source(note, name, table="note")
        a_result(note, name)
    before = foreign_rows_of(note)
    with pytest.raises(UnknownSourceError, match="no source 'nope'; registered: 'docs', 'other'"):
        sqlclust.delete_source(note, "nope")
    for results in (False, True):
        with pytest.raises(UnknownSourceError, match=r"no source '.udcff'"):  # as it may stand on a command line
            sqlclust.delete_source(note, "\udcff", results=results)
    with pytest.raises(SourceInUseError, match=r"source 'docs' cannot be deleted, clustering result 1 is made of it"):
        sqlclust.delete_source(note, "docs")
    with pytest.raises(apsw.ConstraintError):
        note.execute("DELETE FROM EmbeddingSource WHERE name = 'docs'")
    assert sqlclust.delete_source(note, "docs", results=True) == 1
    assert note.execute("SELECT embedding_model FROM ClusteringResult").fetchall() == [("other",)]
    assert note.execute("SELECT embedding_source FROM Embedding").fetchall() == [("other",)]
    assert registered_names(database_of(note)) == ["other"]
    assert foreign_rows_of(note) == before


def test_a_file_of_ours_that_is_damaged(note: apsw.Connection) -> None:
    sqlclust.source(note, "note")
    note.pragma("foreign_keys", False)
    note.execute("DROP TABLE Embedding")
    for write in (lambda: sqlclust.source(note, "docs", table="note"), lambda: sqlclust.delete_source(note, "note")):
        with pytest.raises(SchemaDamagedError, match="table Embedding is missing"):
            write()
    assert of(note, "\ud800") is None
