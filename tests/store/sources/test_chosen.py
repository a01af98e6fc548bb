"""What a person means by a name and some columns, beyond a plain table: vec0, names that are taken, keys, files of two kinds."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.errors import FilterError, HostTableError, SchemaConflictError, SourceElsewhereError
from sqlclust.schema import VERSION, version
from sqlclust.sources.registered_rows import registered
from sqlclust.sources.said import OF_COMMANDS, Said
from sqlclust.store.sources.registered import chosen
from tests.schemas.old import OLD
from tests.small import blob
from tests.sources.looking import found, host, made, vectors, with_vectors
from tests.store.sources.noting import noted, of

UNIQUE = "nothing keeps {} unique: a repeated id is an error of the fit"
ROWID = "it has no key but the rowid, which VACUUM may change"


@pytest.mark.parametrize(
    ("table", "id", "ids", "remark"),
    [
        ("t (a INTEGER PRIMARY KEY, b TEXT, v BLOB)", None, ("a",), ""),
        ("t (a INTEGER PRIMARY KEY, b TEXT, v BLOB)", "B", ("b",), UNIQUE.format("b")),
        ("t (a INTEGER PRIMARY KEY, b TEXT, v BLOB)", "rowid", ("rowid",), ""),
        ("t (a INTEGER PRIMARY KEY, b TEXT, v BLOB)", ["b", "a"], ("b", "a"), ""),
        ("t (a TEXT, b TEXT, v BLOB)", None, ("rowid",), ROWID),
        ("t (a TEXT, b TEXT, v BLOB)", "ROWID", ("rowid",), ROWID),
        ("t (rowid TEXT, b TEXT, v BLOB)", "_rowid_", ("_rowid_",), ROWID),
        ("t (rowid TEXT, b TEXT, v BLOB)", "rowid", ("rowid",), UNIQUE.format("rowid")),
        ("t (a TEXT, b TEXT, v BLOB, PRIMARY KEY (b, a)) WITHOUT ROWID", None, ("b", "a"), ""),
        ("t (a TEXT UNIQUE, b TEXT COLLATE NOCASE UNIQUE, v BLOB)", "a", ("a",), ""),
        ("t (a TEXT UNIQUE, b TEXT COLLATE NOCASE UNIQUE, v BLOB)", "b", ("b",), UNIQUE.format("b")),
    ],
)
def test_keys(table: str, id: str | list[str] | None, ids: tuple[str, ...], remark: str) -> None:
    n = table.split("PRIMARY KEY (")[0].count(",")
    rows: list[tuple[object, ...]] = [(i, f"b{i}", vector) for i, vector in enumerate(vectors(9))]
    con = made(f"CREATE TABLE {table}", rows=("INSERT INTO t VALUES (?, ?, ?)", rows))
    assert n >= 2
    kept = sqlclust.source(con, "s", table="t", id=id)
    assert kept.source.id_columns == ids
    [listed] = found(con)
    for said in (kept.source.remark, listed.remark):
        assert said.count("unique") + said.count("VACUUM") == bool(remark)
        assert remark in said


@pytest.mark.parametrize("is_listed", [True, False])
def test_what_is_called_as_a_model_of_ours(is_listed: bool) -> None:
    con = with_vectors(made(), "demo", vectors(9))
    sqlclust.register(con)
    sqlclust.initialize(con)
    con.execute("INSERT INTO Embedding (id, embedding_model, vector) VALUES (1, 'demo', ?)", (blob(1, 2),))
    assert [source.name for source in found(con)] == ["demo", "demo.v"]
    kept = sqlclust.source(con, "demo.v", table=None if is_listed else "demo")
    assert (kept.source.table_name, kept.source.vector_column, kept.source.dimension) == ("demo", "v", 4)
    assert [source.name for source in found(con)] == ["demo", "demo.v"]


def test_a_key_within_a_part_of_a_table() -> None:
    con = host("llm")
    assert "unique" not in sqlclust.source(con, "docs", table="llm:docs", id=["content", "ID"]).source.remark
    assert UNIQUE.format("content") in sqlclust.source(con, "docs", id="content").source.remark


def test_the_same_table_said_again_changes_nothing_else() -> None:
    con = with_vectors(made(), "t", vectors(9))
    con.execute(
        "ALTER TABLE t ADD COLUMN w BLOB; UPDATE t SET w = v; ALTER TABLE t ADD COLUMN n INT; UPDATE t SET n = id"
    )
    sqlclust.source(con, "s", table="t", vector="w", content="n")
    sqlclust.source(con, "s", table="t")
    assert (kept := of(con, "s"))
    assert (kept.source.vector_column, kept.source.content_column) == ("w", "n")
    for name in ("T", "t.w"):
        sqlclust.source(con, "s", table=name, vector="w", id="n")
        assert (kept := of(con, "s"))
        assert (kept.source.content_column, kept.source.id_columns) == ("n", ("n",))


def test_a_format_of_which_the_bytes_are_no_multiple() -> None:
    con = with_vectors(made(), "t", vectors(9, dimension=3))
    expected = "format is 'float64', expected one whose vectors can have 12 bytes, as those in column 'v' of 't'"
    with pytest.raises(HostTableError, match=expected):
        sqlclust.source(con, "t", format="float64")
    assert sqlclust.source(con, "t", format="float16").source.dimension == 6


# --- vec0 ---


def vec0() -> tuple[apsw.Connection, str]:
    """A file with tables of vec0, without the extension; one of them has a column of texts."""
    con = host("vec0")
    name = next(source.name for source in found(con) if source.content_column and source.stored == "vec0")
    return con, name


def test_vec0_has_its_own_key_and_format() -> None:
    con, name = vec0()
    kept = sqlclust.source(con, name)
    assert kept.source.stored == "vec0"
    assert kept.source.content_column is not None
    id, content = kept.source.id_columns[0].upper(), kept.source.content_column.upper()
    again = sqlclust.source(con, "again", table=name, id=id, content=content)
    assert again.source.id_columns == kept.source.id_columns
    assert again.source.content_column == kept.source.content_column
    for said, message in {
        ("id", "other"): "are named by",
        ("content", "nope"): "has no column 'nope' beside vectors and key",
        ("vector", "nope"): "nope",
        ("format", "float64"): "format is 'float64', expected",
    }.items():
        with pytest.raises(HostTableError, match=message):
            sqlclust.source(con, name, **{said[0]: said[1]})  # type: ignore[arg-type]
    with pytest.raises(FilterError, match="a vec0 table cannot be filtered: it is read without the extension"):
        sqlclust.source(con, name, where="1")
    assert of(con, name) == replace(kept, source=replace(kept.source, n_rows=None, remark=""))


def test_vec0_without_its_shadow_tables() -> None:
    con, name = vec0()
    sqlclust.source(con, name)
    table = next(source.table_name for source in found(con) if source.name == name)
    con.execute(f'DROP TABLE "{table}_rowids"')
    [listed] = [source for source in found(con) if source.table_name == table and source.registered]
    assert listed.vector_column is None
    assert f"there is no table {table}_rowids" in listed.remark
    con.execute("UPDATE EmbeddingSource SET vector_column = 'none'")
    [listed] = [source for source in found(con) if source.registered]
    assert listed.vector_column is None
    con.execute("DELETE FROM EmbeddingSource")
    with pytest.raises(HostTableError, match="cannot be clustered: its vectors cannot be read: there is no table"):
        sqlclust.source(con, name)


# --- another file ---


def test_a_table_of_another_file(tmp_path: Path) -> None:
    theirs, ours = noted(apsw.Connection(":memory:")), sqlclust.connect(tmp_path / "results.db")
    sqlclust.initialize(ours)
    database, other = database_of(ours), database_of(theirs)
    kept = chosen(database, "note", Said(id="slug,lang"), condition="lang = 'en'", host=other, words=OF_COMMANDS)
    assert (kept.source.id_columns, kept.condition, kept.database) == (("slug", "lang"), "lang = 'en'", None)
    ours.execute("CREATE TABLE local AS SELECT 1 AS x")
    sqlclust.source(with_vectors(ours, "v", vectors(9)), "note", table="v")
    ours.execute("UPDATE EmbeddingSource SET database = 'theirs.db', table_name = 'note', vector_column = 'embedding'")
    ours.execute("UPDATE EmbeddingSource SET id_columns = '[\"slug\"]', content_column = NULL")
    [listed] = [source for source in found(ours) if source.registered]
    assert (listed.vector_column, listed.remark) == (None, "its file theirs.db is not there")
    (tmp_path / "theirs.db").touch()
    [listed] = [source for source in found(ours) if source.registered]
    assert (listed.vector_column, listed.remark) == ("embedding", "its table is in another file, theirs.db")
    assert [source.name for source in found(ours)] == ["note", "v"]
    assert of(ours, "note") == chosen(database, "note", Said())
    with pytest.raises(SourceElsewhereError, match=r"source 'note' is in another file, 'theirs\.db'"):
        sqlclust.source(ours, "note", content="body")
    changed = chosen(database, "note", Said(content="body"), host=other)
    assert (changed.database, changed.source.content_column, changed.source.id_columns) == (
        "theirs.db",
        "body",
        ("slug",),
    )
    ours.close()


# --- files of ours that are older ---


@pytest.mark.parametrize("old", OLD)
def test_an_older_file_is_upgraded(tmp_path: Path, old: int, caplog: pytest.LogCaptureFixture) -> None:
    if old >= 3:
        pytest.skip("it has sources")
    path = tmp_path / "old.db"
    OLD[old].make(path)
    con = sqlclust.connect(path)
    database = database_of(con)
    assert (version(database), registered(database, "note")) == (old, None)
    with caplog.at_level(logging.INFO, logger="sqlclust"):
        kept = sqlclust.source(noted(con), "note")
    assert f"our tables were upgraded from version {old}, to keep source 'note'" in caplog.text
    assert version(database) == VERSION
    assert of(con, "note") == replace(kept, source=replace(kept.source, n_rows=None, remark=""))
    con.close()


def test_an_older_file_whose_new_name_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    OLD[2].make(path)
    con = sqlclust.connect(path)
    noted(con).execute("CREATE TABLE EmbeddingSource (x)")
    with pytest.raises(SchemaConflictError, match=r"--into RESULTS\.db") as caught:
        sqlclust.source(con, "note")
    assert (caught.value.version, version(database_of(con))) == (2, 2)
    con.close()
