"""The name of a source's view, and names in it: any that a table may have, and those that are taken."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlclust.bindings.apsw.database import database_of
from sqlclust.errors import HostTableError, ViewNameError
from sqlclust.sqlite.layout import quoted
from sqlclust.store.sources import clusters_view
from tests.store.sources.clustered_host import OURS, Member, columns, create, initialized, publish, register, source

NAMES = st.one_of(
    st.sampled_from(
        ["select", "e", "ec", "h", "{0}", "a'b", 'a"b', "[x]", "`", "--", "/*", "*/", "\n", "🦆", "llm:docs", ";"]
    ),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=8),
).filter(lambda name: not f"{name}_".lower().startswith("sqlite_"))


@settings(max_examples=60)
@given(name=NAMES, table=NAMES, column=NAMES, value=NAMES)
def test_any_names(name: str, table: str, column: str, value: str) -> None:
    con = initialized()
    if column.lower() in ("part", "v", *OURS):
        return
    con.execute(f"CREATE TABLE {quoted(table)} ({quoted(column)} TEXT PRIMARY KEY, part, v)")
    con.execute(f"INSERT INTO {quoted(table)} VALUES ('a', ?, 0), ('b', ?, 0)", (value, value + "x"))
    one = source(name, table, [column], only=("part", value))
    register(con, one)
    publish(con, name, [Member("a", 0)])
    if table.lower() == f"{name}_clusters".lower():
        with pytest.raises(ViewNameError):
            create(con, one)
        return
    assert create(con, one) == {}
    view = quoted(clusters_view.view_name(name))
    version = con.pragma("schema_version")
    create(con, one)
    assert con.pragma("schema_version") == version
    assert con.execute(f"SELECT * FROM {view}").fetchall() == [("a", value, 0, 0, 0.5, 0.25, 1, "a")]
    clusters_view.drop(database_of(con), name)
    assert con.execute("SELECT count(*) FROM sqlite_schema WHERE name = ?", (f"{name}_clusters",)).get == 0


DOCS = "CREATE TABLE docs (id INTEGER PRIMARY KEY, v)"


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("CREATE TABLE docs_clusters (a)", "table 'docs_clusters' has that name"),
        ("CREATE TABLE Docs_Clusters (a)", "table 'Docs_Clusters' has that name"),
        ("CREATE VIEW docs_clusters AS SELECT 1", "view 'docs_clusters' has that name"),
        ("CREATE INDEX docs_clusters ON docs (v)", "index 'docs_clusters' of table 'docs' has that name"),
        ("CREATE VIRTUAL TABLE docs_clusters USING fts5 (a)", "table 'docs_clusters' has that name"),
    ],
)
def test_a_taken_name_is_said_before(statement: str, reason: str) -> None:
    con = initialized(DOCS, statement)
    before = con.execute("SELECT * FROM sqlite_schema").fetchall()
    for call in (lambda: clusters_view.check_name_is_free(database_of(con), source()), lambda: create(con, source())):
        with pytest.raises(ViewNameError) as caught:
            call()
        assert (caught.value.source, caught.value.name, caught.value.reason) == ("docs", "docs_clusters", reason)
        assert reason in str(caught.value)
    clusters_view.drop(database_of(con), "docs")
    assert con.execute("SELECT * FROM sqlite_schema").fetchall() == before


def test_a_trigger_has_names_of_its_own() -> None:
    con = initialized(DOCS, "CREATE TRIGGER docs_clusters AFTER INSERT ON docs BEGIN SELECT 1; END")
    clusters_view.check_name_is_free(database_of(con), source())
    create(con, source())


@pytest.mark.parametrize("name", ["sqlite_docs", "SQLite_", "a\0b"])
def test_names_that_no_view_can_have(name: str) -> None:
    con = initialized(DOCS)
    for call in (
        lambda: clusters_view.check_name_is_free(database_of(con), source(name)),
        lambda: create(con, source(name)),
    ):
        with pytest.raises(ViewNameError):
            call()
    clusters_view.drop(database_of(con), name)


def test_two_sources_whose_names_differ_in_case() -> None:
    con = initialized(DOCS)
    create(con, source("docs"))
    clusters_view.check_name_is_free(database_of(con), source("docs"))
    with pytest.raises(ViewNameError, match="view 'docs_clusters' has that name"):
        clusters_view.check_name_is_free(database_of(con), source("Docs"))
    clusters_view.drop(database_of(con), "Docs")
    assert columns(con, "docs_clusters") == ["id", "v", *OURS]
    clusters_view.drop(database_of(con), "docs")
    assert columns(con, "docs_clusters") == []
    clusters_view.drop(database_of(con), "docs")


def test_what_is_missing_is_named() -> None:
    con = initialized(DOCS)
    for one, table, column in (
        (source(table="none"), "none", None),
        (source(keys=["id", "none"]), "docs", "none"),
        (source(only=("none", 1)), "docs", "none"),
    ):
        with pytest.raises(HostTableError) as caught:
            create(con, one)
        assert (caught.value.table, caught.value.column) == (table, column)
    assert columns(con, "docs_clusters") == []


def test_letters_beyond_ascii_differ_in_case() -> None:
    con = initialized('CREATE TABLE docs ("Ä" INTEGER PRIMARY KEY, "ä", v)', "INSERT INTO docs VALUES (1, 2, 0)")
    for key, label in (("Ä", 0), ("ä", None)):
        one = source(key, keys=[key])
        register(con, one)
        publish(con, key, [Member(1, 0)])
        create(con, one)
        assert con.execute(f'SELECT label FROM "{key}_clusters"').get == label


def test_a_very_wide_table() -> None:
    con = initialized()
    con.execute(f"CREATE TABLE docs (id INTEGER PRIMARY KEY, v, {', '.join(f'c{i}' for i in range(1995))})")
    register(con, source())
    publish(con, "docs", [Member(1, 0)])
    create(con, source())
    assert con.execute("SELECT id, label FROM docs_clusters").fetchall() == [(1, 0)]
