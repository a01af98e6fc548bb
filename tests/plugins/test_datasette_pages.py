"""Datasette's pages of our tables, and of tables that are sources: what they say, and where they lead."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sqlclust
from sqlclust.plugins import datasette
from sqlclust.plugins.pages.descriptions import descriptions
from sqlclust.plugins.pages.known import look_again
from sqlclust.schema import schema_sql
from tests.bindings.loadable.hosts.sessions import ProgramSession
from tests.small import add_embeddings, clustered

slow = pytest.mark.slow
HERE = Path(__file__).parent
HOST = """
CREATE TABLE collections (id INTEGER PRIMARY KEY, name TEXT, model TEXT);
CREATE TABLE embeddings (collection_id INTEGER, id TEXT, embedding BLOB, content TEXT, PRIMARY KEY (collection_id, id));
CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT, vector BLOB);
CREATE TABLE page (site TEXT, number INTEGER, vector BLOB, label TEXT, PRIMARY KEY (site, number));
INSERT INTO collections VALUES (1, 'docs', 'm'), (2, 'others', 'm');
"""


def make_sources(path: Path) -> None:
    """A file with sources that have results: llm:docs, note, page (a key of two columns); and a model with integer ids."""
    con = sqlclust.connect(path)
    con.execute(HOST)
    vectors = [x.astype("<f4").tobytes() for x in np.asarray(clustered())]
    for number, vector in enumerate(vectors):
        con.execute("INSERT INTO embeddings VALUES (1, ?, ?, ?)", (f"id{number}", vector, f"text <b>{number}</b>"))
        con.execute("INSERT INTO note VALUES (?, ?, ?)", (number, f"body {number}{' and so on' * 20}", vector))
        con.execute(
            "INSERT INTO page VALUES (?, ?, ?, ?)", (f"site {number % 2}", number, vector, "a label of the host's")
        )
    con.execute("INSERT INTO embeddings VALUES (2, 'id0', ?, 'not of docs')", (vectors[0],))
    for source in ("llm:docs", "note", "page"):
        sqlclust.fit(con, source, min_cluster_size=5)
    add_embeddings(con, clustered(), ids=list(range(40)))
    for size in (5, 10):
        sqlclust.fit(con, "demo", min_cluster_size=size)
    con.close()


def make_plain(path: Path) -> None:
    """A file that is none of ours, with tables of such names."""
    con = sqlclust.connect(path)
    con.execute("CREATE TABLE Embedding (id INTEGER PRIMARY KEY, title TEXT, embedding_model TEXT, size INTEGER)")
    con.execute("CREATE TABLE EmbeddingCluster (embedding_id INTEGER REFERENCES Embedding (id), label INTEGER)")
    con.execute("INSERT INTO Embedding VALUES (1, 'one', 'm', 3)")
    con.execute("INSERT INTO EmbeddingCluster VALUES (1, 2)")
    con.close()


def make_hostile(path: Path) -> None:
    """A file of ours whose rows somebody has edited by hand."""
    con = sqlclust.connect(path)
    sqlclust.initialize(con)
    con.execute("CREATE TABLE x (id, v); INSERT INTO x VALUES (1, 2)")
    con.execute("CREATE VIEW x_clusters AS SELECT id, 1 AS label FROM x")
    con.execute("CREATE VIEW gone_clusters AS SELECT * FROM gone")
    for name, key in (("x", '[["id"], {}]'), ("gone", '["id"]')):
        con.execute(
            "INSERT INTO EmbeddingSource (name, kind, table_name, id_columns, vector_column, format) "
            "VALUES (?, 'table', 'x', ?, 'v', 'json')",
            (name, key),
        )
    con.close()


PYTHONS = {"0.65": None, "1.0": "SQLCLUST_DATASETTE_1_PYTHON"}


class PagesSession(ProgramSession):
    """Datasette with some files."""

    def page(self, path: str) -> str:
        status, text = self.ask("page", path)
        assert status == 200, (path, status, text)
        return str(text)

    def cell(self, path: str, column: str) -> str:
        """What the page's first row has in a column, as HTML."""
        found = re.search(
            rf'<td class="col-{column} [^"]*">(?:<strong>)?(.*?)(?:</strong>)?</td>', self.page(path), re.DOTALL
        )
        assert found, (path, column)
        return found[1].strip()


@pytest.fixture(scope="module", params=PYTHONS)
def pages(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PagesSession]:
    variable = PYTHONS[request.param]
    if variable is not None and variable not in os.environ:
        pytest.skip(f"Datasette {request.param} is not here; {variable} names a Python that has it")
    python = os.environ[variable] if variable else request.getfixturevalue("python")
    folder = tmp_path_factory.mktemp("pages")
    make_sources(folder / "s.db")
    make_plain(folder / "plain.db")
    make_hostile(folder / "hostile.db")
    files = [str(folder / f"{name}.db") for name in ("hostile", "s", "plain")]
    with PagesSession(folder / "s.db", [python, str(HERE / "datasette_pages.py"), *files]) as made:
        yield made


def test_everything_is_described() -> None:
    con = sqlclust.connect(":memory:")
    sqlclust.initialize(con)
    there = {name for (name,) in con.execute("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')")}
    assert set(descriptions()) == there - {"sqlite_sequence"}
    for name, description in descriptions().items():
        columns = {column for (column,) in con.execute("SELECT name FROM pragma_table_xinfo(?)", (name,))}
        assert description.label_column is None or description.label_column in columns
        assert description.text.endswith("."), name
        assert "\n" not in description.text
    assert descriptions()["EmbeddingCluster"].columns["label"] == "-1 = noise"
    assert descriptions()["Cluster"].text == "A cluster of a result."
    con.close()


@slow
def test_descriptions(pages: PagesSession) -> None:
    text = pages.page("/s/EmbeddingCluster")
    assert "One assignment per embedding and result, noise included." in text
    assert "<dt>probability</dt><dd>membership strength; noise 0</dd>" in text
    text = pages.page("/s/llm~3Adocs_clusters")
    assert "The rows of llm:docs, each with its cluster of the latest result." in text
    assert "<dt>cluster_size</dt><dd>members of its cluster</dd>" in text
    assert '"metadata-description"' not in pages.page("/s/note")


@slow
@pytest.mark.parametrize(
    "path",
    [
        "/s/ClusteringResult", "/s/ClusterSummary", "/s/Cluster", "/s/EmbeddingCluster?_size=5", "/s/ClusterAssignment?_size=5",
        "/s/Embedding?_size=5", "/s/Embedding?_size=5&embedding_model=demo", "/s/EmbeddingClusterMedoid?_size=5",
        "/s/ClusteringSummary", "/s/EmbeddingModelSummary", "/s/ClusterOverlap?_size=5", "/s/embeddings?_size=5",
        "/s/llm~3Adocs_clusters?_size=5&_sort=label", "/s/note/3", "/s/note_clusters?_size=5", "/s/page?_size=5",
        "/s/page_clusters?_size=5",
    ],
)  # fmt: skip
def test_every_link_leads_to_rows(pages: PagesSession, path: str) -> None:
    found = pages.ask("walk", path)
    assert found
    for link, (status, text) in found.items():
        assert status == 200, link
        assert "<td" in text, link


@slow
@pytest.mark.parametrize("table", ["ClusterAssignment", "EmbeddingCluster"])
def test_a_label_leads_to_its_cluster(pages: PagesSession, table: str) -> None:
    path = f"/s/{table}?_size=1&_col=label&_col=clustering_result_id&clustering_result_id=1&label=1"
    [link] = [link for link in pages.ask("walk", path) if link.startswith("/s/ClusterSummary?")]
    assert (pages.cell(link, "label").partition(">")[2], pages.cell(link, "medoid_text")[:4]) == ("1</a>", "text")


@slow
def test_noise_is_said(pages: PagesSession) -> None:
    assert pages.cell("/s/EmbeddingCluster?label=-1&_size=1", "label") == "-1 <small>noise</small>"
    assert pages.cell("/s/note_clusters?label=-1&_size=1", "label") == "-1 <small>noise</small>"


@slow
def test_texts_stand_for_ids(pages: PagesSession) -> None:
    """A medoid of a source has its text, which is no HTML; what has none is shown by its id."""
    query = "/s/EmbeddingCluster?clustering_result_id=1&_size=100"
    text = pages.page(query)
    assert len(re.findall(r">text &lt;b&gt;\d+&lt;/b&gt;</a>", text)) == 3
    assert "<b>" not in text
    found = re.findall(r">(body [^<]+)</a>", pages.page("/s/EmbeddingCluster?clustering_result_id=2&_size=100"))
    assert len(found) == 3
    assert all(len(shown) <= 80 and re.fullmatch(r"body \d+( and so on)+[ a-z]*[a-z]…", shown) for shown in found)
    assert "&#34;llm:docs&#34;,&#34;id39&#34;" in text
    assert pages.cell("/s/EmbeddingCluster?clustering_result_id=4&_size=1", "clustering_result_id").startswith(
        '<a href="/s/ClusteringResult/4">demo</a>'
    )


@slow
def test_a_row_of_a_source_leads_to_its_cluster(pages: PagesSession) -> None:
    assert pages.cell("/s/note/3", "id") == '3 <small><a href="/s/note_clusters?id__exact=3">cluster</a></small>'
    link = "/s/llm~3Adocs_clusters?id__exact=id7"
    assert pages.cell("/s/embeddings/1,id7", "id") == f'id7 <small><a href="{link}">cluster</a></small>'
    assert pages.cell(link, "id") == "id7"
    assert pages.cell("/s/page/site~200,4", "number").startswith("4 <small>")
    assert pages.cell("/s/page_clusters?site__exact=site+0&number__exact=4", "number") == "4"
    assert pages.cell("/s/embeddings/2,id0", "id") == "id0"  # of another collection, which is no source
    assert re.search(r'<a href="/s/note_clusters"[^>]*>Clusters of note\b', pages.page("/s/note"))


@slow
def test_a_thin_row_leads_to_the_host_s_row(pages: PagesSession) -> None:
    for source, table in (("llm:docs", "embeddings"), ("note", "note"), ("page", "page")):
        path = f"/s/Embedding?_size=1&_col=item_id&_col=embedding_source&embedding_source={source}"
        found = {link: text for link, (_, text) in pages.ask("walk", path).items() if link.startswith(f"/s/{table}?")}
        [text] = found.values()
        assert len(re.findall("<tr", text)) == 2


@slow
def test_json_is_as_it_was(pages: PagesSession) -> None:
    text = pages.page("/s/note_clusters.json?_shape=array&_col=id&_col=label&id=3")
    assert re.fullmatch(r'\[\{"id": ?3, ?"label": ?\d\}\]', text)


@slow
def test_a_file_that_is_none_of_ours(pages: PagesSession) -> None:
    assert pages.cell("/plain/Embedding?_size=1", "embedding_model") == "m"
    assert pages.cell("/plain/Embedding?_size=1", "size") == "3"
    text = pages.page("/plain/EmbeddingCluster")
    assert '"metadata-description"' not in text
    assert pages.cell("/plain/EmbeddingCluster", "label") == "2"
    assert ">one</a>" in pages.cell("/plain/EmbeddingCluster", "embedding_id")  # its own label column


@slow
def test_a_file_edited_by_hand(pages: PagesSession) -> None:
    """Its pages are as they are without us, and those of other files as ever."""
    assert pages.cell("/hostile/x", "id") == "1"
    assert pages.cell("/hostile/x_clusters", "label") == "1"
    assert pages.page("/hostile/EmbeddingSource")
    assert "A cluster of a result." in pages.page("/s/Cluster")


@slow
def test_a_fit_meanwhile_is_seen(pages: PagesSession) -> None:
    """By another program, into a file that Datasette has open: tables, and the view of a source that is new."""
    assert pages.ask("page", "/plain/vectors_clusters")[0] == 404
    con = sqlclust.connect(pages.path.with_name("plain.db"))
    con.execute(
        "DROP TABLE EmbeddingCluster; DROP TABLE Embedding; CREATE TABLE vectors (id INTEGER PRIMARY KEY, v BLOB)"
    )
    with con:
        con.executemany("INSERT INTO vectors (v) VALUES (?)", [(x.astype("<f4").tobytes(),) for x in clustered()])
    sqlclust.fit(con, "vectors", min_cluster_size=5)
    con.close()
    assert "The rows of vectors, each with its cluster" in pages.page("/plain/vectors_clusters")
    assert "cluster</a>" in pages.cell("/plain/vectors/3", "id")


@slow
def test_what_a_person_has_written_goes_before(pages: PagesSession) -> None:
    tables = {"Cluster": {"description": "Mine.", "columns": {"size": "How large"}}}
    pages.ask("metadata", {"databases": {"s": {"tables": tables}}})  # type: ignore[arg-type]
    text = pages.page("/s/Cluster")
    assert "Mine." in text
    assert "A cluster of a result." not in text
    assert "<dt>size</dt><dd>How large</dd>" in text
    assert "<dt>medoid_embedding_id</dt><dd>the member in the middle</dd>" in text
    assert "One flat clustering" in pages.page("/s/ClusteringResult")


# --- a plugin breaks nothing -------------------------------------------------------------------------------------------


def _one_of_two() -> Any:
    """As a Datasette with a file that cannot be read, and one of ours."""

    class Database:
        def __init__(self, *, readable: bool) -> None:
            self._readable = readable

        async def execute_fn(self, function: Any) -> Any:
            if not self._readable:
                raise sqlite3.OperationalError("unable to open database file")
            with closing(sqlite3.connect(":memory:")) as connection:
                connection.executescript(schema_sql())
                return function(connection)

    class Server:
        def __init__(self) -> None:
            self.databases = {"gone": Database(readable=False), "ours": Database(readable=True)}

    return Server()


def test_a_database_that_cannot_be_read_hides_no_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    server = _one_of_two()
    with caplog.at_level(logging.DEBUG, logger="sqlclust.plugins"):
        assert asyncio.run(look_again(server)) == ["ours"]
        assert asyncio.run(look_again(server)) == []
    assert caplog.messages == ["a database cannot be read: unable to open database file"] * 2
    assert "Cluster" in datasette.get_metadata(server)["databases"]["ours"]["tables"]
    monkeypatch.setenv("SQLCLUST_REQUIRE_LOADABLE", "1")
    with pytest.raises(sqlite3.OperationalError):
        asyncio.run(look_again(server))


HOOKS: dict[str, tuple[tuple[Any, ...], Any]] = {
    "get_metadata": ((object(),), {}),
    "render_cell": (({}, 1, "label", "Cluster", "db", object()), None),
    "table_actions": ((object(), "db", "note"), []),
}


@pytest.mark.parametrize("name", HOOKS)
def test_pages_that_cannot_be_added_to(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in an installation of which files are missing."""
    for room in ("known", "links", "saying"):
        monkeypatch.setitem(sys.modules, f"sqlclust.plugins.pages.{room}", None)
    given, nothing = HOOKS[name]
    hook = getattr(datasette, name)
    assert hook(*given) == nothing
    monkeypatch.setenv("SQLCLUST_REQUIRE_LOADABLE", "1")
    with pytest.raises(ImportError):
        hook(*given)
