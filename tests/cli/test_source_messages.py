"""What a person reads who names a table, a column or a condition that cannot be meant: each message says how to go on."""

from __future__ import annotations

from pathlib import Path

import pytest

import sqlclust
from sqlclust.errors import FilterError, HostTableError, SourceNameError, UnknownModelError, VectorTypeError
from tests.cli.host_files import host_file, made_by
from tests.cli.terminal import fail
from tests.sources.looking import vectors

TABLES = (
    "CREATE TABLE ints (id INTEGER PRIMARY KEY, embedding BLOB, body TEXT, size REAL)",
    "CREATE TABLE plain (id INTEGER PRIMARY KEY, body TEXT)",
    "CREATE TABLE unfilled (id INTEGER PRIMARY KEY, embedding BLOB)",
    "CREATE TABLE two (id INTEGER PRIMARY KEY, title_embedding BLOB, body_embedding BLOB)",
    "CREATE VIEW vw AS SELECT id, embedding FROM ints",
    "INSERT INTO plain VALUES (1, 'a text')",
    "INSERT INTO ints VALUES (?1, ?2, 'body ' || ?1, 1.5)",
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = host_file(tmp_path_factory.mktemp("m") / "m.db", *TABLES, rows=list(enumerate(vectors(12))))
    return host_file(made, "INSERT INTO two SELECT id, embedding, embedding FROM ints")


MESSAGES = [
    ("fit ints --vector body",
     "column 'body' of 'ints' holds texts that are no JSON arrays, not vectors; columns with vectors: 'embedding'"),
    ("fit ints --vector size", "column 'size' of 'ints' holds numbers, not vectors; columns with vectors: 'embedding'"),
    ("fit plain", "plain: no column of vectors was found; --vector says which it is"),
    ("fit unfilled", "table 'unfilled' has no rows"),
    ("fit vw", "'vw' is a view, which has no key: --id says which columns name its rows"),
    ("fit two", "table 'two' has several columns of vectors; name one of them: 'two.title_embedding', 'two.body_embedding'"),
    ("source docs --table two",
     "table 'two' has several columns of vectors; --table takes one of 'two.title_embedding', 'two.body_embedding'"),
    ("source docs --table int",
     "there is no table 'int'; the file has 'ints', 'two.title_embedding', 'two.body_embedding'. Did you mean 'ints'?"),
    ("fit ints --where id<:n", "where 'id<:n': no value for :n; expected one SQL condition on columns of ints"),
    ("fit ints --where id<:n --param n 5 --param q 1",
     "where 'id<:n': no placeholder :q in the condition; expected one SQL condition on columns of ints"),
    ("source docs --table ints --where id<:n --param n 5 --param q 1",
     "where 'id<:n': no placeholder :q in the condition; expected one SQL condition on columns of ints"),
    ("fit int", "no embeddings of model 'int'; models in this database: none; sources in it: 'ints', 'two.title_embedding', "
     "'two.body_embedding'. Did you mean 'ints'?"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "message"), MESSAGES)
def test_how_to_go_on_is_said_in_words_of_the_command(path: Path, words: str, message: str) -> None:
    before = path.read_bytes()
    command, *others = words.split()
    assert fail(command, path, *others) == message
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("program", "name", "message"),
    [
        ("qdrant", "qdrant:points", "not in this file as vectors, but inside Python pickles"),
        ("simplevecdb", "simplevecdb:default", "not in this file: the vectors are in simplevecdb.db.default.usearch"),
    ],
)
def test_what_cannot_be_clustered_is_refused_by_its_name(tmp_path: Path, program: str, name: str, message: str) -> None:
    path = made_by(program, tmp_path / f"{program}.db")
    said = fail("fit", path, name)
    assert said.startswith(f"{name}: {message}")
    assert "--vector" not in said
    con = sqlclust.connect(path)
    with pytest.raises(HostTableError, match=message):
        sqlclust.fit(con, name)
    con.close()


def test_and_in_words_of_the_functions(path: Path) -> None:
    con = sqlclust.connect(path)
    for name, message in {
        "plain": "no column of vectors was found; vector says which it is",
        "vw": """id says which columns name its rows, in SQL clust_source(…, '{"id": …}')""",
    }.items():
        with pytest.raises(HostTableError) as caught:
            con.execute("SELECT clust_fit(?)", (name,))
        assert str(caught.value).endswith(message)
    con.close()


def test_every_way_to_fit_lists_the_sources_and_asks_for_the_closest(tmp_path: Path) -> None:
    llm = made_by("llm", tmp_path / "llm.db")
    con = sqlclust.connect(llm)
    for _ in range(2):  # without our tables and with them
        for fit in (lambda: con.execute("SELECT clust_fit('llm:doc')"), lambda: sqlclust.fit(con, "llm:doc")):
            with pytest.raises(UnknownModelError) as caught:
                fit()
            assert "llm:docs" in caught.value.sources
            assert str(caught.value).endswith(". Did you mean 'llm:docs'?")
        sqlclust.initialize(con)
    con.execute("CREATE TABLE docs (id INTEGER PRIMARY KEY, body TEXT)")
    con.execute("INSERT INTO docs VALUES (1, 'a text')")
    con.close()
    assert fail("fit", llm, "docs").endswith("--vector says which it is. Did you mean 'llm:docs'?")


def test_a_name_that_differs_in_case_alone(tmp_path: Path) -> None:
    path = host_file(tmp_path / "m.db", *TABLES, rows=list(enumerate(vectors(12))))
    con = sqlclust.connect(path)
    sqlclust.source(con, "ints")
    message = "no source can be called 'INTS': there is a source 'ints', and names of sources differ by more than case"
    for act in (lambda: sqlclust.source(con, "INTS"), lambda: con.execute("SELECT clust_fit('INTS')")):
        with pytest.raises(SourceNameError, match=message):
            act()
    con.close()
    assert fail("fit", path, "INTS").startswith(message)


def test_what_is_made_of_a_source_is_said_of_its_table(tmp_path: Path) -> None:
    con = sqlclust.connect(host_file(tmp_path / "m.db", *TABLES, rows=list(enumerate(vectors(12)))))
    sqlclust.fit(con, "ints", where="id < :n", parameters={"n": 10})
    with pytest.raises(FilterError, match=r"give all of them as parameters .* on columns of ints$"):
        sqlclust.staleness(con, 1, run_where=True)
    with pytest.raises(VectorTypeError, match=r"'\[\"ints\",\d+\]' is NULL, expected .* stands for a row of a source"):
        con.execute("SELECT clust_points(id, vector) FROM Embedding")
    con.close()
